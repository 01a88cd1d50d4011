"""Intervals and paired tests on cached sufficient statistics: seeded, two-sided, in arrays.

A system is a matrix of per-row statistics (rows x columns); a metric is a function of their column sums.
Resampling rows, or swapping two systems' rows, is then one matrix product for all metrics together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

CONFIDENCE = 0.95
ALPHA = 0.05
"""A difference is shown where p is smaller, everywhere."""
# Standard normal quantiles: a two-sided test at 0.05 (1.960) that succeeds in four of five tries (0.842).
DETECTABLE = 1.960 + 0.842
_CHUNK = 256
"""Resamples in memory at once; a multiple of 32, so that random bits are drawn as in one call."""


def bootstrap_weights(rows: int, resamples: int, seed: int) -> Iterator[Array]:
    """How often each row is drawn in each bootstrap resample: chunks of shape (up to 256, rows).

    The draws are those of ``numpy.random.default_rng(seed).choice(rows, size=(resamples, rows))``, which
    sacrebleu makes too.
    """
    import numpy as np

    generator = np.random.default_rng(seed)
    for start in range(0, resamples, _CHUNK):
        size = min(_CHUNK, resamples - start)
        drawn = generator.choice(rows, size=(size, rows), replace=True)
        offset = np.arange(size)[:, None] * rows
        yield np.bincount((drawn + offset).ravel(), minlength=size * rows).reshape(size, rows).astype(np.float64)


def swaps(rows: int, trials: int, seed: int) -> Iterator[Array]:
    """Which rows keep their system (1) or are swapped (0) in each trial: chunks of shape (up to 256, rows)."""
    import numpy as np

    generator = np.random.default_rng(seed)
    for start in range(0, trials, _CHUNK):
        size = min(_CHUNK, trials - start)
        yield generator.integers(2, size=(size, rows), dtype=bool).astype(np.float64)


@dataclass(frozen=True)
class Difference:
    """System a against system b in one metric; see results.PairedTest for the fields."""

    difference: float
    low: float
    high: float
    p_bootstrap: float
    p_permutation: float
    smallest_detectable: float


class Resampler:
    """Bootstrap and permutation of any number of systems over the same rows; each system is multiplied once.

    Args:
        statistics: system to its statistics, all of shape (rows, columns).
        resamples: bootstrap resamples, and permutations.
        seed: of both.
    """

    def __init__(self, statistics: dict[str, Array], resamples: int, seed: int) -> None:
        self.names = list(statistics)
        self.resamples = resamples
        self.seed = seed
        self._statistics = statistics
        self.rows = len(next(iter(statistics.values())))
        if any(len(value) != self.rows for value in statistics.values()):
            raise ValueError("systems with different numbers of rows cannot be paired")

    @cached_property
    def sums(self) -> dict[str, Array]:
        """Column sums of every system, shape (columns,)."""
        return {name: value.sum(axis=0) for name, value in self._statistics.items()}

    @cached_property
    def _resampled(self) -> dict[str, Array]:
        return self._products(bootstrap_weights(self.rows, self.resamples, self.seed))

    @cached_property
    def _kept(self) -> dict[str, Array]:
        return self._products(swaps(self.rows, self.resamples, self.seed))

    def _products(self, chunks: Iterator[Array]) -> dict[str, Array]:
        import numpy as np

        widths = [self._statistics[name].shape[1] for name in self.names]
        table = np.concatenate([self._statistics[name] for name in self.names], axis=1)
        product = np.concatenate([chunk @ table for chunk in chunks])
        parts = np.split(product, np.cumsum(widths)[:-1], axis=1)
        return dict(zip(self.names, parts, strict=True))

    def resampled(self, name: str, columns: slice, metric: Callable[[Array], Array]) -> Array:
        """The metric of one system in every bootstrap resample, shape (resamples,)."""
        return metric(self._resampled[name][:, columns])

    def interval(self, name: str, columns: slice, metric: Callable[[Array], Array]) -> tuple[float, float]:
        """95 % percentile interval of one system's metric (Efron 1979)."""
        return _interval(self.resampled(name, columns, metric))

    def compare(
        self, a: str, b: str, columns: slice, metric: Callable[[Array], Array], columns_b: slice | None = None
    ) -> Difference:
        """Paired bootstrap (Koehn 2004) and paired approximate randomisation (Riezler and Maxwell 2005).

        Both p-values are two-sided and (c + 1) / (n + 1), with c the resamples (or permutations) whose
        difference is at least as far from what no difference would give as the one that was seen.
        ``columns`` are those of the metric's statistics (in ``b``: ``columns_b``, where they lie elsewhere).
        """
        import numpy as np

        there = columns_b or columns
        sum_a, sum_b = self.sums[a][columns], self.sums[b][there]
        seen = float(metric(sum_a) - metric(sum_b))
        drawn = self.resampled(a, columns, metric) - self.resampled(b, there, metric)
        kept_a, kept_b = self._kept[a][:, columns], self._kept[b][:, there]
        first, second = kept_a + (sum_b - kept_b), kept_b + (sum_a - kept_a)
        shuffled = metric(first) - metric(second)
        low, high = _interval(drawn)
        return Difference(
            difference=seen,
            low=low,
            high=high,
            p_bootstrap=p_value(drawn - seen, seen),
            p_permutation=p_value(shuffled, seen),
            smallest_detectable=DETECTABLE * float(np.std(drawn)),
        )


def p_value(null: Array, seen: float) -> float:
    """Two-sided p of a difference among those that no difference would give: (c + 1) / (n + 1).

    Ties count against the difference, so that a system compared with itself has p = 1.
    """
    import numpy as np

    # Sums of the same numbers in another order differ in their last bits.
    slack = 1e-9 * max(abs(seen), 1e-9)
    count = int(np.sum(np.abs(null) >= abs(seen) - slack))
    return (count + 1) / (len(null) + 1)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction for several tests (Holm 1979), in the given order."""
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    corrected = [0.0] * len(p_values)
    worst = 0.0
    for rank, index in enumerate(order):
        worst = max(worst, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = worst
    return corrected


def _interval(values: Array) -> tuple[float, float]:
    import numpy as np

    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(values, [tail, 100 - tail])
    return float(low), float(high)
