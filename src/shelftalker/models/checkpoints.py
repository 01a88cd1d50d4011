"""A run's checkpoints: which there are, which are whole, which one a run stands for."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

from shelftalker import console, files
from shelftalker.errors import ShelftalkerError
from shelftalker.models import adapter as adapters
from shelftalker.models import folder as folders

PROMOTED = "promoted.json"
_NAME = re.compile(r"checkpoint-(\d+)")
# What a resumed run needs beside the adapter: optimiser, learning-rate schedule, counters, random numbers.
_STATE = ("optimizer.pt", "scheduler.pt", "trainer_state.json")


def step_of(checkpoint: Path) -> int:
    """The optimiser step in a checkpoint folder's name; -1 for another folder."""
    match = _NAME.fullmatch(checkpoint.name)
    return int(match[1]) if match else -1


def loss_of(checkpoint: Path) -> float | None:
    """The validation loss that training took at a checkpoint (nats a token); None where it noted none."""
    state = checkpoint / "trainer_state.json"
    if not state.is_file():
        return None
    entries = files.read_json(state).get("log_history", [])
    losses = [
        entry["val_loss"] for entry in entries if entry.get("step") == step_of(checkpoint) and "val_loss" in entry
    ]
    return float(losses[-1]) if losses else None


def every(run_dir: Path) -> list[Path]:
    """All checkpoint folders of a run by step, whole or not."""
    if not run_dir.is_dir():
        return []
    return sorted((path for path in run_dir.iterdir() if path.is_dir() and step_of(path) >= 0), key=step_of)


def is_whole_model(checkpoint: Path) -> bool:
    """Whether a checkpoint is of a full fine-tuning: all weights, no adapter."""
    return (checkpoint / "config.json").is_file() and not (checkpoint / folders.ADAPTER_CONFIG).is_file()


def fault(checkpoint: Path, *, resumable: bool = False) -> str | None:
    """Why a checkpoint cannot be used (a file is missing or cut short), or None; reads headers only.

    Args:
        resumable: also ask for what training needs to go on from it.
    """
    try:
        if is_whole_model(checkpoint):
            for weights in folders.weight_files(checkpoint):
                folders.tensor_shapes(weights)
        else:
            adapters.read_config(checkpoint)
            adapters.tensor_shapes(checkpoint)
        if resumable:
            random_states = list(checkpoint.glob("rng_state*.pth")) or [checkpoint / "rng_state.pth"]
            for path in [*(checkpoint / name for name in _STATE), *random_states]:
                if not path.is_file():
                    return f"lacks {path.name}, which going on needs"
                # torch writes zip files: their table of contents stands at the end.
                if path.suffix != ".json" and not zipfile.is_zipfile(path):
                    return f"has a {path.name} that was cut short"
            files.read_json(checkpoint / "trainer_state.json")
    except ShelftalkerError as error:
        return f"{Path(error.where or '').name}: {error.what}"
    return None


def whole(run_dir: Path, *, resumable: bool = False) -> list[Path]:
    """The usable checkpoints of a run by step; others are passed over with a warning that names them."""
    good = []
    for checkpoint in every(run_dir):
        why = fault(checkpoint, resumable=resumable)
        if why is None:
            good.append(checkpoint)
        else:
            console.warn(f"passing over {checkpoint}: {why}")
    return good


def choose(run_dir: Path) -> tuple[Path, str]:
    """The checkpoint that a run stands for: the promoted one, else the latest whole one; and a note that says which.

    Raises:
        ShelftalkerError: no checkpoint is whole.
    """
    promoted = run_dir / PROMOTED
    if promoted.is_file():
        name = files.read_json(promoted).get("checkpoint", "")
        checkpoint = run_dir / str(name)
        if step_of(checkpoint) >= 0 and fault(checkpoint) is None:
            return checkpoint, f"{checkpoint.name} of {run_dir} (promoted)"
    good = whole(run_dir)
    if not good:
        raise ShelftalkerError(
            "the run has no whole checkpoint",
            where=str(run_dir),
            mend="give another run, or run `shelftalker finetune` again under another name",
        )
    return good[-1], f"{good[-1].name} of {run_dir} (its latest)"


def mark_promoted(checkpoint: Path) -> None:
    """Note in its run that ``checkpoint`` is the best, so that the run stands for it from now on."""
    files.write_json(checkpoint.parent / PROMOTED, {"checkpoint": checkpoint.name})
