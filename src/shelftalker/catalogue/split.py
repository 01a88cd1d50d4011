"""Which split a row goes to: decided by hashes of its text and the seed, never by where it stands."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from shelftalker.catalogue.groups import words
from shelftalker.catalogue.groups.keys import Records
from shelftalker.catalogue.groups.words import U64
from shelftalker.catalogue.table import (
    OVER_CAP,
    SAME_DESCRIPTION,
    SAME_TITLE,
    SIBLING_OF_TEST,
    TEST,
    TRAIN,
    VAL,
)
from shelftalker.recipe.catalogue import SplitSettings

Places = npt.NDArray[np.uint8]


def draw(keys: U64, seed: int, purpose: int = 0) -> npt.NDArray[np.float64]:
    """A number in [0, 1) for each key, the same wherever and whenever it is drawn."""
    salt = words.mix(np.array([seed & 0xFFFFFFFFFFFFFFFF, purpose], np.uint64))
    # The upper 53 bits are what a float holds.
    drawn: U64 = words.mix(keys ^ salt[0] ^ (salt[1] << np.uint64(1))) >> np.uint64(11)
    return drawn.astype(np.float64) * 2.0**-53


def places(keys: Records, verdict: npt.NDArray[np.uint8], groups: U64, settings: SplitSettings, seed: int) -> Places:
    """Where every row goes.

    Args:
        keys: (n,) records of KEYS.
        verdict: (n,) what `exact.duplicates` found.
        groups: (n,) key of each row's near-duplicate group.

    Returns:
        (n,) places.
    """
    found = np.array([TRAIN, SAME_TITLE, SAME_DESCRIPTION], np.uint8)[verdict]
    rows = np.flatnonzero(verdict == 0)
    chosen = keys[rows]
    found[rows] = assign(groups[rows], chosen["row_key"], chosen["is_test"], settings, seed)
    return found


def assign(groups: U64, row_keys: U64, is_test: npt.NDArray[np.bool_], settings: SplitSettings, seed: int) -> Places:
    """Where each row that is no duplicate goes: TRAIN, VAL, TEST, or out for SIBLING_OF_TEST or OVER_CAP.

    Args:
        groups: (n,) key of each row's near-duplicate group.
        row_keys: (n,) key of each row.
        is_test: (n,) rows that come from test files; where there are any, they are the test split, and train and val
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
