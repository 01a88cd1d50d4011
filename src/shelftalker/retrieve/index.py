"""BM25 over a catalogue's titles: the nearest products to a title, with what is stored beside them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from shelftalker import files
from shelftalker.errors import ShelftalkerError

K1, B = 1.5, 0.75
_WORD = re.compile(r"\w+")


def words(text: str) -> list[str]:
    """Lower-case words and numbers of a text, in order."""
    return _WORD.findall(text.lower())


class CatalogueIndex:
    """Titles to search, each with a payload (its description). Lucene's BM25, k1 1.5, b 0.75, no stop words.

    The order is reproducible: equal scores are ordered by position.
    """

    def __init__(self, titles: Sequence[str], payloads: Sequence[str], engine: Any) -> None:
        self.titles = titles
        self.payloads = payloads
        self._engine = engine

    def __len__(self) -> int:
        return len(self.titles)

    @classmethod
    def build(cls, titles: Sequence[str], payloads: Sequence[str]) -> Self:
        """Index ``titles``; ``payloads`` has one text a title (and may be read from a file only when asked for).

        Raises:
            ShelftalkerError: there is no title with a word in it.
            ValueError: the lists differ in length.
        """
        import bm25s

        if len(titles) != len(payloads):
            raise ValueError(f"{len(titles)} titles, {len(payloads)} payloads")
        tokens = [words(title) for title in titles]
        if not any(tokens):
            raise ShelftalkerError(
                "there is nothing to search: no title has a word in it",
                where="the training split",
                mend="run `shelftalker prepare` on a catalogue with titles",
            )
        engine = bm25s.BM25(k1=K1, b=B, method="lucene")
        engine.index(tokens, show_progress=False)
        return cls(titles, payloads, engine)

    def nearest(self, titles: Sequence[str], k: int = 1) -> list[list[tuple[int, float]]]:
        """For each title the ``k`` nearest positions with their scores, best first.

        A title without a known word finds nothing: an empty list. Products that share no word with it are
        left out, so that a list may be shorter than ``k``.
        """
        import numpy as np

        found: list[list[tuple[int, float]]] = []
        k = min(k, len(self.titles))
        for title in titles:
            known = [token for token in words(title) if token in self._engine.vocab_dict]
            if not known or k == 0:
                found.append([])
                continue
            scores = np.asarray(self._engine.get_scores(known), dtype=np.float64)
            # Everything that may be among the k best, ties at the edge included, then a stable order.
            edge = np.partition(scores, len(scores) - k)[len(scores) - k]
            places = np.flatnonzero((scores >= edge) & (scores > 0))
            order = places[np.argsort(-scores[places], kind="stable")][:k]
            found.append([(int(place), float(scores[place])) for place in order])
        return found

    def save(self, folder: Path) -> None:
        """Write the index as a folder, atomically."""
        with files.atomic_folder(folder) as new:
            self._engine.save(str(new), show_progress=False)
            files.write_json(new / "titles.json", {"titles": list(self.titles), "payloads": list(self.payloads)})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read a folder that `save` wrote.

        Raises:
            ShelftalkerError: it is missing or broken.
        """
        import bm25s

        stored = files.read_json(folder / "titles.json")
        try:
            engine = bm25s.BM25.load(str(folder), allow_pickle=False)
            return cls(list(stored["titles"]), list(stored["payloads"]), engine)
        except (OSError, ValueError, KeyError, TypeError, json.JSONDecodeError) as error:
            raise ShelftalkerError(
                f"the catalogue index is broken: {error}", where=str(folder), mend="build it again"
            ) from None
