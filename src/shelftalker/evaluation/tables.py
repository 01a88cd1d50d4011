"""Results as tables on a terminal."""

from __future__ import annotations

from shelftalker import console
from shelftalker.evaluation.metrics.registry import METRICS
from shelftalker.evaluation.results import Results, Score, System

SHOWN = ("rouge1", "rouge2", "rougeL", "bleu", "chrf")
BASELINE = "zero-shot"


def show(results: Results) -> None:
    """Print the systems with 95 % intervals and paired p-values against zero-shot, the verdict and its warnings."""
    shown = [*SHOWN, *(["bertscore"] if any("bertscore" in system.scores for system in results.systems) else [])]
    columns = ["system", *(METRICS[name].label for name in shown), "publishable"]
    baseline = next((system.id for system in results.systems if system.role == "baseline"), None)
    data = results.data
    title = (
        f"{data.rows} {data.split} rows{f' (split by {data.split_by})' if data.split_by else ''}: score [95 % interval]"
    )
    rows = [
        [
            f"{system.label} *" if system.id == results.verdict.best else system.label,
            *(_cell(system.scores.get(name), name) + _star(results, system, baseline, name) for name in shown),
            f"{system.checks.publishable_rate:.0%}" if system.checks else "",
        ]
        for system in results.systems
    ]
    note = f"p: paired approximate randomisation against {baseline}, two-sided" if baseline else ""
    if results.verdict.best:
        note = f"* best; {note}" if note else "* best"
    console.table(title, columns, rows, caption=note or None)
    console.say(results.verdict.sentence)
    for warning in results.verdict.warnings:
        console.note(warning)


def _cell(score: Score | None, name: str) -> str:
    if score is None:
        return ""
    places = METRICS[name].decimals
    interval = f"\n[{score.low:.{places}f}, {score.high:.{places}f}]" if score.low is not None else ""
    return f"{score.value:.{places}f}{interval}"


def _star(results: Results, system: System, baseline: str | None, metric: str) -> str:
    """The paired p-value against the baseline, as the third line of a cell."""
    if baseline is None or system.id == baseline:
        return ""
    test = results.between(system.id, baseline, metric)
    return f"\np = {test.p_permutation:.3f}" if test is not None else ""
