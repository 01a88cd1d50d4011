"""A catalogue in another language than English: its descriptions are checked with its words, through the writer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fakes import FakeEngine

from shelftalker.product import Product as Given
from shelftalker.recipe.recipe import Recipe
from shelftalker.retrieve.ground import Sources
from shelftalker.writing.writer import Writer


class Portuguese(FakeEngine):
    """Writes a Portuguese sentence for every prompt."""

    def generate(self, prompts, decoding, *, advance=None):  # type: ignore[no-untyped-def]
        return [
            [type(one)("Uma caneca vermelha que cabe na mão e no armário.", 9, False, -0.5) for one in drawn]
            for drawn in super().generate(prompts, decoding, advance=advance)
        ]


def fired(recipe: Recipe) -> set[str]:
    writer = Writer(Portuguese("fake", recipe), recipe)
    return {one.check for one in writer.write([Given("Caneca Azul de Cerâmica")])[0].findings}


def test_the_recipes_language_is_what_the_checks_expect() -> None:
    assert fired(Recipe(language="pt")) == {"contradiction"}
    assert "language" in fired(Recipe())


PT = "Uma caneca vermelha que cabe na mão e no armário, para o café da manhã ou o chá da tarde."
EN = "A red mug that fits the hand and the shelf, for the morning's coffee or the afternoon's tea."


def findings(recipe: Recipe, product: Given, split: list[Given], folder: Path) -> set[str]:
    writer = Writer(Portuguese("fake", recipe), recipe, Sources.build(split, folder / "sources", "abc", "row"))
    return {one.check for one in writer.write([product])[0].findings}


def test_a_text_in_another_language_than_its_titles_neighbours_is_a_finding(tmp_path: Path) -> None:
    """The catalogue is mixed: what a row is to be in, the products with titles like its own say."""
    said = {
        "Caneca Rubi": PT,
        "Caneca Jade": "Esta é a caneca que não sai da mesa, nem quando a visita vai embora.",
        "Caneca Onix": "O esmalte é preto por dentro e por fora, com uma borda que não lasca.",
        "Mug Ruby": EN,
        "Mug Jade": "This is the one that stays on the table when the guests are gone.",
        "Mug Onyx": "The glaze is dark on the inside and the outside, with a rim that does not chip.",
    }
    mixed = [Given(title, title, description=text) for title, text in said.items()]
    recipe = Recipe().with_flags(language="en", route={"edit_from": 1.0})
    assert "language" not in findings(recipe, Given("Caneca Topázio"), mixed, tmp_path / "a")
    assert "language" in findings(recipe, Given("Mug Topaz"), mixed, tmp_path / "b")
    assert "language" in findings(recipe, Given("Topaz"), mixed[:1], tmp_path / "c"), "one neighbour decides nothing"


def test_a_column_says_the_language_of_a_row_before_all_else(tmp_path: Path) -> None:
    recipe = Recipe().with_flags(prepare={"language_column": "lang"}, language="en")
    writer = Writer(Portuguese("fake", recipe), recipe)

    def fired(said: str) -> bool:
        (one,) = writer.write([Given("Caneca", attributes={"lang": said})])
        assert "lang" not in writer.engine.calls[-1][0][0]
        return "language" in {found.check for found in one.findings}

    assert [fired(said) for said in ("pt-BR", "Portuguese", "en", "", "de")] == [False, False, True, True, True]


def test_a_job_and_its_review_read_the_column(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("fastapi", reason="the extra [serve] is not installed")
    from shelftalker.review.app import open_desk
    from shelftalker.writing.job.job import generate

    recipe = Recipe().with_flags(prepare={"language_column": "Sprache"})
    engine = Portuguese("fake", recipe)
    monkeypatch.setattr("shelftalker.generation.load.load_engine", lambda *_: engine)
    monkeypatch.setattr("shelftalker.models.open.resolve", lambda *_: engine.model)
    source = tmp_path / "shop.csv"
    source.write_text("sku,title,sprache\n1,Caneca,pt\n2,Mug,en\n", encoding="utf-8")
    done = generate(source, tmp_path / "out.jsonl", "fake", recipe)
    rows = [json.loads(line) for line in done.output.read_text(encoding="utf-8").splitlines()]
    assert ["language" in {one["check"] for one in row["findings"]} for row in rows] == [False, True]
    desk = open_desk(done.output, Recipe())
    try:
        assert ["language" in {one["check"] for one in desk.judged(row, PT)["findings"]} for row in (0, 1)] == [
            False,
            True,
        ]
        assert "language" in {one["check"] for one in desk.judged(0, EN)["findings"]}
    finally:
        desk.store.close()


def test_references_of_a_mixed_catalogue_are_each_checked_in_their_own_language(tmp_path: Path) -> None:
    from shelftalker.evaluation.rows import Rows

    texts = [PT if number % 3 else EN for number in range(9)]
    lines = [
        {"uid": str(number), "title": f"Caneca {number}", "input_text": "x", "target_text": f"{text} {number}."}
        for number, text in enumerate(texts)
    ]
    (tmp_path / "val.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    recipe = Recipe().with_flags(paths={"data": str(tmp_path)})
    assert [row.language for row in Rows(recipe, "val", None).products] == ["en", "pt", "pt"] * 3


def test_facts_are_mined_in_the_catalogues_language() -> None:
    from shelftalker.finetuning.targets import taught

    rows = [Given("Caneca Vermelha", "1", description=f"{PT} É feita de bambu e leva duas tampas azuis de madeira.")]
    (row,) = taught(rows, Recipe().with_flags(finetune={"targets": "supported"}))
    assert "bambu" not in row.description and "caf" in row.description
