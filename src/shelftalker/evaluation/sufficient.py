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


def count(references: Sequence[str], systems: Sequence[Sequence[str]]) -> list[tuple[Array, Array]]:
    """Statistics of every system: BLEU's (rows x 10) and chrF++'s (rows x 24).

    Row by row: a reference's n-grams are counted once for all systems and forgotten before the next row (those of
    10,000 references would take gigabytes), and a text that several systems wrote for a row is counted once.

    Args:
        references: one a row.
        systems: each with one prediction a row.

    Raises:
        ValueError: a system has more or fewer predictions than there are references.
    """
    import numpy as np
    from sacrebleu.metrics import BLEU, CHRF

    metrics = (BLEU(references=[[""]], force=True), CHRF(word_order=2, references=[[""]]))
    tables = [tuple(np.zeros((len(references), width)) for width in (BLEU_WIDTH, 3 * CHRF_ORDERS)) for _ in systems]
    for number, (reference, *texts) in enumerate(zip(references, *systems, strict=True)):
        known = [metric._extract_reference_info([metric._preprocess_segment(reference)]) for metric in metrics]
        seen: dict[str, list[list[int]]] = {}
        for text, table in zip(texts, tables, strict=True):
            if text not in seen:
                seen[text] = [_statistics(metric, text, info) for metric, info in zip(metrics, known, strict=True)]
            for part, counts in zip(table, seen[text], strict=True):
                part[number] = counts
    return [(table[0], table[1]) for table in tables]


def _statistics(metric: Any, text: str, reference: Any) -> list[int]:
    """The steps of sacrebleu's own _extract_corpus_statistics for one row."""
    counts: list[int] = metric._compute_segment_statistics(metric._preprocess_segment(text), reference)
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
    """Sacrebleu's own signatures of BLEU and chrF++ as they are counted here."""
    from sacrebleu.metrics import BLEU, CHRF

    found = {}
    for name, metric in (
        ("bleu", BLEU(references=[["a"]], force=True)),
        ("chrf", CHRF(word_order=2, references=[["a"]])),
    ):
        found[name] = str(metric.get_signature())
    return found
