"""A run's folder before training starts: is it finished, another's, or to be gone on with?"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shelftalker import console, files
from shelftalker.errors import ShelftalkerError
from shelftalker.finetuning.material import process_number
from shelftalker.manifest import Stage
from shelftalker.models import checkpoints
from shelftalker.recipe.recipe import Recipe

IDENTITY = "run.json"
LOG = "log.jsonl"
SAVING = ".saving"
# These change what is shown or kept, never what is learnt.
_WITHOUT_EFFECT = {"log_steps", "keep_checkpoints", "trackers", "val_rows"}


@dataclass(frozen=True)
class Start:
    """Where a run begins: at step 0, or at a checkpoint."""

    checkpoint: Path | None = None
    log: list[dict[str, Any]] = field(default_factory=list)


def number_format(run_dir: Path) -> str | None:
    """The number format in which a folder's run was begun; None: no run there that says."""
    try:
        found = files.read_json(run_dir / IDENTITY)["settings"]["dtype"]
    except (ShelftalkerError, KeyError, TypeError):
        return None
    return str(found)


def stage_of(recipe: Recipe, run_dir: Path, base_hash: str, dtype: str) -> Stage:
    """The run's identity: training rows, base model, and every setting that changes what is learnt.

    Validation rows only watch, unless they may stop the run early: how many there are may change when it goes on.
    So may the number of processes, as long as a step has as many batches.

    Args:
        recipe: all settings.
        run_dir: the run's folder.
        base_hash: the base model's content hash.
        dtype: the number format that "auto" came to.

    Raises:
        ShelftalkerError: there are no examples.
    """
    data = recipe.paths.data
    inputs: dict[str, Path | str] = {"train": data / "train.jsonl", "base_model": base_hash}
    needed = [data / "train.jsonl", *([data / "val.jsonl"] if recipe.finetune.val_rows else [])]
    for path in needed:
        if not path.is_file():
            raise ShelftalkerError(
                "the examples are not there", where=str(path), mend="run `shelftalker prepare` first, or set paths.data"
            )
    without = _WITHOUT_EFFECT - ({"val_rows"} if recipe.finetune.early_stopping is not None else set())
    tuning = recipe.finetune.model_dump(mode="json", exclude=without)
    tuning["accumulation"] *= process_number()[1]
    if recipe.finetune.early_stopping is not None:
        inputs["val"] = data / "val.jsonl"
    settings = {
        "lora": recipe.lora.model_dump(mode="json"),
        "finetune": tuning,
        "prompt": recipe.prompt,
        "prompt_tokens": recipe.prompt_tokens,
        "seed": recipe.seed,
        "dtype": dtype,
    }
    if not recipe.finetune.lengths:
        del tuning["lengths"]
    if recipe.prepare.fields:
        settings["fields"] = list(recipe.prepare.fields)
    if recipe.chat != "plain":
        settings["chat"] = recipe.chat
    if recipe.wants_sources:
        settings["ground"] = recipe.ground.model_dump(mode="json")
    return Stage("finetune", run_dir / "manifest.json", inputs=inputs, settings=settings)


def begin(stage: Stage, run_dir: Path, *, resume: bool) -> Start:
    """Decide where to begin, without writing.

    Raises:
        ShelftalkerError: the folder holds checkpoints of other settings, or of these without ``resume``.
    """
    found = checkpoints.every(run_dir)
    if not found:
        if resume:
            console.note(f"nothing to resume in {run_dir}: starting at step 0")
        return Start()
    differing = _differences(run_dir, stage)
    if differing:
        raise ShelftalkerError(
            f"the run folder holds {len(found)} checkpoints of other settings ({', '.join(differing[:4])})",
            where=str(run_dir),
            mend="give this run another name (recipe key name) or another --out, or move that folder away",
        )
    if not resume:
        raise ShelftalkerError(
            f"the run folder already holds {len(found)} checkpoints of this run, the last at step"
            f" {checkpoints.step_of(found[-1])}",
            where=str(run_dir),
            mend="go on with --resume, give another --out, or move that folder away",
        )
    good = checkpoints.whole(run_dir, resumable=True)
    if not good:
        adapters = [folder for folder in found if checkpoints.fault(folder) is None]
        if adapters:
            raise ShelftalkerError(
                f"the run cannot go on: {adapters[-1].name} {checkpoints.fault(adapters[-1], resumable=True)}",
                where=str(adapters[-1]),
                mend="give this run another name, or move that folder away to start at step 0",
            )
        console.note(f"no checkpoint in {run_dir} is whole: starting at step 0")
        return Start()
    step = checkpoints.step_of(good[-1])
    return Start(good[-1], [line for line in read_log(run_dir) if line.get("step", 0) <= step])


def open_for_writing(recipe: Recipe, stage: Stage, run_dir: Path, start: Start) -> None:
    """Make the folder ready: a killed save's leftovers go, and checkpoints after the start, which are made again."""
    run_dir.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(run_dir / SAVING, ignore_errors=True)
    kept = checkpoints.step_of(start.checkpoint) if start.checkpoint else -1
    for folder in checkpoints.every(run_dir):
        # begin() has warned of each of these: they are damaged, or training would start at a later one.
        if checkpoints.step_of(folder) > kept:
            shutil.rmtree(folder)
    recipe.save(run_dir / "recipe.yaml")
    files.write_json(
        run_dir / IDENTITY,
        {"fingerprint": stage.fingerprint, "inputs": stage.inputs, "settings": stage.settings},
    )
    files.write_jsonl(run_dir / LOG, start.log)


def read_facts(run_dir: Path) -> dict[str, Any]:
    """What a finished run noted of itself in its manifest."""
    facts = files.read_json(run_dir / "manifest.json").get("facts", {})
    return dict(facts) if isinstance(facts, dict) else {}


def _differences(run_dir: Path, stage: Stage) -> list[str]:
    """Names of the inputs and settings in which the folder's run differs from this one."""
    try:
        old = files.read_json(run_dir / IDENTITY)
        if old["fingerprint"] == stage.fingerprint:
            return []
        new = {"inputs": stage.inputs, "settings": stage.settings}
        flat_old, flat_new = ({**_flat(side["inputs"]), **_flat(side["settings"])} for side in (old, new))
    except (ShelftalkerError, KeyError, TypeError, AttributeError):
        return ["made by another tool, or damaged"]
    keys = [key for key in {**flat_old, **flat_new} if flat_old.get(key) != flat_new.get(key)]
    shown = [key.removesuffix(".sha256").removesuffix(".id") for key in keys if not key.endswith(".path")]
    return [f"{name} differs" for name in dict.fromkeys(shown)] or ["made by another version"]


def _flat(value: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, inner in value.items():
        if isinstance(inner, dict):
            flat |= _flat(inner, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = inner
    return flat


def read_log(run_dir: Path) -> list[dict[str, Any]]:
    """The lines of a run's log, as far as they are whole."""
    path = run_dir / LOG
    if not path.is_file():
        return []
    lines = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            lines.append(json.loads(line))
        except ValueError:
            break  # a line that a kill cut short ends what can be trusted
    return [line for line in lines if isinstance(line, dict)]
