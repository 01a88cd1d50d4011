"""House rules: what they find in a text, which hold for a product, what contradicts itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from shelftalker.checks.check import check
from shelftalker.checks.given import Given
from shelftalker.checks.house import completed, house_of, in_tone, listed
from shelftalker.checks.lexicon import languages
from shelftalker.errors import ShelftalkerError
from shelftalker.product import Product
from shelftalker.recipe.carried import carried, laid_over
from shelftalker.recipe.house import HouseSettings
from shelftalker.recipe.recipe import Recipe

MUG = Product("Blue mug", attributes={"category": "Kitchen", "certificate": ""})


def found(text: str, rules: dict[str, Any], product: Product = MUG, language: str = "en") -> list[tuple[str, str]]:
    """The house's findings in a text, as check and words."""
    house = house_of(HouseSettings.model_validate(rules), product, language)
    told = {name: text for name, text in product.attributes.items() if text}
    kept = ("banned", "required", "proof")
    faults = check(text, Given(product.title, told, product.facts, language, house))
    return [(one.check, one.text) for one in faults if one.check in kept]


@pytest.mark.parametrize(
    ("text", "caught"),
    [
        ("A cheap mug for the desk.", ["cheap"]),
        ("CHEAP and Cheap alike.", ["CHEAP", "Cheap"]),
        ("It is cheaper than a cheapskate.", []),
        ("World-class, world  class and WORLD class tea.", ["World-class", "world  class", "WORLD class"]),
        ("The underworld classes.", []),
        ("Amazing and amazingly good.", ["Amazing", "amazingly"]),
        ("You won’t believe it.", ["won’t believe"]),
    ],
)
def test_banned_words_in_every_case_and_spacing(text: str, caught: list[str]) -> None:
    rules = {"banned": ["cheap", "world class", "amazing*", "won't believe"]}
    assert found(text, rules) == [("banned", word) for word in caught]


def test_a_required_phrase_by_category() -> None:
    rules = {"required": [{"phrase": "Dishwasher safe", "where": {"category": ["Kit*", "Bath"]}}]}
    assert found("A mug to keep on the desk.", rules) == [("required", "")]
    assert found("A mug, DISHWASHER-SAFE, for the desk.", rules) == []
    assert found("A mug to keep on the desk.", rules, Product("Blue mug", attributes={"category": "Garden"})) == []
    assert found("A mug to keep on the desk.", rules, Product("Blue mug")) == [], "nobody says what category it has"
    assert found("A mug to keep.", {"required": [{"phrase": "Made for life"}]}, Product("Mug")) == [("required", "")]


def test_a_required_phrase_is_added_and_claims_nothing_itself() -> None:
    rules = HouseSettings.model_validate({"required": [{"phrase": "Two years of guarantee.", "add": True}]})
    house = house_of(rules, MUG)
    text = completed("A blue mug that keeps tea warm on the desk.", house)
    assert text == "A blue mug that keeps tea warm on the desk. Two years of guarantee."
    assert completed(text, house) == text
    assert completed("A blue mug that", house) == "A blue mug that", "a text that breaks off is not ended for it"
    assert check(text, Given("Blue mug", house=house)) == []
    assert {one.check for one in check(text, Given("Blue mug"))} == {"number", "certification"} or check(
        text, Given("Blue mug")
    )


@pytest.mark.parametrize(
    ("attributes", "facts", "caught"),
    [
        ({}, (), ["organic"]),
        ({"certificate": "GOTS 123"}, (), []),
        ({}, ("certified: gots",), []),
        ({"certificate": "none"}, (), ["organic"]),
    ],
)
def test_a_claim_stands_where_an_attribute_or_a_fact_proves_it(
    attributes: dict[str, str], facts: tuple[str, ...], caught: list[str]
) -> None:
    rules = {"proof": {"ecological": {"proved_by": ["GOTS"], "columns": ["certificate"]}}}
    product = Product("Organic shirt", attributes=attributes, facts=facts)
    text = "A shirt of organic cotton that is soft on the skin."
    assert found(text, rules, product) == [("proof", word) for word in caught], "a title proves nothing"


def test_without_a_certificates_name_the_claim_itself_must_be_given() -> None:
    rules = {"proof": {"medical": {}, "comfort": {"claims": ["orthopaedic*"]}}}
    text = "A pillow with therapeutic foam, orthopaedically shaped."
    given = Product("Pillow", attributes={"note": "therapeutic foam"})
    assert found(text, rules, given) == [("proof", "orthopaedically")]
    assert found(text, rules, Product("Pillow")) == [("proof", "therapeutic"), ("proof", "orthopaedically")]


SAYS = {
    "en": "This balm is therapeutic and biodegradable.",
    "pt": "Este bálsamo é terapêutico e biodegradável.",
    "de": "Dieser Balsam ist therapeutisch und biologisch abbaubar.",
    "es": "Este bálsamo es terapéutico y biodegradable.",
    "fr": "Ce baume est thérapeutique et biodégradable.",
}


@pytest.mark.parametrize("language", languages())
def test_every_language_knows_medical_and_ecological_claims(language: str) -> None:
    rules = {"proof": {"medical": {}, "ecological": {}}}
    assert len(found(SAYS[language], rules, Product("X"), language)) == 2
    for other in set(SAYS) - {language}:
        assert listed("medical", language) != listed("medical", other)


def test_of_several_texts_those_that_sound_like_the_house_stay() -> None:
    calm = "The mug is made of stoneware and it keeps the tea warm for as long as you read."
    loud = "WOW! Get this mug NOW! You will love it! Buy two!"
    rules = HouseSettings.model_validate(
        {
            "tone": {
                "like": ["The bowl is turned from ash, and it is finished with oil."],
                "unlike": ["BUY NOW! Amazing!"],
            }
        }
    )
    assert in_tone([loud, calm], house_of(rules, MUG)) == [1]
    assert in_tone([loud, calm], house_of(HouseSettings(), MUG)) == [0, 1], "no tone, no choice"
    turned = HouseSettings.model_validate({"tone": {"like": ["BUY NOW! Amazing!"]}})
    assert in_tone([loud, calm], house_of(turned, MUG)) == [0]


def write(tmp_path: Path, rules: dict[str, Any]) -> Path:
    path = tmp_path / "house.yaml"
    path.write_text(yaml.safe_dump(rules), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("rules", "what"),
    [
        ({"bannd": ["x"]}, "unknown key of the house rules: house.bannd"),
        ({"required": [{"phrse": "x"}]}, "the house rules lack house.required.0.phrase"),
        ({"required": [{"phrase": "x", "were": {}}]}, "unknown key of the house rules: house.required.0.were"),
        ({"proof": {"vegan": {}}}, "proof.vegan lists no claims"),
        ({"banned": [""]}, "an empty word bans everything"),
        (
            {"banned": ["cheap"], "required": [{"phrase": "Good and Cheap."}]},
            "the rules contradict each other: the required phrase 'Good and Cheap.' holds the banned 'cheap'",
        ),
        ({"banned": ["wow*"], "tone": {"like": ["Wowed."]}}, "holds the banned 'wow*'"),
    ],
)
def test_what_is_wrong_with_the_rules_is_said_with_their_file(tmp_path: Path, rules: dict[str, Any], what: str) -> None:
    path = write(tmp_path, rules)
    with pytest.raises(ShelftalkerError) as caught:
        Recipe.load(None, {"house": str(path)})
    assert what in caught.value.what
    assert str(path) in str(caught.value.where)


def test_a_file_of_rules_becomes_part_of_the_recipe_and_travels_without_its_path(tmp_path: Path) -> None:
    path = write(tmp_path, {"banned": ["cheap"]})
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(f"house: {path}\n")
    loaded = Recipe.load(recipe)
    assert loaded.house.banned == ["cheap"]
    loaded.save(tmp_path / "saved.yaml")
    path.unlink()
    assert Recipe.load(tmp_path / "saved.yaml").house == loaded.house
    said = carried(loaded)
    assert said["house"]["banned"] == ["cheap"] and str(tmp_path) not in str(said)
    assert laid_over(Recipe(), said)[0].house.banned == ["cheap"]
    other = Recipe.load(None, {"house": str(write(tmp_path, {"required": [{"phrase": "Hello"}]}))})
    merged, told = laid_over(other, said)
    assert merged.house == other.house, "a file given stands for all the rules"
    assert "house.banned" in told
    assert not laid_over(Recipe.load(None, {"house": None}), said)[0].house


def test_a_missing_file_of_rules_is_named(tmp_path: Path) -> None:
    with pytest.raises(ShelftalkerError) as caught:
        Recipe.load(None, {"house": str(tmp_path / "none.yaml")})
    assert "none.yaml" in str(caught.value.where)


def test_the_rules_that_the_documents_show_are_rules() -> None:
    page = (Path(__file__).parents[2] / "docs" / "house.md").read_text(encoding="utf-8")
    shown = yaml.safe_load(page.split("```yaml\n")[1].split("```")[0])
    rules = HouseSettings.model_validate(shown)
    assert rules.columns == ("category", "certificate")
    assert found("An amazing, cheap candle.", shown, Product("Candle", attributes={"category": "Lamps"})) == [
        ("banned", "amazing"),
        ("banned", "cheap"),
    ]
    assert ("required", "") in found("A candle.", shown, Product("Candle", attributes={"category": "Garden fire"}))
