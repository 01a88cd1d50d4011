"""From links between rows to groups of rows: joined up, and large groups taken apart at their weakest links.

One phrase that two different products share links them weakly; a chain of such links would join half a catalogue.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shelftalker.catalogue.groups.words import I64

LARGE, HUGE = 6, 20
"""A group of more than LARGE rows has to hold by stronger links; of more than HUGE, or than the square root of all rows
if that is more, by very strong ones."""
STRONG = np.arange(5, 11) / 10
VERY_STRONG = np.arange(11, 15) / 10
"""The strengths that are asked of such groups' links, one after the other."""
CERTAIN = 2.0
"""A strength that is never cut."""


@dataclass(frozen=True)
class Links:
    """Pairs of rows that belong together: (links,) arrays, and how strongly each holds (0 to CERTAIN)."""

    left: I64
    right: I64
    strength: npt.NDArray[np.float32]

    @classmethod
    def of(cls, parts: Iterable[Links]) -> Links:
        """Several as one."""
        empty = np.zeros(0, np.int64)
        all_of = [cls(empty, empty, np.zeros(0, np.float32)), *parts]
        return cls(
            np.concatenate([part.left for part in all_of]),
            np.concatenate([part.right for part in all_of]),
            np.concatenate([part.strength for part in all_of]),
        )


def components(count: int, found: Links) -> I64:
    """The lowest row of each row's group: (count,).

    Rows that are linked are of one group. Where that makes it large, only links of .5, .6, ... up to 1 hold it
    together; where it is still huge, those of 1.1 up to 1.4. No more is cut than is needed.
    """
    labels = np.arange(count)
    join(labels, found.left, found.right)
    huge = max(HUGE, math.isqrt(count))
    for limit, steps in ((LARGE, STRONG), (huge, VERY_STRONG)):
        for step in steps:
            is_large = (np.bincount(labels, minlength=count) > limit)[labels]
            if not is_large.any():
                break
            labels[is_large] = np.flatnonzero(is_large)
            holds = is_large[found.left] & (found.strength >= step)
            join(labels, found.left[holds], found.right[holds])
    return labels


def join(labels: I64, left: I64, right: I64) -> None:
    """Merge the components of ``left[i]`` and ``right[i]`` for every i, in place."""
    while True:
        a, b = labels[left], labels[right]
        apart = a != b
        if not apart.any():
            return
        left, right, a, b = left[apart], right[apart], a[apart], b[apart]
        np.minimum.at(labels, np.maximum(a, b), np.minimum(a, b))
        while not np.array_equal(jumped := labels[labels], labels):
            labels[:] = jumped
