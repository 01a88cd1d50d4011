"""Is an adapter trained in bfloat16 as good as one trained in float32? SmolLM2-135M, several seeds, the same rows.

    python benchmarks/training_format.py [--seeds 42 43 44] [--rows 96] [--asked 60] [--quick]

For every seed both formats train on the same rows of the sample recipe (`--rows`); the table has the validation loss at
the end, and chrF++ of what each model writes about `--asked` validation rows. The texts of all seeds are compared by
paired approximate randomisation. `--quick` takes the small T5 that ships inside, to see that it runs; a processor
without units for bfloat16 has nothing to compare.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from time_to_loss import TITLES_ALONE

from shelftalker.catalogue.examples import load_split, sample
from shelftalker.catalogue.prepare import prepare
from shelftalker.device import cpu_reports_bfloat16
from shelftalker.evaluation.metrics.metric import Outputs, Targets
from shelftalker.evaluation.metrics.registry import METRICS
from shelftalker.evaluation.significance import Resampler
from shelftalker.finetuning.trainer import finetune
from shelftalker.product import Product
from shelftalker.recipe.recipe import Recipe
from shelftalker.writing.writer import load

FORMATS = ("float32", "bfloat16")
METRIC = "chrf"


def recipe_of(folder: Path, arguments: argparse.Namespace) -> Recipe:
    """The sample recipe, in a folder of its own, with one checkpoint."""
    recipe = Recipe.load("sample").with_flags(
        paths={"data": folder / "data", "outputs": folder / "outputs", "artifacts": folder / "artifacts"},
        **TITLES_ALONE,
        finetune={"rows": arguments.rows, "save_steps": 1_000_000},
    )
    return recipe.with_flags(base_model="bundled", chat="plain") if arguments.quick else recipe


def texts_of(recipe: Recipe, checkpoint: Path, rows: list[Product]) -> list[str]:
    """What a checkpoint writes."""
    return [one.text for one in load(checkpoint, recipe).write(rows)]


def main() -> None:
    """Train, write, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[42, 43, 44])
    parser.add_argument("--rows", type=int, default=96, help="training rows")
    parser.add_argument("--asked", type=int, default=60, help="validation rows that are described")
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    if not cpu_reports_bfloat16():
        print("this processor has no units for bfloat16: nothing to compare")
        return
    if arguments.quick:
        arguments.seeds, arguments.rows, arguments.asked = [42], 16, 4
    losses: dict[str, list[float]] = {name: [] for name in FORMATS}
    texts: dict[str, list[str]] = {name: [] for name in FORMATS}
    asked: list[Product] = []
    with tempfile.TemporaryDirectory() as scratch:
        recipe = recipe_of(Path(scratch), arguments)
        prepare(recipe)
        for seed in arguments.seeds:
            rows = sample(load_split(recipe.paths.data, "val"), arguments.asked, seed)
            asked += rows
            for name in FORMATS:
                one = recipe.with_flags(seed=seed, dtype=name)
                run = finetune(one, out=Path(scratch) / f"{name}-{seed}")
                losses[name].append(next(entry["val_loss"] for entry in reversed(run.log) if "val_loss" in entry))
                texts[name] += texts_of(recipe.with_flags(seed=seed), run.checkpoints[-1], rows)
    metric = METRICS[METRIC]
    targets = Targets([row.title for row in asked], [row.description for row in asked])
    tables = dict(zip(FORMATS, metric.count([Outputs(targets, texts[name]) for name in FORMATS]), strict=True))
    width = next(table.shape[1] for table in tables.values() if table is not None)
    known = {name: table for name, table in tables.items() if table is not None}
    found = Resampler(known, 1_000, seed=42).compare("bfloat16", "float32", slice(0, width), metric.score)
    print("| format | validation loss, by seed | mean | chrF++ |\n|---|---|---|---|")
    for name in FORMATS:
        said = ", ".join(f"{loss:.4f}" for loss in losses[name])
        print(f"| {name} | {said} | {np.mean(losses[name]):.4f} | {float(metric.score(known[name].sum(axis=0))):.2f} |")
    same = sum(a == b for a, b in zip(*texts.values(), strict=True))
    print(
        f"\nchrF++ of bfloat16 minus float32 on {len(asked)} texts: {found.difference:+.2f}"
        f" (p = {found.p_permutation:.2f}); {same} texts are the same"
    )


if __name__ == "__main__":
    main()
