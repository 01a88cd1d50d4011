"""A model's folder says how it is run; what is given with the command wins over it, and a line says so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from shelftalker.catalogue.clean.product import ProductCleaner
from shelftalker.catalogue.clean.rules import RULES
from shelftalker.errors import ShelftalkerError
from shelftalker.models.open import open_model
from shelftalker.product import Product
from shelftalker.recipe.carried import TITLE_RULES, carried
from shelftalker.recipe.decoding import Decoding
from shelftalker.recipe.recipe import Recipe

OWN = Recipe().with_flags(
    prompt="{title} by {brand}:",
    prompt_tokens=64,
    decoding={"sample": True, "temperature": 0.7, "top_p": 0.9, "max_new_tokens": 40, "min_new_tokens": 30},
    clean={"plain_quotes": True},
)


def folder(path: Path, facts: dict[str, Any] | None) -> Path:
    """A model's folder on paper: opening reads no weights."""
    path.mkdir()
    (path / "config.json").write_text('{"model_type": "t5"}')
    if facts is not None:
        (path / "shelftalker.json").write_text(json.dumps(facts))
    return path


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return folder(tmp_path / "own", {"schema": "shelftalker.hf/1", "recipe": carried(OWN)})


def test_a_folder_brings_prompt_decoding_length_and_cleaning(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = open_model(own).recipe
    assert carried(recipe) == carried(OWN)
    assert open_model(own, Recipe.load(None, {"device": "cpu", "paths.data": "x"})).recipe.decoding == OWN.decoding
    assert capsys.readouterr().err == "", "nothing was overridden, nothing is said"


def test_what_is_given_wins_and_one_line_says_so(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = Recipe.load(None, {"prompt_tokens": 128, "decoding.max_new_tokens": 50})
    recipe = open_model(own, given).recipe
    assert (recipe.prompt_tokens, recipe.decoding.max_new_tokens) == (128, 50)
    assert recipe.decoding.temperature == 0.7 and recipe.prompt == OWN.prompt
    said = capsys.readouterr().err
    assert "prompt_tokens 128 for 64" in said and "decoding.max_new_tokens 50 for 40" in said
    assert len(said.strip().splitlines()) == 1


def test_a_value_that_is_given_counts_even_where_it_is_the_default(own: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("prompt_tokens: 128\ndecoding:\n  sample: false\n")
    found = open_model(own, Recipe.load(recipe)).recipe
    assert found.prompt_tokens == 128
    assert not found.decoding.sample
    assert found.decoding.temperature == 1.0, "what only sampling uses is turned off with it"
    assert found.decoding.max_new_tokens == 40
    assert open_model(own, Recipe.load(recipe).with_flags(seed=1)).recipe.prompt_tokens == 128


@pytest.mark.parametrize(
    ("own_keys", "given", "expected"),
    [
        ({"beams": 4, "length_penalty": 2.0}, {"beams": 1}, {"beams": 1, "length_penalty": 1.0}),
        ({"beams": 4, "length_penalty": 2.0}, {"sample": True, "top_k": 5}, {"beams": 1, "top_k": 5}),
        ({"sample": True, "candidates": 4}, {"beams": 3}, {"sample": False, "candidates": 1, "beams": 3}),
        ({"min_new_tokens": 120}, {"max_new_tokens": 16}, {"min_new_tokens": 16, "max_new_tokens": 16}),
    ],
)
def test_a_switch_takes_along_what_hangs_on_it(
    own_keys: dict[str, Any], given: dict[str, Any], expected: dict[str, Any], tmp_path: Path
) -> None:
    facts = {"recipe": carried(Recipe().with_flags(decoding=own_keys))}
    found = open_model(folder(tmp_path / "m", facts), Recipe().with_flags(decoding=given)).recipe.decoding
    assert {key: getattr(found, key) for key in expected} == expected


def test_two_changes_that_contradict_each_other_stay_an_error() -> None:
    with pytest.raises(ValueError, match="set beams to 1"):
        Decoding().over({"sample": True, "beams": 4})
    with pytest.raises(ValueError, match="max_new_tokens"):
        Decoding().over({"max_new_tokens": "many"})


def test_folders_of_earlier_versions_open_and_say_what_they_lack(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = tmp_path / "old"
    old.mkdir()
    (old / "adapter_config.json").write_text('{"peft_type": "LORA", "base_model_name_or_path": "bundled"}')
    save_file({"w": np.zeros(1, np.float32)}, old / "adapter_model.safetensors")
    (old / "shelftalker.json").write_text(json.dumps({"prompt": "{title} =", "max_input_tokens": 96, "step": 3}))
    recipe = open_model(old, Recipe().with_flags(decoding={"max_new_tokens": 9})).recipe
    assert (recipe.prompt, recipe.prompt_tokens, recipe.decoding.max_new_tokens) == ("{title} =", 96, 9)
    assert "old does not say its own decoding" in capsys.readouterr().err


def test_a_folder_without_a_word_is_run_by_the_recipe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert carried(open_model(folder(tmp_path / "base", None), OWN).recipe) == carried(OWN)
    assert open_model("bundled", OWN).recipe.prompt == OWN.prompt
    assert capsys.readouterr().err == ""


def test_a_folder_that_says_what_no_recipe_takes_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    facts = {"recipe": {"prompt": "no field in it"}}
    with pytest.raises(ShelftalkerError, match="prompt") as caught:
        open_model(folder(tmp_path / "m", facts))
    assert "shelftalker.json" in str(caught.value.where)


def test_titles_and_attributes_are_cleaned_by_the_rules_that_travel() -> None:
    assert {name for name, rule in RULES.items() if rule.for_titles} == set(TITLE_RULES)
    dirty = Product("  Tom &amp; Jerry <b>Mug</b>\n", attributes={"brand": "Caf&eacute;\u00a0Co"}, facts=(" <i></i> ",))
    clean = ProductCleaner(Recipe().clean).product(dirty)
    assert clean == Product("Tom & Jerry Mug", attributes={"brand": "Café Co"})
    assert ProductCleaner(Recipe().clean).product(clean) == clean
    raw = ProductCleaner(Recipe().with_flags(clean={"tags": False}).clean).product(dirty)
    assert raw.title == "Tom & Jerry <b>Mug</b>"
