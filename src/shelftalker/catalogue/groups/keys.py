"""What set logic needs to know of cleaned rows instead of their texts: keys, shingles, runs of 13 words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shelftalker.catalogue.groups import words

Records = npt.NDArray[np.void]
"""An array of records: of KEYS, or of GRAMS."""
Flags = npt.NDArray[np.bool_]
Sets = tuple[npt.NDArray[np.uint32], words.I64]
"""Sets of hashes, one a row: all of them after one another, ascending within a row; and (rows,) how many each has."""

KEYS = np.dtype(
    [
        ("line", "<u4"),  # in the shard, from 0
        ("size", "<u4"),  # bytes of the example's line
        ("title_key", "<u8"),
        ("text_key", "<u8"),
        ("row_key", "<u8"),  # of title and description together
        ("tie", "<u8"),  # of the exact line, uid included: orders rows with equal keys
        ("opening", "<u8"),  # of the description's first three words
        ("title_words", "<u4"),
        ("words", "<u4"),
        ("shingles", "<u4"),  # of the description, of three words
        ("title_set", "<u4"),  # distinct words of the title
        ("is_test", "?"),
        ("is_prose", "?"),
    ]
)
GRAMS = np.dtype([("gram", "<u8"), ("row", "<u4")])
SHINGLE, OVERLAP = 3, 13
MOST_SHINGLES = 512

_SMALL_WORDS = (
    "a an the and or of in on at to for from by with without is are was be it its this that these you your we our as "
    "not no can will which who all has have into over up out so than when where "
    "de la le el der die das und mit les des en y para con un une que per por e o do da dos em com um uma di il lo che "
    "del della è van het een met voor op te ist für ein eine est dans pour sur au du los las su es"
).split()
# A word is small if its hash's upper 16 bits are those of one of these: wrong for one other word in a thousand.
_SMALL = np.zeros(1 << 16, bool)
_SMALL[(words.find([word.encode() for word in _SMALL_WORDS]).hashes >> np.uint64(48)).astype(np.int64)] = True


@dataclass(frozen=True)
class Keys:
    """Of some rows, the words, and a record of KEYS each (``line``, ``size`` and ``tie`` are left to the caller)."""

    titles: words.Words
    texts: words.Words
    records: Records

    @classmethod
    def of(cls, titles: Sequence[str], texts: Sequence[str], *, is_test: bool) -> Keys:
        """The keys of rows with these titles and descriptions."""
        encoded = [text.encode() for text in texts]
        found = cls(words.find([title.encode() for title in titles]), words.find(encoded), np.zeros(len(titles), KEYS))
        records = found.records
        records["title_key"], records["text_key"] = words.keys(found.titles), words.keys(found.texts)
        records["row_key"] = words.mix(records["title_key"] + words.mix(records["text_key"]))
        records["opening"] = words.openings(found.texts, SHINGLE)
        records["title_words"], records["words"] = found.titles.counts, found.texts.counts
        records["is_test"] = is_test
        # Scripts whose letters take two bytes or three have small words that are not known here: they are not judged.
        letters, size = (np.fromiter(map(len, lines), np.int64, len(texts)) for lines in (texts, encoded))
        records["is_prose"] = _is_prose(found.texts) | (size > 1.4 * letters)
        return found

    def shingles(self, usable: Flags) -> Sets:
        """The usable rows' sets of shingles: hashes of every three words of the description.

        A set beyond MOST_SHINGLES is represented by its lowest hashes (a bottom-k sketch, Broder 1997).
        """
        hashes, rows = words.grams(self.texts, SHINGLE)
        return _sets(hashes, rows, usable, MOST_SHINGLES)

    def title_sets(self, usable: Flags) -> Sets:
        """The usable rows' sets of title words."""
        return _sets(self.titles.hashes, self.titles.rows, usable, MOST_SHINGLES)

    def grams(self, usable: Flags, share: int) -> Records:
        """The descriptions' runs of 13 words, one in ``share`` of them, with the usable row in which each stands."""
        hashes, rows = words.grams(self.texts, OVERLAP, share)
        keep = usable[rows] & (self.texts.counts[rows] >= OVERLAP)
        found = np.zeros(int(keep.sum()), GRAMS)
        found["gram"] = hashes[keep]
        found["row"] = (np.cumsum(usable) - 1)[rows[keep]]
        return found


def _sets(hashes: words.U64, rows: words.I64, usable: Flags, most: int) -> Sets:
    """The usable rows' distinct hashes of 32 bits, the lowest ``most`` of them."""
    # Sorting whole numbers sorts by row, then by hash.
    both = words.distinct(rows.astype(np.uint64) << np.uint64(32) | hashes >> np.uint64(32))
    rows = (both >> np.uint64(32)).astype(np.int64)
    begins = np.searchsorted(rows, np.arange(len(usable) + 1))
    rank = np.arange(len(rows)) - begins[rows]
    keep = (rank < most) & usable[rows]
    return both[keep].astype(np.uint32), np.bincount(rows[keep], minlength=len(usable))


def _is_prose(texts: words.Words) -> Flags:
    """Whether a text of eight words or more has small words among them, as sentences have (at least 8 %)."""
    small = np.zeros(len(texts.hashes) + 1, np.int64)
    np.cumsum(_SMALL[(texts.hashes >> np.uint64(48)).astype(np.int64)], out=small[1:])
    share = small[texts.first[1:]] - small[texts.first[:-1]]
    return (texts.counts < 8) | (share >= 0.08 * texts.counts)
