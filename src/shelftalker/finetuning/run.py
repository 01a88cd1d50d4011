"""What `finetune` leaves behind."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shelftalker.errors import ShelftalkerError


@dataclass(frozen=True)
class Run:
    """A run's folder and what is in it.

    Attributes:
        run_dir: the run's folder.
        checkpoints: its checkpoint folders by step.
        log: one entry a report (step, loss, learning_rate, examples_per_second, ..., val_loss at checkpoints).
        facts: parameters, steps, tokens, rows that were cut, padding, seconds; of a dry run, the estimate.
        skipped: the run was finished before, with the same inputs and settings.
    """

    run_dir: Path
    checkpoints: list[Path] = field(default_factory=list)
    log: list[dict[str, Any]] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    skipped: bool = False

    @property
    def last(self) -> Path:
        """The newest checkpoint.

        Raises:
            ShelftalkerError: there is none (a dry run).
        """
        if not self.checkpoints:
            raise ShelftalkerError("the run has no checkpoint", where=str(self.run_dir), mend="run finetune")
        return self.checkpoints[-1]
