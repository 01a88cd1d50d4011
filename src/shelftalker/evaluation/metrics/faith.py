"""How faithful a system is: claims that the input supports, facts that the text uses, what contradicts the title."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from shelftalker.evaluation.metrics.metric import Metric, Outputs

if TYPE_CHECKING:
    from shelftalker.checks.measures import Faith
    from shelftalker.evaluation.metrics.metric import Array


class FaithRate(Metric):
    """A rate over all rows together: a sum of counts over another (see checks/measures.py)."""

    kind = "faith"

    def __init__(
        self,
        name: str,
        label: str,
        what: str,
        place: int,
        counts: Callable[[Faith], tuple[int, int]],
        *,
        higher_is_better: bool = True,
        of_sources: bool = False,
        is_sliced: bool = False,
    ) -> None:
        self.name, self.label, self.what, self.place = name, label, what, place
        self.higher_is_better, self.is_sliced = higher_is_better, is_sliced
        self._counts, self._of_sources = counts, of_sources

    def count(self, systems: Sequence[Outputs]) -> list[Array | None]:
        """Both counts of every row; None where nothing could be counted in any."""
        return [self._table(system) for system in systems]

    def _table(self, system: Outputs) -> Array | None:
        import numpy as np

        if system.faith is None or (self._of_sources and system.sources is None):
            return None
        table = np.array([self._counts(row) for row in system.faith], dtype=np.float64).reshape(-1, 2)
        return table if table[:, 1].any() else None

    def definition(self, outputs: Outputs) -> str:
        """By the package's own checks."""
        from shelftalker.version import __version__

        return f"{self.name}|checks:shelftalker-{__version__}|ratio:of-sums"


METRICS = (
    FaithRate(
        "claim_precision",
        "claims given",
        "share of a text's claims that title, attributes and facts support, 0 to 1",
        60,
        lambda row: (row.given, row.claims),
        is_sliced=True,
    ),
    FaithRate(
        "claim_shared",
        "given or shared",
        "the same, with claims that two or more sources share, 0 to 1",
        61,
        lambda row: (row.given + row.shared, row.claims),
        of_sources=True,
    ),
    FaithRate(
        "fact_recall",
        "facts used",
        "share of the given facts and attributes that the text says, 0 to 1",
        62,
        lambda row: (row.used, row.facts),
    ),
    FaithRate(
        "title_recall",
        "title used",
        "share of the title's words, function words aside, that the text uses, 0 to 1",
        63,
        lambda row: (row.title_used, row.title),
    ),
    FaithRate(
        "source_copy",
        "copied from sources",
        "share of a text's words in runs of 5 or more that a source has, 0 to 1",
        64,
        lambda row: (row.copied, row.words),
        higher_is_better=False,
        of_sources=True,
    ),
    FaithRate(
        "contradicted",
        "against the title",
        "share of texts that contradict their title (another colour, size, count), 0 to 1",
        65,
        lambda row: (int(row.contradictions > 0), 1),
        higher_is_better=False,
    ),
)
