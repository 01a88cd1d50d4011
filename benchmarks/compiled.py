"""What torch.compile is worth in a training step, once everything is compiled, and how long that takes.

    python benchmarks/compiled.py [--recipe sample] [--layers own plain] [--rounds 3] [--quick]

A step is a forward and a backward pass over one batch of the recipe, without the optimiser. Batches of six lengths are
gone through in turn, first as they are, then with every block of the model compiled (they share one compiled form,
which makes this the quickest way to compile a model); every round is one turn through the lengths, timed once no turn
compiles anything any more. `own` are this tool's layers, `plain` those of transformers and PEFT under this tool's loss.
Each in a process of its own. Needs a C++ compiler.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from time_to_loss import TITLES_ALONE

from shelftalker import console, device
from shelftalker.catalogue.prepare import prepare
from shelftalker.finetuning import layers, lean
from shelftalker.finetuning.build import build
from shelftalker.finetuning.material import gather
from shelftalker.models.load import resolve
from shelftalker.recipe.recipe import Recipe

LENGTHS = 6
MOST_TURNS = 8  # until nothing is compiled any more


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="sample")
    parser.add_argument("--layers", nargs="+", choices=["own", "plain"], default=["own", "plain"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="the small T5, traced, not compiled: to see that it runs")
    parser.add_argument("--one", choices=["own", "plain"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measured(arguments)))
        return
    console.table(
        f"a training step of {arguments.recipe}, milliseconds",
        ["layers", "as they are", "compiled", "times as fast", "seconds until compiled"],
        [row(name, arguments) for name in arguments.layers],
        caption=f"medians over {arguments.rounds} rounds of {LENGTHS} lengths",
    )


def row(name: str, arguments: argparse.Namespace) -> list[str]:
    """One line of the table, out of a process of its own."""
    words = [sys.executable, __file__, "--one", name, "--recipe", arguments.recipe, "--rounds", str(arguments.rounds)]
    done = subprocess.run(words + ["--quick"] * arguments.quick, check=True, stdout=subprocess.PIPE, text=True)
    found = json.loads(done.stdout.splitlines()[-1])
    before, after = (1000 * statistics.median(found[key]) for key in ("before", "after"))
    return [name, f"{before:.0f}", f"{after:.0f}", f"{before / after:.2f}", f"{found['compiling']:.0f}"]


def measured(arguments: argparse.Namespace) -> dict[str, Any]:
    """Seconds a step before and after, and until every length was compiled."""
    console.configure(quiet=True)
    if arguments.one == "plain":
        for module, name in ((lean, "lean"), (layers, "fewer_passes")):
            setattr(module, name, lambda model: 0)
    with tempfile.TemporaryDirectory() as scratch:
        recipe = Recipe.load(arguments.recipe, {"paths.data": f"{scratch}/data"}).with_flags(**TITLES_ALONE)
        if arguments.quick:
            recipe = recipe.with_flags(base_model="bundled", chat="plain", lora={"target_modules": ["q", "v"]})
        prepare(recipe)
        recipe = recipe.with_flags(finetune={"rows": 64, "val_rows": 0, "activation_checkpointing": False})
        policy = device.for_training(recipe.device, recipe.dtype)
        material = gather(recipe, resolve(recipe.base_model, recipe), policy, None)
        trainer = build(recipe, material, policy, Path(scratch) / "run", [])
        by_length = {batch["input_ids"].shape: batch for batch in trainer.get_train_dataloader()}
        batches = list(by_length.values())[:LENGTHS]
        step = stepper(trainer, material.model)
        turn(step, batches)
        before = [one for _ in range(arguments.rounds) for one in turn(step, batches)]
        began = time.perf_counter()
        for block in blocks(material.base.model):
            block.compile(backend="eager" if arguments.quick else "inductor")
        seen = -1
        for _ in range(MOST_TURNS):
            if seen == (seen := torch._dynamo.utils.counters["stats"]["unique_graphs"]):
                break
            turn(step, batches)
        compiling = time.perf_counter() - began
        after = [one for _ in range(arguments.rounds) for one in turn(step, batches)]
    return {"before": before, "after": after, "compiling": compiling}


def blocks(model: Any) -> list[Any]:
    """The model's repeated blocks, of every stack that it has."""
    lists = [part for part in model.modules() if isinstance(part, torch.nn.ModuleList) and len(part) > 1]
    return [block for part in lists for block in part]


def stepper(trainer: Any, model: Any) -> Callable[[Any], None]:
    """A forward and a backward pass, in the number format that the trainer uses."""
    model.train()

    def step(batch: Any) -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=trainer.half):
            loss = trainer.description_loss.summed(model, batch)
        loss.backward()
        model.zero_grad()

    return step


def turn(step: Callable[[Any], None], batches: list[Any]) -> list[float]:
    """Seconds of a step over each batch."""
    seconds = []
    for batch in batches:
        began = time.perf_counter()
        step(batch)
        seconds.append(time.perf_counter() - began)
    return seconds


if __name__ == "__main__":
    main()
