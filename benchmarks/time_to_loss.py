"""How long until a validation loss? One setting is changed at a time, from the sample recipe in rank 16.

    python benchmarks/time_to_loss.py [--recipe sample] [--rows 170] [--only NAME ...] [--seeds 42] [--out FILE]

Each line trains on `--rows` rows of the recipe's split (default: 340), one pass unless its name says otherwise, and
takes the loss of the recipe's validation rows after each quarter. Seconds are wall time of training, without that of
the losses, in one process a line; they depend on what else the machine does, the losses do not. Lines go into the
file as they end, and those that it holds are not run again. `full` trains every weight (no adapter), for the gap;
`prompt too` learns the prompt's tokens beside the description's. `--set section.key=value` changes a recipe key for
all lines (another catalogue: `--set prepare.inputs=[FILE]`).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml
from transformers import TrainerCallback

from shelftalker import device
from shelftalker.catalogue.prepare import prepare
from shelftalker.finetuning import trial
from shelftalker.finetuning.encoding import Encoded
from shelftalker.finetuning.material import Material, gather
from shelftalker.models.load import resolve
from shelftalker.recipe.recipe import Recipe

QUARTERS = (0.25, 0.5, 0.75, 1.0)
ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]
UPPER = [
    f"layers.{layer}.{name}"
    for layer in range(20, 30)
    for name in (*(f"self_attn.{one}" for one in ATTENTION), "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj")
]
"""The upper third of SmolLM2's 30 layers."""

TITLES_ALONE: dict[str, Any] = {
    "split": {"by": "group"},
    "ground": {"sources": 0},
    "route": {"edit_from": None},
}
"""The sample recipe without sources, on products of which it has seen nothing like."""
START: dict[str, Any] = TITLES_ALONE | {
    "lora": {"r": 16, "alpha": 32},
    "finetune": {"rows": 340},
}
"""What the sample recipe was when the search began."""
LINES: dict[str, dict[str, Any]] = {
    "start": {},
    "float32": {"dtype": "float32"},
    "rate 5e-4": {"finetune": {"learning_rate": 5e-4}},
    "rate 2e-3": {"finetune": {"learning_rate": 2e-3}},
    "rate 4e-3": {"finetune": {"learning_rate": 4e-3}},
    "rank 4": {"lora": {"r": 4, "alpha": 8}},
    "rank 64": {"lora": {"r": 64, "alpha": 128}},
    "rank 128": {"lora": {"r": 128, "alpha": 256}},
    "rank 64, batch 2": {"lora": {"r": 64, "alpha": 128}, "finetune": {"batch_size": 2}},
    "rank 64, rate 2e-3": {"lora": {"r": 64, "alpha": 128}, "finetune": {"learning_rate": 2e-3}},
    "rank 64, rsLoRA": {"lora": {"r": 64, "alpha": 32, "rslora": True}},
    "LoRA+ 4": {"lora": {"lora_plus_ratio": 4}, "finetune": {"learning_rate": 5e-4}},
    "LoRA+ 16": {"lora": {"lora_plus_ratio": 16}, "finetune": {"learning_rate": 2.5e-4}},
    "rank 64, LoRA+ 4": {"lora": {"r": 64, "alpha": 128, "lora_plus_ratio": 4}, "finetune": {"learning_rate": 1.8e-4}},
    "rank 64, LoRA+ 16": {
        "lora": {"r": 64, "alpha": 128, "lora_plus_ratio": 16},
        "finetune": {"learning_rate": 2.5e-4},
    },
    "attention only": {"lora": {"target_modules": ATTENTION}},
    "upper third": {"lora": {"target_modules": UPPER}, "finetune": {"learning_rate": 2e-3}},
    "batch 2": {"finetune": {"batch_size": 2}},
    "batch 8": {"finetune": {"batch_size": 8, "batch_tokens": 1536}},
    "dropout .05": {"lora": {"dropout": 0.05}},
    "linear": {"finetune": {"schedule": "linear"}},
    "constant": {"finetune": {"schedule": "constant"}},
    "plain prompt": {"chat": "plain"},
    "half the rows twice": {"finetune": {"epochs": 2}},
    "prompt too": {},
    "full": {"dtype": "float32", "finetune": {"learning_rate": 1e-4}},
    "full, rate 3e-5": {"dtype": "float32", "finetune": {"learning_rate": 3e-5}},
}


def main() -> None:
    """Train every line that the file lacks; print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="sample")
    parser.add_argument("--rows", type=int, help="training rows (default: 340)")
    parser.add_argument("--only", nargs="+", choices=LINES, metavar="NAME", help=f"of: {', '.join(LINES)}")
    parser.add_argument("--seeds", type=int, nargs="+", default=[42])
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE")
    parser.add_argument("--out", type=Path, help="file that lines are kept in")
    parser.add_argument("--quick", action="store_true", help="the small T5 and a few rows, to see that it runs")
    parser.add_argument("--line", help=argparse.SUPPRESS)
    parser.add_argument("--data", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.line:
        print(json.dumps(line(arguments)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        arguments.data = Path(scratch) / "data"
        prepare(recipe_of(arguments))
        out = arguments.out or Path(scratch) / "lines.jsonl"
        found = [json.loads(text) for text in out.read_text().splitlines()] if out.exists() else []
        for seed in arguments.seeds:
            for name in arguments.only or (["start", "LoRA+ 4"] if arguments.quick else LINES):
                key = {"name": name, "seed": seed, "rows": recipe_of(arguments).finetune.rows, "set": arguments.set}
                if any(key.items() <= one.items() for one in found):
                    continue
                found.append(key | in_a_process(name, seed, arguments))
                with out.open("a") as file:
                    file.write(json.dumps(found[-1]) + "\n")
                print(json.dumps(found[-1]), file=sys.stderr, flush=True)
        print(table(found))


def recipe_of(arguments: argparse.Namespace) -> Recipe:
    """The recipe that every line starts from."""
    recipe = Recipe.load(
        arguments.recipe, {key: yaml.safe_load(value) for key, value in (one.split("=", 1) for one in arguments.set)}
    )
    recipe = recipe.with_flags(**START).with_flags(paths={"data": str(arguments.data)})
    if arguments.rows:
        recipe = recipe.with_flags(finetune={"rows": arguments.rows})
    if arguments.quick:
        recipe = recipe.with_flags(base_model="bundled", chat="plain", finetune={"rows": 16, "val_rows": 4})
    return recipe


def in_a_process(name: str, seed: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """A line's figures, out of a process of its own."""
    words = [sys.executable, __file__, "--line", name, "--seeds", str(seed), "--data", str(arguments.data)]
    words += ["--recipe", arguments.recipe, *(["--quick"] if arguments.quick else [])]
    words += ["--rows", str(arguments.rows)] if arguments.rows else []
    words += ["--set", *arguments.set] if arguments.set else []
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def line(arguments: argparse.Namespace) -> dict[str, Any]:
    """Train one line; its losses and seconds after each quarter."""
    recipe = recipe_of(arguments).with_flags(seed=arguments.seeds[0], **LINES[arguments.line])
    if recipe.finetune.epochs == 2:
        recipe = recipe.with_flags(finetune={"rows": (recipe.finetune.rows or 0) // 2})
    if arguments.line.startswith("full"):
        # No adapter, and so none whose growth could be watched.
        instead = {"gather": unadapted, "Guard": TrainerCallback}
    else:
        instead = {"gather": with_prompts} if arguments.line == "prompt too" else {}
    for name, other in instead.items():
        setattr(trial, name, other)
    policy = device.for_training(recipe.device, recipe.dtype)
    climbed = trial.climb(recipe, resolve(recipe.base_model, recipe), policy, None, rungs=QUARTERS)
    return {"dtype": policy.dtype, "losses": [one.loss for one in climbed], "seconds": [one.seconds for one in climbed]}


def with_prompts(*given: Any) -> Material:
    """Material whose training rows learn their prompts, too; those that the loss is taken of do not."""
    material = gather(*given)
    material.train.rows = [Encoded(row.inputs, row.inputs, row.weight) for row in material.train.rows]
    return material


def unadapted(*given: Any) -> Material:
    """Material whose every weight is trained."""
    material = gather(*given)
    material.model = material.model.unload()
    for parameter in material.model.parameters():
        parameter.requires_grad_(True)
    return material


def table(found: list[dict[str, Any]]) -> str:
    """The lines as Markdown."""
    rows = [
        "| what | seed | rows | format | loss halfway | loss at the end | seconds |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in sorted(found, key=lambda one: (one["rows"], one["seed"], one["losses"][-1])):
        half, end = one["losses"][1], one["losses"][-1]
        rows.append(
            f"| {one['name']} | {one['seed']} | {one['rows']} | {one['dtype']} | {half:.3f} | {end:.3f} |"
            f" {one['seconds'][-1]:.0f} |"
        )
    return "\n".join(rows)


if __name__ == "__main__":
    main()
