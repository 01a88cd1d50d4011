"""The prompt, byte for byte."""

from __future__ import annotations

import pytest

from shelftalker import prompt
from shelftalker.errors import ShelftalkerError


def test_the_prompt_is_that_of_the_original_study() -> None:
    expected = b"Given a product title, generate its product description.\nTitle: Blue mug\nDescription:"
    assert prompt.render("Blue mug").encode() == expected


def test_braces_in_a_title_are_text() -> None:
    assert "Title: {brand} {0} {title}" in prompt.render("{brand} {0} {title}", {"brand": "Acme"})


def test_further_columns_enter_by_name_and_missing_ones_are_empty() -> None:
    template = "Title: {title} by {brand} ({size})"
    assert prompt.render("Mug", {"brand": "Acme"}, template) == "Title: Mug by Acme ()"
    assert prompt.fields(template) == ["title", "brand", "size"]


def test_a_template_without_a_title_is_refused() -> None:
    with pytest.raises(ShelftalkerError, match="title"):
        prompt.render("Mug", template="Describe it")
