"""A dry run: what a fine-tuning would take, from a few measured steps; nothing is written."""

from __future__ import annotations

import math
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shelftalker import console
from shelftalker.device import DevicePolicy
from shelftalker.finetuning.material import Material, batches_of
from shelftalker.recipe.recipe import Recipe

if TYPE_CHECKING:
    from shelftalker.finetuning.encoding import Encoded
    from shelftalker.finetuning.loop import AdapterTrainer

_SAMPLES = 4


def estimate(recipe: Recipe, material: Material, policy: DevicePolicy) -> dict[str, Any]:
    """Run the longest batch once and a few typical ones, and extrapolate.

    Returns:
        parameters, trainable_parameters, examples, input_tokens, target_tokens, inputs_cut, targets_cut,
        unwritable_share, padding_share, steps, checkpoints, seconds_per_step, estimated_seconds (whole run),
        longest_batch (rows, input tokens, target tokens), peak_memory_gb (None where the system does not tell),
        disk_mb (all checkpoints).

    Raises:
        ShelftalkerError: what a real run would stop at, the longest batch's lack of memory included.
    """
    from shelftalker.models.quiet import hushed

    settings = recipe.finetune
    batches = batches_of(recipe, material.train, is_seq2seq=material.base.is_seq2seq)
    updates = math.ceil(len(batches) / settings.accumulation)
    steps = settings.max_steps or math.ceil(settings.epochs * updates)
    every = settings.save_steps if settings.save_steps >= 1 else math.ceil(steps * settings.save_steps)
    with tempfile.TemporaryDirectory(prefix="shelftalker-dry-run-") as scratch, hushed():
        seconds, validation, longest = _measure(recipe, material, policy, Path(scratch))
    saved = material.facts["trainable_parameters"] * 4 * 3  # the adapter and AdamW's two moments, in float32
    count = math.ceil(steps / every)
    kept = min(count, settings.keep_checkpoints or count)
    facts = material.facts | {
        "steps": steps,
        "checkpoints": count,
        "seconds_per_step": round(seconds, 3),
        "estimated_seconds": round(seconds * steps + validation * count, 1),
        "longest_batch": longest,
        "peak_memory_gb": _peak_memory(policy.device),
        "disk_mb": round(kept * saved / 1e6, 1),
    }
    _say(facts)
    return facts


def _measure(recipe: Recipe, material: Material, policy: DevicePolicy, scratch: Path) -> tuple[float, float, list[int]]:
    """Median seconds of an optimiser step, seconds of one validation, and the longest batch's shape."""
    from shelftalker.finetuning.build import build

    trainer = build(recipe, material, policy, scratch, [])
    material.model.to(trainer.args.device)
    many = recipe.finetune.accumulation
    portions = [[material.train[row] for row in batch] for batch in trainer.batches.order()]
    longest = max(portions, key=_tokens)
    timed_step(trainer, [longest])
    # Spread over the epoch: batches are shuffled, so a few of them stand for all.
    starts = range(0, max(len(portions) - many + 1, 1), max(len(portions) // _SAMPLES, 1))
    times = [timed_step(trainer, portions[at : at + many]) for at in list(starts)[:_SAMPLES]]
    began = time.perf_counter()
    trainer.validation_loss()
    validation = time.perf_counter() - began
    shape = [len(longest), max(len(row.inputs) for row in longest), max(len(row.labels) for row in longest)]
    return statistics.median(times), validation, shape


def timed_step(trainer: AdapterTrainer, portions: Sequence[Sequence[Encoded]]) -> float:
    """Seconds of one optimiser step over these batches, with a learning rate of 0: the adapter stays as it is."""
    import torch

    began = time.perf_counter()
    trainer.model.train()
    for rows in portions:
        batch = trainer.collate(rows)
        loss = trainer.compute_loss(trainer.model, batch)
        torch.autograd.backward(loss / len(portions))
    for group in trainer.optimizer.param_groups:
        group["lr"] = 0.0
    trainer.optimizer.step()
    trainer.optimizer.zero_grad()
    float(loss.detach())  # waits for the device
    return time.perf_counter() - began


def _tokens(rows: Sequence[Encoded]) -> int:
    """Tokens of a batch, padding counted."""
    return len(rows) * (max(len(row.labels) for row in rows) + max(len(row.inputs) for row in rows))


def _peak_memory(device: str) -> float | None:
    """Most memory that this process has held so far, on the GPU where it runs on one (GB)."""
    import torch

    if device.startswith("cuda"):
        return round(torch.cuda.max_memory_allocated() / 1e9, 2)
    if device == "mps":
        return round(torch.mps.driver_allocated_memory() / 1e9, 2)
    try:
        import resource
        import sys
    except ImportError:  # not on Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1e9 if sys.platform == "darwin" else 1e6), 2)


def _say(facts: dict[str, Any]) -> None:
    rows, inputs, targets = facts["longest_batch"]
    examples = facts["examples"]
    memory = "unknown" if facts["peak_memory_gb"] is None else f"{facts['peak_memory_gb']:.2f} GB"
    console.table(
        "dry run: nothing was written",
        ["what", "value"],
        [
            ["trainable parameters", f"{facts['trainable_parameters']:,} of {facts['parameters']:,}"],
            ["examples", f"{examples:,}"],
            ["tokens (input + target)", f"{facts['input_tokens']:,} + {facts['target_tokens']:,}"],
            [
                "rows cut (input, target)",
                f"{facts['inputs_cut'] / examples:.1%}, {facts['targets_cut'] / examples:.1%}",
            ],
            ["target tokens that the tokenizer cannot write", f"{facts['unwritable_share']:.2%}"],
            ["padding", f"{facts['padding_share']:.1%}"],
            ["optimiser steps, checkpoints", f"{facts['steps']:,}, {facts['checkpoints']:,}"],
            ["longest batch", f"{rows} rows x {inputs} input, {targets} target tokens"],
            ["peak memory", memory],
            ["disk for checkpoints", f"{facts['disk_mb']:,.1f} MB"],
            ["seconds a step", f"{facts['seconds_per_step']:.3f}"],
            ["estimated time", _duration(facts["estimated_seconds"])],
        ],
    )


def _duration(seconds: float) -> str:
    hours, rest = divmod(round(seconds), 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {left} s" if minutes else f"{left} s"
