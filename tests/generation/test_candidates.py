"""Choosing among candidates, and decodings that cannot mean anything."""

from __future__ import annotations

import pytest
from pydantic import ValidationError
from sacrebleu.metrics import CHRF

from shelftalker import ShelftalkerError
from shelftalker.checks.given import Given
from shelftalker.generation.candidates import choose
from shelftalker.generation.engine import seed_of
from shelftalker.recipe.decoding import Decoding, decoding_signature
from shelftalker.recipe.recipe import Recipe

LAMP = Given("Warm lamp")
TEXTS = [
    "A warm lamp for the desk, made of oak.",
    "A warm oak lamp for your desk.",
    "Completely unrelated words about a sea captain.",
    "A warm lamp for the desk, made of light oak.",
]


def test_the_candidate_most_like_the_others_wins() -> None:
    """Against sacrebleu's chrF, averaged over all candidates as references."""
    chrf = CHRF(word_order=0)
    utility = [sum(chrf.sentence_score(text, [other]).score for other in TEXTS) for text in TEXTS]
    assert choose(TEXTS, LAMP, prefer_publishable=False) == utility.index(max(utility))
    assert choose(TEXTS[2:3], LAMP) == 0


def test_equal_candidates_leave_the_first() -> None:
    assert choose(["Same text here."] * 4, LAMP, prefer_publishable=False) == 0


def test_a_candidate_that_passes_the_checks_is_preferred() -> None:
    texts = [
        "The lamp weighs 90 kg and is warm.",
        "The lamp weighs 90 kg and is very warm.",
        "The lamp gives a warm light.",
    ]
    assert choose(texts, LAMP, prefer_publishable=False) in (0, 1)
    assert choose(texts, LAMP) == 2
    assert choose(texts[:2], LAMP) in (0, 1)
    assert choose(texts, Given("Warm lamp", {"weight": "90 kg"})) in (0, 1)


def test_a_cut_off_candidate_does_not_pass() -> None:
    texts = ["The lamp gives a warm", "The lamp gives a warm glow", "A lamp that gives a warm light."]
    assert choose(texts, LAMP, hit_cap=[True, True, False]) == 2


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"temperature": 0.7}, "only when sampling"),
        ({"top_p": 0.9}, "only when sampling"),
        ({"candidates": 4}, "without sample"),
        ({"beams": 4, "sample": True}, "set beams to 1"),
        ({"length_penalty": 2.0}, "only with beams"),
        ({"min_new_tokens": 9, "max_new_tokens": 8}, "min_new_tokens is above"),
    ],
)
def test_an_option_without_an_effect_is_an_error(settings: dict[str, float], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Decoding.model_validate(settings)
    with pytest.raises(ShelftalkerError, match=message):
        Recipe().with_flags(decoding=settings)


def test_the_signature_tells_decodings_apart() -> None:
    settings = [
        {},
        {"beams": 4},
        {"beams": 4, "length_penalty": 0.5},
        {"sample": True},
        {"sample": True, "seed": 1},
        {"sample": True, "top_k": 5},
        {"sample": True, "candidates": 4},
        {"sample": True, "candidates": 4, "prefer_publishable": False},
        {"no_repeat_ngram": 3},
        {"repetition_penalty": 1.2},
        {"min_new_tokens": 4},
        {"max_new_tokens": 64},
    ]
    signatures = [decoding_signature(Decoding.model_validate(one)) for one in settings]
    assert len(set(signatures)) == len(settings)
    assert signatures[1] == "decoding:beam4|lp:1|max:128"


def test_seeds_differ_by_prompt_draw_and_seed() -> None:
    seeds = {seed_of(seed, row, draw) for seed in (0, 1) for row in ("1", "2", "11") for draw in (0, 1)}
    assert len(seeds) == 12
    assert seed_of(0, "1") == seed_of(0, "1")
