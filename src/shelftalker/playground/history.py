"""What was written in one visit, as a list on the page and as a file to keep."""

from __future__ import annotations

import csv
import tempfile
from pathlib import Path

from shelftalker.writing.job.output import neutral
from shelftalker.writing.written import Written

COLUMNS = ("title", "description", "publishable", "findings", "model", "decoding")
KEPT = 200
"""Descriptions that a visit remembers; the oldest are forgotten."""

Entry = dict[str, str]


def entry(written: Written, model: str, decoding: str) -> Entry:
    """One description as a row."""
    values = (
        written.heading,
        written.text,
        "yes" if written.publishable else "no",
        "; ".join(f"{one.check}: {one.text}" for one in written.findings),
        model,
        decoding,
    )
    return dict(zip(COLUMNS, values, strict=True))


def added(history: list[Entry], new: Entry) -> list[Entry]:
    """The history with one more, the newest first."""
    return [new, *history][:KEPT]


def as_file(history: list[Entry]) -> str:
    """A CSV that spreadsheets open, in a folder of its own; returns its path."""
    path = Path(tempfile.mkdtemp(prefix="shelftalker-")) / "descriptions.csv"
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        table.writerows([neutral(one[name]) for name in COLUMNS] for one in reversed(history))
    return str(path)


def rows(history: list[Entry]) -> list[list[str]]:
    """What the page shows of it: title, description, what the checks say."""
    return [[one["title"], one["description"], one["findings"] or "nothing found"] for one in history]
