"""Counts of faith: precision of claims, recall of facts, share copied, contradictions."""

from __future__ import annotations

from shelftalker.checks.given import Given
from shelftalker.checks.measures import Faith, faith

GIVEN = Given("Kelsby Rain Jacket, Yellow", {"lining": "mesh"}, ("weighs 310 g", "taped seams"))


def test_claims_facts_copies_and_contradictions_are_counted() -> None:
    text = "A red jacket that weighs 310 g. Two pockets keep the map dry in the rain. The mesh lining breathes."
    sources = ("Its two pockets keep the map dry.", "A jacket with two pockets. It has pockets, two of them.")
    assert faith(text, GIVEN, sources) == Faith(
        given=1, shared=1, claims=3, used=2, facts=3, title_used=2, title=4, copied=6, words=20, contradictions=1
    )


def test_the_title_itself_is_all_given_and_copies_nothing() -> None:
    counts = faith("A yellow rain jacket by Kelsby.", GIVEN)
    assert counts.given == counts.claims and counts.title_used == counts.title == 4
    assert (counts.copied, counts.contradictions, counts.used) == (0, 0, 0)


def test_an_empty_text_counts_nothing_but_what_it_was_given() -> None:
    counts = faith("", GIVEN)
    assert (counts.claims, counts.words, counts.used, counts.facts) == (0, 0, 0, 3)
