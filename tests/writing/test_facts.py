"""A column `facts` is what it says, through every door: short phrases, told where the prompt has a place for them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fakes import FakeEngine
from generation.played import MODEL, PlayedEngine

import shelftalker
from shelftalker import ShelftalkerError
from shelftalker.catalogue.examples import load_split
from shelftalker.product import Product, facts_in
from shelftalker.prompt import Prompt
from shelftalker.recipe.recipe import Recipe
from shelftalker.writing.job.job import generate
from shelftalker.writing.writer import Writer

TEMPLATE = "{attributes}\nFacts: {facts}\nTitle: {title}\nDescription:"
RECIPE = Recipe().with_flags(prompt=TEMPLATE)


@pytest.mark.parametrize(
    "value",
    ["soup for twenty; weighs 90 kg", "soup for twenty\n weighs 90 kg\n", "• soup for twenty • weighs 90 kg",
     "soup for twenty | weighs 90 kg;", ["soup for twenty", " weighs 90 kg "]],
)  # fmt: skip
def test_phrases_are_told_apart(value: object) -> None:
    assert facts_in(value) == ("soup for twenty", "weighs 90 kg")


def test_a_column_is_told_as_facts_and_not_as_an_attribute() -> None:
    column = Product("Pot", attributes={"brand": "Boilwell", "facts": "soup for twenty; weighs 90 kg"})
    typed = Product("Pot", attributes={"brand": "Boilwell"}, facts=("soup for twenty", "weighs 90 kg"))
    prompt = Prompt(TEMPLATE)
    assert prompt.render(column) == prompt.render(typed)
    assert prompt.given(column) == prompt.given(typed)
    assert "facts: soup" in Prompt("{attributes}\nTitle: {title}").render(column), "a prompt without a place for them"


def test_what_was_used_is_said() -> None:
    writer = Writer(FakeEngine("fake", RECIPE), RECIPE)
    writer.expect({"facts": "soup"})
    (one,) = writer.write([Product("Pot", attributes={"facts": "soup for twenty;  weighs 90 kg"})])
    assert one.summary()["facts"] == {"soup for twenty": True, "weighs 90 kg": True}
    assert one.text == "The Pot weighs 90 kg. Soup for twenty comes first.", "the sentence, and nothing behind it"
    assert one.publishable, "90 kg was given"
    assert "facts" not in Writer(FakeEngine(), Recipe()).write([Product("Pot")])[0].summary()


def test_a_model_that_takes_no_facts_says_so() -> None:
    with pytest.raises(ShelftalkerError, match="no field facts"):
        Writer(FakeEngine(), Recipe()).expect({"facts": "soup"})


def test_a_catalogue_keeps_them_apart(tmp_path: Path) -> None:
    rows = [
        {"title": f"Pot number {number}", "description": f"A pot for the stove, the {number}th of them all.",
         "facts": ["<b>soup</b> for twenty", "weighs 90 kg"] if number % 2 else "soup for twenty\nweighs 90 kg"}
        for number in range(30)
    ]  # fmt: skip
    source = tmp_path / "pots.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    recipe = RECIPE.with_flags(
        paths={"data": tmp_path / "data"}, prepare={"inputs": [str(source)], "keep_columns": ["facts"]}
    )
    shelftalker.prepare(recipe)
    kept = load_split(tmp_path / "data", "train")
    assert kept and all(recipe.as_prompt.given(row).facts == ("soup for twenty", "weighs 90 kg") for row in kept)


@pytest.mark.parametrize("value", ["soup for twenty; weighs 90 kg", ["soup for twenty", "weighs 90 kg"]])
def test_a_job_tells_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: object) -> None:
    played = PlayedEngine()
    monkeypatch.setattr("shelftalker.generation.load.load_engine", lambda *_: played)
    monkeypatch.setattr("shelftalker.models.open.resolve", lambda *_: MODEL)
    source = tmp_path / "in.jsonl"
    source.write_text(json.dumps({"title": "Pot", "Facts": value}) + "\n")
    generate(source, tmp_path / "out.jsonl", "played", RECIPE)
    assert "Facts: soup for twenty; weighs 90 kg\n" in played.prompts[0]


def test_the_server_takes_them_and_says_which_were_used() -> None:
    pytest.importorskip("fastapi", reason="the extra [serve] is not installed")
    from fastapi.testclient import TestClient

    from shelftalker.serve.app import create_app

    app = create_app("fake", RECIPE, writer=Writer(FakeEngine("fake", RECIPE), RECIPE))
    with TestClient(app, base_url="http://127.0.0.1") as client:
        answer = client.post("/describe", json={"title": "Pot", "columns": {"facts": "weighs 90 kg; soup"}}).json()
    assert answer["descriptions"][0]["facts"] == {"weighs 90 kg": True, "soup": True}
