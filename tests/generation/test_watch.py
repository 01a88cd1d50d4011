"""A text can be watched while it is written, and stopped, without changing what is written."""

from __future__ import annotations

from itertools import pairwise

import pytest

from shelftalker.generation.watch import watched
from shelftalker.models.load import resolve
from shelftalker.product import Product
from shelftalker.recipe.recipe import Recipe
from shelftalker.writing.writer import Writer, write_with

PRODUCT = Product("blue bottle 900")


@pytest.fixture(params=["ctranslate2", "transformers"])
def writer(request: pytest.FixtureRequest, tiny_t5: object) -> Writer:
    recipe = Recipe().with_flags(
        device="cpu", generate={"engine": request.param, "quantisation": "float32"}, decoding={"max_new_tokens": 12}
    )
    return write_with(resolve(str(tiny_t5)), recipe)


def test_every_token_is_told_and_the_text_is_the_same(writer: Writer) -> None:
    told: list[str] = []
    with watched(lambda text: bool(told.append(text))):
        (seen,) = writer.write([PRODUCT])
    (alone,) = writer.write([PRODUCT])
    assert seen == alone
    assert len(told) == seen.tokens
    assert told[-1] == seen.text
    assert all(len(a) <= len(b) for a, b in pairwise(told))


def test_it_stops_where_the_watcher_says(writer: Writer) -> None:
    told: list[str] = []
    with watched(lambda text: bool(told.append(text)) or len(told) == 3):
        (seen,) = writer.write([PRODUCT])
    assert len(told) == 3
    assert seen.tokens == 3
    assert writer.write([PRODUCT])[0].tokens > 3, "nobody watches any more"


def test_several_texts_at_once_have_no_watcher(writer: Writer) -> None:
    told: list[str] = []
    with watched(lambda text: bool(told.append(text)) or True):
        both = writer.write([PRODUCT, Product("red lamp 100")])
    assert told == []
    assert both == writer.write([PRODUCT, Product("red lamp 100")])
