"""Sources as the model sees them: cut, edited, ordered; training rows drawn by seed and uid."""

from __future__ import annotations

import pytest

from shelftalker.product import Product, Source
from shelftalker.recipe.grounding import GroundSettings
from shelftalker.retrieve.ground import Sources
from shelftalker.retrieve.shown import grounded, shown

GREEN = Source(Product("Mug, Green", "1"), "A green mug.  Holds tea, and more.", 0.6)
RED = Source(Product("Mug, Red", "2"), "Red.", 0.5)


def test_sources_are_edited_and_cut_to_their_words() -> None:
    (found,) = shown(Product("Mug, Ivory"), [GREEN, RED], GroundSettings(sources=1, words=5))
    assert (found.text, found.product.title) == ("An ivory mug.  Holds tea,", "")


def test_or_shown_as_they_are() -> None:
    settings = GroundSettings(sources=2, edited=False, order="nearest_last")
    assert shown(Product("Mug, Ivory"), [GREEN, RED], settings) == (RED, GREEN)
    assert shown(Product("Mug, Ivory"), [GREEN], GroundSettings(sources=0)) == ()


@pytest.fixture(scope="module")
def split() -> list[Product]:
    kinds = ("Mug", "Lamp", "Scarf", "Kettle", "Chair")
    return [
        Product(
            f"{kinds[n % 5]} Number {n // 5}", f"u{n}", {"brand": "Ash", "colour": "red"}, (), f"g{n}", f"Text {n}."
        )
        for n in range(400)
    ]


@pytest.fixture(scope="module")
def index(split: list[Product], tmp_path_factory: pytest.TempPathFactory) -> Sources:
    return Sources.build(split, tmp_path_factory.mktemp("index") / "sources", "h", "row")


SETTINGS = GroundSettings(sources=2, edited=False, without=0.3, distractor=0.2, drop_attribute=0.25)


def test_shares_are_what_the_recipe_says(split: list[Product], index: Sources) -> None:
    rows = list(grounded(split, index, SETTINGS, seed=1))
    assert [row.uid for row, _ in rows] == [row.uid for row in split]
    assert sum(not sources for _, sources in rows) / 400 == pytest.approx(0.3, abs=0.07)
    distracted = [sources for _, sources in rows if sources and sources[-1].score == 0]
    assert len(distracted) / 400 == pytest.approx(0.2, abs=0.07)
    assert all(sources[0].score > 0 for sources in distracted), "the nearest still stands first"
    assert sum(len(row.attributes) == 1 for row, _ in rows) / 400 == pytest.approx(0.25, abs=0.07)


def test_a_row_is_drawn_by_seed_and_uid_alone(split: list[Product], index: Sources) -> None:
    every = {row.uid: (row, sources) for row, sources in grounded(split, index, SETTINGS, seed=1)}
    some = list(grounded(split[100:200], index, SETTINGS, seed=1))
    assert some == [every[row.uid] for row, _ in some]
    assert every != {row.uid: (row, sources) for row, sources in grounded(split, index, SETTINGS, seed=2)}


def test_no_row_sees_itself(split: list[Product], index: Sources) -> None:
    for row, sources in grounded(split, index, SETTINGS, seed=3):
        assert row.uid not in [source.product.uid for source in sources]
