"""A sibling's text made the product's own: what differs between the titles is replaced, nothing else."""

from __future__ import annotations

import random
import time

import pytest

from shelftalker.retrieve.edit import edit

REPLACED = [
    # title, the sibling's title, its description, what should come out
    ("Mug 500 ml, Ivory", "Mug 350 ml, Green", "A green mug of 350ml.", "An ivory mug of 500ml."),
    ("Rug 80 x 150 cm", "Rug 120 x 180 cm", "Measures 120 x 180 cm; pile 18 mm.",
     "Measures 80 x 150 cm; pile 18 mm."),
    ("Hammer 8 oz", "Hammer 20 oz", "A 20 oz head on a handle of 20 inches.",
     "An 8 oz head on a handle of 20 inches."),
    ("Cord 50 ft", "Cord 100 ft", "Carries 15 amps for 100 feet.", "Carries 15 amps for 50 feet."),
    ("Jug 1 litre", "Jug 2 litres", "Holds 2 litres of milk.", "Holds 1 litre of milk."),
    ("Jug 3 litre", "Jug 1 litre", "Holds 1 litre of milk.", "Holds 3 litres of milk."),
    ("Bolt M10 x 60mm", "Bolt M12 x 80mm", "M12 coarse, 80 mm under the head.", "M10 coarse, 60 mm under the head."),
    ('Screws #8 x 2-1/2"', 'Screws #10 x 3-1/2"', "These #10 x 3-1/2 in. screws.", "These #8 x 2-1/2 in. screws."),
    ("Pouches A3", "Pouches A4", "Gloss A4 pouches.", "Gloss A3 pouches."),
    ("Wall Plates, Pack of 10", "Wall Plates, Pack of 2", "Two wall plates in the pack.",
     "Ten wall plates in the pack."),
    ("Mats 2 Pack", "Mats 3 Pack", "Cut to size. 3 pack. Use for 3 years.", "Cut to size. 2 pack. Use for 3 years."),
    ("Cards, Set of 1", "Cards, Set of 2", "Set of 2 cards, two colours.", "Set of 1 card, two colours."),
    ("Soap, Pack of 4, 90 g", "Soap, Pack of 3, 90 g", "3 x 90 g, three days' use.", "4 x 90 g, three days' use."),
    ("Tales: Book Four", "Tales: Book Three", "The third volume of the tales.", "The fourth volume of the tales."),
    ("Tales, Vol. 2", "Tales, Vol. 1", "Volume 1 collects five chapters.", "Volume 2 collects five chapters."),
    ("Ghosts: Season One (2 Discs)", "Ghosts: Season Two (2 Discs)",
     "Season Two on two discs.", "Season One on two discs."),
    ("Boots Women's, UK 6", "Boots Men's, UK 10", "A men's last. UK 10, lugs of 10 mm.",
     "A women's last. UK 6, lugs of 10 mm."),
    ("Bra, Coral, M", "Bra, Black, XL", "In black, XL (UK 16).", "In coral, M (UK 16)."),
    ("Calendar of Butterflies", "Calendar of Birds", "Twelve birds, one bird a month.",
     "Twelve butterflies, one butterfly a month."),
    ("Towels, Spa White", "Towels, Dusty Rose", "Dusty rose with a border.", "Spa white with a border."),
    ("Ring, January Garnet", "Ring, May Emerald", "May's stone: an emerald. Emeralds may bruise.",
     "January's stone: a garnet. Garnets may bruise."),
    ("Cleaner, Lemon Verbena", "Cleaner, Rosemary and Mint", "A whiff of rosemary and mint.",
     "A whiff of lemon verbena."),
    ("Theatre: The Snow Fox", "Theatre: The Clockmaker's Parrot",
     "The Clockmaker's Parrot is in it.", "The Snow Fox is in it."),
    ("Atlas Europe", "Atlas British Isles", "The British Isles edition.", "The Europe edition."),
    ("Wallet, Navy Leather", "Wallet, Oxblood Leather", "Oxblood vegetable-tanned leather.",
     "Navy vegetable-tanned leather."),
    ("Laptop 16GB", "Laptop 8GB", "With 8 GB of RAM and 8 hours of use.", "With 16 GB of RAM and 8 hours of use."),
    ("Rice for 1,500 g", "Rice for 2,000 g", "A bag of 2000 g.", "A bag of 1,500 g."),
    ("BOX FILES, PINK, USB", "BOX FILES, TEAL, HDMI", "Files in teal paper. By HDMI.", "Files in pink paper. By USB."),
    ("Shelf 60 cm", "Shelf 60 cm", "A shelf.", "A shelf."),
    ("Arc TV, Black (32') - AT3", "Sol TV 40' HD (Wall) - S40W",
     "Sol TV 40' HD (Wall) - S40W/ 3 inputs. An sol tv 40' hd (wall) - s40w.",
     "Arc TV, Black (32') - AT3/ 3 inputs. An Arc TV, Black (32') - AT3."),
    ("Recorder HD XL 2", "Recorder HD 2", "Recorder HD 2: records in HD.", "Recorder HD XL 2: records in HD."),
    ("Tea", "Green Tea", "A green tea. Green tea for two.", "A tea. Tea for two."),
    ("Coffee House Blend Medium", "Coffee House Blend Decaf Medium", "The house blend decaf coffee.",
     "The house blend coffee."),
    ("Tablets All in One, Unscented 100 Count", "Tablets All in One, Lemon 60 Count", "All in one. Lemon. 60 count.",
     "All in one. Unscented. 100 count."),
    ("Dress, Forest Green, 6-7 Years", "Dress, Raspberry, 4-5 Years", "In raspberry. Raspberry for 4-5 years.",
     "In forest green. Forest green for 6-7 years."),
    ("Cream, Tinted, Medium to Deep", "Cream, Tinted, Light to Medium", "For light to medium skin.",
     "For medium to deep skin."),
    ('Pliers, 2-1/4" Capacity', 'Pliers, 2" Capacity', "A 2 in. jaw.", "A 2-1/4 in. jaw."),
    ("Powder, Watermelon", "Powder, Lemon Lime", "With real lemon and lime in it.", "With real watermelon in it."),
    ("Sums, Fifth Edition", "Sums, Third Edition", "Now in its third edition.", "Now in its fifth edition."),
    ("Boat, Vol. 2: Table Nine", "Boat, Vol. 1: Cold Open", "Volume 1 of a few.", "Volume 2 of a few."),
    ("Plug, US Pins, Black", "Plug, UK Pins, White", "Folding UK pins.", "Folding US pins."),
    ("Ukulele, Solid Oak Top", "Ukulele, Bamboo", "A bamboo body.", "A solid oak body."),
    ("Tent 3 Person Moss", "Tent 2 Person Moss", "A tent for two people, two doors.",
     "A tent for three people, two doors."),
    ("Tent 2 Person Moss", "Tent 1 Person Moss", "For 1 person.", "For 2 people."),
    ("Bulbs, Cool White, 8 Pack", "Bulbs, Daylight, 8 Pack", "Takes 9 W. Daylight, 8 pack.",
     "Takes 9 W. Cool white, 8 pack."),
    ("Harmonica, Key of C", "Harmonica, Key of A", "In the key of A. A case.", "In the key of C. A case."),
    ("Laptop 8GB, Grade B", "Laptop 16GB, Grade A", "Grade A: a laptop.", "Grade B: a laptop."),
    ("Tagines, Pocket Edition: 30 Braises", "Tagines: 60 Braises", "Each of these sixty braises.",
     "Each of these thirty braises."),
    ("Shelf Unit 8 Cube, Oak", "Shelf Unit 4 Cube, Oak", "Four 33 cm cubes, on four feet.",
     "Eight 33 cm cubes, on four feet."),
    ("Cells, Pack of 2", "Cells, Pack of 8", "Charge them. Eight in a sleeve.", "Charge them. Two in a sleeve."),
    ("Witches, Book 2: Brew", "Witches, Book 1: Toad", "The first of a planned nine; read it first.",
     "The second of a planned nine; read it first."),
    ("Inn: Series One (2 Discs)", "Inn: Series Two (2 Discs)", "Series two, on two discs.",
     "Series one, on two discs."),
    ("Earphones, USB-C, Mint", "Earphones, 3.5 mm, Mint", "With a 3.5 mm plug.", "With a USB-C plug."),
    ("Recorder HD 25", "Recorder HD 2", "Goes with the Recorder HD 20.", "Goes with the Recorder HD 20."),
]  # fmt: skip


@pytest.mark.parametrize(("title", "sibling", "text", "expected"), REPLACED, ids=[row[1] for row in REPLACED])
def test_what_differs_between_the_titles_is_replaced(title: str, sibling: str, text: str, expected: str) -> None:
    found = edit(title, sibling, text)
    assert found.text == expected
    assert found.left == ()
    assert found.why_not is None


LEFT = [
    (
        "Racing 7",
        "Racing 7, Steel Case, 25 Cars",
        "In a steel case with 25 bonus cars.",
        ("Steel", "Case", "25", "Cars"),
    ),
    ("Sun Cream 50 ml", "Sun Cream 50 ml, Pack of 3", "3 x 50 ml.", ("3",)),
    ("Board, 10 x 32 in., Blue", "Board, Touring, Blue", "This touring board.", ("Touring",)),
    ("Pouches, No Machine Needed, Gloss", "Pouches, 150 Micron, Gloss", "150 micron thick.", ("150",)),
    ("Rye Flour", "Wheat Flour, Heritage Grain", "Wheat of heritage sorts.", ("Heritage",)),
    ("Tea", "Green Tea", "Green leaves.", ("Green",)),
]


@pytest.mark.parametrize(("title", "sibling", "text", "left"), LEFT, ids=[row[1] for row in LEFT])
def test_what_cannot_be_replaced_is_said(title: str, sibling: str, text: str, left: tuple[str, ...]) -> None:
    found = edit(title, sibling, text)
    assert found.left == left
    assert found.why_not is not None
    assert all(repr(word) in found.why_not for word in left)


def test_where_a_word_of_the_sibling_is_left_is_told() -> None:
    found = edit("Olive Mug 1", "Red Enamel Mug 1", "A red mug. A cup of enamel, a red one; Enamel.")
    assert found.text == "An olive mug. A cup of enamel, an olive one; Enamel."
    assert [found.text[start:end] for start, end in found.left_at] == ["enamel", "Enamel"]


def test_numbers_of_another_sense_stay() -> None:
    text = "Six potatoes fit, six inches deep, for 6 months; HRC 6."
    assert edit("Pan Serves 8", "Pan Serves 6", text).text == text


def test_the_changes_are_told() -> None:
    found = edit("Mug, Ivory, 500 ml", "Mug, Green, 350 ml", "Green. 350 ml. Green inside.")
    assert found.changed == (("Green", "Ivory"), ("350", "500"), ("Green", "Ivory"))


@pytest.mark.parametrize("text", ["", "   ", "???", "no word of the titles"])
def test_any_text_comes_through(text: str) -> None:
    assert edit("", "Mug", text).text == text
    assert edit("Mug", "", text).text == text
    assert edit("!!!", "Mug & Cup", text).text == text
    assert edit("Rug 2 m²", "Rug ² 3", f"{text} ² x 3").text.endswith("m² x 3")


def test_a_sibling_without_a_description_is_no_source() -> None:
    assert edit("Mug", "Cup", "").why_not == "the sibling has no description"


def test_markup_and_patterns_in_titles_are_text() -> None:
    assert edit(r"Mug (\1) [a-z]+ <b>Red</b>", r"Mug (\2) [0-9]* <b>Blue</b>", "A blue mug.").text == "A red mug."


def test_thousands_of_rows_a_second() -> None:
    """Processor time, so that a busy machine does not decide; a third of what was measured."""
    draw = random.Random(0)
    words = "oak pan steel with and the for 12 cm blue set of two large handle wood green A4".split()
    rows = [(" ".join(draw.choices(words, k=10)), " ".join(draw.choices(words, k=70))) for _ in range(400)]
    edit(rows[0][0], rows[1][0], rows[1][1])
    start = time.process_time()
    for (title, _), (sibling, text) in zip(rows, reversed(rows), strict=True):
        edit(title, sibling, text)
    assert len(rows) / (time.process_time() - start) > 1000
