"""What was accepted goes into the shop's file: its columns as they were, nothing overwritten unasked."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from review.conftest import RECIPE, Describe, Page, products

from shelftalker import ShelftalkerError
from shelftalker.catalogue.read import rows as catalogue_rows
from shelftalker.catalogue.read.row import plain
from shelftalker.cli import main
from shelftalker.review.desk import Desk
from shelftalker.review.export import disclosed, export, paragraphs
from shelftalker.writing.job.job import generate

pytest.importorskip("fastapi", reason="the extra [serve] is not installed")
Open = Callable[..., Desk]


def read(path: Path) -> list[dict[str, Any]]:
    shape = catalogue_rows.inspect(path)
    return [{name: plain(row.values.get(name)) for name in shape.names} for row in catalogue_rows.read(shape)]


def reviewed(path: Path, opened: Open) -> Desk:
    """Rows 0 and 1 accepted, 2 mended, 3 rejected, the rest waiting; row 0 has a description of its own."""
    desk = opened(path)
    page = Page(desk)
    for number in (0, 1):
        page.decide(desk.row(number), "accepted", text=desk.row(number)["draft"])
    page.decide(desk.row(2), "accepted", text='A "lamp" & more.\n\n- bright\n- blue')
    page.decide(desk.row(3), "rejected", reason="style")
    return desk


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet", ".xlsx", ".csv.gz"])
def test_accepted_texts_stand_in_a_column_of_their_own(describe: Describe, opened: Open, suffix: str) -> None:
    path = describe(5, suffix)
    desk = reviewed(path, opened)
    done = export(desk, path.with_name(f"shop-new{suffix}"))
    rows = read(done.output)
    assert [{name: row[name] or "" for name in products(1)[0]} for row in rows] == products(5)
    assert list(rows[0]) == [*products(1)[0], "reviewed_description"]
    assert [row["reviewed_description"] or "" for row in rows] == [
        "Fine Blue lamp 0, 128 tokens.",
        "Fine Blue lamp 1, 128 tokens.",
        'A "lamp" & more.\n\n- bright\n- blue',
        "",
        "",
    ]
    assert (done.rows, done.filled, done.waiting) == (5, 3, 1)


def test_an_empty_column_is_filled_and_a_full_one_only_when_asked(describe: Describe, opened: Open) -> None:
    path = describe(5)
    desk = reviewed(path, opened)
    filled = export(desk, path.with_name("filled.csv"), into="empty")
    rows = read(filled.output)
    assert list(rows[0]) == list(products(1)[0])
    assert [row["Description"][:10] for row in rows] == ["Somebody's", "Fine Blue ", 'A "lamp" &', "", ""]
    assert (filled.filled, filled.replaced, filled.kept) == (2, 0, 1)
    everything = export(desk, path.with_name("all.csv"), into="all", only_changed=True)
    assert [row["Description"][:10] for row in read(everything.output)] == ["Fine Blue ", "Fine Blue ", 'A "lamp" &']
    assert (everything.rows, everything.replaced) == (3, 1)


def test_a_catalogue_without_descriptions_gets_the_column(describe: Describe, opened: Open) -> None:
    rows = [{"sku": number, "title": "Mug", "brand": ""} for number in "12"]
    path = describe(rows, ".jsonl")
    desk = opened(path)
    Page(desk).decide(desk.row(0), "accepted", text="A mug.")
    done = export(desk, path.with_name("shop-new.jsonl"), into="empty", disclosure=True)
    assert read(done.output) == [
        rows[0] | {"description": "A mug.", "structured_description": 'trained_algorithmic_media:"A mug."'},
        rows[1] | {"description": None, "structured_description": None},
    ]


def test_parquet_keeps_its_types(tmp_path: Path, describe: Describe, opened: Open) -> None:
    describe(1)  # the played engine
    source = tmp_path / "shop.parquet"
    duckdb.sql(
        f"copy (select 7::smallint sku, 'Mug' title, '' brand, date '2026-01-31' since, 9.50::decimal(6,2) price, "
        f"[1, 2] tags, '' description) to '{source}'"
    )
    desk = opened(generate(source, tmp_path / "out.parquet", "played", RECIPE).output)
    Page(desk).decide(desk.row(0), "accepted", text="A mug.")
    done = export(desk, tmp_path / "new.parquet", into="empty")
    before = duckdb.sql(f"select * from '{source}'")
    after = duckdb.sql(f"select * from '{done.output}'")
    assert after.columns == before.columns and after.types == before.types
    assert after.fetchall() == [(*before.fetchall()[0][:-1], "A mug.")]


def test_a_header_is_written_as_it_was(tmp_path: Path, describe: Describe, opened: Open) -> None:
    describe(1)
    source = tmp_path / "in.csv"
    source.write_text("Handle,Title,,Title,Body (HTML)\nm,Mug,1,2,\n")
    recipe = RECIPE.with_flags(prompt="Title: {title}\n")
    desk = opened(generate(source, tmp_path / "out.csv", "played", recipe).output)
    Page(desk).decide(desk.row(0), "accepted", text="=A mug.")
    done = export(desk, tmp_path / "new.csv", into="empty")
    with done.output.open(newline="") as file:
        assert list(csv.reader(file)) == [
            ["Handle", "Title", "", "Title", "Body (HTML)"],
            ["m", "Mug", "1", "2", "'=A mug."],
        ]


def test_nothing_that_is_there_is_replaced(describe: Describe, opened: Open) -> None:
    path = describe(2)
    desk = opened(path)
    before = path.read_bytes()
    with pytest.raises(ShelftalkerError, match="there is a file of that name"):
        export(desk, path)
    assert path.read_bytes() == before
    with pytest.raises(ShelftalkerError, match="does not say its format"):
        export(desk, path.with_name("shop.doc"))
    assert sorted(one.name for one in path.parent.iterdir() if one.name.startswith(".")) == []


def test_html_and_disclosure() -> None:
    assert paragraphs("One <b>\nline.\n\n- a & b\n- c\n\nEnd") == (
        "<p>One &lt;b&gt;<br>line.</p>\n<ul><li>a &amp; b</li><li>c</li></ul>\n<p>End</p>"
    )
    assert disclosed('A "good"\nlamp: blue') == 'trained_algorithmic_media:"A ""good"" lamp: blue"'


def test_the_command(describe: Describe, opened: Open, capsys: pytest.CaptureFixture[str]) -> None:
    path = describe(5)
    reviewed(path, opened)
    asked = ["review", str(path), "--export", str(path.with_name("new.jsonl")), "--into", "empty", "--html"]
    page = path.with_name("changes.html")
    assert main([*asked, "--only-changed", "--json", "--diff", str(page)]) == 0
    assert "2 new texts" in page.read_text(encoding="utf-8")
    assert json.loads(capsys.readouterr().out)["filled"] == 2
    assert read(path.with_name("new.jsonl"))[1]["Description"].endswith("<ul><li>bright</li><li>blue</li></ul>")
    for alone in (["--html"], ["--diff", "x.html"]):
        assert main(["review", str(path), *alone]) == 2
    assert "belong to --export" in capsys.readouterr().err


def test_a_page_shows_old_and_new_texts_with_their_changes(describe: Describe, opened: Open) -> None:
    path = describe(5)
    desk = reviewed(path, opened)
    page = path.with_name("changes.html")
    export(desk, path.with_name("new.csv"), into="all", diff=page)
    html = page.read_text(encoding="utf-8")
    assert html.count("<section>") == 3 and "3 new texts" in html
    assert "S000 · accepted · stands in place of the old one" in html
    assert "<del>Somebody&#x27;s own text.</del>" in html and "<ins>Fine Blue lamp 0, 128 tokens.</ins>" in html
    assert "A &quot;lamp&quot; &amp; more. - bright - blue" in html, "a mended text, as it stands"
    assert "<script" not in html and "http" not in html.split("<body")[1]
    with pytest.raises(ShelftalkerError, match="there is a file of that name"):
        export(desk, path.with_name("again.csv"), diff=page)
    assert not path.with_name("again.csv").exists()


def test_only_what_changes_is_marked() -> None:
    from shelftalker.review.diff import differing

    old, new = differing("A blue mug for tea.", "A red mug for tea & coffee.")
    assert old == "A <del>blue</del> mug for tea."
    assert new == "A <ins>red</ins> mug for tea<ins> &amp; coffee</ins>."
    assert differing("One thing.", "Quite another text here!") == (
        "<del>One thing.</del>",
        "<ins>Quite another text here!</ins>",
    )
    assert differing("", "New.") == ("", "<ins>New.</ins>")


def test_a_large_page_says_what_it_leaves_out(
    describe: Describe, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shelftalker.review.export.SHOWN", 2)
    path = describe(5)
    desk = reviewed(path, opened)
    export(desk, path.with_name("new.csv"), diff=path.with_name("changes.html"))
    html = path.with_name("changes.html").read_text(encoding="utf-8")
    assert html.count("<section>") == 2 and "The first 2 of them; all are in new.csv" in html
