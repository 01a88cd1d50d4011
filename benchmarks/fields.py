"""Is the length that a row asks for kept? One adapter learns descriptions and meta descriptions; rows ask for lengths.

    python benchmarks/fields.py [--model smollm2] [--rows 380] [--asked 100] [--tries 8] [--quick]

The catalogue is the bundled sample with a column of meta descriptions: the first sentences of each description, as many
as fit into 155 characters. Every asked row wants a description and a meta description, each of a length drawn between
the 10th and the 90th percentile of the training texts, in words or in characters. A length is kept where the text is
within a tenth of it. `--quick` takes the small T5 that ships inside and a few rows, to see that it runs.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from shelftalker.bundled import sample_catalogue
from shelftalker.catalogue.examples import load_split
from shelftalker.catalogue.prepare import prepare
from shelftalker.checks.prose import sentences
from shelftalker.finetuning.trainer import finetune
from shelftalker.length import Length, Unit, length, measured
from shelftalker.product import Product
from shelftalker.recipe.recipe import Recipe
from shelftalker.writing.writer import Writer, load

FIELD, COLUMN, LONGEST = "meta_description", "SEO description", 155
UNITS: tuple[Unit, ...] = ("words", "characters")


def catalogue(path: Path) -> Path:
    """The sample with its meta descriptions."""
    with gzip.open(sample_catalogue(), "rt", encoding="utf-8") as file, path.open("w", encoding="utf-8") as out:
        for row in map(json.loads, file):
            out.write(json.dumps(row | {COLUMN: _meta(" ".join(row["content"].split()))}) + "\n")
    return path


def _meta(text: str) -> str:
    fitting = [text[: one.end] for one in sentences(text) if one.end <= LONGEST and one.end < len(text)]
    return fitting[-1] if fitting else ""


def recipe_of(arguments: argparse.Namespace, folder: Path) -> Recipe:
    """The sample recipe with a second field to learn."""
    return Recipe.load("sample", {"base_model": arguments.model}).with_flags(
        paths={"data": folder / "data", "outputs": folder / "outputs", "artifacts": folder / "artifacts"},
        prepare={"inputs": [str(catalogue(folder / "shop.jsonl"))], "fields": {FIELD: COLUMN}},
        finetune={"rows": arguments.rows, "save_steps": 1_000_000, "val_rows": 0},
        generate={"length_tries": arguments.tries},
    )


def asking(products: Sequence[Product], training: Sequence[Product], seed: int) -> list[Product]:
    """Each product twice, for its description and its meta description, at a length that training texts have."""
    spans = {}
    for name in ("", FIELD):
        texts = [row.texts.get(name, "") if name else row.description for row in training]
        for unit in UNITS:
            spans[name, unit] = np.percentile([measured(text, unit) for text in texts if text], [10, 90])
    draw, found = random.Random(seed), []
    for product in products:
        for name in ("", FIELD):
            unit = draw.choice(UNITS)
            count = round(draw.uniform(*spans[name, unit]))
            found.append(replace(product, field=name, length=str(Length(count, unit))))
    return found


def kept(writer: Writer, asked: Sequence[Product]) -> dict[str, Any]:
    """Shares of the texts that keep their length, by field and unit, and how fast they were written."""
    began = time.perf_counter()
    texts = [one.text for one in writer.write(asked)]
    seconds = time.perf_counter() - began
    hits: dict[str, list[bool]] = {"all": []}
    for product, text in zip(asked, texts, strict=True):
        wanted = length(product.length)
        for key in ("all", f"{product.field or 'description'}, {wanted.unit}"):
            hits.setdefault(key, []).append(wanted.is_kept(text))
    return {key: (sum(row) / len(row), len(row)) for key, row in hits.items()} | {"seconds": seconds / len(asked)}


def main() -> None:
    """Print the shares: the first text taken as it comes, then with more to choose from."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--rows", type=int, default=380, help="training products")
    parser.add_argument("--asked", type=int, default=100, help="validation products")
    parser.add_argument("--tries", type=int, default=8, help="texts drawn where the first misses its length")
    parser.add_argument("--quick", action="store_true", help="the small T5 and a few rows, to see that it runs")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.model, arguments.rows, arguments.asked, arguments.tries = "bundled", 32, 6, 2
    with tempfile.TemporaryDirectory(prefix="shelftalker-fields-") as folder:
        recipe = recipe_of(arguments, Path(folder))
        prepare(recipe)
        run = finetune(recipe)
        asked = asking(
            load_split(recipe.paths.data, "val")[: arguments.asked], load_split(recipe.paths.data, "train"), recipe.seed
        )
        writer = load(run.run_dir, Recipe().with_flags(generate={"length_tries": 0}))
        first = kept(writer, asked)
        writer.recipe = writer.recipe.with_flags(generate={"length_tries": arguments.tries})
        chosen = kept(writer, asked)
    print(f"{arguments.model}, {arguments.rows} training products, {len(asked)} texts asked for")
    print(f"{'kept within a tenth':40}{'first text':>12}{f'of {arguments.tries} more':>12}{'texts':>8}")
    for key in first:
        if key == "seconds":
            print(f"{'seconds a text':40}{first[key]:>12.2f}{chosen[key]:>12.2f}")
        else:
            print(f"{key:40}{first[key][0]:>12.0%}{chosen[key][0]:>12.0%}{first[key][1]:>8}")


if __name__ == "__main__":
    main()
