"""What may stand under a policy reads as prose."""

from __future__ import annotations

import gzip
import json
from html import unescape
from itertools import islice

import pytest
from fakes import FakeEngine

from shelftalker.bundled import sample_catalogue
from shelftalker.checks.check import check
from shelftalker.checks.claims import claims
from shelftalker.checks.given import Given
from shelftalker.generation.engine import Generation
from shelftalker.product import Product
from shelftalker.recipe.recipe import Recipe
from shelftalker.writing.faithful import best, faithful, uncontradicted
from shelftalker.writing.writer import Writer

GIVEN = Given("Kelsby Rain Jacket, Yellow, Medium", {"lining": "mesh"}, ("taped seams",))


def left(text: str, given: Given = GIVEN) -> str:
    return faithful(text, given).text


@pytest.mark.parametrize(
    ("text", "stands"),
    [
        ("A soft red coat for wet walks by the sea.", "A soft coat for wet walks by the sea."),
        ("An indigo hood keeps the rain from your eyes.", "A hood keeps the rain from your eyes."),
        (
            "It packs small, keeps out rain and spray, and weighs 310 g.",
            "It packs small and keeps out rain and spray.",
        ),
        ("The hood turns with the head (and weighs 40 g).", "The hood turns with the head."),
        (
            "The hood turns with the head and folds away; the cuffs are lined with brass.",
            "The hood turns with the head and folds away.",
        ),
        (
            "Comes with a hook for the hall, a nylon bag, and a card for its care.",
            "Comes with a hook for the hall, a bag, and a card for its care.",
        ),
        (
            "Cut loose for wet walks and made in a small factory in Norway.",
            "Cut loose for wet walks and made in a small factory.",
        ),
        ("Made for walks in the hills, the coast and the Lake District.", "Made for walks in the hills and the coast."),
        (
            "At 310 g, it is light enough to forget until it rains again.",
            "It is light enough to forget until it rains again.",
        ),
    ],
)
def test_a_sentence_is_rewritten_without_the_claim(text: str, stands: str) -> None:
    before = "Taped seams keep out the rain on a long walk."
    assert left(f"{before} {text}") == f"{before} {stands}"


@pytest.mark.parametrize(
    "text",
    [
        "It weighs 310 g.",
        "She was raised in Norway and sewed three coats a day.",
        "The seams are lined with brass.",
        "No plastic parts.",
        "Readers who know the coat from Norway will find it changed.",
    ],
)
def test_what_cannot_be_rewritten_goes_as_a_whole(text: str) -> None:
    rest = "Taped seams keep out the rain on long wet walks by the sea."
    assert left(f"{rest} {text}") == rest


def test_what_is_given_stands_as_it_is() -> None:
    text = "A yellow jacket in medium, with taped seams and a mesh lining. It folds into its own pocket."
    result = faithful(text, GIVEN)
    assert (result.text, result.dropped, result.declined) == (text, (), None)
    assert {claim.support for claim in result.claims} == {"given"}


def test_pronouns_never_hang() -> None:
    text = "Sewn in Norway in 1990. It folds into its own pocket and dries on a hook overnight."
    assert left(text) == "Kelsby Rain Jacket folds into its own pocket and dries on a hook overnight."


def test_the_policy_decides_what_may_stand() -> None:
    text = "A yellow jacket for long wet walks. It has a nylon shell. The zip is brass. Made by Orrin."
    sources = ("Kelsby Coat. Nylon shell, brass zip.", "Kelsby Cape. A nylon shell.")
    assert "nylon" not in faithful(text, GIVEN, sources, "given").text
    shared = faithful(text, GIVEN, sources, "shared").text
    assert "nylon shell" in shared and "brass" not in shared and "Orrin" not in shared
    assert faithful(text, GIVEN, sources, "any").text == text


def test_an_end_that_the_limit_broke_off_goes_and_so_does_a_sentence_said_twice() -> None:
    text = "Taped seams keep out the rain on long walks. Taped seams keep out the rain on long walks. The hood is"
    result = faithful(text, GIVEN, hit_cap=True)
    assert result.text == "Taped seams keep out the rain on long walks." and not result.hit_cap


def test_a_catalogue_of_bare_phrases_keeps_its_own() -> None:
    text = "Taped seams and a mesh lining/ 160 watts of power/ Folds into its own pocket for travel"
    assert left(text) == "Taped seams and a mesh lining/ Folds into its own pocket for travel"


@pytest.mark.parametrize(
    ("text", "attribute"),
    [
        ("It weighs 310 g.", "weight"),
        ("A brass one. Also steel.", "material"),
        ("Made by Orrin Vance.", "maker"),
        ("Certified by TUV as FDA approved.", "certificates"),
        ("", "would help"),
    ],
)
def test_a_text_that_became_too_thin_is_declined_and_says_what_would_help(text: str, attribute: str) -> None:
    result = faithful(text, GIVEN)
    assert result.text == "" and result.declined is not None and attribute in result.declined


def test_the_best_candidate_uses_most_facts_and_invents_none() -> None:
    candidates = [
        "A yellow jacket for wet walks by the sea, made in Norway by hand.",
        "A yellow jacket for wet walks by the sea, cut loose for layers.",
        "A yellow jacket for wet walks by the sea, with taped seams and a mesh lining.",
        "A yellow jacket for wet walks by the sea, with taped seams, mesh lining and",
    ]
    chosen, result = best(candidates, GIVEN, hit_cap=[False, False, False, True])
    assert chosen == 2 and result.text == candidates[2]


def test_human_descriptions_stay_prose_without_their_claims() -> None:
    """Every text: nothing forbidden is left, sentences begin and end as such, nothing opens on a pronoun of its own."""
    declined = total = 0
    with gzip.open(sample_catalogue(), "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in islice(lines, 250)]
    for row in rows:
        row["content"] = " ".join(unescape(row["content"]).split())
        if len(row["content"].split()) < 8:
            continue
        given = Given(row["title"])
        result = faithful(row["content"], given)
        total += 1
        declined += result.declined is not None
        assert all(claim.support == "given" for claim in claims(result.text, given))
        if result.text:
            assert result.text.endswith((".", "!", "?", '."', "”", ".'", ")", "?'"))
            assert not result.text.startswith(("They ", "Them ", "She ", "He ")) or row["content"].startswith(
                result.text[:5]
            )
            assert "language" not in {one.check for one in check(result.text, given)}
            assert not any(mark in result.text for mark in (" ,", ",,", "..", "  ", " .", ",."))
    assert declined < 0.15 * total


def against(text: str, given: Given) -> str:
    return uncontradicted(text, given, [one for one in check(text, given) if one.check == "contradiction"])


def test_a_sentence_that_contradicts_the_title_goes_under_any_policy() -> None:
    text = "A jacket for wet walks by the sea. The green hood turns with the head. The cuffs close with a strap."
    assert against(text, GIVEN) == "A jacket for wet walks by the sea. The cuffs close with a strap."


def test_a_text_of_which_too_little_would_be_left_stays_with_its_finding() -> None:
    text = "A soft green coat for wet walks by the sea."
    assert against(text, GIVEN) == text


def test_what_the_model_wrote_is_without_what_contradicts_its_title() -> None:
    class Wrong(FakeEngine):
        def generate(self, prompts, decoding, *, advance=None):  # type: ignore[no-untyped-def]
            text = "A jacket for walks in any wind and weather. The green hood turns with the head"
            return [[Generation(text, 16, True, -0.5)] for _ in prompts]

    written = Writer(Wrong(), Recipe()).write([Product(GIVEN.title)])[0]
    assert written.text == "A jacket for walks in any wind and weather." and not written.hit_cap
