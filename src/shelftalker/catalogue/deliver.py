"""The last pass over the shards: their examples into the splits' files, their rejected rows into rejected.jsonl."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from shelftalker.catalogue.clean.parts import AFTER_GROUP, BEFORE_GROUP, GROUP_SIZE, part, read_rejects
from shelftalker.catalogue.clean.shard import Result, Settings, Shards
from shelftalker.catalogue.groups.keys import Records
from shelftalker.catalogue.groups.words import I64, U64
from shelftalker.catalogue.split import Places
from shelftalker.catalogue.table import LATE_REASONS, SPLITS, Table


@dataclass(frozen=True)
class Delivery:
    """Where the kept rows of one shard go.

    Args:
        number: the shard.
        source: its file's name.
        first_line: lines of that file before the shard.
        keys: (rows,) records of KEYS.
        places: (rows,) where each goes.
        groups: (rows,) each row's group.
        keepers: by row of the shard, "file:line" of the row that is kept instead of a duplicate.
        offsets: where in train, val and test the shard's rows begin (bytes).
    """

    number: int
    source: str
    first_line: int
    keys: Records
    places: Places
    groups: U64
    keepers: dict[int, str]
    offsets: tuple[int, int, int]


def deliveries(table: Table, results: list[Result]) -> Iterator[Delivery]:
    """One delivery a shard, for the results of all shards in file order."""
    seen: dict[tuple[str, bool], int] = {}
    lines_before = []
    for result in results:
        lines_before.append(seen.get((result.source, result.is_test), 0))
        seen[result.source, result.is_test] = lines_before[-1] + result.lines

    def origin(row: int) -> str:
        shard = int(np.searchsorted(table.first[:-1], row, "right")) - 1
        return f"{results[shard].source}:{lines_before[shard] + int(table.keys['line'][row]) + 1}"

    offsets = np.zeros(len(SPLITS), np.int64)
    for number, result in enumerate(results):
        rows = slice(table.first[number], table.first[number + 1])
        keys, places, keepers = table.keys[rows], table.places[rows], table.keepers[rows]
        yield Delivery(
            number=number,
            source=result.source,
            first_line=lines_before[number],
            keys=keys,
            places=places,
            groups=table.groups[rows],
            keepers={at: origin(int(keepers[at])) for at in np.flatnonzero(keepers >= 0).tolist()},
            offsets=(int(offsets[0]), int(offsets[1]), int(offsets[2])),
        )
        sizes: I64 = keys["size"].astype(np.int64)
        offsets += [int(sizes[places == place].sum()) for place in range(len(SPLITS))]


class _Named(msgspec.Struct):
    uid: str
    title: str


_encode = msgspec.json.Encoder().encode
_named = msgspec.json.Decoder(_Named).decode


class Worker:
    """What a worker process does: clean shards, later write their rows where they belong."""

    def __init__(self, settings: Settings) -> None:
        self.scratch = settings.scratch
        self.clean = Shards(settings).clean

    def write(self, job: Delivery) -> int:
        """Write one shard's rows, into the splits' files and `N.rejected`; returns how many were kept by cleaning."""
        data = part(self.scratch, job.number, "lines").read_bytes()
        ends = np.cumsum(job.keys["size"].astype(np.int64) - GROUP_SIZE)
        splits: tuple[list[bytes], ...] = ([], [], [])
        rejects = read_rejects(self.scratch, job.number)
        early = len(rejects)
        groups = job.groups.astype(">u8").tobytes().hex().encode()
        rows = zip(ends.tolist(), job.places.tolist(), job.keys["line"].tolist(), strict=True)
        begin = 0
        for at, (end, place, line) in enumerate(rows):
            text = data[begin:end]
            begin = end
            if place < len(SPLITS):
                splits[place].extend((text, BEFORE_GROUP, groups[16 * at : 16 * at + 16], AFTER_GROUP))
            else:
                rejects.append((line, _late(text, place, job.keepers.get(at))))
        for name, lines, offset in zip(SPLITS, splits, job.offsets, strict=True):
            if lines:
                with (self.scratch / f"{name}.jsonl").open("r+b") as file:
                    file.seek(offset)
                    file.write(b"".join(lines))
        if len(rejects) > early:
            rejects.sort()
        head = b'{"file":' + _encode(job.source).replace(b"%", b"%%") + b',"line":%d,'
        first = job.first_line + 1
        text = b"".join([head % (first + line) + row[1:] + b"\n" for line, row in rejects])
        part(self.scratch, job.number, "rejected").write_bytes(text)
        for kind in ("lines", "rejects"):
            part(self.scratch, job.number, kind).unlink()
        return len(job.keys)


def _late(text: bytes, place: int, keeper: str | None) -> bytes:
    """A row that only the whole catalogue could reject, as JSON; ``text`` is its example without the group."""
    row = _named(text + b"}")
    reject: dict[str, Any] = {"uid": row.uid, "reason": LATE_REASONS[place - len(SPLITS)], "title": row.title[:120]}
    if keeper is not None:
        reject["kept"] = keeper
    return _encode(reject)


def gather_rejects(scratch: Path, shards: int) -> Path:
    """Put the shards' rejected rows together: `rejected.jsonl`."""
    path = scratch / "rejected.jsonl"
    with path.open("wb") as out:
        for number in range(shards):
            mine = part(scratch, number, "rejected")
            with mine.open("rb") as file:
                shutil.copyfileobj(file, out, 1 << 20)
            mine.unlink()
    return path
