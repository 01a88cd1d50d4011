"""Attributes that contradict the title are told; those that add to it are not."""

from __future__ import annotations

import pytest

from shelftalker.checks.conflict import conflicts


@pytest.mark.parametrize(
    ("title", "attributes"),
    [
        ("Mug, Green", {"colour": "blue"}),
        ("Mug 350 ml", {"volume": "500 ml"}),
        ("Shirt, Blue, M", {"size": "XL"}),
        ("Mugs, Pack of 4", {"contents": "pack of 6"}),
    ],
)
def test_a_contradiction_names_the_attribute(title: str, attributes: dict[str, str]) -> None:
    (told,) = conflicts(title, {"brand": "Ashdown", **attributes})
    assert next(iter(attributes)) in told
    assert next(iter(attributes.values())) in told or "6" in told


@pytest.mark.parametrize(
    ("title", "attributes"),
    [
        ("Mug, Green", {"colour": "green"}),
        ("Mug", {"colour": "blue", "volume": "500 ml"}),
        ("Mug 0.5 l", {"volume": "500 ml"}),
        ("Mug, Green", {}),
        ("Mug, Green", {"colour": ""}),
        ("Blue Nun", {"department": "wine"}),
    ],
)
def test_what_adds_or_agrees_is_no_contradiction(title: str, attributes: dict[str, str]) -> None:
    assert list(conflicts(title, attributes)) == []
