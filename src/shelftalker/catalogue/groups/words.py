"""Words, and n-grams of words, as 64-bit hashes of many texts at once.

Python needs a microsecond to look at a word; a catalogue has hundreds of millions. Here a whole shard of texts is one
buffer, and words are found and hashed by numpy in some 20 ns each. A word is a run of letters and digits in lower
case, or one character of a script that is written without spaces.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

U64 = npt.NDArray[np.uint64]
I64 = npt.NDArray[np.int64]

# Letters and digits stay (in lower case), bytes of non-ASCII characters stay, all else separates words.
_TABLE = bytes(
    byte + 32 if 65 <= byte <= 90 else byte if 97 <= byte <= 122 or 48 <= byte <= 57 or byte >= 128 else 32
    for byte in range(256)
)
_K1, _K2, _K3 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F), np.uint64(0x165667B19E3779F9)
_PAD = 16


@dataclass(frozen=True)
class Words:
    """The words of many texts.

    ``hashes`` holds one hash a word, all texts after one another; text ``i`` has the words
    ``first[i] : first[i + 1]``.
    """

    hashes: U64
    first: I64

    @property
    def counts(self) -> I64:
        """Words of each text."""
        return np.diff(self.first)

    @property
    def rows(self) -> I64:
        """The text of each word."""
        return np.repeat(np.arange(len(self.first) - 1), self.counts)


def mix(values: Any) -> Any:
    """Scramble 64-bit values (the finaliser of splitmix64, Steele et al. 2014): every bit depends on every bit."""
    values = values ^ (values >> np.uint64(30))
    values *= np.uint64(0xBF58476D1CE4E5B9)
    values ^= values >> np.uint64(27)
    values *= np.uint64(0x94D049BB133111EB)
    values ^= values >> np.uint64(31)
    return values


def _mixed(values: U64) -> U64:
    found: U64 = mix(values)
    return found


def _running(values: U64) -> U64:
    """Sums of the first 0, 1, 2, ... values, modulo 2**64."""
    sums = np.zeros(len(values) + 1, np.uint64)
    np.cumsum(values, out=sums[1:])
    return sums


def distinct(values: Any) -> Any:
    """Distinct values in ascending order (np.unique hashes first, which is many times slower here)."""
    values = np.sort(values)
    if not len(values):
        return values
    return values[np.concatenate([[True], values[1:] != values[:-1]])]


def among(values: Any, others: Any) -> Any:
    """Whether each value is one of ``others`` (np.isin, like np.unique, hashes first)."""
    known = distinct(others)
    if not len(known):
        return np.zeros(len(values), bool)
    at = np.searchsorted(known, values)
    at[at == len(known)] = 0
    return known[at] == values


def repeats(values: Any) -> Any:
    """How often each distinct value occurs, in ascending order of the values."""
    values = np.sort(values)
    changes = np.flatnonzero(values[1:] != values[:-1]) + 1
    return np.diff(np.concatenate([[0], changes, [len(values)]])) if len(values) else np.zeros(0, np.int64)


def find(texts: Sequence[bytes]) -> Words:
    """Find and hash the words of UTF-8 texts.

    The hash of a word is that of its first eight bytes, its last eight and its length; words beyond 16 bytes are
    hashed whole, one at a time.
    """
    joined = b"\0".join([*texts, b"\0" * (_PAD - 1)]).translate(_TABLE)
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    begins = np.zeros(len(texts) + 1, np.int64)
    np.cumsum(lengths + 1, out=begins[1:])
    buffer = np.frombuffer(joined, np.uint8)
    leads = None
    if not joined.isascii():
        buffer = buffer.copy()
        leads = np.flatnonzero(buffer >= 0xC2)
        _typography(buffer, leads)
    inside = buffer != 32
    edges = np.flatnonzero(inside[1:] != inside[:-1]) + 1
    if len(inside) and inside[0]:
        edges = np.concatenate([np.zeros(1, edges.dtype), edges])
    starts, ends = edges[0::2], edges[1::2]
    if leads is not None:
        starts, ends = _unspaced(buffer, leads, starts, ends)
    first: I64 = np.searchsorted(starts, begins).astype(np.int64)
    return Words(_hash(buffer, starts, ends), first)


def keys(words: Words) -> U64:
    """One key a text: texts have the same key if and (but for a chance of 2**-64) only if they have the same words."""
    up, down = _powers(len(words.hashes))
    sums = _running(words.hashes * up)
    first = words.first[:-1]
    # A polynomial in the words' hashes, brought to the power at which it would stand in a text of its own.
    total = (sums[words.first[1:]] - sums[first]) * np.append(down, np.uint64(0))[first]
    return _mixed(total + words.counts.astype(np.uint64) * _K3)


def grams(words: Words, size: int, share: int = 1) -> tuple[U64, I64]:
    """Hashes of all runs of ``size`` words, and the text of each.

    Args:
        share: keep one in so many runs (a power of two), chosen by the hash of their first two words; with 1, all
            are kept, and a text that is shorter than ``size`` has its words as its only run.
    """
    assert share & (share - 1) == 0
    hashes = words.hashes
    runs = max(len(hashes) - size + 1, 0)
    rows = words.rows
    whole = rows[:runs] == rows[size - 1 :] if runs else np.zeros(0, bool)
    if share > 1:
        lead = hashes[:runs] * _K2 + hashes[1 : runs + 1]
        whole &= lead & (np.uint64(share - 1) << np.uint64(32)) == 0
    at = np.flatnonzero(whole)
    total = hashes[at]
    for place in range(1, size):
        total *= _K1
        total += hashes[at + place]
    found, owner = mix(total), rows[at]
    if share == 1:
        short = np.flatnonzero((words.counts > 0) & (words.counts < size))
        if len(short):
            found = np.concatenate([found, mix(keys(words)[short])])
            owner = np.concatenate([owner, short])
    return found, owner


def openings(words: Words, size: int) -> U64:
    """One hash a text: that of its first ``size`` words."""
    total = np.zeros(len(words.counts), np.uint64)
    padded = np.concatenate([words.hashes, np.zeros(size, np.uint64)])
    for place in range(size):
        there = words.counts > place
        total = total * _K1 + np.where(there, padded[words.first[:-1] + place], np.uint64(0))
    return _mixed(total)


@functools.lru_cache(1)
def _powers_to(count: int) -> tuple[U64, U64]:
    inverse = np.uint64(pow(int(_K1), -1, 1 << 64))
    up, down = np.full(count, _K1), np.full(count, inverse)
    up[:1] = down[:1] = 1
    return np.cumprod(up), np.cumprod(down)


def _powers(count: int) -> tuple[U64, U64]:
    """Powers of an odd number and of its inverse modulo 2**64."""
    up, down = _powers_to(1 << max(count, 1).bit_length())
    return up[:count], down[:count]


def _hash(buffer: npt.NDArray[np.uint8], starts: I64, ends: I64) -> U64:
    if not len(starts):
        return np.zeros(0, np.uint64)
    # Eight bytes from any offset, read as one number.
    windows = np.ndarray((len(buffer) - 7,), "<u8", buffer.data, strides=(1,))
    lengths = ends - starts
    kept = np.minimum(lengths, 8)
    masks = np.array([(1 << 8 * size) - 1 for size in range(9)], np.uint64)[kept]
    # (take is quicker than indexing, which looks for unaligned numbers one by one.)
    head = windows.take(starts) & masks
    tail = windows.take(ends - kept) & masks
    # One round is enough here: keys and grams mix again.
    head ^= head >> np.uint64(32)
    head *= _K1
    tail += lengths.astype(np.uint64) * _K3
    head ^= tail
    head ^= head >> np.uint64(29)
    head *= _K2
    hashes = head ^ (head >> np.uint64(32))
    for place in np.flatnonzero(lengths > 16):
        word = buffer[starts[place] : ends[place]].tobytes()
        hashes[place] = int.from_bytes(hashlib.blake2b(word, digest_size=8).digest(), "little")
    found: U64 = hashes
    return found


def _typography(buffer: npt.NDArray[np.uint8], leads: I64) -> None:
    """Blank out typographic marks (U+2000 to U+207F, U+00A0 to U+00BF) and lower the Latin-1 capitals, in place.

    ``leads`` are the places of the first bytes of characters beyond ASCII.
    """
    kinds = buffer[leads]
    at = leads[kinds == 0xE2]
    at = at[(buffer[at + 1] == 0x80) | (buffer[at + 1] == 0x81)]
    for step in range(3):
        buffer[at + step] = 32
    at = leads[kinds == 0xC2]
    for step in range(2):
        buffer[at + step] = 32
    at = leads[kinds == 0xC3] + 1
    capital = (buffer[at] >= 0x80) & (buffer[at] <= 0x9E) & (buffer[at] != 0x97)
    buffer[at[capital]] += 32


def _unspaced(buffer: npt.NDArray[np.uint8], leads: I64, starts: I64, ends: I64) -> tuple[I64, I64]:
    """Part words at every character of the three-byte scripts (Chinese, Japanese, Korean)."""
    kinds = buffer[leads]
    lead = leads[(kinds >= 0xE3) & (kinds <= 0xED)]
    if not len(lead):
        return starts, ends
    cuts = np.concatenate([lead, np.minimum(lead + 3, len(buffer) - _PAD)])
    inside = cuts[(buffer[cuts] != 32)]
    starts = distinct(np.concatenate([starts, inside]))
    cuts = cuts[(cuts > 0) & (buffer[cuts - 1] != 32)]
    return starts, distinct(np.concatenate([ends, cuts]))
