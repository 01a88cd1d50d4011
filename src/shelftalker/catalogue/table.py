"""The table of all rows that survived cleaning, in file order: their keys, groups and places."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from shelftalker.catalogue.groups.keys import Records
from shelftalker.catalogue.groups.words import I64, U64

if TYPE_CHECKING:
    from shelftalker.catalogue.clean.shard import Result

SPLITS = ("train", "val", "test")
TRAIN, VAL, TEST, SIBLING_OF_TEST, OVER_CAP, SAME_TITLE, SAME_DESCRIPTION, HELD_OUT, GONE, RETITLED = range(10)
"""Places of a row: one of SPLITS, or 3 + one of LATE_REASONS."""
LATE_REASONS = (
    "sibling_of_test", "over_cap", "duplicate_title", "duplicate_description", "held_out", "gone", "retitled",
)  # fmt: skip
"""Reasons that only the whole catalogue can tell."""


@dataclass(frozen=True)
class Table:
    """What is known of the kept rows of all shards.

    Args:
        keys: (n,) records of KEYS.
        first: (shards + 1) where each shard's rows begin; the last is n.
        keepers: (n,) of a duplicate the row that is kept instead, else -1.
        groups: (n,) each row's near-duplicate group: the lowest row key in it.
        places: (n,) where each row goes.
    """

    keys: Records
    first: list[int]
    keepers: I64
    groups: U64
    places: npt.NDArray[np.uint8]

    def counts(self) -> dict[str, int]:
        """Rows of each split."""
        return {name: int((self.places == place).sum()) for place, name in enumerate(SPLITS)}

    def sizes(self) -> dict[str, int]:
        """Bytes of each split's file."""
        sizes = self.keys["size"].astype(np.int64)
        return {name: int(sizes[self.places == place].sum()) for place, name in enumerate(SPLITS)}


def starts(results: list[Result]) -> list[int]:
    """Where each shard's kept rows begin in the table, and how many there are."""
    return [0, *accumulate(result.kept for result in results)]
