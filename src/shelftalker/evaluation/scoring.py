"""From predictions of several systems on the same rows to Results: scores, intervals, tests, breakdowns, checks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from shelftalker.checks.check import CHECKS, check
from shelftalker.checks.given import Given
from shelftalker.checks.language import main_language
from shelftalker.checks.sense import Surprise
from shelftalker.evaluation import results as schema
from shelftalker.evaluation.breakdown import Parts, by_route, parts
from shelftalker.evaluation.entries import Entry, Protocol, ScoredRow
from shelftalker.evaluation.measure import Measured, measure
from shelftalker.evaluation.metrics.metric import Outputs, Targets
from shelftalker.evaluation.metrics.registry import METRICS
from shelftalker.evaluation.pairing import paired_tests
from shelftalker.evaluation.significance import Resampler


def score(
    products: Sequence[ScoredRow],
    entries: Sequence[Entry],
    protocol: Protocol,
    *,
    kind: Any,
    data: schema.Data,
    training: Iterable[str] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> schema.Results:
    """Score every entry on every row and test the systems against each other.

    Args:
        products: the rows.
        entries: systems in table order, with one prediction a row.
        protocol: resampling.
        kind, data, settings: go into the results as they are.
        training: training descriptions, for novelty; none: novelty only where an entry brings it.
    """
    language = main_language(row.reference for row in products)
    given = [Given(row.title, row.given, row.facts, row.language or language, row.house) for row in products]
    targets = Targets([row.title for row in products], [row.reference for row in products], given)
    outputs = [
        Outputs(targets, entry.texts, entry.hit_cap, entry.nll, lengths, entry.bertscore, entry.sources)
        for entry, lengths in zip(entries, _copied(entries, training), strict=True)
    ]
    measured = dict(zip((entry.system.id for entry in entries), measure(outputs), strict=True))
    resampler = Resampler({name: value.table() for name, value in measured.items()}, protocol.resamples, protocol.seed)
    findings = _Findings(products, given, protocol.surprise)
    rows = [
        schema.Row(
            uid=row.uid,
            title=row.title,
            columns=dict(row.columns),
            given=dict(row.given),
            facts=list(row.facts),
            reference=row.reference,
            similarity=row.similarity,
            nearest=row.nearest,
            predictions={},
        )
        for row in products
    ]
    divided = parts(products)
    systems = []
    for entry in entries:
        name = entry.system.id
        found = findings.of(entry)
        _fill(rows, entry, measured[name], found)
        systems.append(_scored(entry, measured[name], resampler, found, divided))
    results = schema.Results(
        kind=kind,
        data=data,
        systems=systems,
        rows=rows,
        reference_checks=findings.of_references(),
        signatures=sorted({score.signature for system in systems for score in system.scores.values()}),
        settings={
            "resamples": protocol.resamples,
            "seed": protocol.seed,
            "rank_by": protocol.rank_by,
            "sense": protocol.surprise is not None,
            "length_bounds": list(divided.bounds),
            **(settings or {}),
        },
    )
    results.tests = paired_tests(systems, measured, resampler, protocol.rank_by)
    return results


def _copied(entries: Sequence[Entry], training: Iterable[str] | None) -> list[Sequence[int] | None]:
    """Longest copies of all entries in one pass over the training descriptions."""
    from shelftalker.evaluation.metrics.novelty import longest_copies

    if training is None:
        return [entry.copied for entry in entries]
    texts = list(dict.fromkeys(text for entry in entries if entry.copied is None for text in entry.texts))
    found = dict(zip(texts, longest_copies(texts, training), strict=True)) if texts else {}
    return [entry.copied if entry.copied is not None else [found[text] for text in entry.texts] for entry in entries]


def _scored(
    entry: Entry, measured: Measured, resampler: Resampler, found: list[list[schema.Finding]], divided: Parts
) -> schema.System:
    system = entry.system
    facts = {"seed": resampler.seed, "resamples": resampler.resamples, "engine": _flat(system.engine)}
    if system.decoding:
        facts["decoding"] = _flat(system.decoding.removeprefix("decoding:"))
    for name, metric in METRICS.items():
        if name in measured.statistics:
            value = measured.score(name)
            low, high = resampler.interval(system.id, measured.columns(name), metric.score)
        elif name in measured.whole:
            value, low, high = measured.whole[name]
        else:
            continue
        system.scores[name] = schema.Score(
            value=value,
            low=low,
            high=high,
            n=len(entry.texts),
            higher_is_better=metric.higher_is_better,
            signature=measured.signature(name, **facts),
        )
    system.checks = _checks(found)
    divided.fill(system, measured)
    system.by_route = by_route(entry.routes, measured) if entry.routes is not None else {}
    return system


def _flat(signature: str | None) -> str | None:
    """A signature as one field of another."""
    return signature.replace("|", ",") if signature else None


class _Findings:
    """Findings of every distinct description of a row, looked for once."""

    def __init__(self, products: Sequence[ScoredRow], given: Sequence[Given], surprise: Surprise | None) -> None:
        self._products, self._given, self._surprise = products, given, surprise
        self._seen: dict[tuple[int, str, bool], list[schema.Finding]] = {}

    def of(self, entry: Entry) -> list[list[schema.Finding]]:
        if entry.findings is not None:
            return entry.findings
        caps = entry.hit_cap or [False] * len(self._products)
        return [self._find(row, text, cap) for row, (text, cap) in enumerate(zip(entry.texts, caps, strict=True))]

    def of_references(self) -> schema.Checks:
        return _checks([self._find(row, product.reference, False) for row, product in enumerate(self._products)])

    def _find(self, row: int, text: str, hit_cap: bool) -> list[schema.Finding]:
        key = (row, text, hit_cap)
        if key not in self._seen:
            self._seen[key] = [
                schema.Finding(check=one.check, text=one.text, start=one.start, end=one.end, why=one.why)
                for one in check(text, self._given[row], hit_cap=hit_cap, surprise=self._surprise)
            ]
        return self._seen[key]


def _checks(found: Sequence[Sequence[schema.Finding]]) -> schema.Checks:
    rows = max(len(found), 1)
    hits = Counter(name for row in found for name in {one.check for one in row})
    return schema.Checks(
        publishable_rate=sum(not row for row in found) / rows, by_check={name: hits[name] / rows for name in CHECKS}
    )


def _fill(rows: Sequence[schema.Row], entry: Entry, measured: Measured, found: Sequence[list[schema.Finding]]) -> None:
    for number, (row, scores) in enumerate(zip(rows, measured.row_scores(), strict=True)):
        nll = entry.nll[number] if entry.nll is not None else None
        row.predictions[entry.system.id] = schema.Prediction(
            text=entry.texts[number],
            tokens=entry.tokens[number] if entry.tokens is not None else 0,
            hit_cap=bool(entry.hit_cap[number]) if entry.hit_cap is not None else False,
            scores=scores,
            reference_tokens=nll[1] if nll else None,
            findings=found[number],
            route=entry.routes[number] if entry.routes is not None else "",
            sources=list(entry.sources[number]) if entry.sources is not None else [],
        )
