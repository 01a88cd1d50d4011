"""What happens beside the steps: progress, the log, and proof that the adapter moves."""

from __future__ import annotations

import json
import math
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import TrainerCallback

from shelftalker import console
from shelftalker.console import Progress
from shelftalker.errors import ShelftalkerError

if TYPE_CHECKING:
    from shelftalker.finetuning.loop import AdapterTrainer


class Watch(TrainerCallback):  # type: ignore[misc]
    """Shows how training goes, and appends a line to the log at every report.

    The moving line holds what is last known of everything; a line that stays is written at every validation loss.
    """

    def __init__(self, bar: Progress, log: Path, history: list[dict[str, Any]]) -> None:
        self.bar, self.log, self.history = bar, log, history
        self.trainer: AdapterTrainer | None = None
        self._last: dict[str, float] = {}
        self._began = self._at = time.monotonic()
        self._first = self._rows = self._tokens = 0

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Start the clock."""
        self._began = self._at = time.monotonic()
        self._first = state.global_step
        self.bar.update(state.global_step, state.max_steps)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Move the bar."""
        self.bar.update(state.global_step, state.max_steps, self._said())

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        """Write the line."""
        if not state.is_world_process_zero or not logs or "train_runtime" in logs:
            return
        line: dict[str, Any] = {"step": state.global_step, "epoch": round(float(state.epoch or 0), 4)}
        line |= {key: value for key, value in logs.items() if key in ("loss", "val_loss", "grad_norm", "learning_rate")}
        if "loss" in logs:
            now = time.monotonic()
            seconds = max(now - self._at, 1e-9)
            rows, tokens = (self.trainer.rows_seen, self.trainer.tokens_seen) if self.trainer else (0, 0)
            # The other processes' batches are like this one's.
            line["examples_per_second"] = round((rows - self._rows) * args.world_size / seconds, 2)
            line["tokens_per_second"] = round((tokens - self._tokens) * args.world_size / seconds, 1)
            self._at, self._rows, self._tokens = now, rows, tokens
        self._last |= line
        if "val_loss" in logs:
            self._at = time.monotonic()  # the next rate must not count the validation's time
            console.note(f"step {state.global_step} of {state.max_steps}: {self._said()}{self._left(state)}")
        self.history.append(line)
        with self.log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def _said(self) -> str | None:
        """``loss 3.912, validation 3.950, rate 9.1e-04, 212 tokens/s``, as far as it is known."""
        shown = {"loss": "loss {:.3f}", "val_loss": "validation {:.3f}", "learning_rate": "rate {:.1e}"}
        shown["tokens_per_second"] = "{:,.0f} tokens/s"
        return ", ".join(text.format(self._last[key]) for key, text in shown.items() if key in self._last) or None

    def _left(self, state: Any) -> str:
        done, left = state.global_step - self._first, state.max_steps - state.global_step
        return f", {(time.monotonic() - self._began) / done * left:.0f} s left" if done and left else ""


class Interrupt(TrainerCallback):  # type: ignore[misc]
    """Ctrl-C ends the training behind the step at hand, with a checkpoint; once more ends it at once."""

    def __init__(self) -> None:
        self._asked = self._stopped = False

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Listen for Ctrl-C; raises KeyboardInterrupt when the training has ended for it."""
        if threading.current_thread() is not threading.main_thread():  # signals reach no other
            yield
            return
        before = signal.signal(signal.SIGINT, self._ask)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)
        if self._stopped:
            raise KeyboardInterrupt

    def _ask(self, number: int, frame: Any) -> None:
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True
        console.note("stopping behind this step, with a checkpoint; Ctrl-C again stops at once")

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Save and stop, if asked to."""
        if self._asked and state.global_step < state.max_steps:
            control.should_save = control.should_training_stop = self._stopped = True


class Guard(TrainerCallback):  # type: ignore[misc]
    """Chooses the sampler's epoch, and sees after the first real optimiser step that the adapter moved.

    Adapters that silently do not train were reported as peft #137, #522 and transformers #42489.
    """

    def __init__(self) -> None:
        self.trainer: AdapterTrainer | None = None
        self._before: dict[str, torch.Tensor] | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        """Keep the matrices B as they are now; a run that was killed where it would have stopped stops here."""
        if self.trainer is not None and self.trainer.stands_still():
            control.should_training_stop = True
        self._before = {name: value.detach().clone() for name, value in _matrices_b(model)}

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Set the epoch of the sampler, which accelerate's wrappers do not always reach."""
        if self.trainer is not None:
            self.trainer.batches.set_epoch(math.floor(float(state.epoch or 0) + 1e-6))

    def on_optimizer_step(
        self, args: Any, state: Any, control: Any, model: Any = None, optimizer: Any = None, **_: Any
    ) -> None:
        """Compare, once a step had a learning rate above 0 (warm-up begins at 0)."""
        if self._before is None or all(group["lr"] == 0 for group in optimizer.param_groups):
            return
        now = dict(_matrices_b(model))
        still = [name for name, value in self._before.items() if torch.equal(value, now[name])]
        self._before = None
        if len(still) == len(now):
            raise ShelftalkerError(
                f"the adapter did not move in step {state.global_step + 1}: no matrix of it was changed",
                where="lora, finetune.learning_rate",
                mend="raise finetune.learning_rate, or choose other lora.target_modules",
            )
        if still:
            console.warn(f"{len(still)} of {len(now)} adapted modules did not move in the first step ({still[0]}, ...)")


def _matrices_b(model: Any) -> list[tuple[str, torch.Tensor]]:
    return [(name, value) for name, value in model.named_parameters() if ".lora_B." in name]
