"""ROUGE with Porter stemming, row by row, and with a tokeniser of their own for rows in other scripts."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from shelftalker.evaluation.metrics.metric import Metric, Outputs, Targets, means

if TYPE_CHECKING:
    from shelftalker.evaluation.metrics.metric import Array

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
# Full stops of Chinese and Japanese, Hindi, Urdu and Arabic; no space need follow.
_OTHER_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|(?<=[。！？।۔؟])\s*")


class Rouge(Metric):
    """F-measure of one type of ROUGE (Lin 2004), a plain mean over rows.

    rouge-score-rs gives rouge-score's numbers to the last bit (tests/evaluation prove it on real text, on every
    character and on a large vocabulary) in a two-hundredth of the time. Their tokeniser knows a to z and digits only,
    so that identical texts in Arabic or Japanese would score 0: a row whose reference is mostly of other letters is
    cut by Unicode's word boundaries (UAX 29) instead, unstemmed, and the signature counts such rows.
    """

    kind = "quality"

    def __init__(self, name: str, label: str, what: str, place: int, *, is_sliced: bool = False) -> None:
        self.name, self.label, self.place, self.is_sliced = name, label, place, is_sliced
        self.what = f"{what}, F-measure, 0 to 1 (Lin 2004)"
        self._by_sentence = name == "rougeLsum"

    def count(self, systems: Sequence[Outputs]) -> list[Array | None]:
        """F-measure of every row."""
        return [means(self.rows(system.targets, system.texts)) for system in systems]

    def rows(self, targets: Targets, texts: Sequence[str]) -> list[float]:
        """F-measures, one a row."""
        found = [0.0] * len(texts)
        for others in (False, True):
            rows = [row for row, is_other in enumerate(targets.other_scripts) if is_other is others]
            cut = [self._cut([one[row] for row in rows], others=others) for one in (targets.references, texts)]
            for row, score in zip(rows, self._scorer(others=others).score_batch(*cut), strict=True):
                found[row] = float(score[self.name].fmeasure)
        return found

    def definition(self, outputs: Outputs) -> str:
        """rouge-score's conventions, and the rows that were cut in another way."""
        sentences = "|sentences:after[.!?]" if self._by_sentence else ""
        others = sum(outputs.targets.other_scripts)
        cut = f"|tokens:unicode-words,unstemmed({others} rows of other scripts)" if others else ""
        version = importlib.metadata.version("rouge-score-rs")
        return f"{self.name}|f-measure|stemming:porter|mean:plain{sentences}|rouge-score-rs:{version}{cut}"

    def _scorer(self, *, others: bool) -> Any:
        from rouge_score_rs import RougeScorer
        from rouge_score_rs.tokenizers import UnicodeTokenizer

        return RougeScorer([self.name], tokenizer=UnicodeTokenizer()) if others else RougeScorer([self.name], True)

    def _cut(self, texts: list[str], *, others: bool) -> list[str]:
        return [sentences(text, others=others) for text in texts] if self._by_sentence else texts


def sentences(text: str, *, others: bool = False) -> str:
    """The text with one sentence a line, as ROUGE-Lsum reads it; ``others``: with the full stops of other scripts."""
    return (_OTHER_SENTENCE_END if others else _SENTENCE_END).sub("\n", text)


METRICS = (
    Rouge("rouge1", "ROUGE-1", "shared words", 10, is_sliced=True),
    Rouge("rouge2", "ROUGE-2", "shared pairs of words", 11),
    Rouge("rougeL", "ROUGE-L", "longest common subsequence of words", 12, is_sliced=True),
    Rouge("rougeLsum", "ROUGE-Lsum", "ROUGE-L sentence by sentence", 13),
)
