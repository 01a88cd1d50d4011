"""What each metric of our own counts, on texts that a person can count."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import shelftalker
from shelftalker.evaluation.measure import Measured, measure
from shelftalker.evaluation.metrics.metric import Outputs, Targets
from shelftalker.evaluation.metrics.novelty import longest_copies
from shelftalker.evaluation.metrics.registry import METRICS
from shelftalker.evaluation.metrics.rouge import sentences
from shelftalker.evaluation.metrics.writing import distinct, self_repetition, title_copy
from shelftalker.retrieve.index import words


def _measured(titles: list[str], references: list[str], texts: list[str], **known: Any) -> Measured:
    return measure([Outputs(Targets(titles, references), texts, **known)])[0]


def test_length_ratio_is_that_of_all_words() -> None:
    measured = _measured(["a", "b"], ["one two three four", "five six"], ["one two", "three"])
    assert measured.score("length_ratio") == 3 / 6


def test_references_are_used_whole() -> None:
    """A prediction that has only the beginning of a long reference must lose recall for all the rest."""
    long = " ".join(f"word{number}" for number in range(2000))
    start = " ".join(long.split()[:100])
    measured = _measured(["t"], [long], [start])
    precision, recall = 1.0, 100 / 2000
    assert measured.score("rouge1") == pytest.approx(2 * precision * recall / (precision + recall))
    assert measured.score("length_ratio") == 100 / 2000


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("", 0.0),
        ("one two three", 0.0),
        ("one two three four", 0.0),
        ("a b c d a b c d", 1 / 5),
        ("a a a a a a", 2 / 3),
    ],
)
def test_self_repetition_is_the_share_of_repeated_runs_of_four(text: str, share: float) -> None:
    assert self_repetition(text.split()) == pytest.approx(share)


@pytest.mark.parametrize(
    ("text", "title", "share"),
    [
        ("blue steel bottle", "blue steel bottle", 1.0),
        ("a blue steel bottle for you", "blue steel bottle", 3 / 6),
        ("the bottle is blue", "blue steel bottle", 0.0),
        ("lamp and lamp", "lamp", 2 / 3),
        ("", "lamp", 0.0),
        ("anything", "", 0.0),
    ],
)
def test_title_copy_counts_words_in_runs_that_the_title_has(text: str, title: str, share: float) -> None:
    assert title_copy(text.split(), title.split()) == pytest.approx(share)


def test_distinct_is_distinct_runs_over_runs_with_an_interval_around_it() -> None:
    texts = [text.split() for text in ("a b a b", "a b c", "d e f")]
    value, low, high = distinct(texts, 2)
    assert value == 5 / 7  # ab ba bc de ef of 3 + 2 + 2
    assert 0 <= low < value < high <= 1
    assert distinct([], 1) == (0, 0, 0)
    assert distinct([["a"], ["a"]], 1)[0] == 1 / 2


def test_the_jackknife_interval_of_distinct_is_about_as_wide_as_fresh_samples_vary() -> None:
    generator = np.random.default_rng(3)

    def draw() -> list[list[str]]:
        return [[f"w{int(rank)}" for rank in generator.zipf(1.6, size=30)] for _ in range(150)]

    fresh = np.std([distinct(draw(), 1)[0] for _ in range(60)])
    width = np.mean([(high - low) / (2 * 1.96) for _, low, high in (distinct(draw(), 1) for _ in range(20))])
    assert width == pytest.approx(fresh, rel=0.35)


def test_nll_is_a_mean_over_tokens_not_over_rows() -> None:
    measured = _measured(["a", "b"], ["x", "y"], ["x", "y"], nll=[(2.0, 1), (4.0, 9)])
    assert measured.score("nll") == 6.0 / 10
    assert [row["nll"] for row in measured.row_scores()] == [2.0, pytest.approx(4 / 9, abs=1e-6)]


def test_empty_predictions_score_nothing_and_break_nothing() -> None:
    measured = _measured(["lamp"] * 2, ["a warm lamp", "a cold lamp"], ["", ""], hit_cap=[False, False], copied=[0, 0])
    for name in ("rouge1", "rouge2", "rougeL", "rougeLsum", "bleu", "chrf", "length_ratio", "novelty", "title_copy"):
        assert measured.score(name) == 0, name
    assert measured.whole["distinct1"] == (0, 0, 0)


def test_perfect_predictions_score_fully() -> None:
    texts = ["a warm lamp for the desk. It is blue.", "the oak table has four legs"]
    measured = _measured(["x", "y"], texts, texts)
    for name in ("rouge1", "rouge2", "rougeL", "rougeLsum"):
        assert measured.score(name) == 1, name
    assert measured.score("bleu") == pytest.approx(100)
    assert measured.score("chrf") == pytest.approx(100)


def test_sentences_end_at_points_and_question_marks() -> None:
    assert sentences("One. Two? Three! 1.5 four") == "One.\nTwo?\nThree!\n1.5 four"


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_says_what_it_is_and_signs_its_numbers(name: str) -> None:
    metric = METRICS[name]
    assert len(metric.what) > 20
    outputs = Outputs(Targets(["t"] * 200, ["r"] * 200), ["p"] * 200)
    signed = metric.signature(outputs, decoding="greedy,max:128", engine=None)
    assert signed.startswith(name)
    assert "n:200" in signed
    assert "decoding:greedy,max:128" in signed
    assert "engine" not in signed
    if name.startswith("rouge"):
        assert "stemming:porter" in signed


class TestOtherScripts:
    """rouge-score's tokens are of a to z: texts in other scripts have their own."""

    TEXTS = (
        "قميص قطني أزرق بأكمام طويلة. مناسب للصيف.",
        "Синяя кружка из фарфора. Объём 350 мл.",
        "青い磁器のマグカップです。電子レンジで使えます。",
        "नीला सूती कुर्ता। गर्मियों के लिए अच्छा है।",
        "แก้วน้ำสีฟ้าทำจากพอร์ซเลน",
        "파란색 도자기 머그컵입니다. 전자레인지에 사용할 수 있습니다.",
        "Μπλε κούπα από πορσελάνη.",
        "כוס פורצלן כחולה.",
    )

    @pytest.mark.parametrize("name", ["rouge1", "rouge2", "rougeL", "rougeLsum"])
    @pytest.mark.parametrize("text", TEXTS)
    def test_identical_texts_score_fully_and_others_less(self, name: str, text: str) -> None:
        other = self.TEXTS[(self.TEXTS.index(text) + 1) % len(self.TEXTS)]
        measured = _measured(["t"] * 2, [text] * 2, [text, other])
        same, different = (row[name] for row in measured.row_scores())
        assert same == 1
        assert different < 0.2

    @pytest.mark.parametrize("text", TEXTS)
    @pytest.mark.parametrize("name", ["bleu", "chrf"])
    def test_so_they_do_in_the_other_metrics(self, name: str, text: str) -> None:
        measured = _measured(["t"] * 2, [text] * 2, [text, text])
        assert measured.score(name) == pytest.approx(100)

    def test_bleu_says_how_many_rows_were_cut_into_characters(self) -> None:
        mixed = _measured(["t"] * 3, [self.TEXTS[2], self.TEXTS[1], "a blue mug 青"], ["青い", "кружка", "a mug"])
        assert mixed.signature("bleu").split("|seed")[0].endswith("|characters(1 rows without spaces)|n:3")
        assert mixed.row_scores()[0]["bleu"] > 0

    def test_word_order_counts(self) -> None:
        measured = _measured(["t"], ["синяя кружка из фарфора"], ["из фарфора синяя кружка"])
        assert measured.score("rouge1") == 1
        assert measured.score("rougeL") == 2 / 4

    def test_the_signature_says_how_many_rows_were_cut_that_way(self) -> None:
        mixed = _measured(["t"] * 3, [self.TEXTS[1], "a blue mug", "Größe M"], ["кружка", "a mug", "M"])
        assert "tokens:unicode-words,unstemmed(1 rows of other scripts)" in mixed.signature("rougeL")
        latin = _measured(["t"] * 2, ["a blue mug", "Größe M"], ["a mug", "M"])
        assert "unicode" not in latin.signature("rougeL")

    def test_rows_in_latin_letters_keep_their_score_beside_others(self) -> None:
        alone = _measured(["t"], ["two blue mugs of Café Größe"], ["a blue mug"])
        mixed = _measured(["t"] * 2, [self.TEXTS[2], "two blue mugs of Café Größe"], ["x", "a blue mug"])
        assert mixed.row_scores()[1] == alone.row_scores()[0]


def test_a_metric_is_one_file(tmp_path: Path) -> None:
    """A file put into the folder of metrics takes part in scores, tests, breakdowns, tables and the report."""
    package = tmp_path / "shelftalker"
    shutil.copytree(Path(shelftalker.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__", "mini_t5"))
    (package / "evaluation/metrics/first_word.py").write_text(FIRST_WORD)
    script = """
import sys
from shelftalker.evaluation import results, tables
from shelftalker.evaluation.report.report import render
from shelftalker.evaluation.entries import Entry, ScoredRow, Protocol
from shelftalker.evaluation.scoring import score
products = [ScoredRow(str(n), "mug", "blue mug", similarity="near") for n in range(8)]
systems = [("a", "baseline", "red mug"), ("b", "checkpoint", "blue cup")]
entries = [Entry(results.System(id=i, label=i, role=role), [text] * 8) for i, role, text in systems]
data = results.Data(split="val", rows=8, sha256="0")
found = score(products, entries, Protocol(100, 1, "first_word"), kind="comparison", data=data)
assert [system.scores["first_word"].value for system in found.systems] == [0.0, 1.0]
assert found.between("b", "a", "first_word").difference == 1
assert found.systems[1].by_similarity["near"].scores["first_word"] == 1
assert "same first word" in render(found)
tables.show(found)
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "First word" in done.stdout


FIRST_WORD = """
from shelftalker.evaluation.metrics.metric import Metric, means

class FirstWord(Metric):
    name, label, what, place = "first_word", "First word", "same first word as the reference, 0 to 1", 15
    kind, is_sliced = "quality", True

    def count(self, systems):
        return [
            means([a.split()[0] == b.split()[0] for a, b in zip(one.texts, one.targets.references)])
            for one in systems
        ]

    def definition(self, outputs):
        return "first_word|mean:plain"

METRICS = (FirstWord(),)
"""


class TestLongestCopies:
    def test_equal_to_looking_at_every_span(self) -> None:
        random.seed(1)
        vocabulary = "a b c d e".split()
        training = [" ".join(random.choices(vocabulary, k=random.randint(0, 30))) for _ in range(20)]
        predictions = [" ".join(random.choices([*vocabulary, "z"], k=random.randint(0, 25))) for _ in range(200)]
        predictions += ["", training[3], f"{training[4]} {training[5]}"]
        assert longest_copies(predictions, training) == [self._slow(text, training) for text in predictions]

    def test_chunks_make_no_difference(self, monkeypatch: pytest.MonkeyPatch) -> None:
        random.seed(2)
        training = [" ".join(random.choices("abcdef", k=20)) for _ in range(30)]
        predictions = [" ".join(random.choices("abcdef", k=15)) for _ in range(40)]
        whole = longest_copies(predictions, training)
        monkeypatch.setattr("shelftalker.evaluation.metrics.novelty._CHUNK_WORDS", 50)
        assert longest_copies(predictions, iter(training)) == whole

    def test_case_and_punctuation_do_not_hide_a_copy(self) -> None:
        assert longest_copies(["Soft, WARM wool!"], ["so soft warm wool it is"]) == [3]

    def test_a_span_never_crosses_two_descriptions(self) -> None:
        assert longest_copies(["one two three four"], ["one two", "three four"]) == [2]

    def test_nothing_in_common_nothing_copied(self) -> None:
        assert longest_copies(["x y", ""], ["a b"]) == [0, 0]
        assert longest_copies(["x y"], []) == [0]

    @staticmethod
    def _slow(text: str, training: list[str]) -> int:
        tokens = words(text)
        padded = [f" {' '.join(words(other))} " for other in training]
        spans = ((start, end) for start in range(len(tokens)) for end in range(start + 1, len(tokens) + 1))
        return max(
            (end - start for start, end in spans if any(f" {' '.join(tokens[start:end])} " in one for one in padded)),
            default=0,
        )
