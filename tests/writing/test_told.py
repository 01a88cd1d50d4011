"""What a person told of a product stands in its text, in the model's words or as it was told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from fakes import FakeEngine

from shelftalker.generation.engine import Generation
from shelftalker.product import Product
from shelftalker.prompt import Prepared
from shelftalker.recipe.decoding import Decoding
from shelftalker.recipe.recipe import Recipe
from shelftalker.writing.writer import Writer

RECIPE = Recipe().with_flags(prompt="Facts: {facts}\nTitle: {title}\nDescription:")


class Going(FakeEngine):
    """Writes one text, and goes on from a beginning with the next of its endings."""

    def __init__(self, text: str, *endings: str) -> None:
        super().__init__("fake", RECIPE)
        self.text, self.endings, self.begun = text, list(endings), list[str]()

    def generate(self, prompts: Sequence[Prepared], decoding: Decoding, **_: Any) -> list[list[Generation]]:
        self.calls.append(([prompt.text for prompt in prompts], decoding))
        self.begun += [prompt.begun for prompt in prompts if prompt.begun]
        texts = [f"{prompt.begun}{self.endings.pop(0)}" if prompt.begun else self.text for prompt in prompts]
        return [[Generation(text, 5, not text.endswith("."), -0.5)] for text in texts]


def _written(engine: Going, facts: str, **changes: Any) -> Any:
    recipe = RECIPE.with_flags(**changes)
    return Writer(engine, recipe).write([Product("Enamel pot", attributes={"facts": facts})])[0]


def test_the_model_goes_on_with_what_it_left_out() -> None:
    engine = Going("A pot for the stove and the table.", " is what it holds, says the maker. And more")
    one = _written(engine, "soup for twenty; for the stove")
    assert one.text == "A pot for the stove and the table. Soup for twenty is what it holds, says the maker."
    assert engine.begun == ["A pot for the stove and the table. Soup for twenty"]
    assert all(one.facts_used().values()) and one.publishable
    assert one.tokens == 10


@pytest.mark.parametrize(
    "ending",
    [" with a 40 cm lid made in Sheffield.", " for", " is a pot for the stove and the table that"],
    ids=["claims what nobody gave", "has no end", "has no end either"],
)
def test_a_bad_sentence_gives_way_to_the_bare_fact(ending: str) -> None:
    one = _written(Going("A pot for the stove and the table.", ending), "soup for twenty")
    assert one.text == "A pot for the stove and the table. Soup for twenty."


def test_bare_facts_share_a_sentence_and_whole_sentences_stay_whole() -> None:
    engine = Going("A pot for the stove and the table.", " for", " for", " for")
    one = _written(engine, "dishwasher safe; Boil before use.; 24 cm wide")
    assert one.text == "A pot for the stove and the table. Boil before use. Dishwasher safe, 24 cm wide."


def test_what_a_sentence_says_is_not_said_again() -> None:
    engine = Going("A pot for the stove and the table.", " and dishwasher safe too.")
    one = _written(engine, "soup for twenty; dishwasher safe")
    assert one.text == "A pot for the stove and the table. Soup for twenty and dishwasher safe too."
    assert len(engine.begun) == 1


def test_a_bare_fact_is_not_said_again_either() -> None:
    engine = Going("A pot for the stove and the table.", " for", " for soup for twenty.")
    one = _written(engine, "soup for twenty; dishwasher safe")
    assert one.text == "A pot for the stove and the table. Dishwasher safe for soup for twenty."


def test_a_text_of_which_the_policy_leaves_nothing_is_begun_with_its_facts() -> None:
    engine = Going("It won 12 prizes in Paris.", " and a ladle that hangs beside the stove all year.")
    one = _written(engine, "soup for twenty", generate={"facts": "given"})
    assert one.text == "Soup for twenty and a ladle that hangs beside the stove all year."
    assert (one.route, one.problem) == ("written", None)


def test_nothing_is_said_behind_a_sentence_that_was_broken_off() -> None:
    one = _written(Going("A pot for the stove. It holds", " is what it is made for, all year."), "soup for twenty")
    assert one.text == "A pot for the stove. Soup for twenty is what it is made for, all year."
    one = _written(Going("A pot which holds", " is what this pot is made for, all year."), "soup for twenty")
    assert one.text == "Soup for twenty is what this pot is made for, all year." and not one.hit_cap
    one = _written(Going("A pot which holds", " for"), "soup for twenty")
    assert one.text == "A pot which holds" and one.hit_cap and one.problem == "not said: soup for twenty"


def test_too_little_stays_declined() -> None:
    engine = Going("It won 12 prizes in Paris.", " for")
    one = _written(engine, "soup for twenty", generate={"facts": "given"})
    assert (one.route, one.text) == ("declined", "")


def test_a_text_that_says_all_is_left_alone() -> None:
    engine = Going("Soup for twenty, from a pot for the stove.")
    assert _written(engine, "soup for twenty").text == engine.text
    assert len(engine.calls) == 1


def test_a_length_asked_for_comes_first() -> None:
    engine = Going("A pot for the stove and the table of the house.")
    product = Product("Enamel pot", attributes={"facts": "soup for twenty"}, length="10 words")
    (one,) = Writer(engine, RECIPE).write([product])
    assert one.text == engine.text
    assert one.problem == "not said: soup for twenty"
