"""The card of a promoted adapter: what a hub reads, what a person reads, and what neither may see."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from huggingface_hub import ModelCard

import shelftalker
from shelftalker.product import Product
from shelftalker.recipe.recipe import Recipe
from shelftalker.retrieve.shelf import Shelf
from tests.evaluation.played import PlayedEngine

pytestmark = pytest.mark.usefixtures("played")


def trained(run_dir: Path) -> None:
    """The manifest that training leaves in a run."""
    settings = {"finetune": {"learning_rate": 1e-3, "schedule": "cosine", "epochs": 2.0, "max_steps": None}}
    facts = {
        "examples": 1234,
        "target_tokens": 56789,
        "steps": 30,
        "train_seconds": 150.0,
        "device": "cpu",
        "dtype": "float32",
        "trainable_parameters": 4321,
        "parameters": 7654321,
    }
    (run_dir / "manifest.json").write_text(json.dumps({"settings": settings, "facts": facts}))


def promoted(recipe: Recipe, run_dir: Path) -> Path:
    return shelftalker.compare([run_dir], recipe, promote="best").promoted or Path()


def test_the_card_is_filled_from_the_run(recipe: Recipe, run_dir: Path) -> None:
    trained(run_dir)
    for checkpoint in run_dir.glob("checkpoint-*"):
        (checkpoint / "README.md").write_text("PEFT's own, empty")
    folder = promoted(recipe, run_dir)
    found = shelftalker.compare([run_dir], recipe, promote="best").results
    card = ModelCard.load(folder / "README.md")
    best = found.system(found.verdict.best or "")
    for name in ("rougeL", "chrf"):
        score = best.scores[name]
        places = 4 if name == "rougeL" else 2
        assert f"{score.value:.{places}f} [{score.low:.{places}f}, {score.high:.{places}f}]" in card.text
    for told in (
        "| copy-title |",
        "rank 4",
        "on q",
        "1,234 training examples",
        "0.001",
        "cosine",
        "12 validation rows",
    ):
        assert told in card.text, told
    assert found.verdict.sentence in card.text
    assert recipe.prompt in card.text
    assert f'writer = shelftalker.load("{folder.name}")' in card.text
    assert "holds no catalogue" in card.text
    assert card.data.library_name == "peft"
    assert card.data.license == "unknown", "nobody but the owner of the texts can say"
    assert {"lora", "shelftalker"} <= set(card.data.tags or [])
    assert card.data.eval_results is not None
    shown = {result.metric_type: result.metric_value for result in card.data.eval_results}
    assert shown["chrf"] == pytest.approx(best.scores["chrf"].value, abs=1e-3)


def test_nothing_in_the_folder_names_a_place_on_this_machine(recipe: Recipe, run_dir: Path, tmp_path: Path) -> None:
    recipe.save(run_dir / "recipe.yaml")
    for checkpoint in run_dir.glob("checkpoint-*"):
        (checkpoint / "shelftalker.json").write_text(json.dumps({"base_model": recipe.base_model, "step": 10}))
    folder = promoted(recipe, run_dir)
    named = [path.name for path in folder.rglob("*") if path.is_file() and str(tmp_path).encode() in path.read_bytes()]
    assert named == ["adapter_config.json"], "its base model is a folder, which must be found again"
    card = ModelCard.load(folder / "README.md")
    assert card.data.base_model is None
    assert "`base`, a local model" in card.text
    assert "base_model_name_or_path" in card.text
    kept = yaml.safe_load((folder / "recipe.yaml").read_text())
    assert kept["prompt"] == recipe.prompt
    assert kept["paths"]["outputs"] == "outputs"


@pytest.mark.parametrize(
    ("base", "hub"), [("smollm2", "HuggingFaceTB/SmolLM2-135M-Instruct"), ("google/flan-t5-small",) * 2]
)
def test_a_base_model_that_the_hub_has_is_named_as_the_hub_names_it(
    recipe: Recipe, run_dir: Path, base: str, hub: str
) -> None:
    from shelftalker.evaluation.model_card import model_card
    from shelftalker.models.load import ModelRef

    found = shelftalker.compare([run_dir], recipe).results
    ref = ModelRef("run", "adapter", str(run_dir / "checkpoint-10"), base)
    card = ModelCard(model_card(ref, "best", found, recipe))
    assert card.data.base_model == hub
    assert "Base model: apache-2.0" in card.text


def test_the_sample_catalogue_leaves_the_licence_to_the_base_model(recipe: Recipe, run_dir: Path) -> None:
    from shelftalker.evaluation.model_card import model_card
    from shelftalker.models.load import ModelRef

    found = shelftalker.compare([run_dir], recipe).results
    data = Path(found.data.path).parent / "card.json"
    before = data.read_bytes() if data.is_file() else None
    rows = {"raw": 5833, "train": 2794, "val": 357, "test": 349, "rejected": 2333}
    data.write_text(json.dumps({"rows": rows, "sources": [{"name": "bundled"}]}))
    try:
        ref = ModelRef("run", "adapter", str(run_dir / "checkpoint-10"), "smollm2")
        card = ModelCard(model_card(ref, "best", found, recipe.with_flags(language="en")))
    finally:
        data.unlink() if before is None else data.write_bytes(before)
    assert card.data.license == "apache-2.0"
    assert card.data.language == ["en"]
    assert "5,833 raw, of them 2,794 train" in card.text


def test_sources_that_travel_are_told(recipe: Recipe, run_dir: Path) -> None:
    from shelftalker.evaluation.model_card import model_card
    from shelftalker.models.load import resolve

    found = shelftalker.compare([run_dir], recipe).results
    shelf = run_dir / "checkpoint-10/sources"
    list(Shelf.write(shelf, [Product("A lamp", description="It shines."), Product("A mug", description="It holds.")]))
    (shelf / "index.json").write_text("{}")
    text = model_card(resolve(run_dir / "checkpoint-10"), "best", found, recipe.with_flags(route={"edit_from": 0.4}))
    assert "2 training products" in text
    assert "at least 0.4 similar" in text
    assert "publishes them" in text


def test_a_licence_that_was_filled_in_stays(recipe: Recipe, run_dir: Path, played: type[PlayedEngine]) -> None:
    card = promoted(recipe, run_dir) / "README.md"
    card.write_text(card.read_text().replace("license: unknown", "license: cc-by-4.0"))
    assert shelftalker.compare([run_dir], recipe, promote="best").skipped
    assert "license: cc-by-4.0" in card.read_text()
