"""What `tune` varies, within which bounds, and how a trial's values become a recipe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from shelftalker.recipe.recipe import Recipe

if TYPE_CHECKING:
    import optuna

RATES = (1e-4, 5e-3)
RANKS = (8, 16, 32, 64)
RATIOS = (1.0, 4.0, 16.0)
BATCHES = (4, 8, 16)

KEYS = {
    "learning_rate": "finetune.learning_rate",
    "rank": "lora.r",
    "rslora": "lora.rslora",
    "ratio": "lora.lora_plus_ratio",
    "batch": "finetune.batch_size",
}
"""A trial's parameters and the recipe keys that they set."""


def suggest(trial: optuna.Trial) -> dict[str, Any]:
    """A trial's values."""
    return {
        "learning_rate": trial.suggest_float("learning_rate", *RATES, log=True),
        "rank": trial.suggest_categorical("rank", RANKS),
        "rslora": trial.suggest_categorical("rslora", (False, True)),
        "ratio": trial.suggest_categorical("ratio", RATIOS),
        "batch": trial.suggest_categorical("batch", BATCHES),
    }


def settings_of(recipe: Recipe) -> dict[str, Any]:
    """The recipe's own values, moved to the nearest of the space: the first trial."""

    def nearest(value: float, among: tuple[Any, ...]) -> Any:
        return min(among, key=lambda one: abs(one - value))

    return {
        "learning_rate": min(max(recipe.finetune.learning_rate, RATES[0]), RATES[1]),
        "rank": nearest(recipe.lora.r, RANKS),
        "rslora": recipe.lora.rslora,
        "ratio": nearest(recipe.lora.lora_plus_ratio or 1.0, RATIOS),
        "batch": nearest(recipe.finetune.batch_size * recipe.finetune.accumulation, BATCHES),
    }


def applied(recipe: Recipe, values: Mapping[str, Any]) -> Recipe:
    """``recipe`` with a trial's values; alpha stays twice the rank, and a step is one forward pass of its rows."""
    ratio = values["ratio"]
    return recipe.with_flags(
        lora={
            "r": values["rank"],
            "alpha": 2 * values["rank"],
            "rslora": values["rslora"],
            "lora_plus_ratio": None if ratio == 1 else ratio,
        },
        finetune={
            "learning_rate": float(f"{values['learning_rate']:.2e}"),
            "batch_size": values["batch"],
            "accumulation": 1,
        },
    )
