"""What was in the input comes out of a catalogue job unchanged, in every format."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
from generation.played import MODEL, PlayedEngine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shelftalker import ShelftalkerError
from shelftalker.catalogue.read import rows as catalogue_rows
from shelftalker.catalogue.read.shape import Shape
from shelftalker.recipe.recipe import Recipe
from shelftalker.writing.job import output, parquet, workbook
from shelftalker.writing.job.job import generate

CELLS = [
    ["-B200", "- 30 cm rail -", "+5", "-3.50"],
    ["=B1", "=Sign, wood", "1,5", "(3)"],
    ["@door", "@Home lamp", "", "\t1"],
    ["007", '  Bond "mug"\nof two lines', "1", "'x"],
]


@pytest.fixture(autouse=True)
def engine(monkeypatch: pytest.MonkeyPatch) -> PlayedEngine:
    played = PlayedEngine()
    monkeypatch.setattr("shelftalker.generation.load.load_engine", lambda *_: played)
    monkeypatch.setattr("shelftalker.models.open.resolve", lambda *_: MODEL)
    return played


def table(path: Path, header: list[str], cells: list[list[str]] = CELLS, **dialect: Any) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, **dialect).writerows([header, *cells])
    return path


def cells_of(path: Path, width: int, **dialect: Any) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return [row[:width] for row in csv.reader(file, **dialect)]


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_cells_of_the_input_come_back_as_they_were(tmp_path: Path, suffix: str) -> None:
    header = ["SKU", "Name", "Weight", "Cost"]
    generate(table(tmp_path / "in.csv", header), tmp_path / f"out{suffix}", "played")
    found = cells_of(tmp_path / f"out{suffix}", 4, delimiter="\t" if suffix == ".tsv" else ",")
    assert found == [header, *CELLS]


def test_spreadsheet_safety_is_a_switch_that_says_what_it_changes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = Recipe().with_flags(generate={"spreadsheet_safe": True})
    generate(table(tmp_path / "in.csv", ["SKU", "Name", "Weight", "Cost"]), tmp_path / "out.csv", "played", recipe)
    found = cells_of(tmp_path / "out.csv", 4)
    assert [row[0] for row in found] == ["SKU", "'-B200", "'=B1", "'@door", "007"]
    assert found[1][2:] == ["+5", "-3.50"]
    assert "7 cells begin like formulas" in capsys.readouterr().err


@pytest.mark.parametrize("header", [["SKU", "Name", "Name", ""], ["", "title", "", "Title"], ["a", "name", "a", "a"]])
def test_repeated_and_empty_headers_come_back_as_they_were(tmp_path: Path, header: list[str]) -> None:
    generate(table(tmp_path / "in.csv", header, delimiter=";"), tmp_path / "out.csv", "played")
    assert cells_of(tmp_path / "out.csv", 4) == [header, *CELLS]
    generate(table(tmp_path / "in.csv", header), tmp_path / "out.parquet", "played")
    rows = duckdb.sql(f"select * from '{tmp_path / 'out.parquet'}'").fetchall()
    assert [[cell or "" for cell in row[:4]] for row in rows] == CELLS


def test_new_columns_collide_in_no_letter_case() -> None:
    assert output.new_names(["Description", "SCORE", "generated_score"])["description"] == "generated_description"
    assert output.new_names(["Description", "SCORE", "generated_score"])["score"] == "generated_generated_score"


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_names_that_differ_in_case_alone_go_into_parquet(
    tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / f"in.{kind}"
    if kind == "csv":
        table(source, ["Description", "name", "DESCRIPTION", "Name"])
    else:
        names = ["Description", "name", "DESCRIPTION", "Name"]
        source.write_text("".join(json.dumps(dict(zip(names, cells, strict=True))) + "\n" for cells in CELLS))
    generate(source, tmp_path / "out.parquet", "played")
    found = duckdb.sql(f"select * from '{tmp_path / 'out.parquet'}'")
    assert found.columns[:4] == ["Description", "name", "DESCRIPTION_2", "Name_2"]
    assert found.columns[4] == "generated_description"
    assert [list(row[:4]) for row in found.fetchall()] == CELLS
    assert "'DESCRIPTION' is called 'DESCRIPTION_2'" in capsys.readouterr().err


def test_letters_beyond_ascii_differ_for_duckdb_as_for_us() -> None:
    names = list(parquet.own_names(["É", "é", "A", "a", "", "A_2"], ["É"]).values())
    assert names == ["É_2", "é", "A", "a_2", "column5", "A_2_2"]
    with duckdb.connect() as connection:
        connection.execute("create table t (" + ", ".join(f'"{name}" int' for name in names) + ")")


def test_a_workbook_comes_out_and_goes_in_again(tmp_path: Path) -> None:
    rows = [
        {"sku": "007", "title": "=Mug", "price": 9.5, "count": 3, "new": True, "big": 12345678901234567, "of": ["a"]},
        {"sku": None, "title": "Lamp", "price": 1e300, "count": -1, "new": False, "big": 1, "of": []},
    ]
    source = tmp_path / "in.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    generate(source, tmp_path / "out.xlsx", "played")
    first = (tmp_path / "out.xlsx").read_bytes()
    generate(tmp_path / "out.xlsx", tmp_path / "again.jsonl", "played")
    again = [json.loads(line) for line in (tmp_path / "again.jsonl").read_text().splitlines()]
    assert [row["title"] for row in again] == ["=Mug", "Lamp"]
    assert (again[0]["sku"], again[0]["price"], again[0]["count"], again[0]["new"]) == ("007", 9.5, 3, True)
    assert again[0]["big"] == "12345678901234567" and again[0]["of"] == '["a"]'
    assert again[0]["description"] == "Fine =Mug, 128 tokens." == again[0]["generated_description"]
    (tmp_path / "out.xlsx").unlink()
    generate(source, tmp_path / "out.xlsx", "played")
    assert (tmp_path / "out.xlsx").read_bytes() == first


def test_what_a_workbook_cannot_hold_is_said_before_anything_is_written(
    tmp_path: Path, engine: PlayedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text(json.dumps({"title": "Mug", "text": "x" * 40_000}) + "\n")
    with pytest.raises(ShelftalkerError, match="40,000 are needed"):
        generate(source, tmp_path / "out.xlsx", "played")
    assert engine.prompts == []
    shape = Shape(source, "lines", rows=workbook.ROWS)
    with pytest.raises(ShelftalkerError, match="rows"):
        workbook.check(source, shape, 9)


def test_values_that_no_text_can_hold_end_no_job(tmp_path: Path) -> None:
    """Half a letter, and a number beyond all numbers."""
    source = tmp_path / "in.jsonl"
    source.write_text('{"title": "Mug", "a": "x\\ud800", "b": 1e999, "c": NaN}\n{"title": "\\udc00 Mug"}\n')
    for suffix in (".csv", ".jsonl", ".parquet", ".xlsx"):
        assert generate(source, tmp_path / f"out{suffix}", "played").rows == 2
    assert cells_of(tmp_path / "out.csv", 2)[1] == ["Mug", "x?"]


def test_a_job_is_not_continued_in_another_encoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes("title,b\nÇay,1\n".encode("cp850"))
    monkeypatch.setattr("shelftalker.writing.job.output.assemble", lambda *_, **__: 1 / 0)
    for encoding, error in (("cp850", ZeroDivisionError), ("cp1254", ShelftalkerError)):
        recipe = Recipe().with_flags(prepare={"encoding": encoding})
        with pytest.raises(error):
            generate(source, tmp_path / "out.csv", "played", recipe, resume=True)


LABEL = st.sampled_from(
    ["Name", "name", "NAME", "", "description", "Description", "score", "größe", "a\nb", "x'y", 'q"', "=f", "É", "é"]
)
CELL = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn", "Co"]), max_size=8),
    st.sampled_from(["=1+1", "-5", "'x", '"', "two\nlines", " a ", "007", "1e5", "null", "[1]", "{}", "\\N"]),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data(), st.sampled_from([".csv", ".tsv", ".jsonl", ".parquet", ".xlsx", ".csv.gz"]))
def test_whatever_is_in_a_table_comes_out_of_the_job(tmp_path: Path, data: st.DataObject, suffix: str) -> None:
    header = ["title", *data.draw(st.lists(LABEL, min_size=1, max_size=5))]
    cells = data.draw(st.lists(st.lists(CELL, min_size=len(header), max_size=len(header)), min_size=1, max_size=4))
    # An empty record is no row, in any table.
    cells = [["-" if at == 0 and not cell else cell for at, cell in enumerate(row)] for row in cells]
    for path in tmp_path.iterdir():
        path.unlink()
    target = tmp_path / f"out{suffix}"
    job = generate(table(tmp_path / "in.csv", header, cells, quoting=csv.QUOTE_ALL), target, "played")
    assert job.rows == len(cells)
    width = len(header)
    if suffix == ".parquet":
        found = duckdb.sql(f"select * from '{target}'")
        assert [[cell or "" for cell in row[:width]] for row in found.fetchall()] == cells
        own, added = ({name.lower() for name in names} for names in (found.columns[:width], found.columns[width:]))
        assert not own & added and len(added) == len(found.columns) - width == len(output.NEW_TYPES)
    elif suffix == ".jsonl":
        rows = [json.loads(line) for line in target.read_bytes().splitlines()]
        assert [list(row.values())[:width] for row in rows] == cells
        assert all(len(row) == width + len(output.NEW_TYPES) for row in rows)
    elif suffix == ".xlsx":
        shape = catalogue_rows.inspect(target)
        assert shape.labels[:width] == header
        read = [[row.values[name] for name in shape.names[:width]] for row in catalogue_rows.read(shape)]
        assert read == cells
    else:
        text = gzip.decompress(target.read_bytes()).decode() if suffix.endswith("gz") else target.read_bytes().decode()
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter="\t" if suffix == ".tsv" else ","))
        assert [line[:width] for line in lines] == [header, *cells]
        assert all(len(line) == width + len(output.NEW_TYPES) for line in lines)
