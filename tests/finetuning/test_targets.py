"""What is learnt of a reference: all of it, what its prompt supports, or what the facts beside it support."""

from __future__ import annotations

import pytest

from shelftalker.checks.facts import facts_used
from shelftalker.errors import ShelftalkerError
from shelftalker.finetuning.targets import LEAST_WORDS, taught
from shelftalker.product import Product
from shelftalker.recipe.recipe import Recipe

TEXT = (
    "A mug for the desk and the garden that is easy to love and easy to wash. It holds 350 ml and comes with a bamboo"
    " lid. Twelve colours are to be had in all."
)
ROWS = [Product("Mug, Green", f"u{n}", description=TEXT) for n in range(60)]
PROMPT = "Facts: {facts}\nTitle: {title}\nDescription:"


def recipe(targets: str, **more: object) -> Recipe:
    return Recipe().with_flags(finetune={"targets": targets}, **more)


def test_whole_references_are_the_default() -> None:
    assert taught(ROWS, Recipe()) == ROWS


def test_supported_sentences_are_learnt_alone() -> None:
    found = taught(ROWS, recipe("supported"))
    assert {row.description for row in found} == {TEXT.split(" It holds")[0]}
    assert all(not row.facts for row in found)


def test_facts_are_given_and_needed_sentences_stay() -> None:
    found = taught(ROWS, recipe("facts", prompt=PROMPT))
    told = [len(row.facts) for row in found]
    assert min(told) == 0 and max(told) >= 3, "some rows have none, some have all"
    for row in found:
        assert ("350 ml" in row.description) <= any("350 ml" in fact for fact in row.facts)
        assert len(row.facts) < max(told) or all(facts_used(row.description, row.facts))
    assert found == taught(ROWS, recipe("facts", prompt=PROMPT)), "the same in every run"
    assert found != taught(ROWS, recipe("facts", prompt=PROMPT, seed=7))


def test_references_with_nothing_left_are_passed_over() -> None:
    bare = Product("Mug", "x", description="It holds 350 ml.")
    assert taught([*ROWS, bare], recipe("supported")) == taught(ROWS, recipe("supported"))
    assert all(len(row.description.split()) >= LEAST_WORDS for row in taught(ROWS, recipe("supported")))
    with pytest.raises(ShelftalkerError, match="no reference has a sentence"):
        taught([bare], recipe("supported"))


def test_facts_need_a_place_in_the_prompt() -> None:
    with pytest.raises(ShelftalkerError, match="no place for the facts"):
        taught(ROWS, recipe("facts"))
