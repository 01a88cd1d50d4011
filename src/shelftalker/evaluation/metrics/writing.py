"""How a system writes, whatever the reference says: length, loops, copies of the title, variety."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from shelftalker.evaluation.metrics.metric import Metric, Outputs, means

if TYPE_CHECKING:
    from shelftalker.evaluation.metrics.metric import Array


class Share(Metric):
    """A plain mean over rows of what a function finds in each; lower is better, unless said otherwise."""

    def __init__(
        self,
        name: str,
        label: str,
        what: str,
        place: int,
        how: str,
        rows: Callable[[Outputs], list[float] | None],
        *,
        higher_is_better: bool = False,
    ) -> None:
        self.name, self.label, self.what, self.place = name, label, what, place
        self.higher_is_better = higher_is_better
        self._how, self._rows = how, rows

    def count(self, systems: Sequence[Outputs]) -> list[Array | None]:
        """The share in every row."""
        found = [self._rows(system) for system in systems]
        return [None if rows is None else means(rows) for rows in found]

    def definition(self, outputs: Outputs) -> str:
        """How the share of a row is found."""
        return f"{self.name}{self._how}|mean:plain"


class LengthRatio(Metric):
    """Best near 1."""

    name = "length_ratio"
    label = "length ratio"
    what = "words of all predictions over words of all references"
    place = 40
    higher_is_better = None
    decimals = 2

    def count(self, systems: Sequence[Outputs]) -> list[Array | None]:
        """Words of the description and of the reference."""
        import numpy as np

        return [
            np.array(
                list(zip(map(len, system.words), system.targets.reference_words, strict=True)), dtype=np.float64
            ).reshape(-1, 2)
            for system in systems
        ]

    def definition(self, outputs: Outputs) -> str:
        """What a word is."""
        return "length_ratio|words:\\w+"


class Distinct(Metric):
    """No function of row sums: it has an interval of its own."""

    def __init__(self, size: int, what: str) -> None:
        self.name, self.label, self.place = f"distinct{size}", f"distinct-{size}", 50 + size
        self.what = what
        self._size = size

    def count(self, systems: Sequence[Outputs]) -> list[Array | None]:
        """Nothing that could be summed."""
        return [None for _ in systems]

    def whole(self, outputs: Outputs) -> tuple[float, float, float]:
        """Value and jackknife interval."""
        return distinct(outputs.words, self._size)

    def definition(self, outputs: Outputs) -> str:
        """Over the whole corpus."""
        return f"{self.name}|words:\\w+|corpus|interval:jackknife"


def self_repetition(tokens: Sequence[str], size: int = 4) -> float:
    """Share of the runs of ``size`` words that repeat an earlier one; 0 for shorter texts."""
    runs = [tuple(tokens[start : start + size]) for start in range(len(tokens) - size + 1)]
    return 1 - len(set(runs)) / len(runs) if runs else 0.0


def title_copy(tokens: Sequence[str], title: Sequence[str]) -> float:
    """Share of ``tokens`` that stand in runs of two or more words of the title (one, for a title of one word)."""
    if not tokens or not title:
        return 0.0
    if len(title) == 1:
        return sum(token == title[0] for token in tokens) / len(tokens)
    pairs = set(itertools.pairwise(title))
    copied = [False] * len(tokens)
    for place, pair in enumerate(itertools.pairwise(tokens)):
        if pair in pairs:
            copied[place] = copied[place + 1] = True
    return sum(copied) / len(tokens)


def distinct(texts: Sequence[Sequence[str]], size: int) -> tuple[float, float, float]:
    """Distinct runs of ``size`` words over all runs, with a 95 % interval by the jackknife over rows.

    A bootstrap would draw some rows twice and so find fewer distinct runs than there are; leaving one row out at
    a time (Efron and Stein 1981) has no such bias. The value falls as rows are added: compare at equal n only.
    """
    runs = [[tuple(text[start : start + size]) for start in range(len(text) - size + 1)] for text in texts]
    total = sum(map(len, runs))
    if not total:
        return 0.0, 0.0, 0.0
    rows_with = Counter(run for row in runs for run in set(row))
    value = len(rows_with) / total
    left_out = [
        (len(rows_with) - sum(rows_with[run] == 1 for run in set(row))) / (total - len(row))
        for row in runs
        if total > len(row)
    ]
    if len(left_out) < 2:
        return value, value, value
    centre = sum(left_out) / len(left_out)
    spread = (sum((other - centre) ** 2 for other in left_out) * (len(left_out) - 1) / len(left_out)) ** 0.5
    return value, max(0.0, value - 1.96 * spread), min(1.0, value + 1.96 * spread)


def _repeated(outputs: Outputs) -> list[float]:
    return [self_repetition(text) for text in outputs.words]


def _copied(outputs: Outputs) -> list[float]:
    return [title_copy(text, title) for text, title in zip(outputs.words, outputs.targets.title_words, strict=True)]


def _cut_off(outputs: Outputs) -> list[float] | None:
    return None if outputs.hit_cap is None else [float(hit) for hit in outputs.hit_cap]


def _described(outputs: Outputs) -> list[float]:
    return [float(bool(text.strip())) for text in outputs.texts]


METRICS = (
    Share(
        "described",
        "described",
        "share of rows that got a description at all, 0 to 1",
        39,
        "",
        _described,
        higher_is_better=True,
    ),
    LengthRatio(),
    Share(
        "self_repetition",
        "self-repetition",
        "share of a description's runs of 4 words that it already had, 0 to 1 (seq-rep-4, Welleck et al. 2020)",
        41,
        "|4-grams|words:\\w+",
        _repeated,
    ),
    Share("cap_share", "hit the cap", "share of outputs that decoding cut off, 0 to 1", 42, "", _cut_off),
    Share(
        "title_copy",
        "copied from title",
        "share of a description's words in runs of 2 or more that the title has too, 0 to 1",
        43,
        "|runs>=2|words:\\w+",
        _copied,
    ),
    Distinct(1, "distinct words over words of all outputs (Li et al. 2016)"),
    Distinct(2, "distinct pairs over pairs of words of all outputs"),
)
