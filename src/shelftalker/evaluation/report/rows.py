"""The rows that report.html shows: chosen samples with every claim marked, and all of them for the browser."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from shelftalker.checks.check import FORM
from shelftalker.checks.claims import claims
from shelftalker.checks.given import Given
from shelftalker.evaluation.metrics.registry import METRICS
from shelftalker.evaluation.report.labels import MAX_ROWS, ROUTES, SIMILARITY, label
from shelftalker.evaluation.report.view import row_score
from shelftalker.evaluation.results import Prediction, Row, System
from shelftalker.pages.highlight import Mark, marked, marks, segments

if TYPE_CHECKING:
    from shelftalker.evaluation.report.view import View


def samples(view: View) -> list[dict[str, Any]]:
    """The best system's best, worst and three random rows."""
    if view.best is None:
        return []
    name = view.best.id
    rows = view.results.rows
    metric = next((m for m in view.metrics if any(row_score(row, name, m) is not None for row in rows)), None)
    drawn = sorted(view.results.rows, key=lambda row: hashlib.sha256(row.uid.encode()).digest())[:3]
    found = []
    if metric is not None:
        higher = METRICS[metric].higher_is_better is not False if metric in METRICS else True
        scores = {row.uid: row_score(row, name, metric) for row in rows}
        scored = sorted(
            (row for row in rows if scores[row.uid] is not None),
            key=lambda row: scores[row.uid] or 0.0,
            reverse=higher,
        )
        few = min(3, len(scored) // 2)
        found.append(("Best", scored[:few]))
        found.append(("Worst", list(reversed(scored[len(scored) - few :]))))
    found.append(("Random", drawn))
    return [{"name": kind, "rows": [_sample(view, row, metric) for row in rows]} for kind, rows in found if rows]


def _sample(view: View, row: Row, metric: str | None) -> dict[str, Any]:
    columns = []
    for system in (view.base, view.best):
        if system is None:
            continue
        prediction = row.predictions[system.id]
        score = row_score(row, system.id, metric) if metric else None
        columns.append(
            {
                "label": system.label,
                "css": view.css[system.id],
                "marked": marked(prediction.text, _marks(view, row, prediction)),
                "route": ROUTES.get(prediction.route, ""),
                "sources": prediction.sources,
                "score": f"{label(metric)} {view.value(metric, score)}" if metric and score is not None else "",
            }
        )
    return {"row": row, "columns": columns}


def _marks(view: View, row: Row, prediction: Prediction) -> list[Mark]:
    """Everything to mark in a sample: findings, and every claim by where it comes from."""
    given = Given(row.title, row.given, tuple(row.facts), view.language)
    return marks(prediction.findings, FORM, claims(prediction.text, given, prediction.sources))


def browser(view: View) -> dict[str, Any]:
    """What the script of the page needs: rows with every prediction, cut at its findings."""
    rows = view.results.rows
    if len(rows) > MAX_ROWS:
        kept = set(sorted(range(len(rows)), key=lambda i: hashlib.sha256(rows[i].uid.encode()).digest())[:MAX_ROWS])
        rows = [row for number, row in enumerate(rows) if number in kept]
    present = {name for row in rows for prediction in row.predictions.values() for name in prediction.scores}
    metrics = [name for name in [*view.metrics, *view.faith, *view.writing] if name in present]
    return {
        "systems": [{"id": s.id, "label": s.label, "css": view.css[s.id]} for s in view.systems],
        "best": view.best.id if view.best else None,
        "base": view.base.id if view.base else None,
        "metrics": [
            {"id": m, "label": label(m), "decimals": METRICS[m].decimals if m in METRICS else 4} for m in metrics
        ],
        "similarity": SIMILARITY,
        "total": len(view.results.rows),
        "rows": [
            {
                "uid": row.uid,
                "title": row.title,
                "columns": list(row.columns.items()),
                "reference": row.reference,
                "similarity": row.similarity,
                "predictions": [_prediction(row, system, metrics) for system in view.systems],
            }
            for row in rows
        ],
    }


def _prediction(row: Row, system: System, metrics: Sequence[str]) -> dict[str, Any]:
    prediction = row.predictions[system.id]
    scores = [row_score(row, system.id, metric) for metric in metrics]
    return {
        "route": ROUTES.get(prediction.route, ""),
        "sources": prediction.sources,
        "text": segments(prediction.text, prediction.findings),
        "findings": [[finding.check, finding.text, finding.why] for finding in prediction.findings],
        "scores": [None if score is None else round(score, 5) for score in scores],
    }
