"""The search: at least as good as where it starts, resumable, and never a look at the test rows."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from shelftalker.errors import ShelftalkerError
from shelftalker.finetuning import tune as search
from shelftalker.finetuning.tune import seconds, tune
from shelftalker.finetuning.tune_report import write_recipe
from shelftalker.recipe.recipe import Recipe, shipped
from tests.finetuning.test_finetune import tiny_recipe

pytestmark = pytest.mark.slow


def test_a_budget_is_a_length_of_time() -> None:
    assert [seconds(text) for text in ("30m", "2h", "90s", "90", " 1.5 H ")] == [1800, 7200, 90, 90, 5400]
    for text in ("soon", "0m", "", "-3m"):
        with pytest.raises(ShelftalkerError, match="no length of time"):
            seconds(text)


@pytest.fixture
def recipe(tiny_t5: Path, data_dir: Path, tmp_path: Path) -> Recipe:
    """A start that is much too cautious, over data without a test split."""
    data = shutil.copytree(data_dir, tmp_path / "data")
    (data / "test.jsonl").unlink()
    return tiny_recipe(tiny_t5, data, tmp_path, finetune={"learning_rate": 1e-4, "val_rows": 8})


def test_the_search_finds_a_better_recipe_and_goes_on_after_a_kill(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    original, begun = search._Search.run, 0

    def killed(self: search._Search, trial: object) -> float:
        nonlocal begun
        begun += 1
        if begun == 3:
            raise KeyboardInterrupt
        return original(self, trial)  # type: ignore[arg-type]

    monkeypatch.setattr(search._Search, "run", killed)
    with pytest.raises(KeyboardInterrupt):
        tune(recipe, budget="1h")
    monkeypatch.undo()
    found = tune(recipe, budget="1h", trials=8)
    assert "going on: 3 trials" in capsys.readouterr().err
    assert found.trials == 8 and found.best_loss < found.given_loss
    won = Recipe.load(found.recipe)
    assert won.finetune.learning_rate > 1e-4 and won.base_model == recipe.base_model
    text = found.recipe.read_text()
    assert "(set by the search)" in text and f"{found.best_loss:.4f}" in text
    page = found.report.read_text()
    assert f"{found.best_loss:.4f}" in page and "finetune.learning_rate" in page and "0 (given)" in page
    assert not list(found.report.parent.glob("trial/*"))


def test_a_budget_in_which_no_trial_fits(recipe: Recipe) -> None:
    with pytest.raises(ShelftalkerError, match="too short") as caught:
        tune(recipe, budget="0.1s")
    assert "at least" in str(caught.value.mend)


@pytest.mark.parametrize("name", sorted(shipped()))
def test_the_winner_is_a_recipe_whatever_it_was_looked_for_from(name: str, tmp_path: Path) -> None:
    best = SimpleNamespace(
        number=3,
        value=2.5,
        params={"learning_rate": 2e-4, "rank": 32, "rslora": True, "ratio": 4.0, "batch": 8},
    )
    given = Recipe.load(name)
    write_recipe(tmp_path / "won.yaml", given, best, best, 100)  # type: ignore[arg-type]
    won = Recipe.load(tmp_path / "won.yaml")
    assert (won.lora.r, won.finetune.learning_rate, won.finetune.batch_size) == (32, 2e-4, 8)
    assert (won.prompt, won.decoding, won.prepare, won.house) == (
        given.prompt,
        given.decoding,
        given.prepare,
        given.house,
    )
