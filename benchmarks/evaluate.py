"""Seconds for metrics, intervals, tests and checks on 10,000 pairs.

    python benchmarks/evaluate.py

Two systems of a sample catalogue's text on the same rows, 1,000 resamples and permutations; beside them what the
same work costs with rouge-score and with sacrebleu's own paired tests (on a share of the pairs, scaled up, as both
are linear in them). Processor seconds are printed beside wall seconds: on a busy machine they are the fairer ones.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from shelftalker import console
from shelftalker.evaluation.entries import Entry, Protocol, ScoredRow
from shelftalker.evaluation.results import Data, System
from shelftalker.evaluation.scoring import score


def catalogue() -> list[tuple[str, str]]:
    """Titles and descriptions of the sample catalogue that ships inside."""
    import gzip

    from shelftalker.bundled import sample_catalogue

    with gzip.open(sample_catalogue(), "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return [(row["title"], row["content"]) for row in rows if row["title"] and len(row["content"].split()) > 10]


def pairs(count: int, seed: int = 0) -> tuple[list[ScoredRow], dict[str, list[str]], list[str]]:
    """Products with references, two systems' predictions (the second keeps more of the reference), training texts."""
    draw = random.Random(seed)
    rows = catalogue()
    vocabulary = [word for _, text in rows[:500] for word in text.split()]
    products, systems = [], {"first": [], "second": []}
    for number in range(count):
        title, text = draw.choice(rows)
        products.append(ScoredRow(f"P{number}", title, text))
        for name, share in (("first", 0.5), ("second", 0.51)):
            words = [word if draw.random() < share else draw.choice(vocabulary) for word in text.split()]
            systems[name].append(" ".join(words))
    return products, systems, [text for _, text in rows]


@contextmanager
def timed(name: str, table: dict[str, dict[str, float]], factor: float = 1) -> Iterator[None]:
    """Note wall and processor seconds of a block, times ``factor``."""
    wall, cpu = time.perf_counter(), _processor()
    yield
    table[name] = {
        "wall_s": (time.perf_counter() - wall) * factor,
        "cpu_s": (_processor() - cpu) * factor,
    }


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def run(count: int, resamples: int, share: float) -> dict[str, Any]:
    """All timings; ``share`` of the pairs goes through the slow programs that are compared with."""
    products, systems, training = pairs(count)
    times: dict[str, dict[str, float]] = {}

    def entries() -> list[Entry]:
        return [
            Entry(System(id=name, label=name, role="model"), texts, hit_cap=[False] * count)
            for name, texts in systems.items()
        ]

    data = Data(split="val", rows=count, sha256="")
    with timed("everything (metrics, intervals, tests, checks, novelty)", times):
        found = score(products, entries(), Protocol(resamples, 1), kind="comparison", data=data, training=training)
    _parts(times, products, systems, resamples, training)
    part = int(count * share)
    references = [row.reference for row in products[:part]]
    first, second = (texts[:part] for texts in systems.values())
    with timed("rouge-score, two systems (scaled up)", times, 1 / share):
        _rouge_score(references, first, second)
    for kind in ("bs", "ar"):
        with timed(f"sacrebleu's paired test {kind}, BLEU and chrF++ (scaled up)", times, 1 / share):
            _paired(kind, references, first, second, resamples)
    return {
        "pairs": count,
        "resamples": resamples,
        "seconds": times,
        "tests": len(found.tests),
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def _parts(
    times: dict[str, dict[str, float]],
    products: list[ScoredRow],
    systems: dict[str, list[str]],
    resamples: int,
    training: list[str],
) -> None:
    import numpy as np

    from shelftalker.checks.check import check
    from shelftalker.checks.given import Given
    from shelftalker.evaluation.metrics import ngrams, rouge
    from shelftalker.evaluation.metrics.metric import Outputs, Targets
    from shelftalker.evaluation.metrics.novelty import longest_copies
    from shelftalker.evaluation.significance import Resampler

    targets = Targets([row.title for row in products], [row.reference for row in products])
    outputs = [Outputs(targets, texts) for texts in systems.values()]

    def part(name: str, action: Callable[[], Any]) -> Any:
        with timed(f"  of it: {name}", times):
            return action()

    part("ROUGE", lambda: [metric.count(outputs) for metric in rouge.METRICS])
    counts = part("n-grams of BLEU and chrF++", lambda: [metric.count(outputs) for metric in ngrams.METRICS])
    counted = {name: np.concatenate(one, axis=1) for name, one in zip(systems, zip(*counts, strict=True), strict=True)}
    resampler = Resampler(counted, resamples, 1)
    columns = {"bleu": (slice(0, 10), ngrams.bleu), "chrf": (slice(10, 34), ngrams.chrf)}
    part(
        "both paired tests of BLEU and chrF++ from cached statistics",
        lambda: [resampler.compare("second", "first", *column) for column in columns.values()],
    )
    part("novelty", lambda: [longest_copies(texts, training) for texts in systems.values()])
    part(
        "checks",
        lambda: [
            check(text, Given(row.title))
            for texts in systems.values()
            for row, text in zip(products, texts, strict=True)
        ],
    )


def _rouge_score(references: list[str], *systems: list[str]) -> None:
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rouge1", "rouge2", "rougeL", "rougeLsum"], use_stemmer=True)
    for texts in systems:
        for reference, text in zip(references, texts, strict=True):
            scorer.score(reference, text)


def _paired(kind: str, references: list[str], first: list[str], second: list[str], resamples: int) -> None:
    from sacrebleu.metrics import BLEU, CHRF
    from sacrebleu.significance import PairedTest

    metrics = {
        "BLEU": BLEU(references=[references], force=True),
        "chrF": CHRF(word_order=2, references=[references]),
    }
    PairedTest([("first", first), ("second", second)], metrics, None, test_type=kind, n_samples=resamples)()


def main() -> None:
    """Print the table, and write it as JSON where asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=10_000)
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--share", type=float, default=0.1, help="share of the pairs for the programs compared with")
    parser.add_argument("--json", help="file for the figures")
    parser.add_argument("--quick", action="store_true", help="a few rows, to see that it runs; no figures to quote")
    asked = parser.parse_args()
    if asked.quick:
        asked.pairs, asked.resamples, asked.share = 100, 100, 1.0
    figures = run(asked.pairs, asked.resamples, asked.share)
    console.table(
        f"{asked.pairs:,} pairs, two systems, {asked.resamples:,} resamples (s)",
        ["what", "wall", "processor"],
        [[name, f"{value['wall_s']:.1f}", f"{value['cpu_s']:.1f}"] for name, value in figures["seconds"].items()],
        caption=f"peak memory {figures['peak_memory_mb']} MB",
    )
    if asked.json:
        from pathlib import Path

        from shelftalker.files import write_json

        write_json(Path(asked.json), figures)


if __name__ == "__main__":
    main()
