"""Scores on parts of the rows: by similarity to training, by length of the reference, by column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from shelftalker.evaluation.metrics.registry import METRICS
from shelftalker.evaluation.results import Similarity, Slice, System

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from shelftalker.evaluation.entries import ScoredRow
    from shelftalker.evaluation.measure import Measured

    Mask = NDArray[np.bool_]

ROUTES = ("edited", "written", "declined")
COLUMN_VALUES = 12
"""Most frequent values of a column that a breakdown shows; a column of mostly unique values has none."""


@dataclass(frozen=True)
class Parts:
    """Which rows belong to which part."""

    similarity: Mapping[str, Mask]
    length: Mapping[str, Mask]
    columns: Mapping[str, Mapping[str, Mask]]
    bounds: tuple[int, int]
    """Words up to which a reference is short, and medium: thirds."""

    def fill(self, system: System, measured: Measured) -> None:
        """Write a system's scores on every part into it."""
        system.by_similarity = _slices(measured, self.similarity)
        system.by_length = _slices(measured, self.length)
        system.by_column = {name: _slices(measured, values) for name, values in self.columns.items()}


def parts(products: Sequence[ScoredRow]) -> Parts:
    """The parts of these rows."""
    import numpy as np

    kinds = np.array([row.similarity or "" for row in products])
    lengths = np.array([len(row.reference.split()) for row in products])
    first, second = (int(value) for value in np.percentile(lengths, [100 / 3, 200 / 3]))
    thirds = {"short": lengths <= first, "medium": (lengths > first) & (lengths <= second), "long": lengths > second}
    return Parts(
        similarity={kind: kinds == kind for kind in get_args(Similarity) if (kinds == kind).any()},
        length={name: mask for name, mask in thirds.items() if mask.any()},
        columns=_columns(products),
        bounds=(first, second),
    )


def by_route(routes: Sequence[str], measured: Measured) -> dict[str, Slice]:
    """A system's scores by who wrote the rows."""
    import numpy as np

    kinds = np.array(routes)
    return _slices(measured, {route: kinds == route for route in ROUTES if (kinds == route).any()})


def _columns(products: Sequence[ScoredRow]) -> dict[str, dict[str, Mask]]:
    import numpy as np

    columns: dict[str, dict[str, Mask]] = {}
    for name in sorted({name for row in products for name in row.columns}):
        values = np.array([row.columns.get(name, "") for row in products])
        counts = Counter(value for value in values.tolist() if value)
        if counts and len(counts) <= max(2, len(products) // 2):
            columns[name] = {value: values == value for value, _ in counts.most_common(COLUMN_VALUES)}
    return columns


def _slices(measured: Measured, masks: Mapping[str, Mask]) -> dict[str, Slice]:
    shown = [name for name, metric in METRICS.items() if metric.is_sliced and name in measured.statistics]
    return {
        part: Slice(n=int(mask.sum()), scores={name: measured.score(name, mask) for name in shown})
        for part, mask in masks.items()
    }
