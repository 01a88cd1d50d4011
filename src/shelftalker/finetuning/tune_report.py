"""What a search leaves to read: the trials in a table, their curves on a page, the winner as a recipe with comments."""

from __future__ import annotations

import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shelftalker import console, files
from shelftalker.finetuning import space
from shelftalker.pages import charts
from shelftalker.pages.page import render
from shelftalker.recipe.recipe import Recipe, keys

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

_SHOWN_CURVES = 6


def finished(study: optuna.Study) -> list[FrozenTrial]:
    """The trials that reached their last rung."""
    from optuna.trial import TrialState

    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))


def say(study: optuna.Study, deadline: float) -> None:
    """A line about the trial that has just ended."""
    trial = study.trials[-1]
    losses = list(trial.intermediate_values.values())
    loss = f"validation loss {losses[-1]:.3f}" if losses else "out of time"
    ended = "" if trial.value is not None else ", ended early"
    left = max(deadline - time.monotonic(), 0)
    console.note(f"trial {trial.number}: {_in_words(trial)}: {loss}{ended}; {left:.0f} s left")


def write_recipe(path: Path, recipe: Recipe, best: FrozenTrial, given: FrozenTrial, rows: int) -> None:
    """The winner as a recipe file: the keys that the recipe given sets, each with what it means."""
    import yaml

    won = space.applied(recipe, best.params)
    said = {key: field.description or "" for key, field in keys()}
    changed = {"lora.r", "lora.alpha", "lora.rslora", "lora.lora_plus_ratio", "finetune.learning_rate"}
    changed |= {"finetune.batch_size", "finetune.accumulation"}
    lines = [
        f"# Found by `shelftalker tune` (trial {best.number}): validation loss {best.value:.4f} nats a token after one"
        f" pass over {rows:,} rows,",
        f"# where the recipe given came to {given.value:.4f}. Keys that the search set are marked.",
        "",
    ]
    before = recipe.model_dump(mode="json", exclude_unset=True)
    after = won.model_dump(mode="json")
    for name, value in before.items():
        if not isinstance(value, dict):
            lines += _comment(said.get(name, ""))
            lines += [yaml.safe_dump({name: after[name]}, allow_unicode=True).rstrip(), ""]
            continue
        lines.append(f"{name}:")
        wanted = [key for key in after[name] if key in value or f"{name}.{key}" in changed]
        for key in wanted:
            mark = " (set by the search)" if f"{name}.{key}" in changed else ""
            text = yaml.safe_dump({key: after[name][key]}, allow_unicode=True).rstrip().splitlines()
            lines += [f"  {line}" for line in [*_comment(said.get(f"{name}.{key}", "") + mark), *text]]
        lines.append("")
    files.write_text(path, "\n".join(lines))


def _comment(text: str) -> list[str]:
    """A text of any length as lines of a comment."""
    return [f"# {line}" for line in textwrap.wrap(" ".join(text.split()), 112, break_long_words=False)]


def write_report(path: Path, study: optuna.Study, recipe: Recipe, rows: int) -> None:
    """The page: what won, the curves of the best and of the recipe given, every trial."""
    trials = [trial for trial in study.get_trials(deepcopy=False) if trial.intermediate_values]
    ranked = sorted(trials, key=lambda trial: (-max(trial.intermediate_values), _last(trial)))
    shown = ranked[:_SHOWN_CURVES]
    if trials[0] not in shown:
        shown[-1] = trials[0]
    steps = max(len(trial.intermediate_values) for trial in trials)
    series = [
        charts.Series(
            f"{trial.number}" + (" (given)" if trial.number == 0 else ""),
            f"c{at}",
            [(float(rung), loss, None, None) for rung, loss in sorted(trial.intermediate_values.items())],
        )
        for at, trial in enumerate(shown)
    ]
    table = [[str(trial.number), *_cells(trial), f"{_last(trial):.4f}", _ending(trial, steps)] for trial in ranked]
    html = render(
        "shelftalker.finetuning",
        "tune.html.j2",
        name=recipe.name,
        base=recipe.base_model,
        rows=f"{rows:,}",
        count=len(study.trials),
        best=ranked[0].number,
        best_words=_in_words(ranked[0]),
        best_loss=f"{_last(ranked[0]):.4f}",
        given_loss=f"{_last(trials[0]):.4f}",
        curves=charts.curve(series, [], "rung (a quarter, a half, all of a trial)", "validation loss"),
        head=["trial", *space.KEYS.values(), "validation loss", "ended"],
        table=table,
    )
    files.write_text(path, html)


def _last(trial: FrozenTrial) -> float:
    return trial.intermediate_values[max(trial.intermediate_values)]


def _ending(trial: FrozenTrial, steps: int) -> str:
    return "at its end" if trial.value is not None else f"at rung {len(trial.intermediate_values)} of {steps}"


def _cells(trial: FrozenTrial) -> list[str]:
    return [_written(trial.params.get(name)) for name in space.KEYS]


def _in_words(trial: FrozenTrial) -> str:
    return ", ".join(f"{name} {_written(value)}" for name, value in trial.params.items())


def _written(value: Any) -> str:
    return f"{value:.2e}" if isinstance(value, float) and value < 0.1 else str(value)
