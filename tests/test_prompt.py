"""The prompt: byte for byte, and made to fit without losing its cue."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from shelftalker.errors import ShelftalkerError
from shelftalker.product import Product, Source
from shelftalker.prompt import Prepared, Prompt, fields


def words(texts: Sequence[str]) -> list[list[int]]:
    """A tokeniser for tests: one token a word, plus an end token."""
    return [[*(hash(word) for word in text.split()), 1] for text in texts]


def prepare(prompt: Prompt, product: Product, sources: Sequence[Source] = ()) -> Prepared:
    return prompt.prepare([product], words, [sources])[0]


CUE = hash("Description:")
BRANDED = "Title: {title}\nBrand: {brand}\nDescription:"


def test_the_prompt_is_that_of_the_original_study() -> None:
    expected = b"Given a product title, generate its product description.\nTitle: Blue mug\nDescription:"
    assert Prompt().render(Product("Blue mug")).encode() == expected


def test_braces_in_a_title_are_text() -> None:
    rendered = Prompt().render(Product("{brand} {0} {title}", attributes={"brand": "Acme"}))
    assert "Title: {brand} {0} {title}" in rendered


def test_attributes_enter_by_name_and_a_line_without_its_attribute_is_left_out() -> None:
    template = "Title: {title} by {brand} ({size})"
    assert Prompt(template).render(Product("Mug", attributes={"brand": "Acme"})) == "Title: Mug by Acme ()"
    assert fields(template) == ["title", "brand", "size"]
    assert Prompt(BRANDED).render(Product("Mug", attributes={"brand": ""})) == "Title: Mug\nDescription:"
    assert Prompt(BRANDED).render(Product("Mug", attributes={"brand": "Acme"})) == (
        "Title: Mug\nBrand: Acme\nDescription:"
    )


def test_all_attributes_facts_and_sources_have_fields_of_their_own() -> None:
    prompt = Prompt("{sources}\nTitle: {title}\nBrand: {brand}\n{attributes}\nFacts: {facts}\nDescription:")
    mug = Product("Mug", attributes={"brand": "Acme", "size": "L", "colour": ""}, facts=("holds 300 ml", "glazed"))
    cup = Source(Product("Cup"), "A cup of clay.")
    assert prompt.render(mug, [cup]) == (
        "Cup: A cup of clay.\nTitle: Mug\nBrand: Acme\nsize: L\nFacts: holds 300 ml; glazed\nDescription:"
    )
    assert prompt.render(Product("Mug")) == "Title: Mug\nDescription:"


def test_what_was_given_is_what_stands_in_the_prompt() -> None:
    mug = Product("Mug", attributes={"brand": "Acme", "stock": "16"}, facts=("glazed",))
    assert Prompt().given(mug) == Product("Mug")
    assert prepare(Prompt(BRANDED), mug).given == Product("Mug", attributes={"brand": "Acme"})
    assert Prompt("{title}\n{attributes}").given(mug).attributes == mug.attributes


def test_a_title_is_never_read_back_out_of_the_prompt() -> None:
    prompt = Prompt("{title} by {brand}\nDescription:")
    stand = Product("Stand by me", attributes={"brand": "King"})
    assert prepare(prompt, stand).given == stand


def test_a_template_without_a_title_is_refused() -> None:
    with pytest.raises(ShelftalkerError, match="title"):
        Prompt("Describe it")


def test_a_short_prompt_is_encoded_as_it_is() -> None:
    text = Prompt().render(Product("Red wool scarf"))
    made = prepare(Prompt(max_tokens=64), Product("Red wool scarf"))
    assert (made.text, list(made.ids), made.cut) == (text, words([text])[0], "")


def test_a_long_title_loses_its_last_words_and_the_cue_stays() -> None:
    title = " ".join(f"word{number}" for number in range(100))
    made = prepare(Prompt(max_tokens=20), Product(title))
    assert made.cut == "title" and len(made.ids) == 20 and made.ids[-2:] == (CUE, 1)
    assert hash("word0") in made.ids and hash("word99") not in made.ids
    assert list(made.ids) == words([made.text])[0]
    assert made.given.title == title, "the checks know the whole title, which the user gave"


def test_a_title_without_spaces_is_cut_too() -> None:
    by_character = lambda texts: [[ord(letter) for letter in text] for text in texts]  # noqa: E731
    made = Prompt(max_tokens=100).prepare([Product("x" * 500)], by_character)[0]
    assert len(made.ids) == 100
    assert "".join(map(chr, made.ids)).endswith("\nDescription:")


def test_a_megabyte_of_title_is_cut_in_no_time() -> None:
    made = prepare(Prompt(max_tokens=20), Product("word " * 1_000_000))
    assert made.cut and len(made.ids) == 20 and made.ids[-2] == CUE


def test_sources_give_way_first_then_facts_then_attributes_and_the_title_last() -> None:
    template = "{sources}\nTitle: {title}\nBrand: {brand}\nFacts: {facts}\nDescription:"
    product = Product("a b c d", attributes={"brand": "Acme Works"}, facts=("one two", "three"))
    sources = [Source(Product("S"), "s1 s2 s3"), Source(Product("T"), "t1 t2")]

    def text(limit: int) -> str:
        return prepare(Prompt(template, limit), product, sources).text

    assert text(30).splitlines()[:2] == ["S: s1 s2 s3", "T: t1 t2"]
    assert text(18).splitlines()[0] == "S: s1 s2 s3" and "T:" not in text(18), "the least near goes first"
    assert text(14) == "Title: a b c d\nBrand: Acme Works\nFacts: one two; three\nDescription:"
    assert text(13) == "Title: a b c d\nBrand: Acme Works\nFacts: one two\nDescription:"
    assert text(10) == "Title: a b c d\nBrand: Acme Works\nDescription:"
    assert text(9) == "Title: a b c d\nBrand: Acme\nDescription:"
    assert text(7) == "Title: a b c d\nDescription:"
    assert text(5) == "Title: a b\nDescription:"


def test_what_was_cut_away_was_not_given() -> None:
    product = Product("a b c d", attributes={"brand": "Acme Works"}, facts=("one two", "three"))
    prompt = Prompt("Title: {title}\nBrand: {brand}\n{facts}\nDescription:", 12)
    assert prepare(prompt, product).given == Product("a b c d", attributes={"brand": "Acme Works"}, facts=("one two",))
    shorter = Prompt("Title: {title}\n{attributes}\nDescription:", 10)
    sized = Product("a b c d", attributes={"brand": "Acme Works", "size": "XL"})
    assert prepare(shorter, sized).given.attributes == {"brand": "Acme Works"}, "no value is cut in two"


def test_a_foreign_prompt_is_taken_as_it_is_and_keeps_its_last_line() -> None:
    text = "one two three four five six\nAnswer now:"
    assert prepare(Prompt(), Product("t", input_text=text)).text == text
    made = prepare(Prompt(max_tokens=6), Product("t", input_text=text))
    assert list(made.ids) == words(["one two three Answer now:"])[0]


def test_a_template_that_cannot_fit_is_an_error_that_names_the_key() -> None:
    with pytest.raises(ShelftalkerError, match="prompt_tokens"):
        prepare(Prompt(max_tokens=8), Product("a b c " * 20))
