"""Would more rows help? The curve says so where they do, and says no where they do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shelftalker.errors import ShelftalkerError
from shelftalker.finetuning.build import build
from shelftalker.finetuning.curve import Curve, learning_curve
from shelftalker.finetuning.material import Material
from shelftalker.recipe.recipe import Recipe
from tests.finetuning.test_finetune import tiny_recipe


def test_the_sentence_follows_the_gains() -> None:
    falling = Curve([100, 200, 400, 800], [4.4, 4.2, 4.0, 3.9])
    assert falling.expected == pytest.approx(0.05)
    assert falling.sentence.startswith("More rows would help: from 400 to 800 rows") and "-0.050" in falling.sentence
    assert Curve([100, 200, 400, 800], [4.4, 4.2, 4.0, 3.999]).sentence.startswith("More rows would hardly help")
    assert Curve([100, 200, 400, 800], [4.4, 4.2, 4.0, 4.1]).expected == 0


def test_a_curve_of_a_model_that_still_learns(tiny_t5: Path, data_dir: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(tiny_t5, data_dir, tmp_path, finetune={"batch_size": 4, "accumulation": 1, "epochs": 1})
    curve = learning_curve(recipe)
    assert curve.rows == [8, 16, 32, 64]
    assert curve.losses[-1] < curve.losses[0] and "would help" in curve.sentence
    assert list(tmp_path.iterdir()) == []


def test_it_learns_from_the_sources_that_the_recipe_shows(
    tiny_t5: Path, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = []

    def noting(recipe: Recipe, material: Material, *rest: Any) -> Any:
        read.append(material.train.counts.input_tokens)
        return build(recipe, material, *rest)

    monkeypatch.setattr("shelftalker.finetuning.trial.build", noting)
    recipe = tiny_recipe(tiny_t5, data_dir, tmp_path, prompt="Similar: {sources}\nTitle: {title}")
    for sources in (1, 0):
        learning_curve(recipe.with_flags(ground={"sources": sources}, finetune={"max_steps": 1, "batch_size": 4}))
    assert all(shown > alone for shown, alone in zip(read[:4], read[4:], strict=True))


def test_too_few_rows_for_a_curve(tiny_t5: Path, data_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(ShelftalkerError, match="too few for a curve") as caught:
        learning_curve(tiny_recipe(tiny_t5, data_dir, tmp_path, finetune={"batch_size": 16}))
    assert "128 rows" in str(caught.value.mend)
