"""Two figures of docs/evaluation.md.

    python benchmarks/evaluation_method.py

1. How often p < 0.05 is found where there is no difference, for the tests used here and for the formula of
   sacrebleu's paired bootstrap.
2. What share of the rows has a sibling in the training split, by the similarity of the nearest training title.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from shelftalker import console
from shelftalker.evaluation.metrics.metric import ratio
from shelftalker.evaluation.references import neighbours
from shelftalker.evaluation.significance import Resampler
from shelftalker.product import Product
from shelftalker.retrieve.index import CatalogueIndex, words

SAMPLE = Path(__file__).parents[1] / "tools/sample_catalogue_clean.jsonl.gz"
SIBLING = 0.2
"""Jaccard similarity of two descriptions' 3-word runs from which the products count as siblings."""


def false_alarms(trials: int, rows: int = 100) -> dict[str, float]:
    """Share of pairs of equal systems whose p is below 0.05."""
    generator = np.random.default_rng(99)
    columns = slice(0, 2)
    hits: Counter[str] = Counter()
    for trial in range(trials):
        # Both systems share a row's difficulty; their own noise has heavy tails and is exchangeable.
        values = 0.3 + 0.1 * generator.normal(size=(rows, 1)) + 0.1 * generator.standard_t(4, size=(rows, 2))
        table = np.stack([values, np.ones_like(values)], axis=2)
        pair = Resampler({"a": table[:, 0], "b": table[:, 1]}, 400, seed=trial)
        found = pair.compare("a", "b", columns, ratio)
        distance = np.abs(pair.resampled("a", columns, ratio) - pair.resampled("b", columns, ratio))
        theirs = (np.sum(distance - distance.mean() > abs(found.difference)) + 1) / (len(distance) + 1)
        hits["paired bootstrap"] += found.p_bootstrap < 0.05
        hits["approximate randomisation"] += found.p_permutation < 0.05
        hits["sacrebleu's bootstrap formula"] += theirs < 0.05
    return {name: count / trials for name, count in hits.items()}


def siblings(path: Path, held_out: int = 600) -> dict[str, tuple[float, float]]:
    """Class of similarity to its share of the rows, and to the share of those that have a sibling."""
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
        every = [json.loads(line) for line in file]
    rows = [row for row in every if row["title"] and len(row["content"].split()) >= 8]
    random.Random(0).shuffle(rows)
    asked, known = rows[:held_out], rows[held_out:]
    index = CatalogueIndex.build([row["title"] for row in known], [row["content"] for row in known])
    near = neighbours([Product(row["title"], description=row["content"]) for row in asked], index)
    runs = [_runs(row["content"]) for row in known]
    having = defaultdict(list)
    for place, one in enumerate(runs):
        for run in one:
            having[run].append(place)
    counts: dict[str, list[bool]] = {kind: [] for kind in ("none", "distant", "near", "sibling")}
    for row, neighbour in zip(asked, near, strict=True):
        own = _runs(row["content"])
        shared = Counter(place for run in own for place in having.get(run, ()))
        best = max((count / len(own | runs[place]) for place, count in shared.items()), default=0.0)
        counts[neighbour.kind].append(best >= SIBLING)
    return {kind: (len(hits) / held_out, sum(hits) / max(len(hits), 1)) for kind, hits in counts.items()}


def _runs(text: str) -> set[tuple[str, ...]]:
    tokens = words(text)
    return {tuple(tokens[start : start + 3]) for start in range(len(tokens) - 2)}


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few trials, to see that it runs; no figures to quote")
    parser.add_argument(
        "catalogues", nargs="*", type=Path, help="further catalogues: JSON lines with title and content"
    )
    asked = parser.parse_args()
    alarms = false_alarms(20 if asked.quick else 1000)
    console.table(
        "p < 0.05 without a difference", ["test", "share"], [[name, f"{value:.1%}"] for name, value in alarms.items()]
    )
    for path in [SAMPLE, *asked.catalogues]:
        found: dict[str, Any] = siblings(path, 50 if asked.quick else 600)
        console.table(
            f"{path.name}: rows by the nearest training title",
            ["class", "rows", "have a sibling"],
            [[kind, f"{share:.0%}", f"{rate:.0%}"] for kind, (share, rate) in found.items()],
        )


if __name__ == "__main__":
    main()
