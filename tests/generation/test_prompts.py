"""Prompts that are too long lose words of the title, never the cue at their end."""

from __future__ import annotations

import pytest

from shelftalker import prompt
from shelftalker.errors import ShelftalkerError
from shelftalker.generation.prompts import fit, parse


def words(texts: list[str]) -> list[list[int]]:
    """A tokeniser for tests: one token a word, plus an end token."""
    return [[*(hash(word) for word in text.split()), 1] for text in texts]


CUE = hash("Description:")


def test_a_short_prompt_is_encoded_as_it_is() -> None:
    text = prompt.render("Red wool scarf")
    assert fit([text], words, 64) == (words([text]), [False])


def test_a_long_title_loses_its_last_words_and_the_cue_stays() -> None:
    title = " ".join(f"word{number}" for number in range(100))
    ids, cut = fit([prompt.render(title)], words, 20)
    assert cut == [True]
    assert len(ids[0]) == 20
    assert ids[0][-2:] == [CUE, 1]
    assert hash("word0") in ids[0] and hash("word99") not in ids[0]


def test_a_title_without_spaces_is_cut_too() -> None:
    by_character = lambda texts: [[ord(letter) for letter in text] for text in texts]  # noqa: E731
    ids, _ = fit([prompt.render("x" * 500)], by_character, 100)
    assert len(ids[0]) == 100
    assert "".join(map(chr, ids[0])).endswith("\nDescription:")


def test_a_megabyte_of_title_is_cut_in_no_time() -> None:
    ids, cut = fit([prompt.render("word " * 1_000_000)], words, 20)
    assert cut == [True] and len(ids[0]) == 20 and ids[0][-2] == CUE


def test_the_title_gives_way_before_other_columns() -> None:
    template = "Title: {title}\nBrand: {brand}\nDescription:"
    text = prompt.render("a b c d e f g h", {"brand": "Acme Works"}, template)
    ids, _ = fit([text], words, 8, template)
    assert ids[0] == words(["Title: a b Brand: Acme Works Description:"])[0]


def test_a_foreign_prompt_keeps_its_last_line() -> None:
    ids, _ = fit(["one two three four five six\nAnswer now:"], words, 6)
    assert ids[0] == words(["one two three Answer now:"])[0]


def test_a_template_that_cannot_fit_is_an_error_that_names_the_key() -> None:
    with pytest.raises(ShelftalkerError, match="prompt_tokens"):
        fit([prompt.render("a b c " * 20)], words, 8)


def test_fields_are_read_back_out_of_a_prompt() -> None:
    template = "{brand}: {title} ({brand})\nDescription:"
    text = prompt.render("Scarf {brand}", {"brand": "Acme"}, template)
    assert parse(template, text) == {"brand": "Acme", "title": "Scarf {brand}"}
    assert parse(template, "something else") is None
