"""What is copied from training: the longest span of words that a description shares with any there, exactly."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from shelftalker.evaluation.metrics.metric import Metric, Outputs, means
from shelftalker.retrieve.index import words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from shelftalker.evaluation.metrics.metric import Array

_CHUNK_WORDS = 2_000_000
"""Words of training text in memory at once."""


class Novelty(Metric):
    """What of a description is no copy of one training description."""

    name = "novelty"
    label = "novelty"
    what = "1 - longest run of words copied from one training description over the description's words, 0 to 1"
    place = 44

    def count(self, systems: Sequence[Outputs]) -> list[Array | None]:
        """Share of every row."""
        return [None if system.copied is None else means(_new(system.copied, system.words)) for system in systems]

    def definition(self, outputs: Outputs) -> str:
        """What is counted."""
        return "novelty|longest-copied-run|words:\\w+|mean:plain"


class CopiedSpan(Metric):
    """In words."""

    name = "copied_span"
    label = "longest copy"
    what = "words of the longest run copied from one training description, mean over descriptions"
    place = 45
    higher_is_better = False
    decimals = 1

    def count(self, systems: Sequence[Outputs]) -> list[Array | None]:
        """Length of every row's longest copy."""
        return [None if system.copied is None else means(system.copied) for system in systems]

    def definition(self, outputs: Outputs) -> str:
        """What is counted."""
        return "copied_span|words:\\w+|mean:plain"


def _new(copied: Sequence[int], texts: Sequence[Sequence[str]]) -> list[float]:
    return [1 - length / len(text) if text else 0.0 for length, text in zip(copied, texts, strict=True)]


METRICS = (Novelty(), CopiedSpan())


def longest_copies(predictions: Sequence[str], training: Iterable[str]) -> list[int]:
    """For each prediction the longest run of words (lower-cased) that some training description has too.

    Runs grow word by word: a span of n + 1 words can only match where both its spans of n words do, so that the
    places to look at shrink quickly. Spans are compared by 64-bit hashes. Memory is bounded by the predictions
    and a chunk of training text, whatever the size of the training split.

    Returns:
        lengths in words, in the predictions' order.
    """
    import numpy as np

    vocabulary: dict[str, int] = {}
    texts = [[vocabulary.setdefault(word, len(vocabulary) + 1) for word in words(text)] for text in predictions]
    longest = np.zeros(len(predictions), dtype=np.int64)
    if not vocabulary:
        return [0] * len(predictions)
    wanted, owner = _flatten(texts)
    # Seeded: equal text gives equal hashes in every process.
    codes = np.random.default_rng(0).integers(1, 2**63, size=len(vocabulary) + 1, dtype=np.uint64)
    codes[0] = 0
    for ids in _chunks(training, vocabulary):
        _grow(codes[wanted], wanted > 0, owner, codes[ids], ids > 0, longest)
    return [int(length) for length in longest]


def _grow(
    wanted: NDArray[np.uint64],
    is_word: NDArray[np.bool_],
    owner: NDArray[np.int64],
    text: NDArray[np.uint64],
    is_known: NDArray[np.bool_],
    longest: NDArray[np.int64],
) -> None:
    """Raise ``longest`` by what ``text`` holds: all spans of 1, 2, 3, ... words that both sides have."""
    import numpy as np

    ours, theirs = np.flatnonzero(is_word), np.flatnonzero(is_known)
    our_hash, their_hash = wanted[ours], text[theirs]
    length = 0
    while ours.size and theirs.size:
        shared = np.intersect1d(our_hash, their_hash)
        keep = np.isin(our_hash, shared)
        ours, our_hash = ours[keep], our_hash[keep]
        if not ours.size:
            return
        length += 1
        longest[owner[ours]] = np.maximum(longest[owner[ours]], length)
        keep = np.isin(their_hash, shared)
        theirs, their_hash = theirs[keep], their_hash[keep]
        ours, our_hash = _lengthen(ours, our_hash, wanted, is_word, length)
        theirs, their_hash = _lengthen(theirs, their_hash, text, is_known, length)


def _lengthen(
    places: NDArray[np.int64],
    hashes: NDArray[np.uint64],
    text: NDArray[np.uint64],
    is_word: NDArray[np.bool_],
    length: int,
) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """The spans at ``places`` made one word longer, without those that would cross the end of a text."""
    import numpy as np

    ends = places + length
    # Separators follow every text, so that an end is always inside the array.
    keep = is_word[ends]
    # A span of n + 1 words needs its last n words to match: that span starts one place further on.
    follows = np.zeros(len(text) + 1, dtype=bool)
    follows[places] = True
    keep &= follows[places + 1]
    places, hashes, ends = places[keep], hashes[keep], ends[keep]
    mixed = (hashes ^ (hashes >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
    return places, mixed + text[ends]


def _flatten(texts: Sequence[Sequence[int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All texts in one array, a 0 after each; and which text each place belongs to."""
    import numpy as np

    flat = np.fromiter((number for text in texts for number in (*text, 0)), dtype=np.int64)
    owner = np.repeat(np.arange(len(texts)), [len(text) + 1 for text in texts])
    return flat, owner


def _chunks(training: Iterable[str], vocabulary: dict[str, int]) -> Iterator[NDArray[np.int64]]:
    import numpy as np

    ids: list[int] = []
    for text in training:
        ids.extend(vocabulary.get(word, 0) for word in words(text))
        ids.append(0)
        if len(ids) >= _CHUNK_WORDS:
            yield np.array(ids, dtype=np.int64)
            ids = []
    if ids:
        yield np.array(ids, dtype=np.int64)
