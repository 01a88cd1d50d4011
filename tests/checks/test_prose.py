"""Sentences, and what is left of a text when some of them are taken out."""

from __future__ import annotations

import pytest

from shelftalker.checks.prose import joined, sentences

TITLE = "Kelsby Rain Jacket, Yellow, Medium"


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("One. Two! Three? Four", 4),
        ("A stroke of 1-1/8 in. and a motor. No battery.", 2),
        ("Holds approx. 3 kg. Dr. Venn says so, e.g. here.", 2),
        ('"Cerebral," says Blue Hour. It is 3.5 cm wide.', 2),
        ("First line\nSecond line", 2),
        ("by J. S. Bach. Played twice.", 2),
        ("Marine Speakers/ 160 Watts/ Gold-Plated Terminals and/or clips", 3),
        ("A 24.7 Cu. Ft. Titanium freezer of 30 sq. ft. The drawers glide.", 2),
        ("", 0),
    ],
)
def test_sentences_end_where_people_end_them(text: str, count: int) -> None:
    found = sentences(text)
    assert len(found) == count
    assert all(text[one.start : one.end] == one.text for one in found)


@pytest.mark.parametrize(
    ("parts", "left"),
    [
        (["Marine Speakers/", "160 Watts/", None], "Marine Speakers/ 160 Watts"),
        ([None, "It packs into its own pocket."], "Kelsby Rain Jacket packs into its own pocket."),
        ([None, "Its hood turns with the head."], "Kelsby Rain Jacket's hood turns with the head."),
        (["A jacket for wet walks.", None, "It packs small."], "A jacket for wet walks. It packs small."),
        ([None, "But it floats."], "Kelsby Rain Jacket floats."),
        ([None, "They are heavy.", "Wash cold."], "Wash cold."),
        ([None, "These come off.", "They are heavy.", "Wash cold."], "Wash cold."),
        ([None, "The film is long.", "She never calls."], "The film is long."),
        ([None, "Ada waits, and Ben sleeps.", "She never calls."], "Ada waits, and Ben sleeps. She never calls."),
        ([None, "When he writes she answers."], ""),
        (["Whole.", "They stay."], "Whole. They stay."),
        ([None, None], ""),
    ],
)
def test_nothing_leans_on_a_sentence_that_is_gone(parts: list[str | None], left: str) -> None:
    assert joined(parts, TITLE) == left


def test_a_long_title_is_no_name() -> None:
    assert joined([None, "It folds."], "The one and only great big folding rain jacket of Kelsby") == ""
