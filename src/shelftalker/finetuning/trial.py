"""A short training that leaves nothing but its validation losses: what `tune` and the learning curve are made of."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback

from shelftalker.device import DevicePolicy
from shelftalker.errors import ShelftalkerError
from shelftalker.finetuning.build import build
from shelftalker.finetuning.callbacks import Guard
from shelftalker.finetuning.material import gather
from shelftalker.models.load import ModelRef
from shelftalker.models.quiet import hushed
from shelftalker.recipe.recipe import Recipe

if TYPE_CHECKING:
    from shelftalker.retrieve.ground import Sources

Judge = Callable[[int, float], bool]
"""From a rung's number (from 1) and its validation loss to whether training is to end there."""


@dataclass(frozen=True)
class Rung:
    """A validation loss along the way (nats a token), and the seconds of training behind it, taking losses left out."""

    loss: float
    seconds: float


def climb(
    recipe: Recipe,
    ref: ModelRef,
    policy: DevicePolicy,
    index: Sources | None,
    *,
    rungs: Sequence[float] = (1.0,),
    judge: Judge | None = None,
    deadline: float = math.inf,
) -> list[Rung]:
    """Train without checkpoints and take the validation loss (nats a token) along the way.

    Args:
        recipe: all settings; its run folder is not touched.
        ref: the base model.
        policy: where and in what number format.
        index: of `material.sources_of`.
        rungs: shares of all steps (0 to 1, ascending) after which the loss is taken.
        judge: asked at every rung but the last.
        deadline: of `time.monotonic`; training ends when it has passed.

    Returns:
        The rungs that were reached.

    Raises:
        ShelftalkerError: no validation rows, or what stops any training.
    """
    material = gather(recipe, ref, policy, index)
    if material.validation is None:
        raise ShelftalkerError(
            "no validation rows to judge by",
            where=str(recipe.paths.data / "val.jsonl"),
            mend="give split.val a share and run `shelftalker prepare`, and set finetune.val_rows above 0",
        )
    ladder = _Ladder(rungs, judge, deadline)
    with tempfile.TemporaryDirectory(prefix="shelftalker-trial-") as scratch, hushed():
        trainer = build(recipe, material, policy, Path(scratch), [Guard(), ladder])
        trainer.args.save_strategy = "no"
        trainer.train()
    return ladder.climbed


class _Ladder(TrainerCallback):  # type: ignore[misc]
    """Takes the validation loss at every rung; ends a training that is told to end, or out of time."""

    def __init__(self, rungs: Sequence[float], judge: Judge | None, deadline: float) -> None:
        self.rungs, self.judge, self.deadline = rungs, judge, deadline
        self.climbed: list[Rung] = []
        self.began = 0.0
        self.trainer: Any = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Start the clock."""
        self.began = time.monotonic()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Climb one rung, where one is reached."""
        at = state.global_step / state.max_steps
        if at < 1 and time.monotonic() > self.deadline:
            control.should_training_stop = True
        elif len(self.climbed) < len(self.rungs) and at >= self.rungs[len(self.climbed)]:
            paused = time.monotonic()
            loss = self.trainer.validation_loss()
            self.climbed.append(Rung(loss, paused - self.began))
            self.began += time.monotonic() - paused
            if at < 1 and self.judge is not None and self.judge(len(self.climbed), loss):
                control.should_training_stop = True
