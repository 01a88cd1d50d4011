"""The metrics: what each counts in a row, and how a score follows from sums over rows.

To add a metric: give it a `Metric` in `METRICS` and its rows' statistics in `measure`. Intervals, paired tests,
breakdowns, tables and the report follow from that.
"""

from __future__ import annotations

import importlib.metadata
import itertools
import re
from collections import Counter as Multiset
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from shelftalker.evaluation import sufficient
from shelftalker.retrieve.index import words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

ROUGE = ("rouge1", "rouge2", "rougeL", "rougeLsum")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


def ratio(sums: Array) -> Array:
    """First column over second; 0 where there is nothing to divide by. A mean is (value, 1) summed over rows."""
    import numpy as np

    return np.divide(sums[..., 0], sums[..., 1], out=np.zeros(sums.shape[:-1]), where=sums[..., 1] != 0)


@dataclass(frozen=True)
class Metric:
    """A score over rows, computed from the sums of the rows' statistics."""

    name: str
    label: str
    higher_is_better: bool | None
    what: str
    """One line for people: definition, unit, source."""
    signature: str
    from_sums: Callable[[Array], Array] = ratio
    width: int = 2
    """Columns of a row's statistics."""
    decimals: int = 4
    tested: bool = False
    """Whether systems are tested against each other in it."""


def _rouge(name: str, label: str, what: str, *, sentences: str = "") -> Metric:
    return Metric(name, label, True, what, f"{name}|f-measure|stemming:porter|mean:plain{sentences}", tested=True)


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        _rouge("rouge1", "ROUGE-1", "shared words, F-measure, 0 to 1 (Lin 2004)"),
        _rouge("rouge2", "ROUGE-2", "shared pairs of words, F-measure, 0 to 1 (Lin 2004)"),
        _rouge("rougeL", "ROUGE-L", "longest common subsequence of words, F-measure, 0 to 1 (Lin 2004)"),
        _rouge(
            "rougeLsum",
            "ROUGE-Lsum",
            "ROUGE-L sentence by sentence, F-measure, 0 to 1 (Lin 2004)",
            sentences="|sentences:after[.!?]",
        ),
        Metric(
            "bleu",
            "BLEU",
            True,
            "matching n-grams of 1 to 4 words with a brevity penalty, corpus level, 0 to 100 (Papineni et al. 2002)",
            "",
            sufficient.bleu,
            sufficient.BLEU_WIDTH,
            2,
            True,
        ),
        Metric(
            "chrf",
            "chrF++",
            True,
            "matching n-grams of 1 to 6 characters and 1 to 2 words, recall counted twice, corpus level, 0 to 100 "
            "(Popović 2017)",
            "",
            sufficient.chrf,
            3 * sufficient.CHRF_ORDERS,
            2,
            True,
        ),
        Metric(
            "bertscore",
            "BERTScore",
            True,
            "nearest tokens by an encoder's contextual embeddings, F1, about 0 to 1 (Zhang et al. 2020)",
            "bertscore",
            tested=True,
        ),
        Metric(
            "nll",
            "NLL",
            False,
            "mean negative log-likelihood per token of the references, in nats; depends on the model's tokenizer",
            "nll|nats|per:token|references:whole",
            decimals=3,
            tested=True,
        ),
        Metric(
            "length_ratio",
            "length ratio",
            None,
            "words of all predictions over words of all references",
            "length_ratio|words:\\w+",
            decimals=2,
        ),
        Metric(
            "self_repetition",
            "self-repetition",
            False,
            "share of a description's runs of 4 words that it already had, 0 to 1 (seq-rep-4, Welleck et al. 2020)",
            "self_repetition|4-grams|words:\\w+|mean:plain",
        ),
        Metric(
            "cap_share", "hit the cap", False, "share of outputs that decoding cut off, 0 to 1", "cap_share|mean:plain"
        ),
        Metric(
            "title_copy",
            "copied from title",
            False,
            "share of a description's words in runs of 2 or more that the title has too, 0 to 1",
            "title_copy|runs>=2|words:\\w+|mean:plain",
        ),
        Metric(
            "novelty",
            "novelty",
            True,
            "1 - longest run of words copied from one training description over the description's words, 0 to 1",
            "novelty|longest-copied-run|words:\\w+|mean:plain",
        ),
        Metric(
            "copied_span",
            "longest copy",
            False,
            "words of the longest run copied from one training description, mean over descriptions",
            "copied_span|words:\\w+|mean:plain",
            decimals=1,
        ),
        Metric("distinct1", "distinct-1", True, "distinct words over words of all outputs (Li et al. 2016)", ""),
        Metric("distinct2", "distinct-2", True, "distinct pairs over pairs of words of all outputs", ""),
    )
}
CORPUS_ONLY = ("distinct1", "distinct2")
"""Not a function of row sums: they come with an interval of their own."""


@dataclass
class Measured:
    """One system's statistics: metric to an array of shape (rows, width of the metric)."""

    statistics: dict[str, Array]
    corpus: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    """distinct1, distinct2: value, low, high."""

    def score(self, name: str, rows: NDArray[np.bool_] | None = None) -> float:
        """The metric over all rows, or over those in a mask."""
        table = self.statistics[name] if rows is None else self.statistics[name][rows]
        return float(METRICS[name].from_sums(table.sum(axis=0)))

    def row_scores(self) -> list[dict[str, float]]:
        """Every row's own scores; BLEU of a row leaves out the orders that it is too short for."""
        import numpy as np

        columns: dict[str, list[float]] = {}
        for name, table in self.statistics.items():
            values = sufficient.bleu(table, effective_order=True) if name == "bleu" else METRICS[name].from_sums(table)
            columns[name] = [round(float(value), 6) for value in np.atleast_1d(values)]
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


class Measurer:
    """Measures any number of systems against the same references; nothing is counted twice.

    Args:
        titles, references: one a row; references are used whole.
    """

    def __init__(self, titles: Sequence[str], references: Sequence[str]) -> None:
        self.titles = list(titles)
        self.references = list(references)
        self._split_references = [sentences(text) for text in self.references]
        self._reference_words = [len(words(text)) for text in self.references]

    def measure(
        self,
        predictions: Sequence[str],
        *,
        hit_cap: Sequence[bool] | None = None,
        nll: Sequence[tuple[float, int] | None] | None = None,
        copied: Sequence[int] | None = None,
        bertscore: Sequence[float] | None = None,
        counts: tuple[Array, Array] | None = None,
    ) -> Measured:
        """Statistics of one system's predictions.

        Args:
            predictions: one a row.
            hit_cap: whether decoding cut the row off; none for systems that do not decode.
            nll: per row the summed negative log-likelihood of the reference and its tokens.
            copied: per row the longest run of words that a training description has too.
            bertscore: per row the F1 that `bertscore.score` gave.
            counts: what `sufficient.count` gave for these predictions, where that is known already.
        """
        import numpy as np

        found: dict[str, Array] = {}
        for name, values in rouge(self.references, self._split_references, predictions).items():
            found[name] = _means(values)
        found["bleu"], found["chrf"] = counts or sufficient.count(self.references, [predictions])[0]
        tokens = [words(text) for text in predictions]
        found["length_ratio"] = np.array(
            list(zip(map(len, tokens), self._reference_words, strict=True)), dtype=np.float64
        ).reshape(-1, 2)
        found["self_repetition"] = _means([self_repetition(text) for text in tokens])
        found["title_copy"] = _means(
            [title_copy(text, words(title)) for text, title in zip(tokens, self.titles, strict=True)]
        )
        if hit_cap is not None:
            found["cap_share"] = _means([float(hit) for hit in hit_cap])
        if bertscore is not None:
            found["bertscore"] = _means(bertscore)
        if nll is not None and any(pair is not None for pair in nll):
            found["nll"] = np.array([pair or (0.0, 0) for pair in nll], dtype=np.float64)
        if copied is not None:
            found["copied_span"] = _means(copied)
            found["novelty"] = _means(
                [1 - length / len(text) if text else 0.0 for length, text in zip(copied, tokens, strict=True)]
            )
        return Measured(found, {"distinct1": distinct(tokens, 1), "distinct2": distinct(tokens, 2)})


def sentences(text: str) -> str:
    """The text with one sentence a line, as ROUGE-Lsum reads it."""
    return _SENTENCE_END.sub("\n", text)


def rouge(
    references: Sequence[str], split_references: Sequence[str], predictions: Sequence[str]
) -> dict[str, list[float]]:
    """F-measures of ROUGE with Porter stemming, one a row and type.

    rouge-score-rs gives rouge-score's numbers to the last bit (tests/evaluation prove it on real text, on every
    character and on a large vocabulary) in a two-hundredth of the time.
    """
    from rouge_score_rs import RougeScorer

    whole = RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=True)
    by_sentence = RougeScorer(["rougeLsum"], use_stemmer=True)
    rows = whole.score_batch(list(references), list(predictions))
    split = by_sentence.score_batch(list(split_references), [sentences(text) for text in predictions])
    scores = {name: [float(row[name].fmeasure) for row in rows] for name in ("rouge1", "rouge2", "rougeL")}
    return scores | {"rougeLsum": [float(row["rougeLsum"].fmeasure) for row in split]}


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
    rows_with = Multiset(run for row in runs for run in set(row))
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


def signature(name: str, rows: int, *, definition: str | None = None, **facts: Any) -> str:
    """What a score depends on: definition, library version, rows, and whatever ``facts`` add.

    ``definition`` stands in for the metric's own words where those depend on the run (BERTScore's encoder).
    """
    metric = METRICS[name]
    parts = [definition or metric.signature or name]
    if name in ROUGE:
        parts.append(f"rouge-score-rs:{importlib.metadata.version('rouge-score-rs')}")
    elif name in ("bleu", "chrf"):
        parts = [f"{name}|{sufficient.signatures()[name]}"]
    elif name in CORPUS_ONLY:
        parts = [f"{name}|words:\\w+|corpus|interval:jackknife"]
    parts += [f"{key}:{value}" for key, value in facts.items() if value is not None]
    return "|".join([*parts, f"n:{rows}"])


def _means(values: Sequence[float]) -> Array:
    import numpy as np

    table = np.ones((len(values), 2))
    table[:, 0] = values
    return table
