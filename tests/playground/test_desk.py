"""What the playground offers and how it writes, without a browser."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from fakes import FakeEngine

from shelftalker.errors import ShelftalkerError
from shelftalker.playground import view
from shelftalker.playground.desk import TITLES, Desk, decoding_of, differences
from shelftalker.playground.one import Asked, cards
from shelftalker.recipe.decoding import Decoding
from shelftalker.recipe.recipe import Recipe
from shelftalker.writing.writer import Writer


def attempt(desk: Desk, label: str, title: str, decoding: Decoding, columns: dict[str, str]) -> str:
    """The last card that the page shows."""
    return list(cards(desk, Asked(label, title, decoding, columns)))[-1][0]


def fake_writer(model: str, recipe: Recipe) -> Writer:
    if "broken" in model:
        raise ShelftalkerError("the model cannot be had", where=model, mend="download it")
    return Writer(FakeEngine(model, recipe), recipe)


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    paths = {"data": tmp_path / "data", "outputs": tmp_path / "outputs", "artifacts": tmp_path / "artifacts"}
    return Recipe().with_flags(base_model="base-name", paths=paths, decoding={"beams": 4, "length_penalty": 1.2})


def adapter(folder: Path, tiny_t5: Path) -> Path:
    """A real adapter of the tiny model, as training saves it."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForSeq2SeqLM

    made = folder.parent.parent / "made"
    if not made.exists():
        config = LoraConfig(r=2, target_modules=["q", "v"], task_type="SEQ_2_SEQ_LM")
        get_peft_model(AutoModelForSeq2SeqLM.from_pretrained(tiny_t5), config).save_pretrained(
            made, save_embedding_layers=False
        )
    shutil.copytree(made, folder)
    return folder


def test_without_a_run_there_is_the_base_model_and_examples_to_try(recipe: Recipe) -> None:
    desk = Desk(recipe.run_dir, recipe, load=fake_writer)
    assert [choice.label for choice in desk.choices] == ["base model (base-name)"]
    assert desk.titles == list(TITLES)


def test_a_run_offers_promoted_then_checkpoints_newest_first_then_the_base(recipe: Recipe, tiny_t5: Path) -> None:
    for step in (20, 100, 60):
        adapter(recipe.run_dir / f"checkpoint-{step}", tiny_t5)
    shutil.copytree(recipe.run_dir / "checkpoint-60", recipe.promoted_dir)
    (recipe.run_dir / "checkpoint-120").mkdir()  # cut short: not offered
    desk = Desk(str(recipe.run_dir), recipe, load=fake_writer)
    assert [choice.label for choice in desk.choices] == [
        "promoted (t5_lora_best)",
        "checkpoint-100 of t5_lora",
        "checkpoint-60 of t5_lora",
        "checkpoint-20 of t5_lora",
        "base model (base-name)",
    ]
    assert desk.base.model == "base-name"
    assert Desk(recipe.run_dir / "checkpoint-20", recipe).choices[0].label == "checkpoint-20 of t5_lora"
    other = adapter(recipe.paths.outputs / "other" / "checkpoint-7", tiny_t5)
    assert [choice.label for choice in Desk(other.parent, recipe).choices][:2] == [
        "checkpoint-7 of other",
        "promoted (t5_lora_best)",
    ]
    assert Desk("base-name", recipe).choices[0].label == "base model (base-name)"


def test_an_adapter_from_elsewhere_comes_first_beside_its_own_base(
    recipe: Recipe, tiny_t5: Path, tmp_path: Path
) -> None:
    other = adapter(tmp_path / "elsewhere" / "adapter", tiny_t5)
    desk = Desk(str(other), recipe, load=fake_writer)
    assert desk.choices[0].label == str(other)
    assert desk.base.model == str(tiny_t5)


def test_a_model_that_is_not_there_is_an_error(recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(ShelftalkerError, match="no such model folder"):
        Desk(tmp_path / "nowhere" / "at" / "all", recipe)


def test_examples_are_validation_titles_with_their_references(recipe: Recipe, data_dir: Path) -> None:
    recipe = recipe.with_flags(paths={"data": data_dir})
    desk = Desk(None, recipe, load=fake_writer)
    rows = [json.loads(line) for line in (data_dir / "val.jsonl").read_text().splitlines()]
    known = {row["title"]: row["target_text"] for row in rows}
    assert desk.titles
    for title in desk.titles:
        assert desk.reference(f" {title} ") == known[title]
    assert desk.reference("never seen") is None


def test_at_most_three_models_stay_loaded(recipe: Recipe) -> None:
    loads: list[str] = []

    def count(model: str, recipe: Recipe) -> Writer:
        loads.append(model)
        return fake_writer(model, recipe)

    desk = Desk(None, recipe, load=count)
    from shelftalker.playground.desk import Choice

    desk.choices = [Choice(f"c{number}", f"m{number}") for number in range(4)]
    for label in ("c0", "c1", "c2", "c0", "c3", "c0", "c1"):
        desk.write(label, "Oak chair", recipe.decoding)
    assert loads == ["m0", "m1", "m2", "m3", "m1"]
    assert desk.is_loaded("c0")
    assert not desk.is_loaded("c2")


def test_an_unknown_label_reaches_no_loader(recipe: Recipe) -> None:
    with pytest.raises(ShelftalkerError, match="no model is called"):
        Desk(None, recipe, load=fake_writer).write("/etc", "Oak chair", recipe.decoding)


def test_the_controls_begin_at_the_recipes_decoding(recipe: Recipe) -> None:
    assert decoding_of(recipe, {}) == recipe.decoding
    same = decoding_of(recipe, {"beams": 4, "repetition_penalty": 1.001, "temperature": 0.7, "top_p": 0.5})
    assert same == recipe.decoding  # a slider's rounding is no change, and what sampling only would use is off
    assert "as in the recipe" in view.settings(recipe, same)


def test_sampling_turns_beams_off_and_back(recipe: Recipe) -> None:
    drawn = decoding_of(recipe, {"beams": 4, "sample": True, "temperature": 0.7, "top_p": 0.9, "seed": 3})
    assert (drawn.beams, drawn.length_penalty, drawn.temperature, drawn.top_p, drawn.seed) == (1, 1.0, 0.7, 0.9, 3)
    greedy = decoding_of(recipe, {"beams": 1, "sample": False, "temperature": 0.7})
    assert (greedy.method, greedy.temperature) == ("greedy", 1.0)


def test_a_recipe_that_samples_candidates_can_be_tried_greedily(recipe: Recipe) -> None:
    sampling = recipe.with_flags(
        decoding={"beams": 1, "length_penalty": 1, "sample": True, "top_k": 50, "candidates": 4}
    )
    assert decoding_of(sampling, {}).candidates == 4
    assert decoding_of(sampling, {"sample": False}).method == "greedy"


def test_a_change_is_said_with_the_flags_that_keep_it(recipe: Recipe) -> None:
    changed = decoding_of(recipe, {"no_repeat_ngram": 3, "max_new_tokens": 64})
    assert differences(recipe, changed) == {"no_repeat_ngram": (3, 0), "max_new_tokens": (64, 128)}
    said = view.settings(recipe, changed)
    assert "--decoding.no_repeat_ngram 3 --decoding.max_new_tokens 64" in said
    assert "as in the recipe" not in said


def test_a_value_out_of_range_is_an_error(recipe: Recipe) -> None:
    with pytest.raises(ShelftalkerError, match="max_new_tokens"):
        decoding_of(recipe, {"max_new_tokens": 0})


def test_findings_are_highlighted_and_text_is_escaped(recipe: Recipe) -> None:
    desk = Desk(None, recipe, load=fake_writer)
    shown = attempt(desk, desk.base.label, "Oak < script > & chair", recipe.decoding, {})
    assert "< script >" not in shown
    assert "&lt; script &gt; &amp; chair" in shown
    assert "<mark" in shown
    assert "90 kg</mark>" in shown
    assert "7 tokens" in shown


def test_many_findings_unfold() -> None:
    from shelftalker.checks.check import Finding
    from shelftalker.writing.written import Written

    text = "1 2 3 4 5 6"
    findings = tuple(Finding("number", text[at], at, at + 1, f"no {text[at]} there") for at in range(0, 11, 2))
    shown = view.card("x", Written("t", text, findings, 6, False, None, "engine:e|dtype:d"))
    before, after = shown.split("<summary>2 more</summary>")
    assert before.count("<li>") == 4
    assert after.count("<li>") == 2
    assert "6 findings" in shown


def test_a_fault_of_ours_is_said_too_without_its_details(recipe: Recipe, capsys: pytest.CaptureFixture[str]) -> None:
    desk = Desk(None, recipe, load=fake_writer)
    shown = attempt(desk, desk.base.label, "explode", recipe.decoding, {})
    assert "This is a fault of shelftalker (RuntimeError)." in shown
    assert "secret detail" not in shown
    assert "secret detail" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("label", "title", "said"),
    [("broken", "Oak chair", "The model cannot be had."), ("base", "  ", "There is no title yet.")],
)
def test_errors_are_sentences_on_the_page(recipe: Recipe, label: str, title: str, said: str) -> None:
    from shelftalker.playground.desk import Choice

    desk = Desk(None, recipe, load=fake_writer)
    desk.choices = [Choice("broken", "broken"), Choice("base", "base")]
    shown = attempt(desk, label, title, recipe.decoding, {})
    assert said in shown
    assert "What mends it:" in shown
    assert "Traceback" not in shown


def test_columns_of_the_house_rules_can_be_filled_in(recipe: Recipe, tmp_path: Path) -> None:
    """They stand beside the fields of the prompt, and the rules of that category hold for what is written."""
    rules = {"required": [{"phrase": "Keep it dry.", "where": {"category": "Lamps"}, "add": True}]}
    here = recipe.with_flags(house=rules, prompt="Brand: {brand}\nTitle: {title}\nDescription:")
    desk = Desk("base-name", here, load=fake_writer)
    assert desk.fields == ["brand", "category"]
    label = desk.choices[0].label
    written = desk.write(label, "Blue lamp", here.decoding, {"brand": "Holm", "category": "Lamps"})
    assert written.text.endswith("Keep it dry.")
    assert not desk.write(label, "Blue lamp", here.decoding, {"brand": "Holm", "category": ""}).text.endswith("dry.")
