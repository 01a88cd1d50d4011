"""Which split a row goes to: decided by hashes of its text and the seed, never by where it stands."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from shelftalker.catalogue.groups import words
from shelftalker.catalogue.groups.keys import Records
from shelftalker.catalogue.groups.words import I64, U64
from shelftalker.catalogue.table import (
    OVER_CAP,
    SAME_DESCRIPTION,
    SAME_TITLE,
    SIBLING_OF_TEST,
    TEST,
    TRAIN,
    VAL,
)
from shelftalker.errors import ShelftalkerError
from shelftalker.recipe.catalogue import SplitSettings

Places = npt.NDArray[np.uint8]
MUST_SPLIT = 20
"""From so many usable rows on, every split that is asked for gets rows, or `prepare` stops."""
FEW = 10
"""A split with fewer rows than this is worth a warning."""


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

    Each group (or row) goes where its own draw puts it, so that it stays there when others come. Only where that leaves
    a split with less than half or more than half as much again of what was asked for, splits are filled up instead.

    Args:
        groups: (n,) key of each row's near-duplicate group.
        row_keys: (n,) key of each row.
        is_test: (n,) rows that come from test files; where there are any, they are the test split, and train and val
            share the rest in proportion.

    Raises:
        ShelftalkerError: there are MUST_SPLIT rows or more, too many of them siblings to leave rows for every split.
    """
    units = groups if settings.by == "group" else row_keys
    place = np.where(is_test, TEST, TRAIN).astype(np.uint8)
    if settings.by == "group":
        place[np.isin(groups, groups[is_test]) & ~is_test] = SIBLING_OF_TEST
    rows = np.flatnonzero(place == TRAIN)
    shares = {TRAIN: settings.train, VAL: settings.val, TEST: 0.0 if is_test.any() else settings.test}
    wanted = {split: share for split, share in shares.items() if share}
    place[rows] = _divide(units[rows], wanted, seed)
    usable = int((~is_test).sum())
    if usable >= MUST_SPLIT and not all((place == split).any() for split in wanted):
        raise _too_few(len(np.unique(units[rows])), usable, len(rows), len(wanted))
    for split, cap in ((TRAIN, settings.train_rows), (VAL, settings.val_rows), (TEST, settings.test_rows)):
        rows = np.flatnonzero(place == split)
        if cap is not None and len(rows) > cap:
            rank = np.lexsort((row_keys[rows], draw(row_keys[rows], seed, purpose=1)))
            place[rows[rank[cap:]]] = OVER_CAP
    return place


def _divide(units: U64, shares: dict[int, float], seed: int) -> Places:
    """Divide rows among splits in proportion to their shares, without parting a unit."""
    chance = draw(units, seed)
    bounds = np.cumsum(list(shares.values()))
    splits = np.array(list(shares), np.uint8)
    place: Places = splits[np.minimum(np.searchsorted(bounds / bounds[-1], chance, "right"), len(splits) - 1)]
    wanted = {split: share / bounds[-1] * len(units) for split, share in shares.items()}
    if all(wanted[split] / 2 <= (place == split).sum() <= wanted[split] * 1.5 for split in shares):
        return place
    keys, first, of_row, sizes = np.unique(units, return_index=True, return_inverse=True, return_counts=True)
    if len(keys) < len(shares):
        return place
    order = np.lexsort((keys, -chance[first]))
    return _fill(sizes, order, wanted)[of_row]


def _fill(sizes: I64, order: I64, wanted: dict[int, float]) -> Places:
    """Units of these sizes, in this order, go to val or test, to which lacks more and has room; the rest trains."""
    place = np.full(len(sizes), TRAIN, np.uint8)
    room = {split: max(round(rows), 1) for split, rows in wanted.items() if split != TRAIN}
    for unit in order.tolist():
        roomy = [split for split in room if room[split] >= sizes[unit]]
        if roomy:
            place[unit] = max(roomy, key=lambda split: room[split] / wanted[split])
            room[place[unit]] -= int(sizes[unit])
        elif not any(room.values()):
            break
    for split in wanted:
        if not (place == split).any():
            largest = max(wanted, key=lambda other: int((place == other).sum()))
            spare = order[place[order] == largest]
            place[spare[np.argmin(sizes[spare])]] = split
    return place


def warning(counts: dict[str, int], settings: SplitSettings) -> str | None:
    """What to say of splits that are empty or tiny, with the keys that mend it; None: nothing."""
    wanted = [name for name in counts if getattr(settings, name) or counts[name]]
    few = [name for name in wanted if counts[name] < FEW]
    if not few:
        return None
    said = ", ".join(f"{name} has {counts[name] or 'no'} row{'s' * (counts[name] != 1)}" for name in few)
    larger = [name for name in few if name != "train"]
    mend = "more rows, or looser rules (clean.*)"
    if larger:
        mend = "larger shares (" + " ".join(f"--split.{name} 0.3" for name in larger) + ")" + f", {mend}"
    return f"{said}: too few to learn from or to judge by. What helps: {mend}"


def _too_few(groups: int, rows: int, left: int, splits: int) -> ShelftalkerError:
    """The error for so many usable rows, of which those ``left`` beside test files' siblings make so few groups."""
    what = f"the {rows:,} usable rows are"
    if left < rows:
        what += f" near-duplicates of the test files' rows, but for {left:,}"
    elif groups == 1:
        what += " all near-duplicates of one another"
    else:
        what += f" only {groups} groups of near-duplicates"
    return ShelftalkerError(
        f"{what}: too few to fill {splits} splits without parting siblings",
        where="recipe key split.by: group",
        mend="--split.by row to let siblings be in different splits, or --duplicates.similarity 0.5 for smaller groups",
    )
