"""Sources and routes through the whole chain: trained, compared, promoted, exported, written, resumed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from shelftalker.catalogue.prepare import prepare
from shelftalker.errors import ShelftalkerError
from shelftalker.evaluation.compare import Comparison, compare
from shelftalker.export.export import export
from shelftalker.finetuning.trainer import finetune
from shelftalker.models.load import resolve
from shelftalker.models.open import open_model
from shelftalker.recipe.recipe import Recipe
from shelftalker.writing.job.job import generate

COLOURS = ("red", "blue", "green", "grey", "pink", "black", "white", "brown", "purple", "yellow")
THINGS = ("mug", "scarf", "lamp", "chair", "kettle", "brush", "wallet", "bottle", "blanket", "basket")
PROMPT = "Similar: {sources}\nTitle: {title}\nDescription:"


@pytest.fixture(scope="module")
def recipe(tiny_t5: Path, tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    folder = tmp_path_factory.mktemp("chain")
    rows = [
        {"uid": f"{thing}-{colour}", "title": f"Ashdown {thing} number {number}, {colour}", "content": text}
        for number, thing in enumerate(THINGS)
        for colour in COLOURS
        for text in [f"A {colour} {thing} for every day of the year, made to last and easy to love at once."]
    ]
    (folder / "catalogue.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    made = Recipe().with_flags(
        name="chain",
        base_model=str(tiny_t5),
        device="cpu",
        prompt=PROMPT,
        paths={"data": str(folder / "data"), "outputs": str(folder / "out"), "artifacts": str(folder / "artifacts")},
        prepare={"inputs": [str(folder / "catalogue.jsonl")], "workers": 1},
        duplicates={"near": False},
        split={"by": "row", "train": 0.7, "val": 0.2, "test": 0.1},
        finetune={"max_steps": 2, "save_steps": 2, "val_rows": 4, "batch_size": 4},
        decoding={"max_new_tokens": 12},
        generate={"engine": "transformers", "window_rows": 4},
        evaluate={"nll": False, "resamples": 100},
        route={"edit_from": "auto"},
    )
    prepare(made)
    finetune(made)
    return made


@pytest.fixture(scope="module")
def compared(recipe: Recipe) -> Comparison:
    return compare([recipe.run_dir], recipe, promote="best")


def test_the_run_has_the_index_of_what_it_learnt_from(recipe: Recipe) -> None:
    said = json.loads(next(recipe.run_dir.glob("checkpoint-*")).joinpath("shelftalker.json").read_text())
    card = json.loads((recipe.run_dir / "sources/index.json").read_text())
    assert said["sources"] == card["hash"]
    assert card["split_by"] == "row" and card["products"] > 50
    assert said["recipe"]["ground"]["sources"] == 1


def test_compare_chooses_from_where_on_siblings_are_edited(compared: Comparison, recipe: Recipe) -> None:
    best = compared.results.system(compared.best)
    assert best.edit_from is not None, "an untrained model loses to an edited sibling"
    rows = [row.predictions[compared.best] for row in compared.results.rows]
    assert {row.route for row in rows} >= {"edited"}
    assert all(row.sources for row in rows if row.route == "edited")
    assert json.loads((recipe.paths.artifacts / "best/shelftalker.json").read_text())["recipe"]["route"] == {
        "edit_from": best.edit_from,
        "least_words": 0,
    }


def test_the_promoted_model_is_run_as_it_was_chosen(compared: Comparison, recipe: Recipe) -> None:
    assert compared.promoted is not None
    for given in (Recipe(), recipe):
        opened = open_model(compared.promoted, given)
        assert opened.recipe.route.edit_from == compared.results.system(compared.best).edit_from
        assert opened.recipe.prompt == PROMPT
    assert (compared.promoted / "sources/products.jsonl").is_file()


def described(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_job_says_route_and_sources_and_resumes_byte_for_byte(
    compared: Comparison, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"id": str(n), "title": f"Ashdown mug number 0, {colour}"} for n, colour in enumerate(COLOURS)]
    rows += [{"id": "x", "title": "Quite another thing"}]
    source = tmp_path / "in.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert compared.promoted is not None
    small = Recipe().with_flags(generate={"window_rows": 4})
    generate(source, tmp_path / "whole.jsonl", compared.promoted, small)
    found = described(tmp_path / "whole.jsonl")
    assert [row["route"] for row in found] == ["edited"] * 10 + ["written"]
    assert found[0]["description"].startswith("A red mug for every day")
    assert found[0]["sources"][0]["title"].startswith("Ashdown mug") and found[0]["sources"][0]["similarity"] > 0.5
    from shelftalker.writing.job import job

    kept = job._keep

    def killed(path: Path, data: bytes) -> None:
        if path.name == "part-00000001.jsonl":
            raise KeyboardInterrupt
        kept(path, data)

    monkeypatch.setattr(job, "_keep", killed)
    with pytest.raises(KeyboardInterrupt):
        generate(source, tmp_path / "again.jsonl", compared.promoted, small)
    monkeypatch.undo()
    generate(source, tmp_path / "again.jsonl", compared.promoted, small, resume=True)
    assert (tmp_path / "again.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def test_an_export_brings_its_sources_along(compared: Comparison, tmp_path: Path) -> None:
    assert compared.promoted is not None
    out = export(compared.promoted, "hf", tmp_path / "hf")
    opened = open_model(out)
    assert opened.ref.sources == out / "sources"
    assert opened.recipe.route.edit_from == compared.results.system(compared.best).edit_from
    listed = json.loads((out / "manifest.json").read_text())["outputs"]
    assert "sources/index.json" in listed


def test_another_index_makes_another_model_and_is_refused(compared: Comparison, tmp_path: Path) -> None:
    assert compared.promoted is not None
    copy = tmp_path / "copy"
    shutil.copytree(compared.promoted, copy)
    before = resolve(copy, Recipe()).content_hash
    assert before == resolve(compared.promoted, Recipe()).content_hash
    card = json.loads((copy / "sources/index.json").read_text())
    (copy / "sources/index.json").write_text(json.dumps(card | {"hash": "other"}))
    assert resolve(copy, Recipe()).content_hash != before
    (tmp_path / "in.jsonl").write_text('{"title": "Ashdown mug"}\n')
    with pytest.raises(ShelftalkerError, match="not the one that this model was trained with"):
        generate(tmp_path / "in.jsonl", tmp_path / "out.jsonl", copy)
