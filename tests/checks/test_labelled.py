"""The checks against hand-labelled descriptions: floors that a change of a rule must not break."""

from __future__ import annotations

import hashlib
from collections import Counter

import pytest

from benchmarks.checks import count, labelled, rates
from shelftalker.checks.check import CHECKS, HOUSE

EVERY = labelled()
ROWS = [row for row in EVERY if "language" not in row]
HELD_OUT = [row for row in ROWS if row["half"] == "held-out"]


@pytest.fixture(scope="module")
def counts() -> dict[str, Counter[str]]:
    return count(ROWS)


def test_the_set_is_large_mixed_and_well_formed() -> None:
    assert len(ROWS) >= 300
    assert len({row["id"] for row in EVERY}) == len(EVERY)
    kinds = Counter(row["kind"] for row in ROWS)
    assert min(kinds[kind] for kind in ("human", "written", "generated")) >= 50
    for row in EVERY:
        for label in row["labels"]:
            assert label["check"] in CHECKS
            assert row["description"][label["start"] : label["end"]] == label["text"] != ""


def test_the_halves_were_drawn_by_a_hash_not_by_choice() -> None:
    for row in EVERY:
        odd = int(hashlib.sha256(row["id"].encode()).hexdigest(), 16) % 2
        assert row["half"] == ("development" if odd else "held-out")


def test_overall_precision_and_recall_on_the_held_out_half() -> None:
    precision, recall = rates(count(HELD_OUT)["all"])
    assert precision is not None and precision >= 0.92
    assert recall is not None and recall >= 0.90


@pytest.mark.parametrize("name", [name for name in CHECKS if name not in {"nonsense", *HOUSE}])
def test_every_check_is_mostly_right_and_misses_little(name: str, counts: dict[str, Counter[str]]) -> None:
    """Both halves, for some checks are rare: over four findings in five are right, four labels in five are found."""
    precision, recall = rates(counts[name])
    assert counts[name]["found"] + counts[name]["missed"] >= 10
    assert precision is not None and precision >= 0.85
    assert recall is not None and recall >= 0.82


@pytest.mark.parametrize("kind", ["human", "written", "generated"])
def test_no_kind_of_description_is_left_behind(kind: str) -> None:
    precision, recall = rates(count([row for row in HELD_OUT if row["kind"] == kind])["all"])
    assert precision is not None and precision >= 0.82
    assert recall is not None and recall >= 0.85


@pytest.mark.parametrize("language", ["de", "es", "fr", "pt"])
def test_every_language_has_its_labels_and_its_checks_find_them(language: str) -> None:
    rows = [row for row in EVERY if row.get("language") == language]
    precision, recall = rates(count([row for row in rows if row["half"] == "held-out"])["all"])
    assert len(rows) >= 60
    assert precision is not None and precision >= 0.90
    assert recall is not None and recall >= 0.90
