"""`tune`: looks for a fine-tuning recipe for one's own catalogue, by successive halving on the validation loss."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from shelftalker import console, device, extras
from shelftalker.awake import kept_awake
from shelftalker.errors import ShelftalkerError
from shelftalker.finetuning import space, tune_report
from shelftalker.finetuning.material import sources_of
from shelftalker.finetuning.trial import climb
from shelftalker.models.load import ModelRef, resolve
from shelftalker.recipe.recipe import Recipe

if TYPE_CHECKING:
    import optuna

    from shelftalker.retrieve.ground import Sources

JOURNAL = "trials.log"
# The validation loss is taken after these shares of a trial's steps; at each, the worse half of all trials ends.
RUNGS = (0.25, 0.5, 1.0)
# A trial takes at most this share of the budget: fewer would be no search.
_SHARE = 0.125
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}


@dataclass(frozen=True)
class Tuned:
    """What a search found.

    Attributes:
        recipe: the winning recipe's file.
        report: the page with the trials and their curves.
        best_loss: the winner's validation loss (nats a token) at a trial's length.
        given_loss: that of the recipe given, at the same length.
        trials: trials that were begun.
        settings: the winner's keys and values.
    """

    recipe: Path
    report: Path
    best_loss: float
    given_loss: float
    trials: int
    settings: dict[str, Any]


def seconds(budget: str | float) -> float:
    """``30m``, ``2h``, ``90s`` or ``90`` in seconds.

    Raises:
        ShelftalkerError: none of these, or nothing.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", str(budget).strip().lower())
    if match is None or not float(match[1]):
        raise ShelftalkerError(f"{budget!r} is no length of time", where="flag --budget", mend="such as 30m, 2h or 90s")
    return float(match[1]) * _UNITS[match[2]]


def tune(
    recipe: Recipe, *, budget: str | float = "30m", trials: int | None = None, out: str | Path | None = None
) -> Tuned:
    """Search learning rate, rank, LoRA+, batch size and scaling for the lowest validation loss at equal work.

    Trials are short runs of the recipe, all over the same number of rows, chosen so that one takes at most an eighth
    of the budget. The recipe given is the first of them. Asynchronous successive halving (Li et al. 2020) ends those
    that are behind. Training and validation rows are read, test rows never. A search that was killed goes on where it
    was when it is started again with the same folder.

    Args:
        recipe: where the search starts, and what it leaves as it is.
        budget: time to spend, in all calls together.
        trials: trials at most, in all calls together; none: as many as the budget holds.
        out: folder for trials, report and the winning recipe; default outputs/<name>_tune.

    Raises:
        ShelftalkerError: no validation rows, a budget that no trial fits in, or another search in the folder.
    """
    extras.need("tune", "optuna")
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    allowed = seconds(budget)
    folder = Path(out) if out is not None else recipe.paths.outputs / f"{recipe.name}_tune"
    recipe = recipe.with_flags(finetune={"val_rows": recipe.finetune.val_rows or 64, "early_stopping": None})
    ref, policy = resolve(recipe.base_model, recipe), device.for_training(recipe.device, recipe.dtype)
    console.stage("tune", f"{recipe.base_model} on {policy.device} ({policy.dtype}), {folder}")
    folder.mkdir(parents=True, exist_ok=True)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        study_name=recipe.name,
        storage=JournalStorage(JournalFileBackend(str(folder / JOURNAL))),
        sampler=optuna.samplers.TPESampler(seed=recipe.seed, n_startup_trials=6),
        pruner=optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=2),
        load_if_exists=True,
    )
    spent = _spent(study)
    if spent:
        console.note(f"going on: {len(study.trials)} trials, {spent:.0f} s spent before")
    deadline = time.monotonic() + allowed - spent
    with kept_awake(recipe.keep_awake), TemporaryDirectory() as scratch:
        search = _Search(recipe, ref, policy, sources_of(recipe, Path(scratch)), deadline)
        search.rows = _rows_of_a_trial(study, search, allowed * _SHARE)
        if not study.trials:
            study.enqueue_trial(space.settings_of(recipe))
        while time.monotonic() < search.deadline and (trials is None or len(study.trials) - _waiting(study) < trials):
            study.optimize(search.run, n_trials=1, catch=(ShelftalkerError,))
            tune_report.say(study, search.deadline)
    return _finish(study, recipe, folder, search.rows)


@dataclass
class _Search:
    """Runs trials: everything they share, and the time that is left to them."""

    recipe: Recipe
    ref: ModelRef
    policy: device.DevicePolicy
    index: Sources | None
    deadline: float
    rows: int = 0

    def run(self, trial: optuna.Trial) -> float:
        """One trial's validation loss."""
        import optuna

        def is_behind(rung: int, loss: float) -> bool:
            trial.report(loss, rung)
            return trial.should_prune()

        recipe = space.applied(self.recipe, space.suggest(trial)).with_flags(finetune={"rows": self.rows, "epochs": 1})
        climbed = climb(recipe, self.ref, self.policy, self.index, rungs=RUNGS, judge=is_behind, deadline=self.deadline)
        if len(climbed) < len(RUNGS):
            raise optuna.TrialPruned
        trial.report(climbed[-1].loss, len(RUNGS))
        return climbed[-1].loss


def _waiting(study: optuna.Study) -> int:
    """Trials that are planned and not begun."""
    from optuna.trial import TrialState

    return len(study.get_trials(deepcopy=False, states=(TrialState.WAITING,)))


def _spent(study: optuna.Study) -> float:
    """Seconds that trials of earlier calls took."""
    return sum(trial.duration.total_seconds() for trial in study.trials if trial.duration is not None)


def _rows_of_a_trial(study: optuna.Study, search: _Search, longest: float) -> int:
    """How many rows a trial learns from, so that it takes ``longest`` seconds: measured once, kept in the study."""
    kept = study.user_attrs.get("rows")
    if kept is not None:
        return int(kept)
    probe = max(4 * search.recipe.finetune.batch_size * search.recipe.finetune.accumulation, 8)
    began = time.monotonic()
    short = search.recipe.with_flags(finetune={"rows": probe, "epochs": 1})
    climb(short, search.ref, search.policy, search.index)
    took = time.monotonic() - began
    whole = search.recipe.finetune.rows or len(_train_rows(search.recipe))
    rows = min(int(probe * longest / took), whole)
    if rows < probe:
        raise ShelftalkerError(
            f"{probe} rows take {took:.0f} s: the budget is too short for a search",
            where="flag --budget",
            mend=f"give at least {int(took / _SHARE / 60) + 1}m",
        )
    study.set_user_attr("rows", rows)
    console.note(f"a trial learns from {rows:,} of {whole:,} rows: about {took * rows / probe:.0f} s")
    return rows


def _train_rows(recipe: Recipe) -> list[Any]:
    from shelftalker.catalogue.examples import load_split

    return list(load_split(recipe.paths.data, "train"))


def _finish(study: optuna.Study, recipe: Recipe, folder: Path, rows: int) -> Tuned:
    finished = tune_report.finished(study)
    if not finished:
        raise ShelftalkerError(
            "no trial was finished within the budget", where=str(folder), mend="start again with a longer --budget"
        )
    best = min(finished, key=lambda trial: (trial.value, trial.number))
    given = next((trial for trial in finished if trial.number == 0), best)
    assert best.value is not None and given.value is not None
    path, report = folder / "recipe.yaml", folder / "report.html"
    tune_report.write_recipe(path, recipe, best, given, rows)
    tune_report.write_report(report, study, recipe, rows)
    return Tuned(path, report, best.value, given.value, len(study.trials), dict(best.params))
