"""A text can be watched while it is written, and stopped, without changing what is written."""

from __future__ import annotations

import gc
import weakref
from itertools import pairwise
from typing import Any

import pytest

from shelftalker.generation.ct2_engine import Ct2Engine
from shelftalker.generation.watch import watched
from shelftalker.models.load import resolve
from shelftalker.product import Product
from shelftalker.prompt import Prompt
from shelftalker.recipe.decoding import Decoding
from shelftalker.recipe.recipe import Recipe
from shelftalker.writing.writer import Writer, write_with
from tests.driving import prepared

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


def test_what_ctranslate2_calls_does_not_keep_the_engine(tiny_t5: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its thread lets go of the callback last: with it of the engine, it would join itself and end the process."""
    called: list[Any] = []
    opened = Ct2Engine._runner

    class Noting:
        def __init__(self, runner: Any) -> None:
            self.runner = runner

        def translate_batch(self, *rows: Any, callback: Any, **options: Any) -> Any:
            called.append(callback)
            return self.runner.translate_batch(*rows, callback=callback, **options)

    monkeypatch.setattr(Ct2Engine, "_runner", lambda self, rows: Noting(opened(self, rows)))
    engine = Ct2Engine(resolve(str(tiny_t5)), Recipe().with_flags(device="cpu"))
    with watched(lambda text: False):
        engine.generate(prepared(engine, [Prompt().render(PRODUCT)]), Decoding(max_new_tokens=4))
    gone = weakref.ref(engine)
    del engine
    gc.collect()
    assert len(called) == 1 and gone() is None
    assert called[0](None) is True, "a text that nobody waits for ends"
