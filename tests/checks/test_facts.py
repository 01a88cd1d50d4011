"""Facts mined from references, kept or dropped, and found again in what was written."""

from __future__ import annotations

import pytest
from hypothesis import given as examples
from hypothesis import strategies as st

from shelftalker.checks.check import FORM, check
from shelftalker.checks.facts import drawn, facts_used, mine, training_target
from shelftalker.checks.given import Given

GIVEN = Given("Marquee Keyboard Bench, Padded, X-Frame, Black")
TEXT = (
    "Sit properly. A 7 cm foam cushion lies under the black cover, on a steel frame that locks at four heights. "
    "It bears up to 120 kg and folds flat. Twelve engraved plates decorate it, made in a factory in Donegal. "
    "Wipe with a cloth."
)


def test_facts_are_short_phrases_with_their_evidence() -> None:
    facts = mine(TEXT, GIVEN)
    assert [fact.text for fact in facts] == [
        "7 cm foam cushion",
        "steel frame",
        "four heights",
        "bears up to 120 kg",
        "twelve engraved plates",
        "factory in Donegal",
    ]
    assert facts[3].sentence == "It bears up to 120 kg and folds flat." and facts[3].position == 2


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        ("Enough soup for twenty.", ["soup for twenty"]),
        ("Thirty short chapters, each with a task.", ["thirty short chapters"]),
        ("Songs by Aunt Clementine and others.", ["Songs by Aunt Clementine"]),
        ("The second edition has new maps.", ["second edition"]),
        ("Works in a red tent.", ["red tent"]),
        ("Soft and warm.", []),
        ("Raina Petkoff waits.", ["Raina Petkoff"]),
        ("An 18-year-old heir hides.", ["18-year-old heir"]),
    ],
)
def test_each_kind_of_fact(text: str, phrases: list[str]) -> None:
    assert [fact.text for fact in mine(text, Given("Thing"))] == phrases


def test_what_title_and_attributes_say_is_no_fact() -> None:
    told = Given(GIVEN.title, {"load": "120 kg", "frame": "steel"})
    assert {"steel frame", "bears up to 120 kg"}.isdisjoint(fact.text for fact in mine(TEXT, told))


def test_a_target_loses_the_sentences_that_need_a_dropped_fact() -> None:
    facts = mine(TEXT, GIVEN)
    assert training_target(TEXT, facts, GIVEN) == TEXT
    assert training_target(TEXT, facts[:4], GIVEN) == (
        "Sit properly. A 7 cm foam cushion lies under the black cover, on a steel frame that locks at four heights. "
        "It bears up to 120 kg and folds flat. Wipe with a cloth."
    )
    assert training_target(TEXT, [], GIVEN) == "Sit properly. Wipe with a cloth."


def test_a_target_without_facts_claims_nothing_that_is_not_given() -> None:
    left = training_target(TEXT, [], GIVEN)
    assert [finding for finding in check(left, GIVEN) if finding.check not in FORM] == []


def test_a_sentence_that_leaned_on_a_dropped_one_names_the_product() -> None:
    text = "Made from steel. It folds flat and hangs on a hook by the door."
    assert training_target(text, [], GIVEN) == "Marquee Keyboard Bench folds flat and hangs on a hook by the door."


@examples(st.text(max_size=8), st.integers(0, 99))
def test_which_facts_are_drawn_hangs_on_uid_and_seed_alone(uid: str, seed: int) -> None:
    facts = mine(TEXT, GIVEN)
    some = drawn(facts, uid, seed)
    assert some == drawn(facts, uid, seed)
    assert some == [fact for fact in facts if fact in some]


def test_the_shares_of_none_all_and_half_are_kept() -> None:
    facts = mine(TEXT, GIVEN)
    counts = [len(drawn(facts, str(number), 7)) for number in range(2000)]
    assert counts.count(0) / 2000 == pytest.approx(0.15, abs=0.03)
    assert counts.count(6) / 2000 == pytest.approx(0.45, abs=0.04)
    assert counts.count(3) / 2000 == pytest.approx(0.40, abs=0.04)


@pytest.mark.parametrize(
    ("text", "fact", "used"),
    [
        ("It has 12 outlines inside.", "twelve outlines", True),
        ("It carries a hundred and twenty kilos.", "carries 120 kg", True),
        ("It carries up to 0.12 tonnes.", "carries 120 kg", True),
        ("It carries 100 kg.", "carries 120 kg", False),
        ("The frame is steel.", "steel frame", True),
        ("The frame is plastic.", "steel frame", False),
        ("Made in Donegal, in a small factory.", "factory in Donegal", True),
        ("Two lids come with the pan.", "a lid", True),
    ],
)
def test_a_fact_counts_as_used_however_it_is_written(text: str, fact: str, used: bool) -> None:
    assert facts_used(text, [fact]) == [used]
