"""Near-duplicate groups: shared shingles, verified, joined up.

Near-duplicates are found as MinHash does it, with a bottom-k sketch (Broder 1997): each row is listed under the
PROBES lowest hashes of its 3-word shingles, rows that share a list are candidates, and a candidate pair counts only
if the Jaccard similarity of the two whole shingle sets, of the descriptions alone or with the titles, is high enough.
Two rows at similarity 0.2 miss each other in every list with a chance of 0.8 ** PROBES, about one in ten thousand.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from shelftalker.catalogue.groups import words
from shelftalker.catalogue.groups.keys import MOST_SHINGLES

PROBES = 40
LONG_LIST = 16
"""In a list with more rows than this a row is only compared with its neighbours, in the order of their sketches."""
NEIGHBOURS = 2
POSTINGS_AT_ONCE = 16_000_000
ROWS_AT_ONCE = 200_000
SHORT = 30
"""Shingles of two rows together up to which one shared shingle makes them candidates."""
PAIRS_AT_ONCE = 4_000


def join(labels: words.I64, left: words.I64, right: words.I64) -> None:
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


class Shingles:
    """The shingle sets of rows, ascending, in one flat file: set ``i`` is ``flat[first[i] : first[i + 1]]``."""

    def __init__(self, path: Path, counts: Any) -> None:
        self.path = path
        self.counts = counts
        self.first = np.zeros(len(counts) + 1, np.int64)
        np.cumsum(counts, out=self.first[1:])
        self.flat: npt.NDArray[np.uint32] = (
            np.memmap(path, np.uint32, "r", shape=(int(self.first[-1]),)) if self.first[-1] else np.zeros(0, np.uint32)
        )

    def take(self, rows: Any, most: int | None = None) -> tuple[Any, Any]:
        """The (lowest ``most``) shingles of some rows after one another, and the position in ``rows`` of each."""
        lengths = self.counts[rows] if most is None else np.minimum(self.counts[rows], most)
        begins = np.cumsum(lengths) - lengths
        owner = np.repeat(np.arange(len(rows)), lengths)
        at = np.arange(len(owner)) + np.repeat(self.first[rows] - begins, lengths)
        return self.flat[at], owner


def join_alike(
    shingles: Shingles,
    row_keys: Any,
    alive: Any,
    similarity: float,
    labels: Any,
    advance: Callable[[float], None] = lambda _: None,
) -> None:
    """Join the components of all rows (of those ``alive``) that are near-duplicates of one another.

    Args:
        row_keys: an order of the rows that does not depend on where they stand in the file.
        labels: the components so far, changed in place.
        advance: told the share of the work that is done.
    """
    rows = np.flatnonzero(alive & (shingles.counts > 0))
    if len(rows) < 2:
        return
    # Near-identical rows stand together in this order: by lowest shingle hash, then by key.
    order = rows[np.lexsort((row_keys[rows], shingles.flat[shingles.first[rows]]))]
    lists, members = _shared_lists(shingles, order)
    is_long = _in_long_list(lists)
    blocks = -(-len(order) // ROWS_AT_ONCE)
    with ThreadPoolExecutor(2) as threads:
        for block in range(blocks):
            pairs = _candidates(shingles, order, lists, members, is_long, block * ROWS_AT_ONCE)
            left, right = order[pairs >> np.uint64(32)], order[pairs & np.uint64(0xFFFFFFFF)]
            apart = labels[left] != labels[right]
            left, right = left[apart], right[apart]
            pieces = [
                (left[at : at + PAIRS_AT_ONCE], right[at : at + PAIRS_AT_ONCE])
                for at in range(0, len(left), PAIRS_AT_ONCE)
            ]
            found = threads.map(lambda pair: jaccard(shingles, *pair) >= similarity, pieces)
            for (a, b), alike in zip(pieces, found, strict=True):
                join(labels, a[alike], b[alike])
            advance((block + 1) / blocks)


def jaccard(shingles: Shingles, left: Any, right: Any) -> Any:
    """Jaccard similarity of pairs of rows: of descriptions and titles, or of descriptions alone if that is higher.

    Exact up to MOST_SHINGLES a row, beyond that estimated on the part of the hashes that both rows hold whole.
    """
    pair = np.uint64(33)
    ceilings = np.minimum(_ceiling(shingles, left), _ceiling(shingles, right))
    sides = []
    for rows in (left, right):
        hashes, owner = shingles.take(rows)
        if (ceilings < 0xFFFFFFFF).any():
            below = hashes <= ceilings[owner]
            hashes, owner = hashes[below], owner[below]
        sides.append(owner.astype(np.uint64) << pair | hashes)
    both = np.concatenate(sides)
    both.sort()
    shared = both[1:][both[1:] == both[:-1]]
    is_text, shared_text = (both & np.uint64(1)) == 0, (shared & np.uint64(1)) == 0

    def per_pair(packed: Any) -> Any:
        return np.bincount((packed >> pair).astype(np.int64), minlength=len(left))

    everything, common = per_pair(both), per_pair(shared)
    texts, common_texts = per_pair(both[is_text]), per_pair(shared[shared_text])
    return np.maximum(common / np.maximum(everything - common, 1), common_texts / np.maximum(texts - common_texts, 1))


def _ceiling(shingles: Shingles, rows: Any) -> Any:
    """The highest hash up to which a row's set is whole."""
    cut = shingles.counts[rows] >= MOST_SHINGLES
    found = np.full(len(rows), 0xFFFFFFFF, np.uint32)
    found[cut] = shingles.flat[shingles.first[rows[cut] + 1] - 1]
    return found


def _shared_lists(shingles: Shingles, order: Any) -> tuple[Any, Any]:
    """Postings of all lists with two rows or more: the list (a hash), and the row as a position in ``order``."""
    total = int(np.minimum(shingles.counts[order], PROBES).sum())
    parts = -(-total // POSTINGS_AT_ONCE)
    shared = []
    for part in range(parts):
        blocks = []
        for start in range(0, len(order), 50_000):
            hashes, owner = shingles.take(order[start : start + 50_000], PROBES)
            packed = hashes.astype(np.uint64) << np.uint64(32) | (owner + start).astype(np.uint64)
            blocks.append(
                packed if parts == 1 else packed[words.mix(packed >> np.uint64(32)) % np.uint64(parts) == part]
            )
        postings = np.concatenate(blocks)
        del blocks
        postings.sort()
        # Most lists have one row and go.
        same = (postings[1:] >> np.uint64(32)) == (postings[:-1] >> np.uint64(32))
        keep = np.zeros(len(postings), bool)
        keep[1:] = same
        keep[:-1] |= same
        shared.append(postings[keep])
    postings = np.concatenate(shared)
    return (postings >> np.uint64(32)).astype(np.uint32), postings.astype(np.uint32)


def _in_long_list(lists: Any) -> Any:
    if not len(lists):
        return np.zeros(0, bool)
    begins = np.flatnonzero(np.concatenate([[True], lists[1:] != lists[:-1]]))
    sizes = np.diff(np.append(begins, len(lists)))
    return np.repeat(sizes > LONG_LIST, sizes)


def _candidates(shingles: Shingles, order: Any, lists: Any, members: Any, is_long: Any, start: int) -> Any:
    """Pairs whose lower row is one of ROWS_AT_ONCE from ``start``, packed as (lower << 32 | higher), each once.

    Rows must share two lists: at similarity 0.2 they share eight on average, chance acquaintances one. Rows so short
    that one shingle in common may be enough need but one.
    """
    at = np.flatnonzero((members >= start) & (members < start + ROWS_AT_ONCE))
    found = []
    for step in range(1, LONG_LIST):
        at = at[at + step < len(lists)]
        at = at[lists[at + step] == lists[at]]
        if step > NEIGHBOURS:
            at = at[~is_long[at]]
        if not len(at):
            break
        found.append(members[at].astype(np.uint64) << np.uint64(32) | members[at + step])
    if not found:
        return np.zeros(0, np.uint64)
    pairs = np.concatenate(found)
    del found
    pairs.sort()
    again = np.zeros(len(pairs), bool)
    np.equal(pairs[1:], pairs[:-1], out=again[1:])
    first = ~again
    twice = np.zeros(len(pairs), bool)
    twice[:-1] = again[1:]
    pairs, twice = pairs[first], twice[first]
    lengths = shingles.counts[order]
    is_short = lengths[pairs >> np.uint64(32)] + lengths[pairs & np.uint64(0xFFFFFFFF)] <= SHORT
    return pairs[twice | is_short]
