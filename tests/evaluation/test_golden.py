"""The same numbers as other people's programs: sacrebleu's and rouge-score's command lines, on the same files."""

from __future__ import annotations

import csv
import json
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

from shelftalker import files
from shelftalker.evaluation.measure import Measured, measure
from shelftalker.evaluation.metrics import ngrams
from shelftalker.evaluation.metrics.metric import Outputs, Targets
from shelftalker.evaluation.metrics.rouge import sentences

REAL = Path(__file__).parents[3] / "shared/data/real/catalogue.jsonl"


def pairs() -> tuple[list[str], list[str], list[str]]:
    """Titles, references, predictions: varied English with the oddities of product text, and some degenerate rows."""
    random.seed(7)
    parts = (
        "Keeps drinks cold for 24 hours. | A 1.5-litre kettle, stainless steel (18/10); boils in 3:20! | Dr. Moss's"
        ' novel "The Tide" won prizes... did it? | Größe M – weiche Baumwolle, crème & brûlée. | Fits 13" laptops;'
        " weighs 0.9 kg/2 lb. | It's the runners' favourite running shoe, run after run. | 東京 map ½ size ™ ©2020."
    ).split(" | ")
    titles, references, predictions = [], [], []
    for number in range(80):
        reference = " ".join(random.sample(parts, 4))
        words = reference.split()
        kept = [word for word in words if random.random() < 0.7]
        random.shuffle(parts)
        titles.append(" ".join(words[:5]))
        references.append(reference)
        predictions.append(" ".join(kept) + " " + parts[0])
        if number % 20 == 3:
            predictions[-1] = ""
        if number % 20 == 7:
            predictions[-1] = reference
        if number % 20 == 11:
            predictions[-1] = "kettle"
    return titles, references, predictions


@pytest.fixture(scope="module")
def measured() -> Measured:
    titles, references, predictions = pairs()
    return measure([Outputs(Targets(titles, references), predictions)])[0]


@pytest.mark.parametrize(("metric", "options"), [("bleu", []), ("chrf", ["--chrf-word-order", "2"])])
def test_sacrebleus_command_line_gives_the_same_number_to_the_last_digit(
    tmp_path: Path, measured: Measured, metric: str, options: list[str]
) -> None:
    _, references, predictions = pairs()
    (tmp_path / "references").write_text("".join(text + "\n" for text in references), encoding="utf-8")
    (tmp_path / "predictions").write_text("".join(text + "\n" for text in predictions), encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "sacrebleu",
        "references",
        "-i",
        "predictions",
        "-m",
        metric,
        "-w",
        "12",
        "-f",
        "json",
    ]
    shown = subprocess.run([*command, *options], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=True)
    theirs = json.loads(shown.stdout)
    assert round(measured.score(metric), 12) == theirs["score"]
    assert theirs["signature"] in measured.signature(metric)


@pytest.mark.parametrize("name", ["rouge1", "rouge2", "rougeL", "rougeLsum"])
def test_rouge_scores_command_line_gives_the_same_number_in_every_row(
    tmp_path: Path, measured: Measured, name: str
) -> None:
    _, references, predictions = pairs()
    end = "<end of row>"
    split = sentences if name == "rougeLsum" else str
    (tmp_path / "references").write_text("".join(split(text) + end for text in references), encoding="utf-8")
    (tmp_path / "predictions").write_text("".join(split(text) + end for text in predictions), encoding="utf-8")
    command = [sys.executable, "-m", "rouge_score.rouge", f"--rouge_types={name}", "--use_stemmer", "--noaggregate"]
    named = [
        f"--{key}={tmp_path / value}"
        for key, value in {
            "target_filepattern": "references",
            "prediction_filepattern": "predictions",
            "output_filename": "scores.csv",
        }.items()
    ]
    subprocess.run([*command, *named, f"--delimiter={end}"], cwd=tmp_path, capture_output=True, timeout=300, check=True)
    with (tmp_path / "scores.csv").open() as file:
        theirs = [row[f"{name}-F"] for row in csv.DictReader(file)]
    ours = [row[name] for row in measured.row_scores()]
    assert [f"{value:f}" for value in ours] == theirs
    # A plain mean over rows: no resampling anywhere.
    assert measured.score(name) == pytest.approx(sum(map(float, theirs)) / len(theirs), abs=1e-6)


def test_scores_from_arrays_are_sacrebleus_own_for_corpus_rows_and_any_sum_of_rows() -> None:
    from sacrebleu.metrics import BLEU, CHRF

    _, references, predictions = pairs()
    bleu, chrf = (metric.tables(references, [predictions])[0] for metric in ngrams.METRICS)
    random.seed(1)
    for _ in range(50):
        rows = random.choices(range(80), k=random.choice([1, 2, 5, 80]))
        some, refs = [predictions[row] for row in rows], [references[row] for row in rows]
        assert float(ngrams.bleu(bleu[rows].sum(axis=0))) == pytest.approx(
            BLEU(force=True).corpus_score(some, [refs]).score, abs=1e-10
        )
        assert float(ngrams.chrf(chrf[rows].sum(axis=0))) == pytest.approx(
            CHRF(word_order=2).corpus_score(some, [refs]).score, abs=1e-10
        )
    by_row = ngrams.bleu(bleu, effective_order=True)
    for row in range(80):
        theirs = BLEU(effective_order=True, force=True).sentence_score(predictions[row], [references[row]]).score
        assert by_row[row] == pytest.approx(theirs, abs=1e-10)


def test_a_text_that_two_systems_wrote_for_a_row_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    _, references, predictions = pairs()
    other = [*predictions[:-2], "another text", "and another"]
    counted = []
    original = ngrams._statistics
    monkeypatch.setattr(ngrams, "_statistics", lambda *given: counted.append(given[1]) or original(*given))
    first, second = ngrams.CHRF.tables(references, [predictions, other])
    assert len(counted) == 80 + 2
    assert (first[:-2] == second[:-2]).all()
    assert (first[-2:] != second[-2:]).any()


def test_systems_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="argument"):
        ngrams.BLEU.tables(["a", "b"], [["a"]])


class TestFastRouge:
    """rouge-score-rs stands in for rouge-score: equal on every character, on a large vocabulary and on real text."""

    def test_every_character_is_cut_alike(self) -> None:
        from rouge_score.tokenizers import DefaultTokenizer as Theirs
        from rouge_score_rs.tokenizers import DefaultTokenizer as Ours

        theirs, ours = Theirs(False), Ours(False)
        for start in range(0, 0x110000, 256):
            block = [chr(code) for code in range(start, start + 256) if not 0xD800 <= code < 0xE000]
            text = "".join(f"x{char}y" for char in block)
            assert theirs.tokenize(text) == ours.tokenize(text), hex(start)

    def test_every_word_is_stemmed_alike(self) -> None:
        from rouge_score.tokenizers import DefaultTokenizer as Theirs
        from rouge_score_rs.tokenizers import DefaultTokenizer as Ours

        vocabulary = " ".join(self._vocabulary())
        assert Theirs(True).tokenize(vocabulary) == Ours(True).tokenize(vocabulary)

    def test_real_descriptions_score_alike_to_the_last_bit(self) -> None:
        from rouge_score.rouge_scorer import RougeScorer as Theirs
        from rouge_score_rs import RougeScorer as Ours

        if not REAL.is_file():
            pytest.skip("needs ../shared/data/real beside the repository")
        types = ["rouge1", "rouge2", "rougeL", "rougeLsum"]
        random.seed(3)
        texts = [row["content"][:800] for row in random.sample(files.read_jsonl(REAL), 300)]
        texts = [text for text in texts if text]
        others = random.sample(texts, len(texts))
        theirs, ours = Theirs(types, use_stemmer=True), Ours(types, use_stemmer=True)
        fast = ours.score_batch(texts, others)
        for reference, prediction, row in zip(texts, others, fast, strict=True):
            slow = theirs.score(reference, prediction)
            assert {name: tuple(row[name]) for name in types} == {name: tuple(slow[name]) for name in types}

    @staticmethod
    def _vocabulary() -> list[str]:
        import gzip

        from shelftalker.bundled import sample_catalogue

        with gzip.open(sample_catalogue(), "rt", encoding="utf-8") as file:
            words = set(re.findall(r"[a-z]+", file.read().lower()))
        endings = "s es ed ing ly ies ational izer ousness fulness iveness ement ance ible able icate ative".split()
        stems = sorted(words)[::3]
        return sorted(words | {stem + ending for stem in stems for ending in endings})
