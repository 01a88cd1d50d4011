"""Sources: the right neighbours, never the product itself, never its own group where the split is by group."""

from __future__ import annotations

from pathlib import Path

import pytest

from shelftalker.errors import ShelftalkerError
from shelftalker.product import Product, Source
from shelftalker.retrieve.ground import Sources, SplitBy
from shelftalker.retrieve.shelf import Shelf

SPLIT = [
    Product("Oak Table Lamp, Brass", "1", {"brand": "Ashdown"}, (), "lamps", "A brass lamp on a foot of solid oak."),
    Product("Oak Table Lamp, Copper", "2", {"brand": "Ashdown"}, (), "lamps", "A copper lamp with a shade of linen."),
    Product("Wool Scarf, Blue", "3", {}, (), "scarves", "Knitted in Fife."),
    Product("Steel Kettle 1.7 l", "4", {"brand": "Boilwell"}, (), "", "Boils fast – ½ a minute a cup."),
    Product("Reading Lamp, Brass", "5", {}, (), "reading", "For late nights."),
    Product("Copper Kettle", "6", {}, (), "", ""),
]


def index(folder: Path, products: list[Product] = SPLIT, split_by: SplitBy = "row") -> Sources:
    return Sources.build(products, folder / "sources", "abc", split_by)


def titles(found: list[list[Source]], row: int = 0) -> list[str]:
    return [source.product.title for source in found[row]]


def test_the_most_similar_titles_come_first(tmp_path: Path) -> None:
    found = index(tmp_path).ground([Product("Oak Table Lamp, Steel"), Product("Blue Scarf")], 3)
    assert titles(found)[:2] == ["Oak Table Lamp, Brass", "Oak Table Lamp, Copper"]
    assert titles(found, 1) == ["Wool Scarf, Blue"]
    assert found[0][0].score == pytest.approx(3 / 5), "Jaccard similarity of the titles' words"
    assert found[0][0].text == "A brass lamp on a foot of solid oak."


def test_attributes_find_what_titles_do_not(tmp_path: Path) -> None:
    found = index(tmp_path).ground([Product("Whistler", attributes={"brand": "Boilwell"})], 1)
    assert titles(found) == ["Steel Kettle 1.7 l"]


def test_a_product_is_no_source_of_itself(tmp_path: Path) -> None:
    here = index(tmp_path)
    assert "Oak Table Lamp, Brass" not in titles(here.ground([SPLIT[0]], 9, training=True))
    assert "Oak Table Lamp, Brass" not in titles(here.ground([Product("Oak Table Lamp, Brass")], 9))
    namesake = Product("Oak Table Lamp, Brass", "77", description="Another one.")
    assert "Oak Table Lamp, Brass" in titles(here.ground([namesake], 9)), "another product of the same title"


def test_its_own_group_is_left_out_in_training_by_group_only(tmp_path: Path) -> None:
    by_group, by_row = index(tmp_path / "g", split_by="group"), index(tmp_path / "r")
    assert titles(by_group.ground([SPLIT[0]], 9, training=True)) == ["Reading Lamp, Brass"]
    assert titles(by_row.ground([SPLIT[0]], 9, training=True))[0] == "Oak Table Lamp, Copper"
    assert titles(by_group.ground([Product("Oak Table Lamp, Tin", "9", group="lamps")], 1)) == ["Oak Table Lamp, Brass"]


def test_near_copies_among_sources_are_thinned_out(tmp_path: Path) -> None:
    text = "A mug of stoneware that holds two cups of tea and keeps them hot for half an hour"
    split = [
        Product(f"Mug, {colour}", colour, description=f"{text}, in {colour}.") for colour in ("Red", "Blue", "Tan")
    ]
    split.append(Product("Mug, Glass", "g", description="Quite another text."))
    found = index(tmp_path, split).ground([Product("Mug, Green")], 3)
    assert titles(found) == ["Mug, Red", "Mug, Glass"]


def test_products_without_a_description_are_no_sources(tmp_path: Path) -> None:
    found = titles(index(tmp_path).ground([Product("Copper Kettle Large")], 9))
    assert sorted(found) == ["Oak Table Lamp, Copper", "Steel Kettle 1.7 l"]


def test_more_sources_than_products_and_none_at_all(tmp_path: Path) -> None:
    here = index(tmp_path)
    assert here.ground([Product("Ceramic Vase"), Product("???")], 1000) == [[], []]
    assert here.ground([], 3) == []
    assert len(here.ground([Product("Lamp")], 1000)[0]) == 3


def test_a_batch_answers_like_one_at_a_time(tmp_path: Path) -> None:
    here = index(tmp_path)
    assert here.ground(SPLIT, 2, training=True) == [here.ground([row], 2, training=True)[0] for row in SPLIT]


def test_an_index_reopened_elsewhere_answers_alike(tmp_path: Path) -> None:
    here = index(tmp_path, split_by="group")
    asked = [Product("Oak Lamp, Brass"), Product("Kettle")]
    expected = here.ground(asked, 4)
    (tmp_path / "sources").rename(tmp_path / "moved")
    again = Sources(tmp_path / "moved")
    assert (again.hash, again.split_by, len(again)) == ("abc", "group", len(SPLIT))
    assert again.ground(asked, 4) == expected


def test_some_products_are_drawn_evenly_and_have_a_description(tmp_path: Path) -> None:
    rows = [Product(f"Mug {number}", str(number), description="A mug." * (number % 4 > 0)) for number in range(90)]
    here = index(tmp_path / "index", rows)
    drawn = here.some(10)
    assert len(drawn) >= 6 and all(row.description for row in drawn)
    assert int(drawn[-1].uid) > 80
    assert here.some(1000) == [row for row in rows if row.description]


def test_a_split_without_titles_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ShelftalkerError, match="nothing to search"):
        index(tmp_path, [Product("", "1", description="x"), Product("!!!", "2", description="y")])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("file", ["products.jsonl", "starts.npy", "titles.npy", "index.json", "vocab.index.json"])
@pytest.mark.parametrize("how", ["missing", "broken"])
def test_a_damaged_index_says_so(tmp_path: Path, file: str, how: str) -> None:
    path = index(tmp_path).folder / file
    assert path.is_file()
    if how == "missing":
        path.unlink()
    else:
        path.write_bytes(b"{")
    with pytest.raises(ShelftalkerError, match=r"index|cannot read|JSON"):
        Sources(path.parent)


def test_an_index_of_another_version_is_refused(tmp_path: Path) -> None:
    path = index(tmp_path).folder / "index.json"
    path.write_text('{"schema": 99}')
    with pytest.raises(ShelftalkerError, match="another version"):
        Sources(path.parent)


class TestShelf:
    def test_products_come_back_as_they_were(self, tmp_path: Path) -> None:
        here = index(tmp_path).folder
        shelf = Shelf.open(here)
        assert list(shelf) == SPLIT
        assert shelf[-1] == SPLIT[-1]
        assert shelf[1:3] == SPLIT[1:3]
        with pytest.raises(IndexError):
            shelf[len(SPLIT)]
