"""Results on a terminal: one plain line, a table that fits 80 columns, the sentence, the warnings."""

from __future__ import annotations

from shelftalker import console
from shelftalker.evaluation.metrics.registry import METRICS
from shelftalker.evaluation.results import Results, System
from shelftalker.evaluation.verdict import outcome, p_text


def show(results: Results) -> None:
    """Print what it comes to, each system's ranking score and how it stands to zero-shot; the report has the rest."""
    name = results.rank_by
    baseline = next((system for system in results.systems if system.role == "baseline"), None)
    verdict, data = results.verdict, results.data
    by = f", split by {data.split_by}" if data.split_by else ""
    rows = [
        [
            f"{system.label} *" if system.id == verdict.best else system.label,
            _score(system, name),
            _against(results, system, baseline, name),
        ]
        for system in results.systems
    ]
    if verdict.plain:
        console.say(verdict.plain + "\n")
    console.table(
        f"{data.rows:,} {data.split} rows{by}",
        ["system", f"{METRICS[name].label} [95 %]", f"against {baseline.label}" if baseline else ""],
        rows,
        caption="* the best of the models" if verdict.best else None,
    )
    if verdict.sentence != verdict.plain:
        console.say(verdict.sentence)
    for warning in verdict.warnings:
        console.note(warning)


def _score(system: System, name: str) -> str:
    score = system.scores.get(name)
    if score is None:
        return ""
    places = METRICS[name].decimals
    interval = f" [{score.low:.{places}f}, {score.high:.{places}f}]" if score.low is not None else ""
    return f"{score.value:.{places}f}{interval}"


def _against(results: Results, system: System, baseline: System | None, name: str) -> str:
    """Direction and p of the paired test against the baseline."""
    if baseline is None or system.id == baseline.id:
        return ""
    test = results.between(system.id, baseline.id, name)
    return f"{outcome(test)}, {p_text(test.p)}" if test is not None else ""
