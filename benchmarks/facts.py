"""Facts in, prose out: are the facts that a product is told used, and nothing else claimed?

    python benchmarks/facts.py [--model FOLDER] [--run FOLDER] [--rows 150] [--show 20] [--quick]

The facts of validation rows are mined from their references, as an editor might type them, and told to a model of
`recipes/facts.yaml`: as the model writes, and with what it left out said after all. Without `--model` one is trained,
in `--run`, where the next call finds it. `--quick` takes the small T5 that ships inside and a few rows, to see that
it runs.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import shelftalker.writing.writer as door
from shelftalker.catalogue.examples import load_split, sample
from shelftalker.catalogue.prepare import prepare
from shelftalker.checks.facts import mine
from shelftalker.checks.given import Given
from shelftalker.evaluation.metrics.metric import Outputs, Targets
from shelftalker.evaluation.metrics.registry import METRICS
from shelftalker.finetuning.trainer import finetune
from shelftalker.product import Product
from shelftalker.recipe.recipe import Recipe
from shelftalker.writing.told import told
from shelftalker.writing.written import Written


def recipe_of(folder: Path, *, quick: bool) -> Recipe:
    """The recipe `facts`, in a folder of its own."""
    recipe = Recipe.load("facts").with_flags(
        paths={"data": folder / "data", "outputs": folder / "outputs", "artifacts": folder / "artifacts"}
    )
    if quick:
        return recipe.with_flags(base_model="bundled", chat="plain", finetune={"rows": 24, "val_rows": 0})
    return recipe


def telling(rows: Sequence[Product], count: int, seed: int) -> list[Product]:
    """Products with the facts of their references, those that have any."""
    able = [(row, [fact.text for fact in mine(row.description, Given(row.title))]) for row in rows]
    told = [replace(row, facts=tuple(facts)) for row, facts in able if facts]
    return sample(told, count, seed)


def figures(found: Sequence[Written], rows: Sequence[Product]) -> dict[str, float]:
    """What the texts come to."""
    used = [said for one in found for said in one.facts_used().values()]
    claimed = [claim.support == "given" for one in found for claim in one.claims()]
    texts = [one.text for one in found]
    described = [one for one in found if one.text]
    targets = Targets([row.title for row in rows], [row.description for row in rows])
    scores = {}
    for name in ("rougeL", "bleu", "chrf"):
        (counts,) = METRICS[name].count([Outputs(targets, texts)])
        assert counts is not None
        scores[name] = float(METRICS[name].score(counts.sum(axis=0)))
    return {
        "facts": len(used),
        "used": sum(used) / max(len(used), 1),
        "claim precision": sum(claimed) / max(len(claimed), 1),
        **scores,
        "described": len(described) / len(found),
        "of these without a finding": sum(one.publishable for one in described) / max(len(described), 1),
    }


def main() -> None:
    """Train where there is no model, write twice, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--run", type=Path)
    parser.add_argument("--rows", type=int, default=150)
    parser.add_argument("--show", type=int, default=0, help="texts to read")
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        recipe = recipe_of(arguments.run or Path(scratch), quick=arguments.quick)
        prepare(recipe)
        model = arguments.model or finetune(recipe).checkpoints[-1]
        rows = telling(load_split(recipe.paths.data, "val"), 6 if arguments.quick else arguments.rows, recipe.seed)
        writer = door.load(model, recipe)
        found, seconds = dict[str, list[Written]](), dict[str, float]()
        ways: dict[str, Any] = {"as the model writes": lambda *given: list(given[2]), "what is told is said": told}
        for name, way in ways.items():
            setattr(door, "told", way)  # noqa: B010
            began = time.monotonic()
            found[name] = writer.write(rows)
            seconds[name] = time.monotonic() - began
    columns = list(figures(found["what is told is said"], rows))
    print(f"| {len(rows)} rows | {' | '.join(columns)} | seconds |\n|---|{'---|' * (len(columns) + 1)}")
    for name, texts in found.items():
        values = figures(texts, rows).values()
        print(f"| {name} | {' | '.join(f'{value:.4g}' for value in values)} | {seconds[name]:.0f} |")
    for one in found["what is told is said"][: arguments.show]:
        print(f"\n{one.title}\n  told: {'; '.join(one.given.facts)}\n  {one.text}")


if __name__ == "__main__":
    main()
