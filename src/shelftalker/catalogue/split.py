"""Which split a row goes to: decided by hashes of its text and the seed, never by where it stands."""

from __future__ import annotations

from typing import Any

import numpy as np

from shelftalker.catalogue.groups import words
from shelftalker.recipe.catalogue import SplitSettings

TRAIN, VAL, TEST, SIBLING_OF_TEST, OVER_CAP = range(5)


def draw(keys: Any, seed: int, purpose: int = 0) -> Any:
    """A number in [0, 1) for each key, the same wherever and whenever it is drawn."""
    salt = words.mix(np.array([seed & 0xFFFFFFFFFFFFFFFF, purpose], np.uint64))
    # The upper 53 bits are what a float holds.
    return (words.mix(keys ^ salt[0] ^ (salt[1] << np.uint64(1))) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def group_keys(labels: Any, row_keys: Any) -> Any:
    """Each row's group as the lowest row key in it: it changes only where a newcomer with a lower key joins."""
    lowest = np.full(len(labels), np.iinfo(np.uint64).max, np.uint64)
    np.minimum.at(lowest, labels, row_keys)
    return lowest[labels]


def assign(groups: Any, row_keys: Any, is_test: Any, settings: SplitSettings, seed: int) -> Any:
    """Where each row goes: TRAIN, VAL, TEST, or out for SIBLING_OF_TEST or OVER_CAP.

    Args:
        groups: key of each row's near-duplicate group.
        is_test: rows that come from test files; where there are any, they are the test split, and train and val
            share the rest in proportion.
    """
    keys = groups if settings.by == "group" else row_keys
    chance = draw(keys, seed)
    if is_test.any():
        place = np.where(chance < settings.train / (settings.train + settings.val), TRAIN, VAL).astype(np.uint8)
        if settings.by == "group":
            place[np.isin(groups, groups[is_test])] = SIBLING_OF_TEST
        place[is_test] = TEST
    else:
        place = np.full(len(keys), TEST, np.uint8)
        place[chance < settings.train + settings.val] = VAL
        place[chance < settings.train] = TRAIN
        if settings.test == 0:
            place[place == TEST] = VAL
    for split, cap in ((TRAIN, settings.train_rows), (VAL, settings.val_rows), (TEST, settings.test_rows)):
        rows = np.flatnonzero(place == split)
        if cap is not None and len(rows) > cap:
            rank = np.lexsort((row_keys[rows], draw(row_keys[rows], seed, purpose=1)))
            place[rows[rank[cap:]]] = OVER_CAP
    return place
