"""How long an editor needs for a catalogue: every text by hand, or a queue of drafts, at given publishable rates.

    python benchmarks/editor_time.py
    python benchmarks/editor_time.py --rates 0.4 0.6 --look 45

A simulated editor passes the sample catalogue in the review queue itself: her decisions stand in its decision file, and
the minutes are those that the queue's own summary counts. Drafts are the sample's descriptions; a share of them (one
minus the publishable rate) has a sentence too many with an invented measure, which the checks find. She accepts by a
rule what has no finding, reads the twenty drafts that the rule shows, and every draft with a finding; of these she
mends most and rejects some, which she then writes by hand.

Assumed: composing 19 words a minute (Karat et al. 1999), silent reading 238 words a minute (Brysbaert 2019), half a
minute to look a product up, two seconds to decide, a third of the flagged drafts' words written anew, one flagged draft
in ten rejected. Times vary from row to row by a quarter (log-normal, seeded). What the checks miss goes to the shop
unseen: their precision and recall stand in docs/evaluation.md.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import sys
import tempfile
from pathlib import Path

from shelftalker import console
from shelftalker.bundled import sample_catalogue
from shelftalker.checks.check import check
from shelftalker.checks.given import Given
from shelftalker.recipe.recipe import Recipe
from shelftalker.review.app import open_desk
from shelftalker.review.queue import Filter, Rule

COMPOSED, READ = 19, 238  # words a minute
DECIDING = 2.0  # seconds
REWRITTEN, REJECTED = 1 / 3, 0.1


def main() -> None:
    """Simulate and print one line a rate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rates", type=float, nargs="+", default=[0.3, 0.5, 0.7, 0.9], help="publishable rates")
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--look", type=float, default=30.0, help="seconds to look a product up")
    parser.add_argument("--quick", action="store_true", help="40 rows, one rate")
    given = parser.parse_args()
    rows, rates = (40, [0.5]) if given.quick else (given.rows, given.rates)
    console.configure(quiet=True)
    products = _products(rows)
    words = sum(len(text.split()) for _, text in products) / len(products)
    print(f"{len(products):,} rows of {words:.0f} words; seconds a row")
    print(f"{'publishable':>12} {'by hand':>8} {'by queue':>9} {'unread':>7} {'hours saved in 1,000':>21}")
    for rate in rates:
        hand, queue, unread = _simulated(products, rate, given.look)
        print(f"{rate:>12.0%} {hand:>8.0f} {queue:>9.1f} {unread:>7.0%} {(hand - queue) * 1000 / 3600:>21.1f}")


def _products(rows: int) -> list[tuple[str, str]]:
    """Titles and descriptions of the sample in which the checks find nothing."""
    found = []
    with gzip.open(sample_catalogue(), "rt", encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            title, text = row["title"].strip(), " ".join(row["content"].split())
            if len(found) < rows and title and 15 <= len(text.split()) <= 80 and "<" not in text and "&" not in text:
                found.append((title, text))
    return found


def _simulated(products: list[tuple[str, str]], rate: float, look: float) -> tuple[float, float, float]:
    """Seconds a row by hand and by the queue, and the share of rows accepted unread."""
    draw = random.Random(f"{rate}")

    def about(seconds: float) -> float:
        return seconds * draw.lognormvariate(0, 0.25)

    def by_hand(words: int) -> float:
        return about(look + words / COMPOSED * 60)

    hand = sum(by_hand(len(text.split())) for _, text in products)
    with tempfile.TemporaryDirectory() as folder:
        desk = open_desk(_described(Path(folder) / "described.jsonl", products, rate, draw), Recipe())
        rule = desk.queue.named(Rule())
        seconds = sum(about(len(one["draft"].split()) / READ * 60) for one in rule["rows"])
        desk.queue.accept(Rule(), rule["count"], "editor")
        while (row := desk.next(Filter(), "editor")) is not None:
            size = len(row["draft"].split())
            spent = about(size / READ * 60 + DECIDING)
            if draw.random() < REJECTED:
                seconds += by_hand(size)  # outside the queue
                verdict, more = "rejected", {"reason": "invents facts"}
            else:
                spent += about(size * REWRITTEN / COMPOSED * 60)
                verdict, more = "accepted", {"text": row["draft"].rpartition(" It weighs")[0] or row["draft"]}
            desk.store.decide(row["number"], verdict, seconds=spent, seen=row["decision"], tab="editor", **more)
        summary = desk.queue.summary()
        desk.store.close()
    queue = (seconds + summary["minutes"] * 60) / len(products)
    return hand / len(products), queue, summary["by_rule"] / len(products)


def _described(path: Path, products: list[tuple[str, str]], rate: float, draw: random.Random) -> Path:
    """A described catalogue in which that share of the drafts has no finding."""
    flagged = set(draw.sample(range(len(products)), round(len(products) * (1 - rate))))
    with path.open("w", encoding="utf-8") as file:
        for number, (title, text) in enumerate(products):
            draft = f"{text} It weighs {draw.randint(300, 900)}.7 kg." if number in flagged else text
            found = check(draft, Given(title)) if number in flagged else []
            marks = [{"check": f.check, "text": f.text, "start": f.start, "end": f.end, "why": f.why} for f in found]
            row = {"sku": str(number), "title": title, "description": draft, "findings": marks, "route": "written"}
            file.write(json.dumps(row | {"score": -0.4, "publishable": not marks}) + "\n")
    return path


if __name__ == "__main__":
    sys.exit(main())
