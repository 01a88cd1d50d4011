"""Is the length that a row asks for kept? One adapter learns descriptions and meta descriptions; rows ask for lengths.

    python benchmarks/fields.py [--model smollm2] [--rows 380] [--asked 100] [--run FOLDER] [--show 30] [--quick]

The catalogue is the bundled sample with a column of meta descriptions: the first sentences of each description, as many
as fit into 155 characters. Every asked row wants a description and a meta description, each of a length drawn between
the 10th and the 90th percentile of the training texts, in words or in characters. A length is kept where the text is
within a tenth of it. `--run` keeps the splits and the trained adapter in a folder, where the next call finds them;
`--show` prints texts to read; `--quick` takes the small T5 that ships inside and a few rows, to see that it runs.
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

import numpy as np
from time_to_loss import TITLES_ALONE

from shelftalker.bundled import sample_catalogue
from shelftalker.catalogue.examples import load_split
from shelftalker.catalogue.prepare import prepare
from shelftalker.checks.lexicon import lexicon
from shelftalker.checks.prose import sentences
from shelftalker.finetuning.trainer import finetune
from shelftalker.length import Length, Unit, length, measured
from shelftalker.product import Product
from shelftalker.recipe.recipe import Recipe
from shelftalker.writing.fitted import held
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
    chat = "plain" if arguments.model == "bundled" else "chat"
    return Recipe.load("sample", {"base_model": arguments.model, "chat": chat}).with_flags(
        paths={"data": folder / "data", "outputs": folder / "outputs", "artifacts": folder / "artifacts"},
        prepare={"inputs": [str(catalogue(folder / "shop.jsonl"))], "fields": {FIELD: COLUMN}},
        **TITLES_ALONE,
        finetune={"rows": arguments.rows, "save_steps": 1_000_000, "val_rows": 0},
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


def as_first_written(writer: Writer, asked: Sequence[Product]) -> list[str]:
    """What the model writes by itself, held at the length where a sentence ends there."""
    prompts = writer.prompt.prepare(asked, writer.engine.encode)
    drawn = writer.engine.generate(prompts, writer.recipe.decoding)
    return [
        held(one.text, length(product.length), lexicon(), hit_cap=one.hit_cap)
        for product, [one] in zip(asked, drawn, strict=True)
    ]


def at_length(writer: Writer, asked: Sequence[Product]) -> list[str]:
    """What the writer makes of it."""
    return [one.text for one in writer.write(asked)]


def kept(asked: Sequence[Product], texts: Sequence[str]) -> dict[str, float]:
    """Shares of the texts that keep their length, by field and unit."""
    hits: dict[str, list[bool]] = {f"all {len(asked)}": []}
    for product, text in zip(asked, texts, strict=True):
        wanted = length(product.length)
        for key in (f"all {len(asked)}", f"{product.field or 'description'}, {wanted.unit}"):
            hits.setdefault(key, []).append(wanted.is_kept(text))
    return {key: sum(row) / len(row) for key, row in hits.items()}


def measure(arguments: argparse.Namespace, folder: Path) -> None:
    """Train, where that is not done yet, write, and print the shares."""
    recipe = recipe_of(arguments, folder)
    prepare(recipe)
    run = finetune(recipe)
    rows, training = (load_split(recipe.paths.data, split) for split in ("val", "train"))
    asked = asking(rows[: arguments.asked], training, recipe.seed)
    writer = load(run.run_dir, Recipe())
    found = []
    for way in (as_first_written, at_length):
        began = time.perf_counter()
        texts = way(writer, asked)
        found.append((texts, kept(asked, texts), (time.perf_counter() - began) / len(asked)))
    (_, first, before), (texts, last, after) = found
    for product, text in list(zip(asked, texts, strict=True))[: arguments.show]:
        print(f"[{product.length}: {length(product.length).of(text)}] {product.title[:60]}\n    {text}")
    print(f"{arguments.model}, {arguments.rows} training products, {len(asked)} texts asked for")
    print(f"{'kept within a tenth':40}{'as first written':>18}{'at length':>12}")
    for key in first:
        print(f"{key:40}{first[key]:>18.0%}{last[key]:>12.0%}")
    print(f"{'seconds a text':40}{before:>18.2f}{after:>12.2f}")


def main() -> None:
    """Read the arguments, and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--rows", type=int, default=380, help="training products")
    parser.add_argument("--asked", type=int, default=100, help="validation products")
    parser.add_argument("--run", type=Path, help="a folder that keeps the trained adapter")
    parser.add_argument("--show", type=int, default=0, help="texts to print")
    parser.add_argument("--quick", action="store_true", help="the small T5 and a few rows, to see that it runs")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.model, arguments.rows, arguments.asked = "bundled", 32, 6
    if arguments.run:
        arguments.run.mkdir(parents=True, exist_ok=True)
        measure(arguments, arguments.run)
        return
    with tempfile.TemporaryDirectory(prefix="shelftalker-fields-") as folder:
        measure(arguments, Path(folder))


if __name__ == "__main__":
    main()
