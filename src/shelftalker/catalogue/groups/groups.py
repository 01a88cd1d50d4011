"""Which rows belong together: rows that repeat one another's title or description, and near-duplicates."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from shelftalker import console
from shelftalker.catalogue.groups import near
from shelftalker.catalogue.groups.keys import Flags, Records
from shelftalker.catalogue.groups.words import I64, U64
from shelftalker.recipe.catalogue import DuplicateSettings


def find(keys: Records, is_kept: Flags, shingles: Path | None, settings: DuplicateSettings) -> U64:
    """Each row's group, as the lowest row key in it: it changes only where a newcomer with a lower key joins.

    Args:
        keys: (n,) records of KEYS.
        is_kept: (n,) rows that are no duplicates; the others are groups of their own.
        shingles: the flat file of all rows' shingles; None: near-duplicates are not looked for.

    Returns:
        (n,) row keys.
    """
    labels = np.arange(len(keys))
    if not settings.titles:
        _join_equals(keys["title_key"], is_kept, labels)
    if not settings.descriptions:
        _join_equals(keys["text_key"], is_kept, labels)
    if shingles is not None:
        sets = near.Shingles(shingles, keys["shingles"].astype(np.int64))
        with console.progress("group", 100, unit="%", log=False) as bar:
            near.join_alike(
                sets, keys["row_key"], is_kept, settings.similarity, labels, lambda share: bar.update(share * 100)
            )
    lowest = np.full(len(keys), np.iinfo(np.uint64).max, np.uint64)
    np.minimum.at(lowest, labels, keys["row_key"])
    found: U64 = lowest[labels]
    return found


def _join_equals(values: U64, is_kept: Flags, labels: I64) -> None:
    """Rows with one title or one description are of one group, where the recipe keeps them both."""
    rows = np.flatnonzero(is_kept)
    order = rows[np.argsort(values[rows], kind="stable")]
    same = np.flatnonzero(values[order[1:]] == values[order[:-1]])
    near.join(labels, order[same], order[same + 1])
