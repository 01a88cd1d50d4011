"""Words and numbers as people read them, and what the page shows of how much."""

from __future__ import annotations

from typing import Any

from shelftalker.evaluation.metrics.registry import METRICS
from shelftalker.evaluation.verdict import p_text

MAX_ROWS = 2000
"""Rows in the browser of predictions; more would make the file slow to open."""
MAX_SLICES = 24
"""Values of a column in the breakdown, the largest first."""
SIMILARITY = {
    "none": "nothing like it in training",
    "distant": "distant title in training",
    "near": "near title in training",
    "sibling": "very near title in training",
}
GLOSSARY = {
    "zero-shot": "the base model before any training, with the same prompt and decoding",
    "copy-title": "the title as the description: what untrained models mostly do",
    "nearest-neighbour": "the description of the training product with the nearest title, as it is",
    "nearest-edited": "the same, with what differs between the two titles replaced",
    "lead-sentence": "“This is the …” and the title",
    "chrF++": "how many runs of letters and pairs of words are shared with the reference; more forgiving than BLEU",
}
"""Words that the page uses of systems and metrics."""
ROUTES = {"edited": "edited from a sibling", "written": "written by the model", "declined": "declined"}
LENGTHS = {"short": "short references", "medium": "medium references", "long": "long references"}
ROLES = {"baseline": "baseline", "checkpoint": "checkpoint", "model": "model", "reference_system": "reference system"}


def label(metric: str | None) -> str:
    """A metric's name for people."""
    return METRICS[metric].label if metric in METRICS else str(metric)


def what(metric: str) -> str:
    """A metric's definition in one line."""
    return METRICS[metric].what if metric in METRICS else ""


def arrow(metric: str) -> str:
    """Whether more is better, as a word for the table's head."""
    higher = METRICS[metric].higher_is_better if metric in METRICS else None
    return {True: "higher is better", False: "lower is better", None: "neither end is better"}[higher]


def share_of(share: float) -> dict[str, Any]:
    """A share as text and as the width of its bar."""
    percent = 100 * share
    text = "0" if share == 0 else f"{percent:.1f}" if percent < 9.95 else f"{percent:.0f}"
    return {"text": f"{text} %", "width": round(percent, 2)}


def p_value(p: float | None) -> str:
    """A p-value as journals print it."""
    return "–" if p is None else p_text(p).removeprefix("p ").removeprefix("= ")
