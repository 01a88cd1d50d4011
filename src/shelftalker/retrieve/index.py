"""BM25 over texts: the nearest of them to others, a batch at a time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from shelftalker.errors import ShelftalkerError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Found = tuple[NDArray[np.int64], NDArray[np.float64]]

K1, B = 1.5, 0.75
_WORD = re.compile(r"\w+")


def words(text: str) -> list[str]:
    """Lower-case words and numbers of a text, in order."""
    return _WORD.findall(text.lower())


class Bm25:
    """Lucene's BM25 over words, k1 1.5, b 0.75, no stop words: scores by bm25s, looked up posting by posting.

    bm25s' own `retrieve` scores every text of the index for every query, 66 ms a query of 300,000 texts (numba's
    version 0.3 ms, after 8 s of compiling in each process); adding up the postings of a query's words gives the same
    scores in a fraction of a millisecond (`benchmarks/retrieve.py`).
    """

    def __init__(self, engine: Any) -> None:
        import numpy as np

        self._engine = engine
        # Plain arrays over the files: numpy's memmap pays for its class at every slice.
        self._weights, self._places, self._starts = (
            engine.scores[name].view(np.ndarray) for name in ("data", "indices", "indptr")
        )
        self.vocabulary: dict[str, int] = engine.vocab_dict

    @classmethod
    def build(cls, texts: Iterable[str]) -> Self:
        """Index texts.

        Raises:
            ShelftalkerError: there is no text with a word in it.
        """
        import bm25s

        tokens = [words(text) for text in texts]
        if not any(tokens):
            raise ShelftalkerError(
                "there is nothing to search: no title has a word in it",
                where="the training split",
                mend="run `shelftalker prepare` on a catalogue with titles",
            )
        engine = bm25s.BM25(k1=K1, b=B, method="lucene")
        engine.index(tokens, show_progress=False)
        return cls(engine)

    def nearest(self, texts: Sequence[str], k: int, most: int | None = None) -> list[Found]:
        """For each text the places of the ``k`` nearest and their scores, best first; equal ones in their order.

        A text without a known word finds nothing. Those that share no word with it are left out, so that there may
        be fewer than ``k``.

        Args:
            texts: the queries.
            k: how many to find.
            most: postings to read for one query, its rarest words first (one word at least); none: all of them.
        """
        return [self._nearest(words(text), k, most) for text in texts]

    def _nearest(self, query: Sequence[str], k: int, most: int | None) -> Found:
        import numpy as np

        ids = [self.vocabulary[word] for word in query if word in self.vocabulary]
        spans = sorted((int(self._starts[id + 1] - self._starts[id]), int(self._starts[id])) for id in ids)
        if most is not None:
            spans = _rarest(spans, most)
        if not spans or k == 0:
            return np.empty(0, np.int64), np.empty(0, np.float64)
        places = np.concatenate([self._places[start : start + count] for count, start in spans])
        weights = np.concatenate([self._weights[start : start + count] for count, start in spans])
        order = np.argsort(places, kind="stable")
        places = places[order]
        firsts = np.concatenate(([0], np.flatnonzero(places[1:] != places[:-1]) + 1))
        scores = np.add.reduceat(weights[order].astype(np.float64), firsts)
        return _best(places[firsts].astype(np.int64), scores, k)

    def save(self, folder: Path) -> None:
        """Write the index's files into a folder."""
        self._engine.save(str(folder), show_progress=False)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Open a folder that `save` wrote; its postings are mapped into memory, not read.

        Raises:
            ShelftalkerError: it is missing or broken.
        """
        import bm25s

        try:
            return cls(bm25s.BM25.load(str(folder), mmap=True, allow_pickle=False))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ShelftalkerError(
                f"the catalogue index is broken: {error}", where=str(folder), mend="build it again"
            ) from None


def _rarest(spans: Sequence[tuple[int, int]], most: int) -> list[tuple[int, int]]:
    """The shortest spans of postings, one at least, that together are no more than ``most``."""
    kept, total = list[tuple[int, int]](), 0
    for count, start in spans:
        total += count
        if kept and total > most:
            break
        kept.append((count, start))
    return kept


def _best(places: NDArray[np.int64], scores: NDArray[np.float64], k: int) -> Found:
    import numpy as np

    if len(scores) > k:
        # Everything that may be among the k best, ties at the edge included, then a stable order.
        kept = np.flatnonzero(scores >= np.partition(scores, len(scores) - k)[len(scores) - k])
        places, scores = places[kept], scores[kept]
    order = np.argsort(-scores, kind="stable")[:k]
    return places[order], scores[order]


class CatalogueIndex:
    """Titles to search, each with a payload (its description)."""

    def __init__(self, titles: Sequence[str], payloads: Sequence[str], index: Bm25) -> None:
        self.titles = titles
        self.payloads = payloads
        self._index = index

    def __len__(self) -> int:
        return len(self.titles)

    @classmethod
    def build(cls, titles: Sequence[str], payloads: Sequence[str]) -> Self:
        """Index ``titles``; ``payloads`` has one text a title (and may be read from a file only when asked for).

        Raises:
            ShelftalkerError: there is no title with a word in it.
            ValueError: the lists differ in length.
        """
        if len(titles) != len(payloads):
            raise ValueError(f"{len(titles)} titles, {len(payloads)} payloads")
        return cls(titles, payloads, Bm25.build(titles))

    def nearest(self, titles: Sequence[str], k: int = 1) -> list[list[tuple[int, float]]]:
        """For each title the ``k`` nearest positions with their scores, best first; see `Bm25.nearest`."""
        return [
            list(zip(places.tolist(), scores.tolist(), strict=True))
            for places, scores in self._index.nearest(titles, k)
        ]
