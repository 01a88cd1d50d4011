"""Precision, recall and speed of every check on the hand-labelled descriptions.

    python benchmarks/checks.py

A finding is right when a label of the same check overlaps it; a label is found when a finding of the same check
overlaps it. Rules were written and tuned on the development half only; the figures of docs/evaluation.md are the
held-out half's.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

from shelftalker.checks.check import CHECKS, FORM, Finding, check
from shelftalker.checks.given import Given

LABELLED = Path(__file__).resolve().parent.parent / "tests/checks/labelled"


def labelled(folder: Path = LABELLED) -> list[dict[str, Any]]:
    """Every hand-labelled description: id, kind, half, title, description, labels (check, start, end, text)."""
    lines = [line for path in sorted(folder.glob("*.jsonl")) for line in path.read_text(encoding="utf-8").splitlines()]
    return [json.loads(line) for line in lines]


def findings(row: dict[str, Any]) -> list[Finding]:
    """What the checks find in a labelled row; claims inside a labelled loop are not judged, the loop is the fault."""
    found = check(row["description"], given(row), hit_cap=row.get("hit_cap", False))
    loops = [label for label in row["labels"] if label["check"] == "repetition"]
    return [item for item in found if item.check in FORM or not any(inside(item, loop) for loop in loops)]


def given(row: dict[str, Any]) -> Given:
    """What the writer of a labelled description was told."""
    return Given(row["title"], row.get("columns", {}), language=row.get("language", "en"))


def inside(finding: Finding, label: dict[str, Any]) -> bool:
    """Whether a finding lies within a label's span."""
    return bool(label["start"] <= finding.start and finding.end <= label["end"])


def count(rows: list[dict[str, Any]]) -> dict[str, Counter[str]]:
    """Per check: right and wrong findings, labels found and missed; "all" is their sum, "publishable" counts rows."""
    counts: dict[str, Counter[str]] = {name: Counter() for name in [*CHECKS, "all", "publishable"]}
    for row in rows:
        found = findings(row)
        for finding in found:
            right = any(overlap(finding.check, finding.start, finding.end, label) for label in row["labels"])
            for name in (finding.check, "all"):
                counts[name]["right" if right else "wrong"] += 1
        for label in row["labels"]:
            seen = any(overlap(finding.check, finding.start, finding.end, label) for finding in found)
            for name in (label["check"], "all"):
                counts[name]["found" if seen else "missed"] += 1
        said, true = not found, not row["labels"]
        if said:
            counts["publishable"]["right" if true else "wrong"] += 1
        if true:
            counts["publishable"]["found" if said else "missed"] += 1
    return counts


def overlap(name: str, start: int, end: int, label: dict[str, Any]) -> bool:
    """Whether a finding and a label are of the same check and share a character."""
    return bool(name == label["check"] and start < label["end"] and label["start"] < end)


def rates(counts: Counter[str]) -> tuple[float | None, float | None]:
    """Precision and recall; none where nothing was found or nothing was labelled."""
    findings_, labels = counts["right"] + counts["wrong"], counts["found"] + counts["missed"]
    return (
        counts["right"] / findings_ if findings_ else None,
        counts["found"] / labels if labels else None,
    )


def show(rows: list[dict[str, Any]], title: str) -> None:
    """Print one table."""
    print(f"\n{title}: {len(rows)} descriptions\n")
    print("| check | precision | recall | findings | labels |")
    print("|---|---|---|---|---|")
    for name, counted in count(rows).items():
        precision, recall = rates(counted)
        cells = [f"{value:.2f}" if value is not None else "–" for value in (precision, recall)]
        print(
            f"| {name} | {cells[0]} | {cells[1]} | {counted['right'] + counted['wrong']} "
            f"| {counted['found'] + counted['missed']} |"
        )


def mistakes(rows: list[dict[str, Any]]) -> None:
    """Print every wrong finding and missed label."""
    for row in rows:
        found = findings(row)
        for item in found:
            if not any(overlap(item.check, item.start, item.end, label) for label in row["labels"]):
                print(f"wrong  {row['id']} {item.check}: {item.text!r} in {context(row, item.start, item.end)}")
        for label in row["labels"]:
            if not any(overlap(item.check, item.start, item.end, label) for item in found):
                where = context(row, label["start"], label["end"])
                print(f"missed {row['id']} {label['check']}: {label['text']!r} in {where}")


def context(row: dict[str, Any], start: int, end: int) -> str:
    """The words around a span, and the title."""
    return f"{row['description'][max(0, start - 40) : end + 40]!r} <- {row['title']!r}"


def speed(rows: list[dict[str, Any]]) -> float:
    """Milliseconds of processor time a description, median of five passes."""
    passes = []
    for _ in range(5):
        began = time.process_time()
        for row in rows:
            check(row["description"], given(row))
        passes.append((time.process_time() - began) / len(rows) * 1000)
    return sorted(passes)[2]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--half", choices=["held-out", "development", "both"], default="held-out")
    parser.add_argument("--kind", choices=["human", "written", "generated"], help="only this kind of description")
    parser.add_argument("--mistakes", action="store_true", help="list every wrong finding and missed label")
    parser.add_argument("--quick", action="store_true", help="leave out the timing")
    parser.add_argument("--language", default="en", help="the language of the descriptions, or all")
    arguments = parser.parse_args()
    rows = [row for row in labelled() if arguments.half in (row["half"], "both")]
    rows = [row for row in rows if arguments.kind in (row["kind"], None)]
    rows = [row for row in rows if arguments.language in (row.get("language", "en"), "all")]
    if arguments.mistakes:
        mistakes(rows)
        return
    show(rows, f"{arguments.half} half, {arguments.language}")
    for kind in sorted({row["kind"] for row in rows}):
        counted = count([row for row in rows if row["kind"] == kind])["all"]
        precision, recall = rates(counted)
        print(f"\n{kind}: precision {precision or 0:.2f}, recall {recall or 0:.2f}")
    if not arguments.quick:
        print(f"\n{speed(rows):.2f} ms a description (median of five)")


if __name__ == "__main__":
    main()
