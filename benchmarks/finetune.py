"""Fine-tuning speed: the original study's loop against this tool's, on the exact shapes of FLAN-T5, in one run.

    python benchmarks/finetune.py --size small

Weights are random (speed does not depend on them); rows are the sample catalogue's, tokenised by the bundled model's
tokenizer, the same rows for every variant. Variants take turns, so that a busy machine slows all alike; ratios are
medians over rounds of (this variant's examples a second / the original loop's in the same round).
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from shelftalker import console
from shelftalker.catalogue.examples import load_split
from shelftalker.device import DevicePolicy, resolve
from shelftalker.finetuning import material as making
from shelftalker.finetuning.build import build
from shelftalker.finetuning.encoding import Encoded, Encoding, encode
from shelftalker.finetuning.estimate import timed_step
from shelftalker.models.load import LoadedModel
from shelftalker.models.load import resolve as find_model
from shelftalker.models.quiet import hushed
from shelftalker.recipe.recipe import Recipe

SHAPES = {
    "small": {"d_model": 512, "d_ff": 1024, "num_layers": 8, "num_heads": 6},
    "base": {"d_model": 768, "d_ff": 2048, "num_layers": 12, "num_heads": 12},
    "tiny": {"d_model": 32, "d_ff": 64, "num_layers": 1, "num_heads": 2},  # for --quick
}
STUDY: dict[str, Any] = {"batch_size": 1, "accumulation": 16, "activation_checkpointing": True}
OURS: dict[str, Any] = {"batch_size": 8, "accumulation": 2, "activation_checkpointing": False}
QV = {"r": 8, "alpha": 16, "dropout": 0.05, "target_modules": ["q", "v"]}
ALL = {"r": 16, "alpha": 32, "dropout": 0.05, "target_modules": "all-linear"}

# name, lora, finetune, rows of like length together
VARIANTS: list[tuple[str, dict[str, Any], dict[str, Any], bool]] = [
    ("original: batch 1 x 16, activation checkpointing", QV, STUDY, False),
    ("without activation checkpointing", QV, STUDY | {"activation_checkpointing": False}, False),
    ("batches of 8 at random", QV, OURS, False),
    ("batches of 8 of like length (this tool)", QV, OURS, True),
    ("the same, LoRA on all linear layers, r 16", ALL, OURS, True),
    ("the same, the base model's dropout off", ALL, OURS | {"base_dropout": 0.0}, True),
]


def random_t5(size: str, tokenizer: Any) -> LoadedModel:
    """FLAN-T5's shape with random weights: 32,128 words, gated GELU, untied head, dropout 0.1."""
    from transformers import T5Config, T5ForConditionalGeneration

    config = T5Config(
        vocab_size=32128,
        d_kv=64,
        feed_forward_proj="gated-gelu",
        tie_word_embeddings=False,
        decoder_start_token_id=0,
        dropout_rate=0.1,
        **SHAPES[size],
    )
    model = T5ForConditionalGeneration(config)
    return LoadedModel(model, tokenizer, find_model("bundled"), True, "cpu", "float32")


def drawn(rows: list[Encoded], count: int) -> list[Encoded]:
    """Rows for a round: whole batches of 8 likes, evenly spaced over all lengths, shuffled."""
    likes = sorted(rows, key=lambda row: (len(row.labels), len(row.inputs)))
    batches = [likes[at : at + 8] for at in range(0, len(likes) - 7, 8)]
    many = max(count // 8, 2)
    chosen = [row for number in range(many) for row in batches[(2 * number + 1) * len(batches) // (2 * many)]]
    random.Random(0).shuffle(chosen)
    return chosen


def portions(rows: list[Encoded], size: int, accumulation: int, *, bucket: bool) -> list[list[list[Encoded]]]:
    """The rows as optimiser steps of batches."""
    if bucket:
        rows = sorted(rows, key=lambda row: (len(row.labels), len(row.inputs)))
    batches = [rows[at : at + size] for at in range(0, len(rows), size)]
    return [batches[at : at + accumulation] for at in range(0, len(batches), accumulation)]


def main() -> None:
    """Measure and print a table; with --json, the figures."""
    import torch
    from transformers import AutoTokenizer

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=sorted(SHAPES), default="small")
    parser.add_argument("--rows", type=int, default=64, help="rows in one round (a multiple of 16)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", help="variants by number from 1, such as 1,4; the first is the measure of all")
    parser.add_argument("--threads", type=int, help="torch's threads; default: one a core")
    parser.add_argument(
        "--clock", choices=["wall", "cpu"], default="wall", help="cpu: on a machine that others use too"
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true", help="a tiny model, to see that it runs; no figures to quote")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.size, arguments.rows, arguments.rounds = "tiny", 16, 1
    chosen = {1, *map(int, arguments.only.split(","))} if arguments.only else set(range(1, len(VARIANTS) + 1))
    variants = [variant for number, variant in enumerate(VARIANTS, 1) if number in chosen]
    policy: DevicePolicy = resolve()
    clock = time.perf_counter if arguments.clock == "wall" else time.process_time
    if arguments.threads:
        torch.set_num_threads(arguments.threads)

    with tempfile.TemporaryDirectory() as scratch, hushed():
        folder = Path(scratch)
        recipe = Recipe.load("sample", {"paths.data": str(folder / "data"), "finetune.val_rows": 0})
        from shelftalker.catalogue.prepare import prepare

        console.configure(quiet=True)
        prepare(recipe)
        tokenizer = AutoTokenizer.from_pretrained(find_model("bundled").path)
        every = encode(
            load_split(folder / "data", "train"),
            tokenizer,
            recipe.as_prompt,
            is_seq2seq=True,
            max_target_tokens=256,
        )
        data = Encoding(drawn(every.rows, arguments.rows), every.counts)
        speeds: dict[str, list[float]] = {name: [] for name, *_ in variants}
        for number in range(arguments.rounds):
            for name, lora, tuning, bucket in variants:
                torch.manual_seed(number)
                own = recipe.with_flags(lora=lora, finetune=tuning, device=policy.device)
                base = random_t5(arguments.size, tokenizer)
                from shelftalker.models import adapter

                if own.finetune.base_dropout is not None:
                    making.set_dropout(base.model, own.finetune.base_dropout)
                if own.finetune.activation_checkpointing:
                    making.checkpoint_activations(base.model)
                base.model.to(getattr(torch, policy.dtype))
                model = adapter.attach(base.model, own.lora, is_seq2seq=True, base_name="random", revision=None)
                material = making.Material(base, model, data, None, {})
                trainer = build(own, material, policy, folder / "run", [])
                model.to(trainer.args.device)
                steps = portions(data.rows, own.finetune.batch_size, own.finetune.accumulation, bucket=bucket)
                timed_step(trainer, steps[0][:1])
                began = clock()
                for step in steps:
                    timed_step(trainer, step)
                speeds[name].append(len(data.rows) / (clock() - began))
                del trainer, model, material, base
        console.configure()

    original = speeds[variants[0][0]]
    figures = {
        name: {
            "examples_per_second": round(statistics.median(values), 2),
            "ratio": round(statistics.median(ours / theirs for ours, theirs in zip(values, original, strict=True)), 2),
        }
        for name, values in speeds.items()
    }
    if arguments.json:
        print(json.dumps(figures, indent=2))
        return
    targets = sum(len(row.labels) for row in data.rows) / len(data.rows)
    console.table(
        f"FLAN-T5-{arguments.size} shapes, {policy.device} {policy.dtype}, {torch.get_num_threads()} threads",
        ["loop", "examples/s", "ratio"],
        [[name, f"{each['examples_per_second']:.2f}", f"{each['ratio']:.2f}"] for name, each in figures.items()],
        caption=f"{len(data.rows)} rows, {targets:.0f} target tokens each on average; medians of {arguments.rounds}"
        f" rounds; {arguments.clock} time",
    )


if __name__ == "__main__":
    main()
