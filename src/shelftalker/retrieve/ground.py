"""Which products of the training split a product gets to see: its sources."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from shelftalker import console, files
from shelftalker.catalogue.examples import each_example
from shelftalker.errors import ShelftalkerError
from shelftalker.product import Product, Source
from shelftalker.retrieve.index import Bm25, words
from shelftalker.retrieve.shelf import Shelf, mapped

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SCHEMA = 1
_CARD, _TITLES, _TITLE_STARTS = "index.json", "titles.npy", "title_starts.npy"
_CANDIDATES = 48  # nearest by BM25, among which the nearest by title are looked for
_POSTINGS = 10_000  # read for one product: its rarest words decide, "the" does not
_NEAR_COPY = 0.8  # Jaccard similarity of two descriptions' words from which one of them says nothing new

_KEPT = 4096  # products of the index that are kept as they were last read, a few KB each

SplitBy = Literal["group", "row"]


class Sources:
    """An index of a training split: for any product, the nearest of the split, nearest first.

    Candidates are found by BM25 over titles and attributes and ranked by how many words their titles share
    (Jaccard similarity; equal ones in BM25's order). Never among them: the product itself, products without a
    description, near-copies of a nearer source.
    """

    def __init__(self, folder: Path) -> None:
        """Open an index.

        Raises:
            ShelftalkerError: it is missing, broken, or of another version.
        """
        card = files.read_json(folder / _CARD)
        if not isinstance(card, dict) or card.get("schema") != _SCHEMA:
            raise ShelftalkerError(
                "the index of sources was made by another version",
                where=str(folder),
                mend="make it again: `shelftalker finetune`",
            )
        self.folder = folder
        self.hash: str = card["hash"]
        """Content hash of the training split that it was made of."""
        self.split_by: SplitBy = card["split_by"]
        self._shelf = Shelf.open(folder)
        self._bm25 = Bm25.load(folder)
        self._said = lru_cache(_KEPT)(self._product_and_words)
        try:
            self._titles = mapped(folder / _TITLES)
            self._title_starts = mapped(folder / _TITLE_STARTS)
        except (OSError, ValueError) as error:
            raise ShelftalkerError(
                f"the index of sources is broken: {error}", where=str(folder), mend="make it again"
            ) from None

    @classmethod
    def build(cls, products: Iterable[Product], folder: Path, hash: str, split_by: SplitBy) -> Self:
        """Index the products of a training split into ``folder``, whole or not at all.

        Args:
            products: the split, in its order; read once.
            folder: where the index goes; an older one is replaced.
            hash: content hash of the split's file.
            split_by: how the catalogue was split.

        Raises:
            ShelftalkerError: no product has a title, or the disk is full.
        """
        with files.atomic_folder(folder) as new:
            titles: list[str] = []
            bm25 = Bm25.build(_searched(product, titles) for product in Shelf.write(new, products))
            bm25.save(new)
            _save_titles(titles, bm25.vocabulary, new)
            files.write_json(
                new / _CARD, {"schema": _SCHEMA, "hash": hash, "split_by": split_by, "products": len(titles)}
            )
        return cls(folder)

    @classmethod
    def of_split(cls, data: Path, folder: Path) -> Self:
        """The index of a prepared data folder's training split, made in ``folder`` unless it is there.

        Raises:
            ShelftalkerError: there is no training split, it has no titles, or the disk is full.
        """
        path = data / "train.jsonl"
        products = each_example(path)
        first = next(products, None)
        if first is None:
            raise ShelftalkerError("there are no products to be sources", where=str(path), mend="shelftalker prepare")
        hash = files.sha256(path)
        if (folder / _CARD).is_file() and files.read_json(folder / _CARD).get("hash") == hash:
            return cls(folder)
        console.note("indexing the training split as sources")
        return cls.build(itertools.chain([first], products), folder, hash, _split_by(data))

    def __len__(self) -> int:
        return len(self._shelf)

    def product(self, place: int) -> Product:
        """The product at a place of the split (0 up)."""
        return self._shelf[place]

    def some(self, count: int) -> list[Product]:
        """Products of the split that have a description, ``count`` at most, drawn evenly over it."""
        step = max(1, len(self) // count)
        drawn = (self.product(place) for place in range(0, len(self), step))
        return [product for product in drawn if product.description][:count]

    def ground(self, products: Sequence[Product], k: int = 1, *, training: bool = False) -> list[list[Source]]:
        """The sources of every product, nearest first; their texts are the whole descriptions.

        Args:
            products: what is to be written about.
            k: sources at most; fewer where the split has not as many.
            training: the products are the split's own; where it was split by group, products of the same group are
                then left out too, as a product that the split has not seen has none of its group there.
        """
        found = self._bm25.nearest([_text(product) for product in products], _CANDIDATES, _POSTINGS)
        return [
            list(itertools.islice(self._usable(product, places, training), k))
            for product, (places, _) in zip(products, found, strict=True)
        ]

    def _usable(self, product: Product, places: NDArray[np.int64], training: bool) -> Iterator[Source]:
        shown: list[frozenset[str]] = []
        for place, score in self._by_title(product.title, places):
            source, said = self._said(place)
            if not source.description or _is_itself(source, product):
                continue
            if training and self.split_by == "group" and product.group and source.group == product.group:
                continue
            if any(_jaccard(said, other) >= _NEAR_COPY for other in shown):
                continue
            shown.append(said)
            yield Source(source, source.description, score)

    def _product_and_words(self, place: int) -> tuple[Product, frozenset[str]]:
        """A product and the different words of its description; a catalogue asks for the same ones again and again."""
        product = self._shelf[place]
        return product, frozenset(map(sys.intern, words(product.description)))

    def _by_title(self, title: str, places: NDArray[np.int64]) -> Iterator[tuple[int, float]]:
        """Candidates by the similarity of their titles, highest first."""
        import numpy as np

        if not len(places):
            return
        own = set(words(title))
        known = np.array([self._bm25.vocabulary[word] for word in own if word in self._bm25.vocabulary], dtype=np.int32)
        starts = self._title_starts[places]
        counts = self._title_starts[places + 1] - starts
        owner = np.repeat(np.arange(len(places)), counts)
        before = np.cumsum(counts) - counts
        theirs = self._titles[np.arange(len(owner)) + (starts - before)[owner]]
        shared = np.bincount(owner[(theirs[:, None] == known).any(axis=1)], minlength=len(places))
        scores = shared / np.maximum(len(own) + counts - shared, 1)
        order = np.argsort(-scores, kind="stable")
        yield from zip(places[order].tolist(), scores[order].tolist(), strict=True)


def _split_by(data: Path) -> SplitBy:
    """How the data at hand was split; where nobody says, the stricter way."""
    try:
        return "row" if files.read_json(data / "manifest.json")["settings"]["split"]["by"] == "row" else "group"
    except (ShelftalkerError, KeyError, TypeError):
        return "group"


def _searched(product: Product, titles: list[str]) -> str:
    titles.append(product.title)
    return _text(product)


def _text(product: Product) -> str:
    """What is searched: the title and the attributes."""
    return " ".join((product.title, *product.attributes.values())) if product.attributes else product.title


def _is_itself(source: Product, product: Product) -> bool:
    """The same title, and nothing that tells the two apart."""
    if source.title != product.title:
        return False
    return not product.uid or source.uid == product.uid or source.description == product.description


def _jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    both = len(one & other)
    return both / (len(one) + len(other) - both) if one or other else 1.0


def _save_titles(titles: Sequence[str], vocabulary: dict[str, int], folder: Path) -> None:
    """Every title's different words, as numbers of the vocabulary, one after the other; and where each begins."""
    import numpy as np

    ids, starts = list[Any](), np.zeros(len(titles) + 1, dtype=np.int64)
    for number in range(0, len(titles), 65536):
        rows = [sorted({vocabulary[word] for word in words(title)}) for title in titles[number : number + 65536]]
        starts[number + 1 : number + 1 + len(rows)] = [len(row) for row in rows]
        ids.append(np.fromiter(itertools.chain.from_iterable(rows), dtype=np.int32))
    for name, values in ((_TITLES, np.concatenate(ids)), (_TITLE_STARTS, np.cumsum(starts))):
        with files.atomic(folder / name) as file:
            np.save(file, values)
