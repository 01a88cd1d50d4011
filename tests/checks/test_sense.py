"""Text that does not hang together, where a reference language model is at hand."""

from __future__ import annotations

import pytest

from benchmarks.sense import judged, labelled
from shelftalker.checks.check import check
from shelftalker.checks.given import Given
from shelftalker.models import gguf
from shelftalker.models.surprise import reference_if_there

SALAD = "A steady soaked slot for the slot of a slot."
PROSE = "The lid fits the pot and keeps the soup warm."


def played(context: str, text: str) -> list[tuple[int, int, float, float]]:
    """A reference that is surprised by words with s, wherever they stand, and by nothing else."""
    words, place = [], 0
    for word in text.split():
        start = text.index(word, place)
        place = start + len(word)
        words.append((start, place, 8.0 if word.startswith("s") else 3.0, 6.0))
    return words


def test_a_senseless_sentence_is_found_and_its_neighbour_is_not() -> None:
    text = f"{PROSE} {SALAD}"
    found = [one for one in check(text, Given("Soup Pot"), surprise=played) if one.check == "nonsense"]
    assert [one.text for one in found] == [SALAD]


def test_without_a_reference_the_check_is_off() -> None:
    assert "nonsense" not in {one.check for one in check(SALAD, Given("Soup Pot"))}


def test_short_sentences_are_not_judged() -> None:
    assert "nonsense" not in {one.check for one in check("A slot slot slot.", Given("Soup Pot"), surprise=played)}


@pytest.mark.slow
@pytest.mark.xdist_group("smollm2")
def test_nonsense_is_told_from_prose_by_the_real_reference(request: pytest.FixtureRequest) -> None:
    if gguf.smollm2_if_there() is None:
        pytest.skip("SmolLM2-135M is not installed")
    request.getfixturevalue("smollm2_read")
    reference = reference_if_there()
    assert reference is not None and len(labelled()) >= 100
    precision, recall = judged(labelled("held-out"), reference)
    assert precision >= 0.85 and recall >= 0.85
