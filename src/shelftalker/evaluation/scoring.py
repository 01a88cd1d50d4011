"""From predictions of several systems on the same rows to Results: scores, intervals, tests, breakdowns, checks."""

from __future__ import annotations

from collections import Counter as Multiset
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from shelftalker.evaluation import metrics as measures
from shelftalker.evaluation import results as schema
from shelftalker.evaluation import sufficient
from shelftalker.evaluation.significance import Resampler, holm

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from shelftalker.evaluation.bertscore import Scores
    from shelftalker.evaluation.metrics import Measured

    Mask = NDArray[np.bool_]

SLICED = ("rouge1", "rougeL", "bleu", "chrf")
"""Metrics in every breakdown."""
COLUMN_VALUES = 12
"""Most frequent values of a column that a breakdown shows; a column of mostly unique values has none."""
ALL_PAIRS = 12
"""Up to this many systems every pair is tested; beyond, models against the others and the leader against models."""
CANDIDATES = ("checkpoint", "model")


@dataclass
class Product:
    """One row that all systems described."""

    uid: str
    title: str
    reference: str
    columns: Mapping[str, str] = field(default_factory=dict)
    given: Mapping[str, str] = field(default_factory=dict)
    """The columns that the prompt carries: what a description may rely on besides the title."""
    similarity: schema.Similarity | None = None
    nearest: str | None = None


@dataclass
class Entry:
    """One system's predictions before they are scored; ``system`` has everything but scores."""

    system: schema.System
    texts: Sequence[str]
    tokens: Sequence[int] | None = None
    hit_cap: Sequence[bool] | None = None
    nll: Sequence[tuple[float, int] | None] | None = None
    copied: Sequence[int] | None = None
    """Per row the longest run of words copied from a training description, where that is known already."""
    findings: list[list[schema.Finding]] | None = None
    """Per row what the checks found, where that is known already."""
    bertscore: Scores | None = None


@dataclass(frozen=True)
class Protocol:
    """How the numbers are made."""

    resamples: int
    seed: int
    rank_by: str = "chrf"


def score(
    products: Sequence[Product],
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
    measurer = measures.Measurer([row.title for row in products], [row.reference for row in products])
    copied = _copied(entries, training)
    counts = sufficient.count(measurer.references, [entry.texts for entry in entries])
    measured = {
        entry.system.id: measurer.measure(
            entry.texts,
            hit_cap=entry.hit_cap,
            nll=entry.nll,
            copied=lengths,
            bertscore=entry.bertscore.rows if entry.bertscore else None,
            counts=counted,
        )
        for entry, lengths, counted in zip(entries, copied, counts, strict=True)
    }
    resampler = Resampler({name: _stack(value) for name, value in measured.items()}, protocol.resamples, protocol.seed)
    findings = _Findings(products)
    rows = [
        schema.Row(
            uid=row.uid,
            title=row.title,
            columns=dict(row.columns),
            reference=row.reference,
            similarity=row.similarity,
            nearest=row.nearest,
            predictions={},
        )
        for row in products
    ]
    parts, bounds = _parts(products)
    systems = []
    for entry in entries:
        name = entry.system.id
        found = findings.of(entry)
        _fill(rows, entry, measured[name], found)
        systems.append(_scored(entry, measured[name], resampler, found, parts, len(products)))
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
            "length_bounds": bounds,
            **(settings or {}),
        },
    )
    results.tests = _tests(systems, measured, resampler, protocol)
    return results


def _copied(entries: Sequence[Entry], training: Iterable[str] | None) -> list[Sequence[int] | None]:
    """Longest copies of all entries in one pass over the training descriptions."""
    from shelftalker.evaluation.novelty import longest_copies

    if training is None:
        return [entry.copied for entry in entries]
    texts = list(dict.fromkeys(text for entry in entries if entry.copied is None for text in entry.texts))
    found = dict(zip(texts, longest_copies(texts, training), strict=True)) if texts else {}
    return [entry.copied if entry.copied is not None else [found[text] for text in entry.texts] for entry in entries]


def _stack(measured: Measured) -> Any:
    import numpy as np

    return np.concatenate(list(measured.statistics.values()), axis=1)


def _columns(measured: Measured, metric: str) -> slice:
    start = 0
    for name in measured.statistics:
        width = measures.METRICS[name].width
        if name == metric:
            return slice(start, start + width)
        start += width
    raise KeyError(metric)


def _scored(
    entry: Entry,
    measured: Measured,
    resampler: Resampler,
    found: list[list[schema.Finding]],
    parts: Mapping[str, Any],
    rows: int,
) -> schema.System:
    system = entry.system
    facts = {"seed": resampler.seed, "resamples": resampler.resamples, "engine": _flat(system.engine)}
    if system.decoding:
        facts["decoding"] = _flat(system.decoding.removeprefix("decoding:"))
    for name in measures.METRICS:
        metric = measures.METRICS[name]
        definition = entry.bertscore.signature if name == "bertscore" and entry.bertscore else None
        signature = measures.signature(name, rows, definition=definition, **facts)
        if name in measured.statistics:
            low, high = resampler.interval(system.id, _columns(measured, name), metric.from_sums)
            value = measured.score(name)
        elif name in measured.corpus:
            value, low, high = measured.corpus[name]
        else:
            continue
        system.scores[name] = schema.Score(
            value=value, low=low, high=high, n=rows, higher_is_better=metric.higher_is_better, signature=signature
        )
    system.checks = _checks(found)
    system.by_similarity = _slices(measured, parts["similarity"])
    system.by_length = _slices(measured, parts["length"])
    system.by_column = {name: _slices(measured, values) for name, values in parts["columns"].items()}
    return system


def _flat(signature: str | None) -> str | None:
    """A signature as one field of another."""
    return signature.replace("|", ",") if signature else None


def _slices(measured: Measured, masks: Mapping[str, Mask]) -> dict[str, schema.Slice]:
    return {
        name: schema.Slice(n=int(mask.sum()), scores={metric: measured.score(metric, mask) for metric in SLICED})
        for name, mask in masks.items()
    }


def _parts(products: Sequence[Product]) -> tuple[dict[str, Any], list[int]]:
    """Row masks of every breakdown: similarity, length (thirds of the references' words), columns."""
    import numpy as np

    kinds = np.array([row.similarity or "" for row in products])
    similarity = {kind: kinds == kind for kind in ("none", "distant", "near", "sibling") if (kinds == kind).any()}
    lengths = np.array([len(row.reference.split()) for row in products])
    first, second = (int(value) for value in np.percentile(lengths, [100 / 3, 200 / 3]))
    thirds = {"short": lengths <= first, "medium": (lengths > first) & (lengths <= second), "long": lengths > second}
    columns: dict[str, dict[str, Mask]] = {}
    for name in sorted({name for row in products for name in row.columns}):
        values = np.array([row.columns.get(name, "") for row in products])
        counts = Multiset(value for value in values.tolist() if value)
        if not counts or len(counts) > max(2, len(products) // 2):
            continue
        columns[name] = {value: values == value for value, _ in counts.most_common(COLUMN_VALUES)}
    length = {name: mask for name, mask in thirds.items() if mask.any()}
    return {"similarity": similarity, "length": length, "columns": columns}, [first, second]


class _Findings:
    """Findings of every distinct description of a row, looked for once."""

    def __init__(self, products: Sequence[Product]) -> None:
        self._products = products
        self._seen: dict[tuple[int, str, bool], list[schema.Finding]] = {}

    def of(self, entry: Entry) -> list[list[schema.Finding]]:
        if entry.findings is not None:
            return entry.findings
        caps = entry.hit_cap or [False] * len(self._products)
        return [self._find(row, text, cap) for row, (text, cap) in enumerate(zip(entry.texts, caps, strict=True))]

    def of_references(self) -> schema.Checks:
        return _checks([self._find(row, product.reference, False) for row, product in enumerate(self._products)])

    def _find(self, row: int, text: str, hit_cap: bool) -> list[schema.Finding]:
        from shelftalker.checks.check import check
        from shelftalker.checks.given import Given

        key = (row, text, hit_cap)
        if key not in self._seen:
            product = self._products[row]
            self._seen[key] = [
                schema.Finding(check=one.check, text=one.text, start=one.start, end=one.end, why=one.why)
                for one in check(text, Given(product.title, product.given), hit_cap=hit_cap)
            ]
        return self._seen[key]


def _checks(found: Sequence[Sequence[schema.Finding]]) -> schema.Checks:
    from shelftalker.checks.check import CHECKS

    rows = max(len(found), 1)
    hits = Multiset(name for row in found for name in {one.check for one in row})
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
        )


def _tests(
    systems: Sequence[schema.System], measured: Mapping[str, Measured], resampler: Resampler, protocol: Protocol
) -> list[schema.PairedTest]:
    tests = []
    for name, metric in measures.METRICS.items():
        if not metric.tested:
            continue
        for first, second in pairs(systems, protocol.rank_by):
            a, b = measured[first.id], measured[second.id]
            if name not in a.statistics or name not in b.statistics or not _comparable(name, a, b):
                continue
            if name == "bertscore" and bertscore_definition(first) != bertscore_definition(second):
                continue  # of two encoders, in results files of different origin
            # The statistics of two systems may differ in which metrics they have, so in where columns begin.
            found = resampler.compare(first.id, second.id, _columns(a, name), metric.from_sums, _columns(b, name))
            tests.append(
                schema.PairedTest(
                    a=first.id,
                    b=second.id,
                    metric=name,
                    difference=found.difference,
                    low=found.low,
                    high=found.high,
                    p_bootstrap=found.p_bootstrap,
                    p_permutation=found.p_permutation,
                    smallest_detectable=found.smallest_detectable,
                )
            )
    _correct(tests, {system.id for system in systems if system.role in CANDIDATES})
    return tests


def pairs(systems: Sequence[schema.System], rank_by: str) -> list[tuple[schema.System, schema.System]]:
    """Which systems are tested against each other, the later in the table first."""
    every = [(second, first) for place, first in enumerate(systems) for second in systems[place + 1 :]]
    if len(systems) <= ALL_PAIRS:
        return every
    candidates = [system for system in systems if system.role in CANDIDATES]
    leader = max(candidates, key=lambda system: system.scores[rank_by].value, default=None)
    return [
        (a, b)
        for a, b in every
        if (a.role in CANDIDATES) != (b.role in CANDIDATES) or (leader is not None and leader.id in (a.id, b.id))
    ]


def bertscore_definition(system: schema.System) -> str:
    """The part of a BERTScore signature that is about the encoder; empty where the system has no such score."""
    score = system.scores.get("bertscore")
    return score.signature.partition("|seed:")[0] if score else ""


def _comparable(metric: str, a: Measured, b: Measured) -> bool:
    """Likelihoods per token can only be compared where both models cut the references into the same tokens."""
    import numpy as np

    return metric != "nll" or bool(np.array_equal(a.statistics["nll"][:, 1], b.statistics["nll"][:, 1]))


def _correct(tests: Sequence[schema.PairedTest], candidates: set[str]) -> None:
    """Holm's correction over the candidates that are tested against the same system in the same metric."""
    families: dict[tuple[str, str], list[schema.PairedTest]] = {}
    for test in tests:
        if test.a in candidates and test.b not in candidates:
            families.setdefault((test.b, test.metric), []).append(test)
    for family in families.values():
        for test, corrected in zip(family, holm([test.p_permutation for test in family]), strict=True):
            test.p_holm = corrected
