"""Who writes a product, and how compare chooses the threshold."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from shelftalker.checks.given import Given
from shelftalker.errors import ShelftalkerError
from shelftalker.evaluation.predict import Edit, Predictions, Rehearsal
from shelftalker.evaluation.routing import chosen
from shelftalker.product import Product, Source
from shelftalker.recipe.grounding import RouteSettings
from shelftalker.recipe.recipe import Recipe
from shelftalker.writing.route import choose_threshold, route, wanted

GREEN = Source(Product("Mug, Green, 350 ml", "1"), "A green mug that holds 350 ml.", 0.6)
STEEL = Source(Product("Mug, Steel, Boxed", "2"), "A steel mug, boxed.", 0.5)


def test_a_sibling_near_enough_is_edited() -> None:
    found = route(Given("Mug, Ivory, 500 ml"), [GREEN], RouteSettings(edit_from=0.6))
    assert (found.route, found.text, found.source) == ("edited", "An ivory mug that holds 500 ml.", 0)
    assert "'Mug, Green, 350 ml'" in found.why


@pytest.mark.parametrize("edit_from", [0.61, None, "auto"])
def test_else_the_model_writes(edit_from: Any) -> None:
    found = route(Given("Mug, Ivory, 500 ml"), [GREEN], RouteSettings(edit_from=edit_from))
    assert (found.route, found.text, found.source) == ("written", "", None)


def test_a_text_that_still_speaks_of_the_sibling_is_not_used() -> None:
    found = route(Given("Mug"), [STEEL], RouteSettings(edit_from=0.1))
    assert found.route == "written"
    assert "'Steel'" in found.why


def test_a_text_that_contradicts_the_title_is_not_used() -> None:
    source = Source(Product("Classic Leather Belt", "2"), "A sleek black design in leather.", 0.75)
    found = route(Given("Classic Teal Leather Belt"), [source], RouteSettings(edit_from=0.1))
    assert found.route == "written"
    assert "'Teal', not 'black'" in found.why


def test_what_contradicts_the_title_is_cut_out_where_most_of_the_text_is_left() -> None:
    text = "Narrow mouth flasks for titration. Heavy rim takes a stopper; graduated 50 to 200 ml. Six to a pack."
    source = Source(Product("Flask 250 ml, Pack of 6", "2"), text, 0.75)
    found = route(Given("Flask 500 ml, Pack of 6"), [source], RouteSettings(edit_from=0.1))
    assert (found.route, found.text) == (
        "edited",
        "Narrow mouth flasks for titration. Heavy rim takes a stopper. Six to a pack.",
    )


def test_sentences_that_speak_of_the_sibling_go_where_most_of_the_text_is_left() -> None:
    source = Source(Product("Mug, Boxed", "2"), "A mug for tea and for coffee alike. Boxed for gifts.", 0.5)
    found = route(Given("Mug"), [source], RouteSettings(edit_from=0.1))
    assert (found.route, found.text) == ("edited", "A mug for tea and for coffee alike.")


def test_a_phrase_that_speaks_of_the_sibling_is_cut_out_of_its_sentence() -> None:
    text = "One place for calm. A planner for a household of six, with a pocket for letters. Hung by its ring."
    source = Source(Product("Planner Book 1, Letters", "2"), text, 0.5)
    found = route(Given("Planner Book 2"), [source], RouteSettings(edit_from=0.1))
    assert found.text == "One place for calm. A planner for a household of six, with a pocket. Hung by its ring."


def test_a_place_in_the_siblings_series_is_cut_out() -> None:
    text = "A crime novel with a recipe at the back. Second in the series, following the first."
    source = Source(Product("A Spaniel Saw It: Crime, Book 2", "2"), text, 0.5)
    found = route(Given("The Widow's Light: Crime"), [source], RouteSettings(edit_from=0.1))
    assert found.text == "A crime novel with a recipe at the back."


def test_a_text_that_says_nothing_of_what_both_titles_say_is_not_the_products() -> None:
    quilts = Source(Product("The Quilter's Cipher: A Novel of War", "2"), "Log cabin, flying geese, broken star.", 0.4)
    found = route(Given("The Beekeepers: A Novel of War"), [quilts], RouteSettings(edit_from=0.1))
    assert found.route == "written"
    assert "nothing that both titles say" in found.why
    near = replace(quilts, score=0.5)
    assert route(Given("The Beekeepers: A Novel of War"), [near], RouteSettings(edit_from=0.1)).route == "edited"


def test_the_next_source_serves_where_the_nearest_cannot() -> None:
    blue = Source(Product("Blue Mug", "3"), "For tea.", 0.5)
    found = route(Given("Mug"), [STEEL, blue], RouteSettings(edit_from=0.3))
    assert (found.route, found.text, found.source) == ("edited", "For tea.", 1)


def test_nothing_known_is_declined_and_says_what_would_help() -> None:
    settings = RouteSettings(edit_from=0.3, least_words=3)
    found = route(Given("Mug"), [STEEL], settings)
    assert found.route == "declined"
    assert "a material would help" in found.why
    assert route(Given("Mug", attributes={"brand": "Ash & Co"}), [], settings).route == "written"


def test_the_attribute_that_siblings_have_is_wanted_first() -> None:
    brand = Source(Product("Mug, Red", "4", {"brand": "Ashdown", "stock": ""}), "Red.", 0.2)
    assert wanted(Given("Mug"), [brand]) == "the attribute 'brand'"
    assert wanted(Given("Mug", attributes={"brand": "x"}), [brand]) == "a colour"
    assert wanted(Given("Mug"), []) == "a material or a size"


def test_the_threshold_is_where_editing_pays() -> None:
    similarity = [0.1, 0.3, 0.5, 0.7, 0.9]
    assert choose_threshold(similarity, [-0.2, -0.1, 0.1, 0.4, 0.7]) == 0.5
    assert choose_threshold(similarity, [-1.0, -0.9, -0.7, -0.4, -0.1]) is None
    assert choose_threshold([0.9], [0.7]) == 0.9
    assert choose_threshold([], []) is None


def test_the_training_split_helps_to_find_the_threshold() -> None:
    """On three validation rows editing seems to pay from 0.8 on; the training split shows that it does from 0.4."""
    good, bad = "A blue mug for tea.", "Socks."
    rows = [Product("Mug", description=good) for _ in range(3)]
    edits = [Edit(good, 0.8, []), Edit(bad, 0.5, []), Edit(bad, 0.2, [])]
    said = {"texts": [bad] * 3, "tokens": [1] * 3, "hit_cap": [False] * 3, "routes": ["written"] * 3}
    few = Predictions(**said, sources=[[]] * 3, engine="", decoding="", edits=edits)  # type: ignore[arg-type]
    assert chosen(few, rows, "rougeL")[1] == 0.8
    many = [Rehearsal("Cup", good, good, near) for near in (0.4, 0.45, 0.5, 0.6)] + [Rehearsal("Cup", good, bad, 0.3)]
    written, threshold = chosen(replace(few, rehearsals=many), rows, "rougeL")
    assert threshold == 0.4
    assert written.routes == ["edited", "edited", "written"]


def test_a_recipe_says_what_it_wants() -> None:
    assert Recipe().route.edit_from is None
    assert Recipe.load(None, {"route.edit_from": "auto"}).route.edit_from == "auto"
    for key, value in (("route.edit_from", 1.5), ("route.edit_from", "soon"), ("ground.without", 0.95)):
        with pytest.raises(ShelftalkerError, match=key.partition(".")[0]):
            Recipe.load(None, {key: value})
