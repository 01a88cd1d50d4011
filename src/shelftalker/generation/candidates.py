"""One text out of several: minimum Bayes risk, and before it the checks of the evaluation and the house rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from shelftalker.checks.check import HOUSE, check
from shelftalker.checks.house import in_tone

if TYPE_CHECKING:
    from shelftalker.checks.given import Given


def choose(
    candidates: Sequence[str],
    given: Given,
    *,
    hit_cap: Sequence[bool] | None = None,
    prefer_publishable: bool = True,
) -> int:
    """Position of the candidate with the least expected risk (the earliest of equals).

    The utility of a candidate is its mean chrF against all candidates, each taken as a possible reference
    (minimum-Bayes-risk decoding, Eikema and Aziz 2020; chrF as utility, Freitag et al. 2022). Every candidate counts as
    a reference; only those that pass the checks can win, as long as there is one, else those that break no house rule;
    and of these only the half that sounds most like the house, where it says how it sounds.

    Args:
        candidates: texts, at least one.
        given: what the writer was told: what the checks take as supported.
        hit_cap: which candidates ended at the token cap.
        prefer_publishable: run the checks.
    """
    if len(candidates) == 1:
        return 0
    from fastchrf import pairwise_chrf

    matrix = pairwise_chrf([list(candidates)], [list(candidates)])[0]
    utility = [sum(row) / len(row) for row in matrix]
    able = list(range(len(candidates)))
    if prefer_publishable:
        capped = hit_cap or [False] * len(candidates)
        faults = [_faults(text, given, cap) for text, cap in zip(candidates, capped, strict=True)]
        passing = [number for number in able if candidates[number].strip() and not faults[number]]
        obeying = [number for number in able if not faults[number] & HOUSE]
        able = passing or obeying or able
    able = [able[place] for place in in_tone([candidates[number] for number in able], given.house, given.language)]
    return max(able, key=lambda number: (utility[number], -number))


def _faults(text: str, given: Given, hit_cap: bool) -> set[str]:
    return {one.check for one in check(text, given, hit_cap=hit_cap)}
