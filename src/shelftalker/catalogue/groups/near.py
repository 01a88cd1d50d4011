"""Near-duplicates: which rows share so much of their descriptions that one was made from the other.

Candidates are found as MinHash does it, with a bottom-k sketch (Broder 1997): each row is listed under the PROBES
lowest hashes of its 3-word shingles, and rows that share a list are candidates. Two rows at similarity 0.2 miss each
other in every list with a chance of 0.8 ** PROBES, about one in ten thousand.

A candidate pair is a link if the Jaccard similarity of the two shingle sets is high enough without the shingles that
many rows have (a house's sentence on packing and returns is no sign of kinship), or with them if the titles are alike
too, or if nearly all is shared. The numbers are those that did best on pairs labelled by hand (benchmarks/grouping.py).
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from shelftalker.catalogue.groups import words
from shelftalker.catalogue.groups.keys import MOST_SHINGLES, Flags
from shelftalker.catalogue.groups.links import CERTAIN, Links
from shelftalker.catalogue.groups.words import I64, U64

U32 = npt.NDArray[np.uint32]
Shares = npt.NDArray[np.float64]

PROBES = 40
LONG_LIST = 16
"""In a list with more rows than this a row is only compared with its neighbours, in the order of their sketches."""
NEIGHBOURS = 2
POSTINGS_AT_ONCE = 16_000_000
ROWS_AT_ONCE = 200_000
SHORT = 30
"""Shingles of two rows together up to which one shared shingle makes them candidates."""
PAIRS_AT_ONCE = 4_000
COMMON_ROWS = 8
"""A shingle that more rows have (or one row in a thousand, if that is more) is common."""
ROWS_COUNTED = 100_000
TITLES_ALIKE = 0.6
"""Titles with this Jaccard similarity of words are alike."""
TOGETHER = 1.0
"""Similarities of descriptions and of titles that together make rows near-duplicates, whatever is common about them."""
NEARLY_ALL = 0.9
"""Descriptions with this similarity are one text, whatever their titles."""


class Sets:
    """Sets of hashes, one a row, ascending, in one flat file: set ``i`` is ``flat[first[i] : first[i + 1]]``."""

    def __init__(self, path: Path, counts: I64) -> None:
        self.counts = counts
        self.first = np.zeros(len(counts) + 1, np.int64)
        np.cumsum(counts, out=self.first[1:])
        self.flat: U32 = (
            np.memmap(path, np.uint32, "r", shape=(int(self.first[-1]),)) if self.first[-1] else np.zeros(0, np.uint32)
        )

    def count(self, table: Flags) -> I64:
        """How many of each row's hashes are marked in a table of their upper 24 bits: (n,)."""
        found = np.zeros(len(self.counts), np.int64)
        for begin in range(0, len(found), 50_000):
            first = self.first[begin : begin + 50_001]
            sums = np.zeros(int(first[-1] - first[0]) + 1, np.int64)
            np.cumsum(table[self.flat[first[0] : first[-1]] >> np.uint32(8)], out=sums[1:])
            found[begin : begin + 50_000] = np.diff(sums[first - first[0]])
        return found

    def take(self, rows: I64, most: int | None = None) -> tuple[U32, I64]:
        """The (lowest ``most``) hashes of some rows after one another, and the position in ``rows`` of each."""
        lengths = self.counts[rows] if most is None else np.minimum(self.counts[rows], most)
        begins = np.cumsum(lengths) - lengths
        owner = np.repeat(np.arange(len(rows)), lengths)
        at = np.arange(len(owner)) + np.repeat(self.first[rows] - begins, lengths)
        return self.flat[at], owner


@dataclass(frozen=True)
class Common:
    """Hashes that many rows have: a table of their upper 24 bits, and (n,) how many of them each row has."""

    table: Flags
    of_row: I64


def links(
    texts: Sets,
    titles: Sets,
    row_keys: U64,
    is_kept: Flags,
    similarity: float,
    advance: Callable[[float], None] = lambda _: None,
) -> Links:
    """The near-duplicates among the rows that are kept; a link's strength is the similarity of texts plus titles.

    Args:
        texts: (n,) sets of shingles of the descriptions.
        titles: (n,) sets of words of the titles.
        row_keys: (n,) an order of the rows that does not depend on where they stand in the file.
        is_kept: (n,) the rows that take part.
        similarity: Jaccard similarity of descriptions from which rows are near-duplicates.
        advance: told the share of the work that is done.
    """
    rows = np.flatnonzero(is_kept & (texts.counts > 0))
    if len(rows) < 2:
        return Links.of([])
    table = common_hashes(texts, rows, row_keys)
    common = Common(table, texts.count(table))
    # Near-identical rows stand together in this order: by lowest shingle hash, then by key.
    order = rows[np.lexsort((row_keys[rows], texts.flat[texts.first[rows]]))]
    lists, members = _shared_lists(texts, order)
    is_long = _in_long_list(lists)

    def verified(pair: tuple[I64, I64]) -> Links:
        return _alike(texts, titles, common, *pair, similarity)

    found: list[Links] = []
    blocks = -(-len(order) // ROWS_AT_ONCE)
    with ThreadPoolExecutor(2) as threads:
        for block in range(blocks):
            pairs = _candidates(texts, order, lists, members, is_long, block * ROWS_AT_ONCE)
            left, right = order[pairs >> np.uint64(32)], order[pairs & np.uint64(0xFFFFFFFF)]
            pieces = [
                (left[at : at + PAIRS_AT_ONCE], right[at : at + PAIRS_AT_ONCE])
                for at in range(0, len(left), PAIRS_AT_ONCE)
            ]
            found += threads.map(verified, pieces)
            advance((block + 1) / blocks)
    return Links.of(found)


def common_hashes(texts: Sets, rows: I64, row_keys: U64) -> Flags:
    """(2**24,) of the upper 24 bits of a shingle: whether more than COMMON_ROWS rows, or one in a thousand, have it.

    In large catalogues that is counted on some ROWS_COUNTED of the rows, chosen by their keys.
    """
    share = -(-len(rows) // ROWS_COUNTED)
    if share > 1:
        rows = rows[row_keys[rows] % np.uint64(share) == 0]
    hashes, _ = texts.take(rows)
    hashes.sort()
    most = max(COMMON_ROWS, len(rows) // 1000)
    found = np.zeros(1 << 24, bool)
    # A value that stands as many places further on is there more often.
    found[hashes[most:][hashes[most:] == hashes[:-most]] >> np.uint32(8)] = True
    return found


def _alike(texts: Sets, titles: Sets, common: Common, left: I64, right: I64, similarity: float) -> Links:
    """Which candidate pairs are near-duplicates."""
    whole, own = jaccard(texts, left, right, common)
    likely = np.flatnonzero((whole >= similarity) | (own >= similarity))
    left, right, whole, own = left[likely], right[likely], whole[likely], own[likely]
    title, _ = jaccard(titles, left, right)
    is_certain = whole >= max(NEARLY_ALL, similarity)
    is_akin = (title >= TITLES_ALIKE) | (whole + title >= TOGETHER)
    is_link = is_certain | (own >= similarity) | ((whole >= similarity) & is_akin)
    strength = np.where(is_certain, CERTAIN, whole + title)
    return Links(left[is_link], right[is_link], strength[is_link].astype(np.float32))


def jaccard(sets: Sets, left: I64, right: I64, common: Common | None = None) -> tuple[Shares, Shares]:
    """Jaccard similarity of pairs of rows: (pairs,) of the whole sets, and of what is left without common hashes.

    Exact up to MOST_SHINGLES a row, beyond that estimated on the part of the hashes that both rows hold whole.
    """
    width = np.uint64(32)
    ceilings = np.minimum(_ceiling(sets, left), _ceiling(sets, right))
    is_cut = (ceilings < 0xFFFFFFFF).any()
    sides = []
    sizes = np.zeros(len(left), np.int64)
    commons = np.zeros(len(left), np.int64)
    for rows in (left, right):
        hashes, owner = sets.take(rows)
        if is_cut:
            below = hashes <= ceilings[owner]
            hashes, owner = hashes[below], owner[below]
        sizes += np.bincount(owner, minlength=len(left)) if is_cut else sets.counts[rows]
        if common is not None:
            commons += (
                np.bincount(owner[common.table[hashes >> np.uint32(8)]], minlength=len(left))
                if is_cut
                else common.of_row[rows]
            )
        sides.append(owner.astype(np.uint64) << width | hashes)
    both = np.concatenate(sides)
    both.sort()
    packed = both[1:][both[1:] == both[:-1]]
    pair = (packed >> width).astype(np.int64)
    shared = np.bincount(pair, minlength=len(left))
    whole: Shares = shared / np.maximum(sizes - shared, 1)
    if common is None:
        return whole, whole
    is_common = common.table[packed.astype(np.uint32) >> np.uint32(8)]
    rare = np.bincount(pair[~is_common], minlength=len(left))
    own: Shares = rare / np.maximum(sizes - commons - rare, 1)
    return whole, own


def _ceiling(texts: Sets, rows: I64) -> U32:
    """The highest hash up to which a row's set is whole."""
    cut = texts.counts[rows] >= MOST_SHINGLES
    found = np.full(len(rows), 0xFFFFFFFF, np.uint32)
    found[cut] = texts.flat[texts.first[rows[cut] + 1] - 1]
    return found


def _shared_lists(texts: Sets, order: I64) -> tuple[U32, U32]:
    """Postings of all lists with two rows or more: the list (a hash), and the row as a position in ``order``."""
    total = int(np.minimum(texts.counts[order], PROBES).sum())
    parts = -(-total // POSTINGS_AT_ONCE)
    shared = []
    for part in range(parts):
        blocks = []
        for start in range(0, len(order), 50_000):
            hashes, owner = texts.take(order[start : start + 50_000], PROBES)
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


def _in_long_list(lists: U32) -> Flags:
    if not len(lists):
        return np.zeros(0, bool)
    begins = np.flatnonzero(np.concatenate([[True], lists[1:] != lists[:-1]]))
    sizes = np.diff(np.append(begins, len(lists)))
    return np.repeat(sizes > LONG_LIST, sizes)


def _candidates(texts: Sets, order: I64, lists: U32, members: U32, is_long: Flags, start: int) -> U64:
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
    lengths = texts.counts[order]
    is_short = lengths[pairs >> np.uint64(32)] + lengths[pairs & np.uint64(0xFFFFFFFF)] <= SHORT
    chosen: U64 = pairs[twice | is_short]
    return chosen
