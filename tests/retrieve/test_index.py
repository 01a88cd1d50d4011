"""BM25 over titles: right neighbours, a stable order, the same after saving."""

from __future__ import annotations

import math
import random
from pathlib import Path

import pytest

from shelftalker.errors import ShelftalkerError
from shelftalker.retrieve.index import K1, B, Bm25, CatalogueIndex, words

WORDS = "oak table lamp brass copper wool scarf blue red steel kettle mug desk chair".split()


def catalogue(count: int, seed: int = 0) -> list[str]:
    draw = random.Random(seed)
    return [" ".join(draw.choices(WORDS, k=draw.randint(1, 7))) for _ in range(count)]


def bm25(query: str, titles: list[str]) -> list[float]:
    """Lucene's BM25, written out."""
    texts = [words(title) for title in titles]
    mean = sum(map(len, texts)) / len(texts)
    scores = []
    for text in texts:
        total = 0.0
        for word in words(query):
            frequency = text.count(word)
            if not frequency:
                continue
            having = sum(word in other for other in texts)
            rarity = math.log(1 + (len(texts) - having + 0.5) / (having + 0.5))
            total += rarity * frequency / (frequency + K1 * (1 - B + B * len(text) / mean))
        scores.append(total)
    return scores


def test_scores_are_bm25_written_out() -> None:
    titles = catalogue(60)
    index = CatalogueIndex.build(titles, titles)
    for query in ("oak lamp", "blue wool scarf red", "kettle"):
        expected = bm25(query, titles)
        found = index.nearest([query], 60)[0]
        assert len(found) == sum(score > 0 for score in expected)
        for place, score in found:
            assert score == pytest.approx(expected[place], rel=1e-4)
        ordered = sorted((-round(score, 4), place) for place, score in enumerate(expected) if score > 0)
        assert [place for place, _ in found[:5]] == [place for _, place in ordered[:5]]


def test_equal_titles_come_in_catalogue_order() -> None:
    index = CatalogueIndex.build(["oak lamp", "wool scarf", "oak lamp", "oak lamp"], list("abcd"))
    assert [place for place, _ in index.nearest(["oak lamp"], 2)[0]] == [0, 2]


def test_unknown_words_find_nothing() -> None:
    index = CatalogueIndex.build(["oak lamp"], ["x"])
    assert index.nearest(["ceramic", "", "???"], 3) == [[], [], []]
    assert len(index.nearest(["lamp"], 3)[0]) == 1, "no more than there are"


def test_a_saved_index_answers_alike(tmp_path: Path) -> None:
    index = Bm25.build(catalogue(40, seed=2))
    index.save(tmp_path)
    queries = catalogue(10, seed=3)
    saved = [(places.tolist(), scores.tolist()) for places, scores in Bm25.load(tmp_path).nearest(queries, 4)]
    assert saved == [(places.tolist(), scores.tolist()) for places, scores in index.nearest(queries, 4)]


def test_the_rarest_words_decide_where_postings_are_limited() -> None:
    index = Bm25.build(["the lamp", "the mug", "the scarf", "the kettle of the house"])
    ((places, _),) = index.nearest(["the kettle"], 4, most=2)
    assert places.tolist() == [3], "the four postings of 'the' are not read"
    ((places, _),) = index.nearest(["the"], 4, most=2)
    assert len(places) == 4, "a word at least is looked up"


@pytest.mark.parametrize("damaged", ["vocab.index.json", "data.csc.index.npy"])
def test_a_damaged_index_says_so(tmp_path: Path, damaged: str) -> None:
    Bm25.build(catalogue(5)).save(tmp_path)
    (tmp_path / damaged).write_bytes(b"{")
    with pytest.raises(ShelftalkerError, match="index"):
        Bm25.load(tmp_path)


def test_a_catalogue_without_words_is_refused() -> None:
    with pytest.raises(ShelftalkerError, match="nothing to search"):
        CatalogueIndex.build(["", "!!!"], ["a", "b"])
