"""Every claim of a description, and where it comes from."""

from __future__ import annotations

import pytest

from shelftalker.checks.claims import Claim, claims
from shelftalker.checks.given import Given

GIVEN = Given("Acme Steel Water Bottle 500 ml, Blue", {"weight": "210 g"}, ("fits a bicycle cage", "two lids"))
TEXT = (
    "A blue steel bottle of half a litre, 0.5 l, with two lids. It weighs 210 g, stands 24 cm tall, has a silicone "
    "ring and comes from Norway with a lifetime warranty."
)
SOURCES = (
    "Acme Steel Water Bottle 750 ml, Red. A bottle with a silicone ring, 24 cm tall.",
    "Acme Flask. The ring is made of silicone.",
)


def kinds(found: list[Claim]) -> dict[str, tuple[str, str]]:
    return {claim.text: (claim.kind, claim.support) for claim in found}


def test_each_claim_is_given_shared_from_one_source_or_invented() -> None:
    assert kinds(claims(TEXT, GIVEN, SOURCES)) == {
        "blue": ("colour", "given"),
        "steel": ("material", "given"),
        "0.5 l": ("unit", "given"),
        "two": ("number", "given"),
        "210 g": ("unit", "given"),
        "24 cm": ("unit", "source"),
        "silicone": ("material", "shared"),
        "Norway": ("name", "invented"),
        "lifetime warranty": ("certification", "invented"),
    }


def test_a_claim_names_the_sources_that_say_it() -> None:
    by = {claim.text: claim.by for claim in claims(TEXT, GIVEN, SOURCES)}
    assert by["silicone"] == (0, 1) and by["24 cm"] == (0,)
    assert by["Norway"] == () and by["blue"] == ()


def test_a_fact_supports_what_the_title_does_not_say() -> None:
    assert kinds(claims("Two lids.", Given("Bottle")))["Two"] == ("number", "invented")
    assert kinds(claims("Two lids.", Given("Bottle", facts=("2 lids",))))["Two"] == ("number", "given")


def test_spans_are_the_text_in_order() -> None:
    found = claims(TEXT, GIVEN, SOURCES)
    assert [TEXT[claim.start : claim.end] for claim in found] == [claim.text for claim in found]
    assert [claim.start for claim in found] == sorted(claim.start for claim in found)


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("Rain Jacket, Yellow", "A yellow jacket with red stitching."),
        ("Mugs in Red and Blue, Set of 2", "Two mugs, the red one for tea."),
        ("Casserole 4 L", "Holds 4 litres; the lid weighs 600 g."),
        ("Duvet Cover, King", "Washed soft; also available in queen size."),
        ("LED Bulb 60W Equivalent", "Takes 9 W and shines like 60."),
        ("Black Pepper Mill, Oak", "A white wheel sets how fine it grinds."),
    ],
)
def test_what_is_said_beside_the_title_does_not_contradict_it(title: str, text: str) -> None:
    from shelftalker.checks.check import check

    assert "contradiction" not in {finding.check for finding in check(text, Given(title))}
