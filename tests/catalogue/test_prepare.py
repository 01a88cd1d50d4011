"""The stage as a user meets it: what goes in comes out once, in the same split, whatever the order and the files."""

from __future__ import annotations

import datetime
import gzip
import json
import random
import re
from collections import Counter
from pathlib import Path

import pytest

import shelftalker
from shelftalker.bundled import sample_catalogue
from shelftalker.catalogue import prepare as stage
from shelftalker.catalogue.read import source
from shelftalker.errors import ShelftalkerError
from shelftalker.prompt import TEMPLATE
from tests.catalogue.conftest import Prepare, everything, placement, products, rejected, write_lines

ROOT = Path(__file__).parents[2]


def siblings(count: int) -> list[dict[str, str]]:
    """Families of three: one product in three sizes."""
    rows = []
    for row in products(count, start=50_000):
        for size in ("small", "medium", "large"):
            rows.append(
                {
                    "uid": f"{row['uid']}-{size}",
                    "title": f"{row['title']}, {size}",
                    "content": f"{row['content']} In {size}.",
                }
            )
    return rows


def test_the_sample_comes_back_clean(run: Prepare) -> None:
    """Every clean product is in a split, with its text as it was before the noise."""
    done = run("bundled")
    clean = gzip.decompress((ROOT / "tools" / "sample_catalogue_clean.jsonl.gz").read_bytes()).decode().splitlines()
    wanted = Counter(_plain(json.loads(line)["content"]) for line in clean)
    found = Counter(_plain(row.description) for rows in everything(done).values() for row in rows)
    assert found == wanted
    assert done.counts == {
        "raw": 5833,
        **{name: len(rows) for name, rows in everything(done).items()},
        "rejected": 2333,
    }


def _plain(text: str) -> str:
    return " ".join(text.replace("’", "'").split())


def test_an_example_holds_what_every_stage_reads(run: Prepare, tmp_path: Path) -> None:
    rows = [{**row, "brand": f"Brand &amp; {at % 3}", "size": at} for at, row in enumerate(products(30))]
    done = run(write_lines(tmp_path / "c.jsonl", rows), prepare__keep_columns=["brand", "size"])
    line = json.loads((done.data_dir / "train.jsonl").read_text("utf-8").splitlines()[0])
    assert list(line)[:2] == ["input_text", "target_text"]
    raw = next(row for row in rows if row["uid"] == line["uid"])
    assert line["title"] == raw["title"]
    assert line["input_text"] == TEMPLATE.replace("{title}", raw["title"])
    assert line["target_text"] == raw["content"]
    assert line["columns"] == {"brand": raw["brand"].replace("&amp;", "&"), "size": str(raw["size"])}
    assert re.fullmatch("[0-9a-f]{16}", line["group"])


def test_a_column_can_enter_the_prompt(run: Prepare, tmp_path: Path) -> None:
    rows = [{**row, "brand": "Acme"} for row in products(20)]
    done = run(write_lines(tmp_path / "c.jsonl", rows), prompt="Brand: {brand}\nTitle: {title}\nText:")
    line = json.loads((done.data_dir / "train.jsonl").read_text("utf-8").splitlines()[0])
    assert line["input_text"] == f"Brand: Acme\nTitle: {line['title']}\nText:"


def test_a_column_is_kept_under_the_name_by_which_it_is_asked_for(run: Prepare, tmp_path: Path) -> None:
    """As `generate` does: a prompt that asks for {brand} means the column "Brand" in training, too."""
    rows = [{**row, "Brand": "Acme", "Item Size": number} for number, row in enumerate(products(20))]
    path = write_lines(tmp_path / "c.jsonl", rows)
    done = run(path, prompt="Brand: {brand}\nTitle: {title}\nText:", prepare__keep_columns=["item_size"])
    line = json.loads((done.data_dir / "train.jsonl").read_text("utf-8").splitlines()[0])
    assert line["input_text"] == f"Brand: Acme\nTitle: {line['title']}\nText:"
    assert line["columns"] == {"item_size": str(int(line["uid"][1:])), "brand": "Acme"}
    assert done.card["sources"][0]["columns"]["keep"] == ["Item Size", "Brand"]


def test_every_row_is_in_one_place(run: Prepare, tmp_path: Path) -> None:
    good = products(40)
    bad = [
        "", "not json", "[1, 2]", "{", b"\xff\xfe\xfa", '{"title": {"a": 1}, "content": "x"}', '{"title": "only"}',
        '{"title": "", "content": "a b c d e f"}', json.dumps(good[3]), json.dumps({**good[4], "title": "other name"}),
        '{"title": "t ! ?", "content": "! ! ! ! ! ! ! !"}', "null", '"text"', "   ",
    ]  # fmt: skip
    lines = [row for pair in zip(good[:14], bad, strict=True) for row in pair] + good[14:]
    done = run(write_lines(tmp_path / "c.jsonl", lines))
    kept = sum(len(rows) for rows in everything(done).values())
    out = rejected(done)
    assert kept == 40
    # Two of the bad lines are blank: they are no rows.
    assert done.counts["raw"] == 40 + 12
    assert (
        kept + len(out) == done.counts["raw"] == sum(done.counts[name] for name in ("train", "val", "test", "rejected"))
    )
    assert [row["line"] for row in out] == sorted(row["line"] for row in out)
    reasons = {row["line"]: row["reason"] for row in out}
    assert reasons[4] == reasons[6] == reasons[8] == "broken_row"
    assert reasons[12] == "not_text"
    assert reasons[14] == "empty_description"
    assert reasons[16] == "empty_title"
    assert {reasons.get(number) for number in (18, 7)} == {"duplicate_title", None}
    assert {reasons.get(number) for number in (20, 9)} == {"duplicate_description", None}
    assert reasons[22] == "empty_description"
    card = json.loads((done.data_dir / "card.json").read_text("utf-8"))
    assert card["reasons"].keys() == set(reasons.values())
    assert sum(value["rows"] for value in card["reasons"].values()) == len(out)
    assert card["sources"][0]["blank_lines"] == 2


def test_a_duplicate_names_the_row_that_was_kept(run: Prepare, tmp_path: Path) -> None:
    rows = products(12)
    twin = {**rows[5], "uid": "TWIN", "title": rows[5]["title"].upper() + "!"}
    path = write_lines(tmp_path / "c.jsonl", [*rows, twin])
    (out,) = rejected(run(path))
    lines = {"P00005": 6, "TWIN": 13}
    kept = ({*lines} - {out["uid"]}).pop()
    assert out["line"] == lines[out["uid"]]
    assert out["kept"] == f"{path}:{lines[kept]}"


def test_order_files_shards_and_workers_do_not_matter(
    run: Prepare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [*products(150), *siblings(20), *[{**row, "uid": f"again{at}"} for at, row in enumerate(products(9))]]
    one = run(write_lines(tmp_path / "one.jsonl", rows), out="one")
    shuffled = rows[:]
    random.Random(3).shuffle(shuffled)
    for at in range(3):
        write_lines(tmp_path / f"part{at}.jsonl", shuffled[at::3])
    monkeypatch.setattr(source, "SHARD_BYTES", 4000)
    monkeypatch.setattr(stage, "SMALL", 0)
    monkeypatch.setattr(source.jobs, "__defaults__", (4000,))
    many = run(tmp_path / "part*.jsonl", out="many", prepare__workers=2)
    for name, examples in everything(one).items():
        assert sorted(map(repr, examples)) == sorted(map(repr, everything(many)[name]))
    first, second = (json.loads((done.data_dir / "card.json").read_text("utf-8")) for done in (one, many))
    for key in ("rows", "reasons", "rules", "split", "overlap", "lengths"):
        assert first[key] == second[key]


def test_the_same_run_twice_is_byte_identical_and_skipped(run: Prepare, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "c.jsonl", [*products(60), *siblings(5)])
    done = run(path)
    names = ("train.jsonl", "val.jsonl", "test.jsonl", "rejected.jsonl", "card.json", "card.html")
    before = {name: (done.data_dir / name).read_bytes() for name in names}
    again = run(path)
    assert again.skipped
    assert again.counts == done.counts
    assert not run(path, force=True).skipped
    assert {name: (done.data_dir / name).read_bytes() for name in names} == before
    assert sorted(file.name for file in done.data_dir.iterdir()) == sorted([*names, "manifest.json"])


@pytest.mark.parametrize("change", ["content", "setting", "output"])
def test_a_change_is_noticed(run: Prepare, tmp_path: Path, change: str) -> None:
    path = write_lines(tmp_path / "c.jsonl", products(30))
    done = run(path)
    if change == "content":
        write_lines(path, products(31))
    elif change == "output":
        (done.data_dir / "val.jsonl").write_text("")
    assert not run(path, **({"seed": 7} if change == "setting" else {})).skipped


def test_rows_keep_their_split_when_others_come(run: Prepare, tmp_path: Path) -> None:
    rows = [*products(200), *siblings(10)]
    before = placement(run(write_lines(tmp_path / "a.jsonl", rows), out="a"))
    after = placement(run(write_lines(tmp_path / "b.jsonl", [*products(200, 1000), *rows]), out="b"))
    assert {uid: after[uid] for uid in before} == before


def test_shares_are_as_asked_and_the_seed_decides(run: Prepare, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "c.jsonl", products(2000))
    first = run(path, out="a")
    assert abs(first.counts["train"] - 1600) < 60
    assert abs(first.counts["val"] - 200) < 50
    assert placement(run(path, out="b", seed=1)) != placement(first)


def test_caps_draw_from_the_whole_file(run: Prepare, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "c.jsonl", products(1000))
    capped = run(path, out="a", split__train_rows=100, split__val_rows=20)
    assert (capped.counts["train"], capped.counts["val"]) == (100, 20)
    positions = [int(row.uid[1:]) for row in everything(capped)["train"]]
    assert min(positions) < 100
    assert max(positions) > 900
    assert 350 < sum(positions) / 100 < 650
    assert Counter(row["reason"] for row in rejected(capped))["over_cap"] == 1000 - sum(
        capped.counts[name] for name in ("train", "val", "test")
    )
    whole = placement(run(path, out="b"))
    assert all(whole[uid] == split for uid, split in placement(capped).items())


def test_groups_never_cross_splits_and_rows_may(run: Prepare, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "c.jsonl", [*products(100), *siblings(60)])
    by_group, by_row = run(path, out="g"), run(path, out="r", split__by="row")
    families: dict[str, set[str]] = {}
    for uid, split in placement(by_group).items():
        families.setdefault(uid.split("-")[0], set()).add(split)
    assert all(len(splits) == 1 for splits in families.values())
    assert by_group.card["split"]["test_rows_with_sibling_in_train"] == 0
    test = [uid for uid, split in placement(by_row).items() if split == "test"]
    train = {uid.split("-")[0] for uid, split in placement(by_row).items() if split == "train"}
    crossed = sum(uid.split("-")[0] in train for uid in test)
    assert crossed > 0
    assert by_row.card["split"]["test_rows_with_sibling_in_train"] == crossed
    page = (by_row.data_dir / "card.html").read_text("utf-8")
    assert f"{crossed:,} of {len(test):,} test rows have a sibling in train" in page


def _shingles(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"[^\W_]+", text.casefold())
    return {tuple(words[at : at + 3]) for at in range(max(1, len(words) - 2))}


def _with_sibling(test: list[str], train: list[str]) -> float:
    """Share of texts whose 3-word shingles have a Jaccard similarity of 0.2 or more with a training text."""
    lists: dict[tuple[str, ...], list[int]] = {}
    sets = [_shingles(text) for text in train]
    for at, found in enumerate(sets):
        for shingle in found:
            lists.setdefault(shingle, []).append(at)
    count = 0
    for text in test:
        mine = _shingles(text)
        shared = Counter(at for shingle in mine for at in lists.get(shingle, ()))
        count += any(common / (len(mine) + len(sets[at]) - common) >= 0.2 for at, common in shared.items())
    return count / len(test)


def test_on_the_sample_the_split_decides_what_test_means(run: Prepare) -> None:
    """By an independent, exhaustive measure: no sibling across a group split, many across a row split."""
    shares = {}
    for by in ("group", "row"):
        splits = everything(run("bundled", out=by, split__by=by))
        shares[by] = _with_sibling(*([row.description for row in splits[name]] for name in ("test", "train")))
    assert shares["group"] == 0
    assert 0.1 < shares["row"] < 0.3


def house_phrase(count: int, phrase: str) -> list[dict[str, str]]:
    """Different products of a small shop that says one sentence of all its parcels."""
    kinds = ["oak stool", "linen apron", "copper kettle", "wool rug", "glass lamp", "clay bowl", "cane basket"]
    rows = []
    for at, row in enumerate(products(count, start=80_000)):
        title = f"{kinds[at % len(kinds)]} {row['title'].split()[0]}".title()
        rows.append({"uid": row["uid"], "title": title, "content": f"{row['content']} {phrase}"})
    return rows


PHRASES = (
    "Packed by hand in recycled paper, and sent on the same day.",
    "All our goods are packed by hand in recycled paper, leave on the same day by bicycle, and may be returned within "
    "thirty days for a full refund if you are not happy with them for any reason at all.",
)


@pytest.mark.parametrize("count", [20, 40, 60, 150])
@pytest.mark.parametrize("phrase", PHRASES)
def test_a_house_phrase_leaves_rows_in_every_split(run: Prepare, tmp_path: Path, count: int, phrase: str) -> None:
    done = run(write_lines(tmp_path / "c.jsonl", house_phrase(count, phrase)))
    assert done.card["split"]["largest_group"] <= 3
    assert done.counts["rejected"] == 0
    for name, share in (("train", 0.8), ("val", 0.1), ("test", 0.1)):
        assert share / 2 <= done.counts[name] / count <= share * 1.5


def test_siblings_in_a_shop_with_a_house_phrase_stay_together(run: Prepare, tmp_path: Path) -> None:
    family = [
        {
            "uid": f"F{at}",
            "title": f"Enamel Camping Mug 12 oz {colour}",
            "content": f"A mug that falls off a rock and rings, in {colour.lower()}. Twelve ounces, steel under the "
            f"enamel, a rolled rim, safe on the fire and in the oven. {PHRASES[1]}",
        }
        for at, colour in enumerate("Red Blue Green White Grey Black Yellow Pink Teal Orange Cream Brown".split())
    ]
    done = run(write_lines(tmp_path / "c.jsonl", [*house_phrase(60, PHRASES[1]), *family]))
    groups = {row.uid: row.group for rows in everything(done).values() for row in rows}
    assert len({groups[row["uid"]] for row in family}) == 1
    assert done.card["split"]["largest_group"] == len(family)
    largest = done.card["split"]["largest_groups"][0]
    assert largest["rows"] == len(family)
    assert set(largest["titles"]) < {row["title"] for row in family}
    assert largest["titles"][0] in (done.data_dir / "card.html").read_text("utf-8")


def test_one_text_for_all_stops_with_the_key_that_mends_it(run: Prepare, tmp_path: Path) -> None:
    rows = [
        {"uid": f"{size}", "title": f"Turnbridge serpentine belt {size}", "content": f"A ribbed belt of EPDM rubber, "
         f"which stays quiet when it is wet and does not crack in the cold; measure your old one. Size {size}."}
        for size in range(600, 640)
    ]  # fmt: skip
    path = write_lines(tmp_path / "c.jsonl", rows)
    with pytest.raises(ShelftalkerError, match="near-duplicates of one another") as caught:
        run(path)
    assert "--split.by row" in (caught.value.mend or "")
    done = run(path, split__by="row")
    assert min(done.counts[name] for name in ("train", "val", "test")) > 0


def test_rows_that_are_all_siblings_of_test_rows_stop_with_the_key(run: Prepare, tmp_path: Path) -> None:
    family = siblings(15)
    train = write_lines(tmp_path / "trn.json", [*family[0::3], *family[1::3]])
    test = write_lines(tmp_path / "tst.json", family[2::3])
    with pytest.raises(ShelftalkerError, match="near-duplicates of the test files' rows") as caught:
        run(train, prepare__test=[str(test)])
    assert "--split.by row" in (caught.value.mend or "")


def test_a_tiny_split_is_told_with_the_keys_that_mend_it(
    run: Prepare, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = run(write_lines(tmp_path / "c.jsonl", products(8)))
    assert (done.counts["train"], done.counts["val"], done.counts["test"]) == (6, 1, 1)
    said = " ".join(capsys.readouterr().err.split())
    assert "train has 6 rows, val has 1 row, test has 1 row" in said
    assert "--split.val" in said
    run(write_lines(tmp_path / "d.jsonl", products(200)), out="large")
    assert "too few" not in capsys.readouterr().err


def test_the_main_reasons_of_rejection_are_told(
    run: Prepare, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = [{"title": "a", "content": ""}] * 3 + [{"title": "", "content": "b"}] * 2
    run(write_lines(tmp_path / "c.jsonl", [*products(150), *bad]))
    assert "rejected 5 (empty_description 3, empty_title 2)" in " ".join(capsys.readouterr().err.split())


def test_the_card_proves_the_split(run: Prepare) -> None:
    done = run("bundled")
    before, after = done.card["overlap"]["before"], done.card["overlap"]["after"]
    for measure in ("titles_in_train", "descriptions_in_train", "rows_with_sibling_in_train"):
        assert before[measure] > 0.02
        assert after[measure] == 0
    assert before["rows_with_run_in_train"] > 0.1
    assert after["rows_with_run_in_train"] < 0.01
    test, train = (
        {
            tuple(words[at : at + 13])
            for row in everything(done)[name]
            for words in [re.findall(r"[^\W_]+", row.description.casefold())]
            for at in range(len(words) - 12)
        }
        for name in ("test", "train")
    )
    assert after["runs_of_13_words"] == len(test)
    assert after["runs_in_train"] == pytest.approx(len(test & train) / len(test), abs=1e-6)


def test_test_files_make_the_test_split(run: Prepare, tmp_path: Path) -> None:
    family = siblings(40)
    train = write_lines(tmp_path / "trn.json", [*products(100), *family[0::3], products(1, 900)[0]])
    test = write_lines(tmp_path / "tst.json", [*family[1::3], products(1, 900)[0], *products(20, 2000)])
    done = run(train, prepare__test=[str(test)])
    assert {row.uid for row in everything(done)["test"]} == {
        *(row["uid"] for row in family[1::3]), "P00900", *(f"P{number:05d}" for number in range(2000, 2020)),
    }  # fmt: skip
    reasons = {(row["file"], row["uid"]): row["reason"] for row in rejected(done)}
    assert reasons.pop((str(train), "P00900")).startswith("duplicate")
    assert reasons == {(str(train), row["uid"]): "sibling_of_test" for row in family[0::3]}
    assert done.counts["train"] + done.counts["val"] == 100
    assert done.counts["val"] > 0
    known_lines = run(train, out="row", prepare__test=[str(test)], split__by="row")
    assert known_lines.counts["train"] + known_lines.counts["val"] == 140


def test_the_original_study_is_a_recipe(run: Prepare, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "c.jsonl", [*products(600), *siblings(50)])
    done = run(
        path, split__by="row", split__train=0.97, split__val=0.03, split__test=0.0, split__train_rows=500,
        duplicates__titles=False, duplicates__descriptions=False, duplicates__near=False,
    )  # fmt: skip
    assert done.counts["train"] == 500
    assert done.counts["test"] == 0
    assert 5 < done.counts["val"] < 50


def test_duplicates_that_are_kept_stay_on_one_side(run: Prepare, tmp_path: Path) -> None:
    rows = products(80)
    twins = [{**row, "uid": f"T{at}", "content": products(1, 700 + at)[0]["content"]} for at, row in enumerate(rows)]
    done = run(write_lines(tmp_path / "c.jsonl", [*rows, *twins]), duplicates__titles=False)
    where = placement(done)
    assert len(where) == 160
    assert all(where[row["uid"]] == where[f"T{at}"] for at, row in enumerate(rows))


def test_rows_without_an_id_get_one_from_their_text(run: Prepare, tmp_path: Path) -> None:
    rows = [{"title": row["title"], "content": row["content"]} for row in products(40)]
    first = placement(run(write_lines(tmp_path / "a.jsonl", rows), out="a"))
    second = placement(run(write_lines(tmp_path / "b.jsonl", rows[::-1]), out="b"))
    assert len(first) == 40
    assert first == second


def test_specifications_are_counted_or_rejected(run: Prepare, tmp_path: Path) -> None:
    dump = {
        "uid": "S",
        "title": "Drill",
        "content": "Voltage 20 V Speed 1,500 rpm Chuck 13 mm Weight 1.4 kg Colour black",
    }
    path = write_lines(tmp_path / "c.jsonl", [*products(20), dump])
    assert run(path, out="a").card["not_prose"] == 1
    (row,) = rejected(run(path, out="b", clean__not_prose=True))
    assert (row["uid"], row["reason"]) == ("S", "not_prose")


@pytest.mark.parametrize(
    "text",
    [
        "Oil-finished stool made of solid oak, which carries a hundred and twenty kilos in any kitchen.",
        "Um banco de carvalho com acabamento em óleo, que aguenta cento e vinte quilos em qualquer cozinha.",
        "Uno sgabello di rovere oliato che regge centoventi chili in qualsiasi cucina della casa.",
        "Een geoliede kruk van eikenhout voor in de keuken, met een draagkracht van honderdtwintig kilo.",
        "Дубовый табурет с масляным покрытием выдерживает сто двадцать килограммов на любой кухне.",
        "オイル仕上げのオーク材で作られた丈夫な踏み台です。どんな台所でも百二十キロまで支えます。",
    ],
)
def test_sentences_of_any_language_are_sentences(run: Prepare, tmp_path: Path, text: str) -> None:
    path = write_lines(tmp_path / "c.jsonl", [*products(20), {"uid": "S", "title": "Stool", "content": text}])
    assert "S" in placement(run(path, clean__not_prose=True))


def test_the_page_stands_alone_and_escapes(run: Prepare, tmp_path: Path) -> None:
    rows = [
        {**row, "title": f"{row['title']} <script>alert({at})</script> &lt;img&gt;"}
        for at, row in enumerate(products(9))
    ]
    page = (run(write_lines(tmp_path / "<b>.jsonl", rows)).data_dir / "card.html").read_text("utf-8")
    assert "<script" not in page
    assert "<b>.jsonl" not in page
    assert "prefers-color-scheme: dark" in page
    assert "<svg" in page
    assert not re.search(r"(?:src|href)=|@import|url\(", page)


def test_the_page_has_date_version_summary_and_a_link_to_the_rejected_rows(run: Prepare, tmp_path: Path) -> None:
    rows = [*products(9), {"uid": "X", "title": "Lamp", "content": ""}]
    done = run(write_lines(tmp_path / "c.jsonl", rows))
    page = (done.data_dir / "card.html").read_text("utf-8")
    assert "9 of 10 rows can be used (90.0\u00a0%)" in page
    assert "1 were rejected, most of them for empty description" in page
    assert f"{datetime.datetime.now(datetime.UTC).year} · shelftalker {shelftalker.__version__}" in page
    (link,) = re.findall(r'href="([^"#]+)"', page)
    assert (done.data_dir / link).is_file()
    assert re.search(r'class="axis y"[^>]*>rows<', page)
    assert re.search(r'class="axis"[^>]*>description words<', page)


@pytest.mark.parametrize(
    ("content", "flags", "said"),
    [
        (None, {}, "no such catalogue file"),
        (b"", {}, "empty"),
        (b"\n \n", {}, "empty"),
        (b'{"title": "a"}\n', {}, "no column is named like a description"),
        (b'{"a": 1, "b": 2}\n', {}, "no column is named like a title"),
        (b'{"title": "a", "content": ""}\n', {}, "no row of the catalogue can be used"),
        (b'{"title": "a", "content": "b"}\n', {"prepare__title_column": "titel"}, "no column 'titel'"),
        (b'{"title": "a", "content": "b"}\n', {"prepare__keep_columns": ["brand"]}, "no column 'brand'"),
        (gzip.compress(b'{"title": "a", "content": "b c d e f"}\n' * 5000)[:-40], {}, "cut short"),
    ],
)
def test_what_cannot_be_used_is_one_clear_error(
    run: Prepare, tmp_path: Path, content: bytes | None, flags: dict[str, object], said: str
) -> None:
    path = tmp_path / "c.jsonl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ShelftalkerError, match=said) as caught:
        run(path, **flags)
    assert caught.value.where
    assert caught.value.mend
    assert not any((tmp_path / "out").glob("*")) if (tmp_path / "out").exists() else True


def test_no_input_is_an_error(run: Prepare) -> None:
    with pytest.raises(ShelftalkerError, match="no catalogue given"):
        run()


def test_the_sample_has_the_real_data_sets_noise() -> None:
    raw = gzip.decompress(sample_catalogue().read_bytes())
    rows = [json.loads(line) for line in raw.splitlines()]
    assert raw.isascii()
    assert all(list(row) == ["uid", "title", "content", "target_ind", "target_rel"] for row in rows)
    assert all(len(row["target_ind"]) == len(row["target_rel"]) for row in rows)

    def share(test: object) -> float:
        return sum(map(test, rows)) / len(rows)  # type: ignore[arg-type]

    assert share(lambda row: not row["content"].strip()) == pytest.approx(0.333, abs=0.02)
    assert share(lambda row: not row["title"]) == pytest.approx(0.056, abs=0.01)
    assert share(lambda row: "&" in row["content"]) == pytest.approx(0.17, abs=0.04)
    assert share(lambda row: "  " in row["content"]) == pytest.approx(0.18, abs=0.03)
    assert share(lambda row: "&#x92;" in row["content"]) > 0
    assert share(lambda row: "--This text refers to the" in row["content"]) > 0.03


def test_the_sample_is_what_its_script_makes() -> None:
    import runpy

    script = runpy.run_path(str(ROOT / "tools" / "make_sample_catalogue.py"))
    rows = script["make"](script["read"](script["CLEAN"]))
    text = "".join(json.dumps(row) + "\n" for row in rows)
    assert text.encode() == gzip.decompress(sample_catalogue().read_bytes())


def test_the_card_shows_the_languages_and_what_stands_alone(run: Prepare, tmp_path: Path) -> None:
    """By the texts, or by a column that says it; a row in a language that hardly any other is in is named."""
    rows = products(60)
    for number, row in enumerate(rows):
        words = " ".join(row["content"].split()[:6])
        if number % 3 == 0:
            row["content"] = f"Uma peça que não é igual a nenhuma outra e que fica na mesa: {words}, {number}."
        row["lang"] = "pt-BR" if number % 3 == 0 else "English"
    rows[1]["content"] = "Das ist eine Lampe, die auf dem Tisch steht und mit dem Licht nicht spart, w7."
    path = write_lines(tmp_path / "in.jsonl", rows)
    told = run(path).card["languages"]
    assert told["rows"] == 60 and list(told["shares"]) == ["en", "pt", "de"]
    assert told["shares"]["pt"] == pytest.approx(1 / 3)
    assert told["strays"] == [{"language": "de", "title": rows[1]["title"]}]
    page = (tmp_path / "out" / "card.html").read_text(encoding="utf-8")
    assert "Portuguese (pt)" in page and "33.3%" in page
    given = run(path, out="given", prepare__language_column="lang")
    assert given.card["languages"]["shares"] == {"en": pytest.approx(2 / 3), "pt": pytest.approx(1 / 3)}
    assert given.card["languages"]["column"] == "lang"
    assert {row.attributes["lang"] for row in everything(given)["train"]} == {"pt-BR", "English"}


def test_of_a_large_catalogue_the_languages_are_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from shelftalker.catalogue.card import spoken

    monkeypatch.setattr(spoken, "WHOLE", 1000)
    monkeypatch.setattr(spoken, "DRAWN", 50)
    texts = ["It is made for the table and for the hand.", "É uma peça que fica na mesa e não no armário."]
    draw = random.Random(3)
    rows = [{"title": f"T{number}", "target_text": draw.choice(texts)} for number in range(400)]
    found = spoken.spoken([write_lines(tmp_path / "train.jsonl", rows)], None)
    assert found["rows"] == 50 and 0.3 < found["shares"]["pt"] < 0.7
