"""The review page on a large described file: seconds to open it, milliseconds an answer.

    python benchmarks/review.py            # 100,000 rows
    python benchmarks/review.py --quick    # 1,000 rows

The file is invented: five sentences a draft, no to three findings, two sources. Answers are asked for as the page asks,
without a network between; "worst" is the slowest of twenty.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from shelftalker import console
from shelftalker.recipe.recipe import Recipe
from shelftalker.review.app import create_app, open_desk

WORDS = "oak lamp blue steel cotton mug bottle linen brass warm light kitchen table garden chair soft handle".split()
TIMES = 20


def described(path: Path, rows: int) -> Path:
    """A described catalogue as JSON lines."""
    chance = random.Random(1)

    def some(count: int) -> str:
        return " ".join(chance.choices(WORDS, k=count))

    with path.open("w", encoding="utf-8") as file:
        for number in range(rows):
            text = ". ".join(some(12) for _ in range(5)) + "."
            spots = range(chance.choice([0, 0, 0, 1, 2, 3]))
            row = {
                "sku": f"S{number}",
                "title": f"{some(5)} {number}",
                "brand": some(1),
                "description": text,
                "publishable": not spots,
                "findings": [
                    {
                        "check": "number",
                        "text": text[5 * at : 5 * at + 4],
                        "start": 5 * at,
                        "end": 5 * at + 4,
                        "why": "",
                    }
                    for at in spots
                ],
                "route": chance.choice(["edited", "written"]),
                "sources": [{"uid": some(1), "title": some(5), "similarity": chance.random()} for _ in range(2)],
                "score": -2 * chance.random(),
                "problem": None,
            }
            file.write(json.dumps(row) + "\n")
    return path


def timed(name: str, action: Callable[[], object], times: int = TIMES) -> None:
    """Print the median and the worst time of an action."""
    spent = []
    for _ in range(times):
        began = time.perf_counter()
        action()
        spent.append((time.perf_counter() - began) * 1000)
    print(f"{name:36} {statistics.median(spent):8.0f} ms   worst {max(spent):8.0f} ms")


def main(rows: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        path = described(Path(folder) / "described.jsonl", rows)
        for name in ("opened for the first time", "opened again"):
            began = time.perf_counter()
            desk = open_desk(path, Recipe())
            print(f"{name:36} {time.perf_counter() - began:8.1f} s")
            if name != "opened again":
                desk.store.close()
        client = TestClient(create_app(desk), base_url="http://127.0.0.1")
        client.headers["X-Shelftalker-Token"] = desk.store.meta("token") or ""

        def post(action: str, body: dict[str, Any]) -> Any:
            return client.post(f"/api/{action}", json=body).raise_for_status().json()

        row = client.get("/api/next").json()["row"]

        def decide() -> None:
            nonlocal row
            body = {"number": row["number"], "verdict": "accepted", "text": row["draft"], "seen": row["decision"]}
            row = post("decide", body)["row"]

        timed("the page", lambda: client.get("/"))
        timed("the next row", lambda: client.get("/api/next"))
        timed("a decision kept, and the next row", decide)
        timed("a text checked while it is edited", lambda: post("check", {"number": 0, "text": row["draft"] + " 9 kg"}))
        timed("a list filtered by a finding", lambda: client.get("/api/rows", params={"check": "number"}))
        timed("a list by two words of a search", lambda: client.get("/api/rows", params={"search": "brass 99"}))
        timed("what a rule would accept", lambda: post("rule", {"score": -1.0}))
        count = post("rule", {"score": -1.0})["count"]
        timed(f"{count:,} accepted by the rule", lambda: post("accept", {"score": -1.0, "expected": count}), 1)
        timed("the same taken back", lambda: post("undo", {}), 1)
        desk.store.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    console.configure(quiet=True)
    main(1_000 if given.quick else given.rows)
