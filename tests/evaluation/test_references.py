"""Reference systems, the similarity that rows are sorted by, and the training split on disk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shelftalker.errors import ShelftalkerError
from shelftalker.evaluation.references import classify, describe, lead_sentence, neighbours, similarity
from shelftalker.evaluation.training import Training
from shelftalker.product import Product
from shelftalker.retrieve.index import CatalogueIndex

TRAINING = [
    ("Oak Table Lamp, Brass", "A brass lamp on oak."),
    ("Oak Table Lamp, Copper", "A copper lamp on oak."),
    ("Wool Scarf, Blue", "A blue scarf of wool."),
    ("Steel Kettle 1.7 l", "Boils fast."),
]


def example(title: str) -> Product:
    return Product(title, uid="1", description="reference")


@pytest.fixture(scope="module")
def index() -> CatalogueIndex:
    return CatalogueIndex.build([title for title, _ in TRAINING], [text for _, text in TRAINING])


def test_every_reference_system_describes_every_row(index: CatalogueIndex) -> None:
    examples = [example("Oak Table Lamp, Steel"), example("Wool Scarf, Red")]
    texts = describe(examples, neighbours(examples, index))
    assert list(texts) == ["copy-title", "nearest-neighbour", "nearest-edited", "lead-sentence"]
    assert texts["copy-title"] == ["Oak Table Lamp, Steel", "Wool Scarf, Red"]
    assert texts["nearest-neighbour"] == ["A brass lamp on oak.", "A blue scarf of wool."]
    assert texts["nearest-edited"] == ["A steel lamp on oak.", "A red scarf of wool."]
    assert texts["lead-sentence"] == ["This is the Oak Table Lamp, Steel.", "This is the Wool Scarf, Red."]


@pytest.mark.parametrize(
    ("title", "sentence"),
    [
        ("The Sea Captain", "This is The Sea Captain."),
        ("A Novel.", "This is A Novel."),
        ("Theatre Chair", "This is the Theatre Chair."),
    ],
)
def test_a_lead_sentence_needs_no_second_article_or_full_stop(title: str, sentence: str) -> None:
    assert lead_sentence(example(title)) == sentence


@pytest.mark.parametrize(
    ("title", "kind"),
    [
        ("Oak Table Lamp, Brass", "sibling"),
        ("Oak Table Lamp, Steel", "sibling"),
        ("Oak Lamp for Reading in Bed", "distant"),
        ("Blue Wool Jumper", "near"),
        ("Ceramic Mug", "none"),
        ("???", "none"),
    ],
)
def test_rows_are_sorted_by_the_nearest_training_title(index: CatalogueIndex, title: str, kind: str) -> None:
    (found,) = neighbours([example(title)], index)
    assert found.kind == kind, found


def test_similarity_is_jaccard_over_words() -> None:
    assert similarity(["oak", "lamp", "lamp"], ["lamp", "brass"]) == 1 / 3
    assert similarity([], []) == 0
    assert [classify(value) for value in (1, 0.6, 0.59, 0.3, 0.15, 0.1, 0)] == [
        "sibling",
        "sibling",
        "near",
        "near",
        "distant",
        "none",
        "none",
    ]


def test_a_title_without_a_neighbour_gets_an_empty_copy(index: CatalogueIndex) -> None:
    examples = [example("Ceramic Mug")]
    assert describe(examples, neighbours(examples, index))["nearest-neighbour"] == [""]


class TestTraining:
    def test_descriptions_come_from_the_file_in_any_order(self, tmp_path: Path) -> None:
        path = tmp_path / "train.jsonl"
        rows = [
            {"input_text": f"Title: {title}", "target_text": f"{text} – ½", "title": title, "columns": {}}
            for title, text in TRAINING
        ]
        path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n\n", encoding="utf-8")
        training = Training(path)
        assert training.titles == [title for title, _ in TRAINING]
        assert len(training) == 4
        assert training[2] == "A blue scarf of wool. – ½"
        assert training[-1] == "Boils fast. – ½"
        assert training[1:3] == ["A copper lamp on oak. – ½", "A blue scarf of wool. – ½"]
        assert list(training) == [row["target_text"] for row in rows]

    def test_titles_of_other_tools_are_read_from_the_prompt(self, tmp_path: Path) -> None:
        path = tmp_path / "train.jsonl"
        path.write_text(json.dumps({"input_text": "Write.\nTitle: Oak Lamp\nDescription:", "target_text": "x"}) + "\n")
        assert Training(path).titles == ["Oak Lamp"]

    @pytest.mark.parametrize("line", ["{broken", '{"input_text": "x"}', '{"input_text": 1, "target_text": "x"}'])
    def test_a_broken_line_is_named(self, tmp_path: Path, line: str) -> None:
        path = tmp_path / "train.jsonl"
        path.write_text('{"input_text": "Title: a", "target_text": "x"}\n' + line + "\n")
        with pytest.raises(ShelftalkerError, match="line 2"):
            Training(path)
