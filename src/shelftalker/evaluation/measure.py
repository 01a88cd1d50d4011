"""Every metric of several systems on the same rows: what each counts in a row, and scores from sums of that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shelftalker.evaluation.metrics.metric import Outputs
from shelftalker.evaluation.metrics.registry import METRICS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from shelftalker.evaluation.metrics.metric import Array


@dataclass
class Measured:
    """One system's statistics: metric to an array of shape (rows, width of the metric)."""

    outputs: Outputs
    statistics: dict[str, Array] = field(default_factory=dict)
    whole: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    """Value, low and high of metrics that are no function of row sums."""

    def score(self, name: str, rows: NDArray[np.bool_] | None = None) -> float:
        """The metric over all rows, or over those in a mask."""
        table = self.statistics[name] if rows is None else self.statistics[name][rows]
        return float(METRICS[name].score(table.sum(axis=0)))

    def row_scores(self) -> list[dict[str, float]]:
        """Every row's own scores."""
        import numpy as np

        columns = {
            name: [round(float(value), 6) for value in np.atleast_1d(METRICS[name].row_scores(table))]
            for name, table in self.statistics.items()
        }
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    def signature(self, name: str, **facts: object) -> str:
        """What a score depends on, with whatever ``facts`` add."""
        return METRICS[name].signature(self.outputs, **facts)

    def table(self) -> Array:
        """All statistics side by side, shape (rows, sum of widths)."""
        import numpy as np

        return np.concatenate(list(self.statistics.values()), axis=1)

    def columns(self, name: str) -> slice:
        """Where the statistics of a metric stand in `table`."""
        before = list(self.statistics)[: list(self.statistics).index(name)]
        start = sum(METRICS[one].width for one in before)
        return slice(start, start + METRICS[name].width)


def measure(systems: Sequence[Outputs]) -> list[Measured]:
    """All metrics of all systems; what systems share (references, equal texts) is counted once.

    Args:
        systems: on the same rows.
    """
    found = [Measured(system) for system in systems]
    for name, metric in METRICS.items():
        for one, table in zip(found, metric.count(systems), strict=True):
            if table is not None:
                one.statistics[name] = table
            elif (whole := metric.whole(one.outputs)) is not None:
                one.whole[name] = whole
    return found
