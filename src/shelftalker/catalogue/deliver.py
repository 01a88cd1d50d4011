"""The last pass over a shard: its examples into the splits' files, its rejected rows into rejected.jsonl."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from shelftalker.catalogue.clean.shard import GROUP_AT, Settings, Shards

SPLITS = ("train", "val", "test")
LATE_REASONS = ("sibling_of_test", "over_cap", "duplicate_title", "duplicate_description")
"""Reasons that only the whole catalogue can tell; the place of such a row is 3 + the index here."""


@dataclass(frozen=True)
class Delivery:
    """Where the rows of one shard go.

    Args:
        number: the shard.
        source: its file's name.
        first_line: lines of that file before the shard.
        lines: of each kept row, its line in the shard; ``sizes`` its bytes.
        places: of each row, 0, 1, 2 for train, val, test, or 3 + the index of a reason.
        groups: of each row, its group's key; ``is_regrouped`` where that differs from what the shard wrote.
        keepers: of each row, "file:line" of the row that is kept instead of a duplicate, where there is one.
        offsets: where in train, val and test the shard's rows begin (bytes).
    """

    number: int
    source: str
    first_line: int
    lines: Any
    sizes: Any
    places: Any
    groups: Any
    is_regrouped: Any
    keepers: dict[int, str]
    offsets: tuple[int, int, int]


class _Named(msgspec.Struct):
    uid: str
    title: str


class Deliveries:
    """Writes shards' rows to where they belong; made once a worker process."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self._encode = msgspec.json.Encoder().encode
        self._decode = msgspec.json.Decoder(_Named).decode

    def write(self, job: Delivery) -> int:
        """Write one shard's rows; returns the number of them that were kept or rejected after cleaning."""
        base = self.scratch / f"{job.number:06d}"
        data = Path(f"{base}.lines").read_bytes()
        ends = np.cumsum(job.sizes.astype(np.int64))
        begins = ends - job.sizes
        parts: tuple[list[bytes], list[bytes], list[bytes]] = ([], [], [])
        late: list[tuple[int, bytes]] = []
        rows = zip(
            begins.tolist(), ends.tolist(), job.places.tolist(), job.is_regrouped.tolist(), job.lines.tolist(),
            strict=True,
        )  # fmt: skip
        for at, (begin, end, place, is_regrouped, line) in enumerate(rows):
            text = data[begin:end]
            if place > 2:
                row = self._decode(text)
                reject: dict[str, Any] = {"uid": row.uid, "reason": LATE_REASONS[place - 3], "title": row.title[:120]}
                if at in job.keepers:
                    reject["kept"] = job.keepers[at]
                late.append((line, self._encode(reject)))
            elif is_regrouped:
                parts[place].append(text[: GROUP_AT.start] + b"%016x" % int(job.groups[at]) + text[GROUP_AT.stop :])
            else:
                parts[place].append(text)
        for name, part, offset in zip(SPLITS, parts, job.offsets, strict=True):
            if part:
                with (self.scratch / f"{name}.jsonl").open("r+b") as file:
                    file.seek(offset)
                    file.write(b"".join(part))
        self._write_rejects(job, base, late)
        for suffix in ("lines", "rejects"):
            Path(f"{base}.{suffix}").unlink()
        return len(job.lines)

    def _write_rejects(self, job: Delivery, base: Path, late: list[tuple[int, bytes]]) -> None:
        early = Path(f"{base}.rejects").read_bytes().split(b"\n")
        early.pop()
        rows = list(zip(np.load(f"{base}.rejects.npy").tolist(), early, strict=True))
        if late:
            rows = sorted(rows + late)
        head = b'{"file":' + self._encode(job.source).replace(b"%", b"%%") + b',"line":%d,'
        first = job.first_line + 1
        text = b"".join([head % (first + line) + row[1:] + b"\n" for line, row in rows])
        Path(f"{base}.rejected").write_bytes(text)


class Worker:
    """What a worker process does: clean shards, later write their rows where they belong."""

    def __init__(self, settings: Settings) -> None:
        self.clean = Shards(settings).clean
        self.write = Deliveries(settings.scratch).write
