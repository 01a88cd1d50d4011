"""BLEU and chrF++: sacrebleu's n-gram counts row by row, and both scores from sums of them, in arrays.

A corpus score depends on the rows' counts only through their sums, so that a bootstrap resample or a permutation is
a matrix product and no text is read twice. The formulas are those of sacrebleu 2 (BLEU: exp smoothing; chrF:
effective order, no epsilon), tested equal to it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from shelftalker.evaluation.metrics.metric import Metric, Outputs, spaced

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

CHRF_ORDERS = 8
"""chrF++: character n-grams of order 1 to 6 and word n-grams of order 1 and 2; three counts each."""
CHRF_BETA = 2


class _Sacrebleu(Metric):
    """A metric whose n-grams sacrebleu counts."""

    decimals = 2
    kind = "quality"
    is_sliced = True

    @abstractmethod
    def counter(self, reference: str) -> Any:
        """Sacrebleu's metric, as it is used here."""

    def count(self, systems: Sequence[Outputs]) -> list[Array | None]:
        """n-gram counts of every row."""
        return list(self.tables(systems[0].targets.references, [system.texts for system in systems])) if systems else []

    def tables(self, references: Sequence[str], systems: Sequence[Sequence[str]]) -> list[Array]:
        """n-gram counts of every system, each of shape (rows, width).

        Row by row: a reference's n-grams are counted once for all systems and forgotten before the next row (those
        of 10,000 references would take gigabytes), and a text that several systems wrote for a row is counted once.

        Args:
            references: one a row.
            systems: each with one description a row.

        Raises:
            ValueError: a system has more or fewer descriptions than there are references.
        """
        import numpy as np

        counter = self.counter("")
        tables = [np.zeros((len(references), self.width)) for _ in systems]
        for number, (reference, *texts) in enumerate(zip(references, *systems, strict=True)):
            known = counter._extract_reference_info([counter._preprocess_segment(reference)])
            seen: dict[str, list[int]] = {}
            for text, table in zip(texts, tables, strict=True):
                if text not in seen:
                    seen[text] = _statistics(counter, text, known)
                table[number] = seen[text]
        return tables

    def definition(self, outputs: Outputs) -> str:
        """Sacrebleu's own signature."""
        return f"{self.name}|{self.counter('a').get_signature()}"


class Bleu(_Sacrebleu):
    """BLEU, 0 to 100 (Papineni et al. 2002), with the exponential smoothing of mteval (Chen and Cherry 2014).

    A row's statistics: prediction length, reference length, 4 matches, 4 totals. Rows in a script without spaces are
    cut into characters, as sacrebleu's own tokeniser for Chinese does: without that a sentence is one word, and the
    same sentence scores 0.
    """

    name = "bleu"
    label = "BLEU"
    what = "matching n-grams of 1 to 4 words with a brevity penalty, corpus level, 0 to 100 (Papineni et al. 2002)"
    place = 20
    width = 10

    def counter(self, reference: str) -> Any:
        """Tokens 13a, exp smoothing."""
        from sacrebleu.metrics import BLEU

        return BLEU(references=[[reference]], force=True)

    def count(self, systems: Sequence[Outputs]) -> list[Array | None]:
        """n-gram counts of every row."""
        if not systems:
            return []
        targets = systems[0].targets

        def cut(texts: Sequence[str]) -> list[str]:
            rows = zip(texts, targets.spaceless, strict=True)
            return [spaced(text) if is_spaceless else text for text, is_spaceless in rows]

        return list(self.tables(cut(targets.references), [cut(system.texts) for system in systems]))

    def definition(self, outputs: Outputs) -> str:
        """Sacrebleu's own signature, and the rows that were cut into characters first."""
        rows = sum(outputs.targets.spaceless)
        return super().definition(outputs) + (f"|characters({rows} rows without spaces)" if rows else "")

    def score(self, sums: Array) -> Array:
        """Corpus BLEU."""
        return bleu(sums)

    def row_scores(self, table: Array) -> Array:
        """Sentence BLEU: the orders that a row is too short for are left out."""
        return bleu(table, effective_order=True)


class Chrf(_Sacrebleu):
    """chrF++, 0 to 100 (Popović 2015 and 2017), beta 2; a row's statistics: three counts an order."""

    name = "chrf"
    label = "chrF++"
    what = (
        "matching n-grams of 1 to 6 characters and 1 to 2 words, recall counted twice, corpus level, 0 to 100 "
        "(Popović 2017)"
    )
    place = 21
    width = 3 * CHRF_ORDERS

    def counter(self, reference: str) -> Any:
        """With word pairs: the ++."""
        from sacrebleu.metrics import CHRF

        return CHRF(word_order=2, references=[[reference]])

    def score(self, sums: Array) -> Array:
        """Corpus chrF++."""
        return chrf(sums)


def _statistics(metric: Any, text: str, reference: Any) -> list[int]:
    """The steps of sacrebleu's own _extract_corpus_statistics for one row."""
    counts: list[int] = metric._compute_segment_statistics(metric._preprocess_segment(text), reference)
    return counts


def bleu(sums: Array, *, effective_order: bool = False) -> Array:
    """BLEU (0 to 100) from sums of statistics, shape (..., 10) to (...).

    Smoothing is method 3 of Chen and Cherry (2014).
    ``effective_order`` leaves out the orders that a short prediction cannot have, as sentence BLEU needs.
    """
    import numpy as np

    predicted, reference = sums[..., 0], sums[..., 1]
    correct, total = sums[..., 2:6], sums[..., 6:10]
    with np.errstate(divide="ignore", invalid="ignore"):
        # The k-th order without a match gets 1 / (2^k total) as its precision.
        halvings = np.cumsum(correct == 0, axis=-1)
        smoothed = np.where(correct == 0, 100.0 / (2.0**halvings * total), 100.0 * correct / total)
        logs = np.where(total > 0, np.log(smoothed), 0.0)
        orders = np.maximum((total > 0).sum(axis=-1), 1) if effective_order else 4
        penalty = np.where(predicted < reference, np.exp(1 - reference / predicted), 1.0)
        score = penalty * np.exp(logs.sum(axis=-1) / orders)
    if not effective_order:
        score = np.where((total > 0).all(axis=-1), score, 0.0)
    return np.where(correct.any(axis=-1), score, 0.0)


def chrf(sums: Array) -> Array:
    """chrF++ (0 to 100) from sums of statistics, shape (..., 24) to (...)."""
    import numpy as np

    counts = sums.reshape(*sums.shape[:-1], CHRF_ORDERS, 3)
    predicted, reference, match = counts[..., 0], counts[..., 1], counts[..., 2]
    counted = (predicted > 0) & (reference > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        orders = np.maximum(counted.sum(axis=-1), 1)
        precision = np.where(counted, match / predicted, 0.0).sum(axis=-1) / orders
        recall = np.where(counted, match / reference, 0.0).sum(axis=-1) / orders
        factor = CHRF_BETA**2
        score = 100 * (1 + factor) * precision * recall / (factor * precision + recall)
    return np.where(precision + recall > 0, score, 0.0)


BLEU, CHRF = Bleu(), Chrf()
METRICS = (BLEU, CHRF)
