"""The learning curve by rows: what an eighth, a quarter, a half and all of the training rows come to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from shelftalker import console, device
from shelftalker.awake import kept_awake
from shelftalker.errors import ShelftalkerError
from shelftalker.finetuning.material import sources_of
from shelftalker.finetuning.trial import climb
from shelftalker.models.load import resolve
from shelftalker.recipe.recipe import Recipe

_PARTS = (8, 4, 2, 1)
# Validation losses of two seeds differ by about as much (nats a token).
_WORTH = 0.01


@dataclass(frozen=True)
class Curve:
    """Validation loss (nats a token) by training rows, and what it says about more of them."""

    rows: list[int]
    losses: list[float]

    @property
    def expected(self) -> float:
        """What twice as many rows may be expected to take off the loss, if the gains go on falling as they did."""
        before, last = self.losses[-3] - self.losses[-2], self.losses[-2] - self.losses[-1]
        return max(last, 0.0) * min(max(last, 0.0) / before, 1.0) if before > 0 else max(last, 0.0)

    @property
    def sentence(self) -> str:
        """Would more rows help?"""
        last = self.losses[-2] - self.losses[-1]
        said = f"from {self.rows[-2]:,} to {self.rows[-1]:,} rows the validation loss changed by {-last:+.3f}"
        if self.expected > _WORTH:
            return f"More rows would help: {said}, and twice as many may bring another {-self.expected:+.3f}."
        return f"More rows would hardly help: {said}."


def learning_curve(recipe: Recipe) -> Curve:
    """Train on growing parts of the training rows, each drawn inside the next, with the recipe's own passes.

    Takes nearly twice as long as the recipe's run; leaves no checkpoint and reads no test row.

    Raises:
        ShelftalkerError: no validation rows, too few training rows, or what stops any training.
    """
    from shelftalker.catalogue.examples import load_split

    ref, policy = resolve(recipe.base_model, recipe), device.for_training(recipe.device, recipe.dtype)
    whole = min(recipe.finetune.rows or 10**12, len(load_split(recipe.paths.data, "train")))
    rows = [whole // part for part in _PARTS]
    if rows[0] < recipe.finetune.batch_size:
        raise ShelftalkerError(
            f"{whole} training rows are too few for a curve: an eighth of them is less than a batch",
            where=str(recipe.paths.data / "train.jsonl"),
            mend=f"give at least {8 * recipe.finetune.batch_size} rows, or lower finetune.batch_size",
        )
    console.stage("learning curve", f"{recipe.base_model} on {policy.device} ({policy.dtype})")
    losses = []
    with kept_awake(recipe.keep_awake), TemporaryDirectory() as scratch:
        index = sources_of(recipe, Path(scratch))
        for count in rows:
            part = recipe.with_flags(finetune={"rows": count, "early_stopping": None})
            losses.append(climb(part, ref, policy, index)[-1].loss)
            console.note(f"{count:,} rows: validation loss {losses[-1]:.4f}")
    curve = Curve(rows, losses)
    console.table(
        "learning curve",
        ["training rows", "validation loss"],
        [[f"{count:,}", f"{loss:.4f}"] for count, loss in zip(rows, losses, strict=True)],
    )
    console.say(curve.sentence)
    return curve
