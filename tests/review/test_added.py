"""What editors passed trains: in train and nowhere else, weighted, with its provenance; the loop from its start."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shelftalker import ShelftalkerError
from shelftalker.catalogue.prepare import Prepared, prepare
from shelftalker.cli import main
from shelftalker.recipe.recipe import Recipe
from shelftalker.review.app import open_desk
from shelftalker.review.desk import Desk
from shelftalker.writing.job.job import generate
from tests.catalogue.conftest import everything, placement, products, rejected, write_lines

Open = Callable[..., Desk]
MENDED = "The editor's own words on this lamp: it folds, it turns and it throws a warm light on the page, {}."


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Sixty products with descriptions, and twelve without."""
    rows = products(72)
    for row in rows[60:]:
        row["content"] = ""
    return write_lines(tmp_path / "shop.jsonl", [row | {"brand": "Holm"} for row in rows])


def prepared(shop: Path, out: str = "data", **keys: Any) -> Prepared:
    flags = {f"prepare.{key}": value for key, value in keys.items()}
    named = {"prepare.inputs": [str(shop)], "prepare.keep_columns": ["brand"], "paths.data": str(shop.with_name(out))}
    return prepare(Recipe.load(None, named | flags))


def described(shop: Path, only: str = "empty") -> Path:
    """What the small T5 that ships inside writes about the shop, untrained."""
    recipe = Recipe().with_flags(generate={"only": only}, decoding={"max_new_tokens": 24}, device="cpu")
    return generate(shop, shop.with_name("described.csv"), "bundled", recipe).output


def decide(desk: Desk, number: int, verdict: str, text: str = "") -> None:
    desk.store.decide(number, verdict, text=text, reason="style")  # type: ignore[arg-type]


def lines_of(done: Prepared) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (done.data_dir / "train.jsonl").read_text("utf-8").splitlines()]


def test_the_loop_from_drafts_to_weighted_rows(shop: Path, tmp_path: Path, tiny_causal: Path, opened: Open) -> None:
    before = prepared(shop, "before")
    desk = opened(described(shop))
    decide(desk, 60, "mended", MENDED.format("sixty"))
    decide(desk, 61, "rejected")
    decide(desk, 62, "mended", MENDED.format("sixty-two, taken back"))
    desk.store.undo("")
    done = prepared(shop, add=["reviewed"], added_weight=2.5)
    new = [line for line in lines_of(done) if "reviewed" in line]
    assert [(line["uid"], line["target_text"]) for line in new] == [("P00060", MENDED.format("sixty"))]
    assert new[0]["weight"] == 2.5 and new[0]["reviewed"] == "mended"
    assert new[0]["from"] == "described.csv.review.sqlite" and new[0]["columns"] == {"brand": "Holm"}
    # Nothing else moves, and every row is still in exactly one place.
    for name in ("val.jsonl", "test.jsonl"):
        assert (done.data_dir / name).read_bytes() == (before.data_dir / name).read_bytes()
    assert (done.data_dir / "train.jsonl").read_bytes().startswith((before.data_dir / "train.jsonl").read_bytes())
    assert done.counts["raw"] == before.counts["raw"] + 1 == sum(len(v) for v in everything(done).values()) + 12
    [file] = done.card["added"]["files"]
    assert (file["accepted"], file["mended"], file["rejected"]) == (0, 1, 1)
    assert file["in_train"] == {"accepted": 0, "mended": 1} and done.card["added"]["weight"] == 2.5
    assert "Texts that editors passed" in (done.data_dir / "card.html").read_text("utf-8")

    from shelftalker.device import DevicePolicy
    from shelftalker.finetuning.material import gather
    from shelftalker.models.load import resolve

    recipe = Recipe(base_model=str(tiny_causal), paths={"data": done.data_dir}, finetune={"val_rows": 0})
    weights = [
        row.weight
        for row in gather(recipe, resolve(recipe.base_model), DevicePolicy("cpu", "float32", ""), None).train.rows
    ]
    assert weights == [1.0] * (len(weights) - 1) + [2.5]


def test_an_accepted_draft_is_told_from_a_mended_one(shop: Path, opened: Open) -> None:
    desk = opened(described(shop))
    draft = desk.row(60)["draft"]
    decide(desk, 60, "accepted", draft)
    decide(desk, 61, "accepted", MENDED.format("sixty-one"))
    recipe = {"prepare.inputs": [str(shop)], "prepare.add": [str(shop.with_name("described.csv"))]}
    loose = {"clean.min_description_words": 1, "clean.cut_off": False, "clean.repeats_title": False}
    done = prepare(Recipe.load(None, recipe | loose | {"paths.data": str(shop.with_name("data"))}))
    found = {line["uid"]: (line["reviewed"], line["target_text"]) for line in lines_of(done) if "reviewed" in line}
    assert found["P00061"] == ("mended", MENDED.format("sixty-one"))
    assert found["P00060"][0] == "accepted" and found["P00060"][1].split() == draft.split()


def test_a_product_of_another_split_goes_nowhere_near_training(shop: Path, opened: Open) -> None:
    """Its own product, and one that only shares its words with a product of val or test."""
    where = placement(prepared(shop, "before"))
    held = next(uid for uid, split in where.items() if split == "test")
    trained = next(uid for uid, split in where.items() if split == "train")
    texts = {row["uid"]: row["content"] for row in products(60)}
    desk = opened(described(shop, "all"))
    decide(desk, int(held[1:]), "mended", MENDED.format("of a test product"))
    decide(
        desk, int(trained[1:]), "mended", "Quite another text, on quite another thing: heavy, quiet and made to last."
    )
    decide(desk, 60, "mended", f"{texts[held]} In another colour, and with a second arm.")
    done = prepared(shop, add=["reviewed"])
    assert {line["uid"] for line in lines_of(done) if "reviewed" in line} == {trained}
    lost = {row["uid"]: row for row in rejected(done) if row["reason"] == "held_out"}
    assert lost.keys() == {held, "P00060"} and lost["P00060"]["line"] == 61
    assert lost["P00060"]["file"] == "described.csv.review.sqlite"
    assert done.card["added"]["files"][0]["left_out"] == {"held_out": 2}
    # The product's own row and its group stay beside the editor's text.
    both = [line for line in lines_of(done) if line["uid"] == trained]
    assert len(both) == 2 and both[0]["group"] == both[1]["group"]


def test_a_text_that_is_in_the_shop_by_now_is_not_learnt_twice(shop: Path, opened: Open) -> None:
    desk = opened(described(shop))
    for number in range(60, 72):
        decide(
            desk, number, "mended", MENDED.format(f"the w{number}a one with w{number}b and w{number}c by w{number}d")
        )
    rows = [json.loads(line) for line in shop.read_text().splitlines()]
    for number in range(60, 72):
        rows[number]["content"] = desk.store.all("select text from decisions where key = ?", f"P{number:05d}")[0][
            "text"
        ]
    write_lines(shop, rows)
    done = prepared(shop, add=["reviewed"])
    lines = lines_of(done)
    assert len({(line["title"], line["target_text"]) for line in lines}) == len(lines)
    train = {line["uid"] for line in lines if "reviewed" in line}
    lost = {row["uid"]: row["reason"] for row in rejected(done) if row["file"].endswith(".sqlite")}
    assert train and train | lost.keys() == {f"P{number:05d}" for number in range(60, 72)}
    assert set(lost.values()) <= {"held_out"}
    gave_way = [row for row in rejected(done) if row["reason"] == "duplicate_title"]
    assert {row["uid"] for row in gave_way} == train
    assert all(row["kept"].startswith("described.csv.review.sqlite:") for row in gave_way)


def test_the_same_decisions_are_not_prepared_again_and_others_are(shop: Path, opened: Open) -> None:
    desk = opened(described(shop))
    decide(desk, 60, "mended", MENDED.format("sixty"))
    assert not prepared(shop, add=["reviewed"]).skipped
    assert prepared(shop, add=["reviewed"]).skipped
    decide(desk, 61, "mended", MENDED.format("sixty-one"))
    again = prepared(shop, add=["reviewed"])
    assert not again.skipped and again.card["added"]["files"][0]["mended"] == 2


def test_a_catalogue_that_has_changed_since_is_told(
    shop: Path, opened: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    path = described(shop)
    desk = opened(path)
    for number in (60, 61, 62):
        decide(desk, number, "mended", MENDED.format(number))
    rows = [json.loads(line) for line in shop.read_text().splitlines()]
    rows[61]["title"] = "Something else entirely"
    del rows[62]
    write_lines(shop, rows)
    done = prepared(shop, add=["reviewed"])
    assert done.card["added"]["files"][0]["left_out"] == {"gone": 1, "retitled": 1}
    assert {row["uid"]: row["reason"] for row in rejected(done) if row["file"].endswith(".sqlite")} == {
        "P00061": "retitled", "P00062": "gone",
    }  # fmt: skip
    path.write_text(path.read_text().replace("P00060", "P99960"))
    prepared(shop, "again", add=["reviewed"])
    assert "described.csv is another since it was reviewed" in " ".join("".join(capsys.readouterr()).split())
    desk.store.close()
    open_desk(path, Recipe()).store.close()
    assert prepared(shop, "third", add=["reviewed"]).card["added"]["files"][0]["stale"] == 1


def test_decisions_that_are_no_use_are_refused(
    shop: Path, tmp_path: Path, opened: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ShelftalkerError, match="no catalogue beside these has been reviewed"):
        prepared(shop, add=["reviewed"])
    with pytest.raises(ShelftalkerError, match="no such file of decisions"):
        prepared(shop, add=[str(tmp_path / "nothing.csv")])
    for wrong in (b"no database", b""):
        (tmp_path / "broken.review.sqlite").write_bytes(wrong)
        with pytest.raises(ShelftalkerError, match="no file of decisions"):
            prepared(shop, add=[str(tmp_path / "broken.review.sqlite")])
    decide(opened(described(shop)), 60, "mended", MENDED.format("sixty"))
    other = write_lines(tmp_path / "other.jsonl", [row | {"brand": ""} for row in products(40, start=500)])
    with pytest.raises(ShelftalkerError, match="another catalogue's: none of the 1 products"):
        prepared(other, "other", add=[str(shop.with_name("described.csv"))])
    assert not (tmp_path / "other" / "train.jsonl").exists()
    assert main(["prepare", str(other), "--add", "reviewed", "--out", str(tmp_path / "cli")]) == 2
    assert "is no file of decisions" in " ".join(capsys.readouterr().err.split())


def test_decisions_are_read_while_the_page_is_open_and_from_a_folder_that_cannot_be_written(
    shop: Path, opened: Open
) -> None:
    desk = opened(described(shop))
    decide(desk, 60, "mended", MENDED.format("sixty"))
    file = shop.with_name("described.csv.review.sqlite")
    assert file.with_name(f"{file.name}-wal").stat().st_size > 0
    assert prepared(shop, "open", add=[str(file)]).card["added"]["files"][0]["mended"] == 1
    desk.store.close()
    before = sorted(path.name for path in shop.parent.iterdir())
    assert prepared(shop, "open", add=[str(file)]).skipped
    assert sorted(path.name for path in shop.parent.iterdir()) == before
    with sqlite3.connect(file) as base:
        assert base.execute("select count(*) from decisions").fetchone() == (1,)


def test_of_two_files_the_newest_text_on_a_product_counts(shop: Path, opened: Open) -> None:
    first = described(shop)
    second = first.with_name("later.csv")
    second.write_bytes(first.read_bytes())
    for path, words in ((second, "the older"), (first, "the newer")):
        desk = opened(path)
        decide(desk, 60, "mended", f"{words} text on a lamp that folds and turns by itself.")
    done = prepared(shop, add=["reviewed"])
    assert [line["target_text"][:9] for line in lines_of(done) if "reviewed" in line] == ["the newer"]
    [lost] = [row for row in rejected(done) if row["file"] == "later.csv.review.sqlite"]
    assert (lost["reason"], lost["kept"]) == ("duplicate_title", "described.csv.review.sqlite:61")
    assert [file["left_out"] for file in done.card["added"]["files"]] == [{}, {"duplicate_title": 1}]


def test_a_product_of_the_test_file_is_held_out_too(shop: Path, tmp_path: Path, opened: Open) -> None:
    rows = [json.loads(line) for line in shop.read_text().splitlines()]
    desk = opened(described(shop))
    test = write_lines(tmp_path / "test.jsonl", [rows[60] | {"content": MENDED.format("as the test has it")}])
    decide(desk, 60, "mended", "Quite another text, on quite another thing: heavy, quiet and made to last.")
    decide(desk, 61, "mended", MENDED.format("as the test has it, nearly"))
    done = prepared(shop, add=["reviewed"], test=[str(test)])
    assert done.counts["test"] == 1 and not any("reviewed" in line for line in lines_of(done))
    assert done.card["added"]["files"][0]["left_out"] == {"held_out": 2}
    loose = {"prepare.inputs": [str(shop)], "prepare.test": [str(test)], "prepare.add": ["reviewed"], "split.by": "row"}
    again = prepare(Recipe.load(None, loose | {"paths.data": str(tmp_path / "loose")}))
    assert again.card["added"]["files"][0]["left_out"] == {"held_out": 2}
