"""What report.html shows, drawn from a `Results` object: texts, tables and charts, ready for the template."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from math import isfinite
from typing import Any

from msgspec import structs

from shelftalker.checks.check import CHECKS, HOUSE
from shelftalker.checks.language import main_language
from shelftalker.evaluation.metrics.registry import METRICS, QUALITY
from shelftalker.evaluation.report.labels import (
    GLOSSARY,
    LENGTHS,
    MAX_SLICES,
    ROLES,
    ROUTES,
    SIMILARITY,
    label,
    p_value,
    share_of,
)
from shelftalker.evaluation.results import PairedTest, Results, Row, Score, Slice, System
from shelftalker.evaluation.verdict import outcome
from shelftalker.pages import charts
from shelftalker.pages.highlight import pretty


class View:
    """Everything on the page; the template only lays it out."""

    def __init__(self, results: Results) -> None:
        self.results = results
        # A score that is no number (an empty output's, a broken file's) is a score that is missing.
        self.systems = [_finite(system) for system in results.systems]
        self.metrics = [name for name in self._order() if any(name in system.scores for system in self.systems)]
        self.faith, self.writing = (self._of_kind(kind) for kind in ("faith", "writing"))
        self.best = self._best()
        self.base = self._base()
        self.css = self._colours()

    # ------------------------------------------------------------ who is who

    def _of_kind(self, kind: str) -> list[str]:
        """Metrics beside those of quality that some system has; what another version measured counts as writing."""
        names = dict.fromkeys(name for system in self.systems for name in system.scores)
        return [name for name in names if (METRICS[name].kind if name in METRICS else "writing") == kind]

    def _order(self) -> list[str]:
        first = [self.results.rank_by] if self.results.rank_by in QUALITY else []
        return list(dict.fromkeys([*first, *QUALITY]))

    def _best(self) -> System | None:
        if self.results.verdict.best:
            return self.system(self.results.verdict.best)
        written = [system for system in self.systems if system.role in {"checkpoint", "model"}]
        return next(iter(written or self.systems), None)

    def _base(self) -> System | None:
        others = [system for system in self.systems if system is not self.best]
        for wanted in ("baseline", "model", "checkpoint", "reference_system"):
            for system in others:
                if system.role == wanted:
                    return system
        return None

    def _colours(self) -> dict[str, str]:
        fixed = {"nearest-neighbour": "c2", "copy-title": "c3", "lead-sentence": "c4", "nearest-edited": "c5"}
        free = iter([f"c{number}" for number in range(6, 9)] * len(self.systems))
        css = {}
        for system in self.systems:
            if system is self.best:
                css[system.id] = "c0"
            elif system.role == "baseline" and "c1" not in css.values():
                css[system.id] = "c1"
            else:
                css[system.id] = fixed.get(system.id) or next(free)
        return css

    def system(self, name: str) -> System:
        """The system with id ``name``."""
        return next(system for system in self.systems if system.id == name)

    # ------------------------------------------------------------ words

    @cached_property
    def language(self) -> str:
        """The language of the references, which the checks went by."""
        return main_language(row.reference for row in self.results.rows)

    @property
    def verdict(self) -> str:
        """The sentence on top."""
        if self.results.verdict.sentence:
            return self.results.verdict.sentence
        if self.best is None or not self.metrics or self.metrics[0] not in self.best.scores:
            return "No system was scored."
        score = self.best.scores[self.metrics[0]]
        first = self.metrics[0]
        return f"{self.best.label}: {label(first)} {self.value(first, score.value)} on {score.n:,} rows."

    @property
    def headline(self) -> tuple[str, str]:
        """The line that is set large, and the rest: the plain line and the sentence, or the sentence in two."""
        if self.results.verdict.plain and self.results.verdict.plain != self.verdict:
            first, rest = self.results.verdict.plain, self.verdict
        else:
            first, _, rest = self.verdict.partition("; ") if len(self.verdict) > 90 else (self.verdict, "", "")
            first, rest = (f"{first}.", rest[0].upper() + rest[1:]) if rest else (first, "")
        # "p = 0.020" must not be torn apart at the end of a line.
        first, rest = (
            part.replace("p = ", "p\u00a0=\u00a0").replace("p < ", "p\u00a0<\u00a0") for part in (first, rest)
        )
        return first, rest

    @property
    def glossary(self) -> list[tuple[str, str]]:
        """The words of the page that need a line, as far as they occur on it."""
        shown = {system.id for system in self.systems} | {label(metric) for metric in self.metrics}
        return [(word, meaning) for word, meaning in GLOSSARY.items() if word in shown]

    @property
    def subtitle(self) -> str:
        """What was described, in one line."""
        data = self.results.data
        split = {"val": "validation", "test": "test"}.get(data.split, data.split)
        by = {"group": "new lines (split by near-duplicate group)", "row": "new products of known lines (random split)"}
        parts = [
            f"{data.rows:,} {split} rows" + (f" of {data.name}" if data.name else ""),
            by.get(data.split_by or "", ""),
            self.results.created[:16].replace("T", " ") + (" UTC" if self.results.created.endswith("+00:00") else ""),
        ]
        return " · ".join(part for part in parts if part.strip())

    def value(self, metric: str, value: float | None) -> str:
        """A score as people read it."""
        if value is None:
            return "–"
        decimals = METRICS[metric].decimals if metric in METRICS else 4
        return f"{value:.{decimals}f}".replace("-", "\N{MINUS SIGN}")

    def interval(self, metric: str, score: Score) -> str:
        """The 95 % interval of a score, or nothing."""
        if score.low is None or score.high is None:
            return ""
        return f"{self.value(metric, score.low)} to {self.value(metric, score.high)}"

    # ------------------------------------------------------------ tables

    def table(self, metrics: Sequence[str]) -> list[dict[str, Any]]:
        """One line a system; the best value of each metric is marked."""
        tops = {metric: self._top(metric, [system.scores.get(metric) for system in self.systems]) for metric in metrics}
        lines = []
        for system in self.systems:
            cells = []
            for metric in metrics:
                score = system.scores.get(metric)
                cells.append(
                    {
                        "value": self.value(metric, score.value if score else None),
                        "interval": self.interval(metric, score) if score else "",
                        "top": bool(score) and score is not None and score.value == tops[metric],
                    }
                )
            lines.append({"system": system, "role": ROLES[system.role], "cells": cells, "css": self.css[system.id]})
        return lines

    @staticmethod
    def _top(metric: str, scores: Iterable[Score | None]) -> float | None:
        known = [score for score in scores if score is not None]
        if not known or known[0].higher_is_better is None or len(known) < 2:
            return None
        values = [score.value for score in known]
        if min(values) == max(values):
            return None
        return max(values) if known[0].higher_is_better else min(values)

    def forest(self, metric: str) -> dict[str, Any] | None:
        """Every system's score with its interval, on one scale."""
        known = [(system, system.scores[metric]) for system in self.systems if metric in system.scores]
        if not known:
            return None
        ends = [end for _, score in known for end in (score.low, score.high, score.value) if end is not None]
        marks = charts.ticks(min(0.0, *ends), max(ends))
        low, span = marks[0], marks[-1] - marks[0]
        lines = [
            {
                "label": system.label,
                "css": self.css[system.id],
                "best": system is self.best,
                "at": (score.value - low) / span * 100,
                "low": ((score.low if score.low is not None else score.value) - low) / span * 100,
                "high": ((score.high if score.high is not None else score.value) - low) / span * 100,
                "text": self.value(metric, score.value),
                "interval": self.interval(metric, score),
            }
            for system, score in known
        ]
        return {
            "lines": lines,
            "ticks": [charts.Tick((mark - low) / span * 100, charts.number(mark)) for mark in marks],
        }

    def tests(self, metric: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Paired tests in ``metric``: those of the best system, and the others."""
        best: list[dict[str, Any]] = []
        others: list[dict[str, Any]] = []
        for test in self.results.tests:
            if test.metric == metric:
                mine = self.best is not None and test.a == self.best.id
                (best if mine else others).append(self._test(test))
        return best, others

    def _test(self, test: PairedTest) -> dict[str, Any]:
        return {
            "a": self.system(test.a).label,
            "b": self.system(test.b).label,
            "difference": self.signed(test.metric, test.difference),
            "interval": f"{self.signed(test.metric, test.low)} to {self.signed(test.metric, test.high)}",
            "p_bootstrap": p_value(test.p_bootstrap),
            "p": p_value(test.p),
            "p_permutation": p_value(test.p_permutation),
            "smallest": self.value(test.metric, test.smallest_detectable),
            "outcome": outcome(test),
        }

    def signed(self, metric: str, value: float) -> str:
        """A difference with its sign."""
        text = self.value(metric, value)
        return text if value < 0 else f"+{text}"

    def breakdowns(self, metric: str) -> list[dict[str, Any]]:
        """Scores by similarity, length and every column."""
        found = [
            self._breakdown("By the nearest training title", metric, "by_similarity", SIMILARITY),
            self._breakdown("By route", metric, "by_route", ROUTES),
            self._breakdown("By length of the reference", metric, "by_length", LENGTHS),
        ]
        columns = dict.fromkeys(column for system in self.systems for column in system.by_column)
        for column in columns:
            parts = {system.id: system.by_column.get(column, {}) for system in self.systems}
            found.append(self._slices(f"By {column}", metric, parts, {}))
        return [item for item in found if item]

    def _breakdown(self, name: str, metric: str, field: str, names: dict[str, str]) -> dict[str, Any]:
        return self._slices(name, metric, {system.id: getattr(system, field) for system in self.systems}, names)

    def _slices(
        self, name: str, metric: str, parts: dict[str, dict[str, Slice]], names: dict[str, str]
    ) -> dict[str, Any]:
        sizes: dict[str, int] = {}
        for part in parts.values():
            for key, piece in part.items():
                sizes[key] = max(sizes.get(key, 0), piece.n)
        keys = [key for key in names if sizes.get(key)] or sorted(sizes, key=lambda key: (-sizes[key], key))
        shown = keys[:MAX_SLICES]
        systems = [
            system for system in self.systems if any(metric in part.scores for part in parts[system.id].values())
        ]
        if not shown or not systems:
            return {}
        higher = METRICS[metric].higher_is_better if metric in METRICS else True
        lines = []
        for key in shown:
            pieces = [parts[system.id].get(key) for system in systems]
            values = [piece.scores.get(metric) if piece else None for piece in pieces]
            known = [value for value in values if value is not None]
            top = (min(known) if higher is False else max(known)) if len(known) > 1 else None
            cells = [
                {"value": self.value(metric, value), "top": value is not None and value == top} for value in values
            ]
            lines.append({"name": names.get(key, key), "n": sizes[key], "cells": cells})
        return {"name": name, "systems": systems, "lines": lines, "left_out": len(keys) - len(shown)}

    def checks(self) -> dict[str, Any] | None:
        """Share of descriptions with each finding, and the publishable rate: of every system and of the references."""
        found = [(system.label, system.checks) for system in self.systems if system.checks is not None]
        if not found:
            return None
        if self.results.reference_checks is not None:
            found.append(("references", self.results.reference_checks))
        named = dict.fromkeys(name for _, checks in found for name in checks.by_check)
        order = [name for name in CHECKS if name in named] + [name for name in named if name not in CHECKS]
        seen = [name for name in order if any(checks.by_check.get(name) for _, checks in found)]
        return {
            "names": [name for name, _ in found],
            "lines": [
                {
                    "name": pretty(name),
                    "doc": CHECKS.get(name, ""),
                    "shares": [share_of(checks.by_check.get(name, 0.0)) for _, checks in found],
                }
                for name in seen
            ],
            "rates": [share_of(checks.publishable_rate) for _, checks in found],
            "clean": [pretty(name) for name in order if name not in seen and name not in HOUSE],
            "has_references": self.results.reference_checks is not None,
        }

    # ------------------------------------------------------------ charts

    def learning_curve(self, metric: str) -> charts.Plot | None:
        """Checkpoints by step, one line a run; baseline and reference systems as levels."""
        runs: dict[str, list[System]] = {}
        for system in self.systems:
            if system.step is not None and metric in system.scores:
                runs.setdefault(system.run or "checkpoints", []).append(system)
        if not any(len(run) > 1 for run in runs.values()):
            return None
        series = []
        for number, (name, run) in enumerate(runs.items()):
            holds_best = any(system is self.best for system in run)
            css = "c0" if holds_best or len(runs) == 1 else f"c{5 + number % 4}"
            ordered = sorted(run, key=lambda system: system.step or 0)
            points = [
                (float(s.step or 0), s.scores[metric].value, s.scores[metric].low, s.scores[metric].high)
                for s in ordered
            ]
            series.append(charts.Series(name, css, points))
        levels = [
            (system.label, system.scores[metric].value, self.css[system.id])
            for system in self.systems
            if system.role in {"baseline", "reference_system"} and metric in system.scores
        ]
        return charts.curve(series, levels, "optimiser step", label(metric))

    def by_words(self, metric: str) -> charts.Plot | None:
        """Each row's score against the length of its reference: the best system, the baseline, the neighbour."""
        chosen = [self.best, self.base, *(system for system in self.systems if system.id == "nearest-neighbour")]
        series = []
        for system in dict.fromkeys(system.id for system in chosen if system is not None):
            points: list[tuple[float, float, float | None, float | None]] = []
            for row in self.results.rows:
                score = row_score(row, system, metric)
                if score is not None:
                    points.append((float(len(row.reference.split())), score, None, None))
            if points:
                series.append(charts.Series(self.system(system).label, self.css[system], points))
        if not series:
            return None
        return charts.scatter(series, "words in the reference", f"{label(metric)} of a row", dots_of=series[0].name)


def _finite(system: System) -> System:
    scores = {name: score for name, score in system.scores.items() if isfinite(score.value)}
    return structs.replace(system, scores=scores)


def row_score(row: Row, system: str, metric: str) -> float | None:
    """One row's score; None where there is none."""
    score = row.predictions[system].scores.get(metric)
    return score if score is not None and isfinite(score) else None
