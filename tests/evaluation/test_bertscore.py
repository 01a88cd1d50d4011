"""BERTScore: the authors' numbers, whatever else stands in the batch, in every table, or one error before any work."""

from __future__ import annotations

from pathlib import Path

import pytest

import shelftalker
from shelftalker.errors import ShelftalkerError
from shelftalker.evaluation import results as schema
from shelftalker.evaluation.metrics import bertscore
from shelftalker.evaluation.metrics.bertscore import Reader, find
from shelftalker.recipe.recipe import Recipe
from tests.evaluation.encoders import make_encoder
from tests.evaluation.played import PlayedEngine

PREDICTIONS = [
    "The red bottle keeps water cold.",
    "a soft scarf",
    "the lamp is oak and steel , and warm , and it is blue for hours",
    "It holds water for hours, and it is soft and warm and cold and red and blue and the oak lamp is steel .",
]
REFERENCES = [
    "A steel bottle holds water and keeps it cold for hours.",
    "The scarf is soft, warm and red.",
    "an oak lamp .",
    "the shirt",
]
# F1 of bert-score 0.3.13 on this encoder, by layer; the last prediction is longer than the encoder reads.
GOLDEN = {2: [0.881362, 0.597558, 0.728332, 0.756399], 3: [0.924880, 0.742888, 0.864091, 0.854845]}


@pytest.fixture(scope="module")
def encoder_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_encoder(tmp_path_factory.mktemp("encoder"))


@pytest.fixture
def asked(recipe: Recipe, encoder_folder: Path) -> Recipe:
    return recipe.with_flags(evaluate={"bertscore": str(encoder_folder)})


def reader(asked: Recipe, layer: int) -> Reader:
    encoder = find(asked.with_flags(evaluate={"bertscore_layer": layer}))
    assert encoder is not None
    return Reader(encoder)


@pytest.mark.parametrize("layer", GOLDEN)
def test_scores_are_those_of_bert_score(asked: Recipe, layer: int) -> None:
    reading = reader(asked, layer)
    assert reading.f1(REFERENCES, [PREDICTIONS])[0] == pytest.approx(GOLDEN[layer], abs=2e-6)
    assert reading.cut == 1


def test_a_pairing_by_hand(asked: Recipe) -> None:
    """The formula of the paper, in plain Python on the encoder's own embeddings."""
    reading = reader(asked, 2)
    known = reading.embed(["a soft scarf", "the scarf is soft"])
    (written, _), (wanted, _) = known["a soft scarf"], known["the scarf is soft"]
    cosine = [[sum(x * y for x, y in zip(a, b, strict=True)) for b in wanted.tolist()] for a in written.tolist()]
    # The first and last tokens are [CLS] and [SEP]: others may pair with them, but they do not count.
    precision = sum(max(row) for row in cosine[1:-1]) / 3
    recall = sum(max(row[place] for row in cosine) for place in range(1, 5)) / 4
    expected = 2 * precision * recall / (precision + recall)
    assert reading.f1(["the scarf is soft"], [["a soft scarf"]]) == [[pytest.approx(expected, abs=1e-6)]]


def test_equal_texts_score_1_empty_ones_0_and_company_changes_nothing(asked: Recipe) -> None:
    reading = reader(asked, 3)
    assert reading.f1(["the lamp"], [["the lamp"]]) == [[pytest.approx(1, abs=1e-6)]]
    assert reading.f1(["the lamp", "", ""], [["", "the lamp", ""]]) == [[0.0, 0.0, 0.0]]
    alone = [reading.f1([one], [[two]])[0][0] for one, two in zip(REFERENCES, PREDICTIONS, strict=True)]
    assert reading.f1(REFERENCES * 40, [PREDICTIONS * 40, REFERENCES * 40])[0] == pytest.approx(alone * 40, abs=1e-5)


def test_it_stands_in_results_tests_and_report(asked: Recipe, run_dir: Path, played: type[PlayedEngine]) -> None:
    done = shelftalker.compare([run_dir], asked)
    for system in done.results.systems:
        score = system.scores["bertscore"]
        assert score.low is not None and score.low <= score.value <= (score.high or 0)
        assert score.n == 12 and score.higher_is_better is True
        assert "layer:2|idf:no|rescaled:no|max_tokens:24" in score.signature and "|sha256:" in score.signature
        assert score.value == pytest.approx(
            sum(row.predictions[system.id].scores["bertscore"] for row in done.results.rows) / 12, abs=1e-6
        )
    assert done.results.between("checkpoint-30", "zero-shot", "bertscore") is not None
    assert schema.read(done.path) == done.results
    assert "BERTScore" in done.report.read_text()
    again = shelftalker.compare([done.path], asked)
    assert again.results.system("checkpoint-30").scores["bertscore"].value == pytest.approx(
        done.results.system("checkpoint-30").scores["bertscore"].value, abs=1e-6
    )
    assert again.results.between("checkpoint-30", "zero-shot", "bertscore") is not None


def test_scores_are_kept_and_another_layer_is_another_score(
    asked: Recipe, run_dir: Path, played: type[PlayedEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = shelftalker.compare([run_dir], asked)
    other = shelftalker.compare([run_dir], asked.with_flags(evaluate={"bertscore_layer": 3}))
    assert not other.skipped
    assert other.results.systems[0].scores["bertscore"].value != first.results.systems[0].scores["bertscore"].value
    monkeypatch.setattr(bertscore, "Reader", None)
    third = shelftalker.compare([run_dir], asked)
    assert third.results.systems[0].scores["bertscore"] == first.results.systems[0].scores["bertscore"]


def test_files_scored_by_two_encoders_are_not_tested_against_each_other(
    asked: Recipe, run_dir: Path, played: type[PlayedEngine], tmp_path: Path
) -> None:
    one = shelftalker.evaluate(run_dir / "checkpoint-10", asked, out=tmp_path / "one")
    two = shelftalker.evaluate(
        run_dir / "checkpoint-30", asked.with_flags(evaluate={"bertscore_layer": 3}), out=tmp_path / "two"
    )
    both = shelftalker.compare([one.path, two.path], asked).results
    assert both.between("checkpoint-10", "checkpoint-30", "bertscore") is None
    assert both.between("checkpoint-10", "checkpoint-30", "chrf") is not None


def test_it_is_off_by_default(recipe: Recipe, played: type[PlayedEngine]) -> None:
    done = shelftalker.baseline(recipe)
    assert all("bertscore" not in system.scores for system in done.results.systems)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"bertscore": "no/such-encoder"}, "HF_HUB_OFFLINE"),
        ({"bertscore": "/no/such/folder"}, "no such model folder"),
        ({"bertscore": "T5"}, "needs an encoder"),
        ({"bertscore_layer": 4}, "has 3 layers"),
    ],
)
def test_an_encoder_that_cannot_serve_is_one_error_before_anything_is_written(
    asked: Recipe, tiny_t5: Path, played: type[PlayedEngine], change: dict[str, object], says: str
) -> None:
    change = {name: str(tiny_t5) if value == "T5" else value for name, value in change.items()}
    with pytest.raises(ShelftalkerError, match=says) as caught:
        shelftalker.baseline(asked.with_flags(evaluate=change))
    assert "evaluate.bertscore" in str(caught.value.where) and caught.value.mend
    assert played.loaded == []
