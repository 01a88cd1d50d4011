"""Which systems are tested against each other, in which metrics, and the correction for several tries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from shelftalker.evaluation.metrics.registry import METRICS, QUALITY
from shelftalker.evaluation.results import PairedTest, System
from shelftalker.evaluation.significance import Resampler, holm

if TYPE_CHECKING:
    from shelftalker.evaluation.measure import Measured

ALL_PAIRS = 12
"""Up to this many systems every pair is tested; beyond, models against the others and the leader against models."""
CANDIDATES = ("checkpoint", "model")
"""Roles of systems that may be chosen."""


def paired_tests(
    systems: Sequence[System], measured: Mapping[str, Measured], resampler: Resampler, rank_by: str
) -> list[PairedTest]:
    """Every pair in every metric of quality that both have."""
    tests = []
    for name in QUALITY:
        metric = METRICS[name]
        for first, second in pairs(systems, rank_by):
            a, b = measured[first.id], measured[second.id]
            if not _is_comparable(name, a, b):
                continue
            # The statistics of two systems may differ in which metrics they have, so in where columns begin.
            found = resampler.compare(first.id, second.id, a.columns(name), metric.score, b.columns(name))
            tests.append(
                PairedTest(
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


def pairs(systems: Sequence[System], rank_by: str) -> list[tuple[System, System]]:
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


def _is_comparable(name: str, a: Measured, b: Measured) -> bool:
    """Whether both have the metric, by the same definition and on the same units."""
    metric = METRICS[name]
    return (
        name in a.statistics
        and name in b.statistics
        and metric.definition(a.outputs) == metric.definition(b.outputs)
        and metric.is_comparable(a.statistics[name], b.statistics[name])
    )


def _correct(tests: Sequence[PairedTest], candidates: set[str]) -> None:
    """Holm's correction over the candidates that are tested against the same system in the same metric."""
    families: dict[tuple[str, str], list[PairedTest]] = {}
    for test in tests:
        if test.a in candidates and test.b not in candidates:
            families.setdefault((test.b, test.metric), []).append(test)
    for family in families.values():
        for test, corrected in zip(family, holm([test.p_permutation for test in family]), strict=True):
            test.p_holm = corrected
