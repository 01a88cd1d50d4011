"""Sufficient statistics of BLEU and chrF++, row by row, and both scores from sums of them, in arrays.

sacrebleu counts n-grams; a corpus score depends on the rows' counts only through their sums, so that a
bootstrap resample or a permutation is a matrix product and no text is read twice. The formulas are those of
sacrebleu 2 (BLEU: exp smoothing; chrF: effective order, no epsilon), tested equal to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

BLEU_WIDTH = 10
"""Columns of a BLEU row: prediction length, reference length, 4 matches, 4 totals."""
CHRF_ORDERS = 8
"""chrF++: character n-grams of order 1 to 6 and word n-grams of order 1 and 2; three counts each."""
CHRF_BETA = 2


class Counter:
    """Counts n-gram matches of predictions against one list of references, whose n-grams are counted once.

    Args:
        references: one reference a row.
    """

    def __init__(self, references: Sequence[str]) -> None:
        from sacrebleu.metrics import BLEU, CHRF

        self._bleu = BLEU(references=[list(references)], force=True)
        self._chrf = CHRF(word_order=2, references=[list(references)])
        self._rows = len(references)
        self._seen: dict[tuple[int, str], tuple[list[int], list[int]]] = {}

    def count(self, predictions: Sequence[str]) -> tuple[Array, Array]:
        """Statistics of one system: BLEU's (rows x 10) and chrF++'s (rows x 24).

        A prediction that another system made for the same row is not counted again.
        """
        import numpy as np

        if len(predictions) != self._rows:
            raise ValueError(f"{len(predictions)} predictions for {self._rows} references")
        rows = [self._row(number, text) for number, text in enumerate(predictions)]
        return (
            np.array([row[0] for row in rows], dtype=np.float64).reshape(-1, BLEU_WIDTH),
            np.array([row[1] for row in rows], dtype=np.float64).reshape(-1, 3 * CHRF_ORDERS),
        )

    def _row(self, number: int, text: str) -> tuple[list[int], list[int]]:
        key = (number, text)
        if key not in self._seen:
            self._seen[key] = (_statistics(self._bleu, number, text), _statistics(self._chrf, number, text))
        return self._seen[key]


def _statistics(metric: Any, number: int, text: str) -> list[int]:
    # The steps of sacrebleu's _extract_corpus_statistics for one row of its reference cache.
    counts: list[int] = metric._compute_segment_statistics(metric._preprocess_segment(text), metric._ref_cache[number])
    return counts


def bleu(sums: Array, *, effective_order: bool = False) -> Array:
    """BLEU (0 to 100) from sums of statistics, shape (..., 10) to (...).

    Papineni et al. 2002, with the exponential smoothing of mteval (Chen and Cherry 2014, method 3).
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
    """chrF++ (0 to 100) from sums of statistics, shape (..., 24) to (...). Popović 2015 and 2017, beta 2."""
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


@lru_cache(maxsize=1)
def signatures() -> dict[str, str]:
    """sacrebleu's own signatures of BLEU and chrF++ as they are counted here."""
    from sacrebleu.metrics import BLEU, CHRF

    found = {}
    for name, metric in (
        ("bleu", BLEU(references=[["a"]], force=True)),
        ("chrf", CHRF(word_order=2, references=[["a"]])),
    ):
        found[name] = str(metric.get_signature())
    return found
