"""Recipes: defaults < YAML < flags, and errors that name the key and the mend."""

from __future__ import annotations

from pathlib import Path

import pytest

from shelftalker.errors import ShelftalkerError
from shelftalker.recipe import recipe as recipes
from shelftalker.recipe.recipe import Recipe


def test_flags_win_over_yaml_and_yaml_over_defaults(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("seed: 7\nlora: {r: 4, alpha: 8}\n")
    recipe = Recipe.load(file, {"lora.r": "32", "decoding.beams": 4})
    assert (recipe.seed, recipe.lora.r, recipe.lora.alpha, recipe.decoding.beams) == (7, 32, 8, 4)
    assert recipe.base_model == "google/flan-t5-base"


@pytest.mark.parametrize(
    ("text", "what", "mend"),
    [
        ("lora: {rank: 4}", "unknown recipe key lora.rank", None),
        ("decoding: {beam: 4}", "unknown recipe key decoding.beam", "did you mean decoding.beams?"),
        ("fintune: {epochs: 1}", "unknown recipe key fintune", "did you mean finetune?"),
        ("decoding: {beams: 0}", "decoding.beams = 0", "Beams"),
        ("lora: {r: many}", "lora.r = 'many'", "Rank"),
        ("split: {train: 0.9}", "train + val + test must be 1", None),
        ("prompt: hello", "needs {title}", None),
        ("lora: 3", "lora = 3", None),
    ],
)
def test_a_bad_key_or_value_is_named_with_its_file_and_mend(
    tmp_path: Path, text: str, what: str, mend: str | None
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    with pytest.raises(ShelftalkerError) as caught:
        Recipe.load(file)
    assert what in caught.value.what
    assert str(file) in (caught.value.where or "")
    if mend:
        assert mend in (caught.value.mend or "")


def test_a_bad_flag_is_named_as_a_flag() -> None:
    with pytest.raises(ShelftalkerError) as caught:
        Recipe.load(None, {"lora.r": "0"})
    assert caught.value.where == "flag --lora.r"


@pytest.mark.parametrize("text", ["lora: [", "a: b: c", "- 1"])
def test_broken_yaml_names_the_file(tmp_path: Path, text: str) -> None:
    file = tmp_path / "broken.yaml"
    file.write_text(text)
    with pytest.raises(ShelftalkerError, match=r"broken\.yaml"):
        Recipe.load(file)


def test_an_unknown_recipe_lists_the_shipped_ones() -> None:
    with pytest.raises(ShelftalkerError) as caught:
        Recipe.load("no-such-recipe")
    assert "sample" in (caught.value.mend or "")


def test_a_saved_recipe_reads_back_as_itself(tmp_path: Path) -> None:
    recipe = Recipe.load(None, {"lora.r": 8, "split.by": "row", "prepare.inputs": ["a.csv"]})
    recipe.save(tmp_path / "recipe.yaml")
    assert Recipe.load(tmp_path / "recipe.yaml") == recipe


def test_every_key_is_documented() -> None:
    undocumented = [key for key, field in dict(recipes.keys()).items() if not field.description]
    assert undocumented == []
    text = recipes.reference()
    assert "`lora.r` (int, at least 1; default `16`)" in text


def test_with_flags_checks_what_it_is_given() -> None:
    assert Recipe().with_flags(lora={"r": 2}).lora.r == 2
    with pytest.raises(ShelftalkerError, match="unknown recipe key"):
        Recipe().with_flags(loar={"r": 2})


def test_a_key_that_has_moved_names_its_new_place() -> None:
    for key in ("finetune.max_input_tokens", "generate.max_input_tokens"):
        with pytest.raises(ShelftalkerError) as caught:
            Recipe.load(None, {key: 96})
        assert "prompt_tokens" in str(caught.value.mend) and key in str(caught.value.where)
