"""Which rows belong together: rows that repeat one another's title or description, and near-duplicates."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from shelftalker import console
from shelftalker.catalogue.groups import near
from shelftalker.catalogue.groups.keys import Flags, Records
from shelftalker.catalogue.groups.links import CERTAIN, Links, components
from shelftalker.catalogue.groups.words import I64, U64
from shelftalker.recipe.catalogue import DuplicateSettings


def find(keys: Records, is_kept: Flags, sets: tuple[Path, Path] | None, settings: DuplicateSettings) -> U64:
    """Each row's group, as the lowest row key in it: it changes only where a newcomer with a lower key joins.

    Args:
        keys: (n,) records of KEYS.
        is_kept: (n,) rows that are no duplicates; the others are groups of their own.
        sets: the flat files of all rows' shingles and title words; None: near-duplicates are not looked for.

    Returns:
        (n,) row keys.
    """
    found = []
    if not settings.titles:
        found.append(_equals(keys["title_key"], is_kept))
    if not settings.descriptions:
        found.append(_equals(keys["text_key"], is_kept))
    if sets is not None:
        texts = near.Sets(sets[0], keys["shingles"].astype(np.int64))
        titles = near.Sets(sets[1], keys["title_set"].astype(np.int64))
        with console.progress("group", 100, unit="%", log=False) as bar:
            found.append(
                near.links(
                    texts, titles, keys["row_key"], is_kept, settings.similarity, lambda share: bar.update(share * 100)
                )
            )
    labels = components(len(keys), Links.of(found))
    lowest = np.full(len(keys), np.iinfo(np.uint64).max, np.uint64)
    np.minimum.at(lowest, labels, keys["row_key"])
    groups: U64 = lowest[labels]
    return groups


def _equals(values: U64, is_kept: Flags) -> Links:
    """Rows with one title or one description are of one group, where the recipe keeps them both."""
    rows: I64 = np.flatnonzero(is_kept)
    order = rows[np.argsort(values[rows], kind="stable")]
    same = np.flatnonzero(values[order[1:]] == values[order[:-1]])
    return Links(order[same], order[same + 1], np.full(len(same), CERTAIN, np.float32))
