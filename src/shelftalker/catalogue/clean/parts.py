"""The files of one cleaned shard: written by the process that cleaned it, read by the steps that follow.

`N.lines` (examples as they will be written, up to their group), `N.rejects` and `N.rejects.npy` (rows that were
rejected, and their lines), `N.keys.npy` (one record of KEYS a kept row), `N.grams.npy` (13-grams, for the card) and,
for near-duplicates, `N.shingles.npy` and `N.titles.npy` (sets of description shingles and of title words).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from shelftalker.catalogue.groups.keys import GRAMS, KEYS, Records

BEFORE_GROUP, AFTER_GROUP = b',"group":"', b'"}\n'
"""An example's line ends with its group, 16 hexadecimal digits between these, once all rows are known."""
GROUP_SIZE = len(BEFORE_GROUP) + 16 + len(AFTER_GROUP)


@dataclass
class Parts:
    """What becomes the files of a shard."""

    lines: list[bytes] = field(default_factory=list)
    rejects: list[tuple[int, bytes]] = field(default_factory=list)
    keys: list[Records] = field(default_factory=list)
    grams: list[Records] = field(default_factory=list)
    shingles: list[npt.NDArray[np.uint32]] = field(default_factory=list)
    titles: list[npt.NDArray[np.uint32]] = field(default_factory=list)

    def write(self, scratch: Path, number: int, *, near: bool) -> None:
        """Write the files of shard ``number``."""
        part(scratch, number, "lines").write_bytes(b"".join(self.lines))
        np.save(part(scratch, number, "keys.npy"), np.concatenate([np.zeros(0, KEYS), *self.keys]))
        np.save(part(scratch, number, "grams.npy"), np.concatenate([np.zeros(0, GRAMS), *self.grams]))
        if near:
            for kind, sets in (("shingles", self.shingles), ("titles", self.titles)):
                np.save(part(scratch, number, f"{kind}.npy"), np.concatenate([np.zeros(0, np.uint32), *sets]))
        self.rejects.sort(key=lambda pair: pair[0])
        np.save(part(scratch, number, "rejects.npy"), np.array([line for line, _ in self.rejects], np.uint32))
        part(scratch, number, "rejects").write_bytes(b"".join([row + b"\n" for _, row in self.rejects]))


def part(scratch: Path, number: int, kind: str) -> Path:
    """The path of one of a shard's files."""
    return scratch / f"{number:06d}.{kind}"


def read_keys(scratch: Path, first: Sequence[int]) -> Records:
    """The records of all shards' kept rows, in file order; ``first`` is where each shard's begin, and their number."""
    keys = np.empty(first[-1], KEYS)
    for number, (begin, end) in enumerate(pairwise(first)):
        keys[begin:end] = np.load(part(scratch, number, "keys.npy"))
    return keys


def read_grams(scratch: Path, first: Sequence[int]) -> Records:
    """The 13-word runs that all shards kept (records of GRAMS), ``row`` counted over all of them."""
    found = [np.zeros(0, GRAMS)]
    for number, begin in enumerate(first[:-1]):
        grams = np.load(part(scratch, number, "grams.npy"))
        grams["row"] += np.uint32(begin)
        found.append(grams)
    return np.concatenate(found)


def gather_sets(scratch: Path, shards: int, kind: str) -> Path:
    """One flat file of all shards' sets (uint32; ``kind`` is shingles or titles), in place of theirs."""
    path = scratch / kind
    with path.open("wb") as out:
        for number in range(shards):
            mine = part(scratch, number, f"{kind}.npy")
            np.load(mine).tofile(out)
            mine.unlink()
    return path


def read_rejects(scratch: Path, number: int) -> list[tuple[int, bytes]]:
    """A shard's rejected rows in file order: the line in the shard, and the row as JSON."""
    rows: list[Any] = part(scratch, number, "rejects").read_bytes().split(b"\n")
    rows.pop()
    return list(zip(np.load(part(scratch, number, "rejects.npy")).tolist(), rows, strict=True))
