"""Which rows a job writes: nothing that is there is replaced, and every row comes out."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from generation.played import MODEL, PlayedEngine

from shelftalker import ShelftalkerError
from shelftalker.cli import main
from shelftalker.recipe.recipe import Recipe
from shelftalker.writing.job.job import generate

ROWS = [
    {"sku": "A1", "title": "Blue lamp", "Description": "A lamp that somebody wrote."},
    {"sku": "A2", "title": "Red mug", "Description": ""},
    {"sku": "A3", "title": "Oak chair", "Description": "<p>&nbsp;</p>"},
    {"sku": "A4", "title": "", "Description": ""},
]


@pytest.fixture(autouse=True)
def engine(monkeypatch: pytest.MonkeyPatch) -> PlayedEngine:
    played = PlayedEngine()
    monkeypatch.setattr("shelftalker.generation.load.load_engine", lambda *_: played)
    monkeypatch.setattr("shelftalker.models.open.resolve", lambda *_: MODEL)
    return played


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return path


def described(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_rows_with_a_description_are_left_alone(source: Path, engine: PlayedEngine) -> None:
    recipe = Recipe().with_flags(generate={"only": "empty"})
    job = generate(source, source.with_name("out.jsonl"), "played", recipe)
    rows = described(job.output)
    assert [{key: row[key] for key in ROWS[0]} for row in rows] == ROWS
    assert [row["generated_description"] for row in rows] == [
        None, "Fine Red mug, 128 tokens.", "Fine Oak chair, 128 tokens.", None,
    ]  # fmt: skip
    assert all(value is None for key, value in rows[0].items() if key not in ROWS[0])
    assert len(engine.prompts) == 2
    assert (job.rows, job.described, job.failed, job.left) == (4, 2, 1, 1)


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".xlsx"])
def test_rows_that_are_left_come_out_in_every_format(source: Path, suffix: str) -> None:
    recipe = Recipe().with_flags(generate={"only": "empty"})
    job = generate(source, source.with_name(f"out{suffix}"), "played", recipe)
    assert job.left == 1 and job.output.is_file()


def test_a_list_of_ids_says_which_rows(source: Path, engine: PlayedEngine, capsys: pytest.CaptureFixture[str]) -> None:
    ids, output = source.with_name("ids.txt"), source.with_name("out.csv")
    ids.write_text("A3\r\nA1\r\n\r\nZ9\r\n")
    asked = ["--input", str(source), "--output", str(output), "--model", "played"]
    assert main(["generate", *asked, "--only", "listed", "--listed", str(ids)]) == 0
    with output.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [bool(row["generated_description"]) for row in rows] == [True, False, True, False]
    said = " ".join("".join(capsys.readouterr()).split())
    assert "1 listed ids are not in the catalogue: Z9" in said and "2 left as they were" in said


def test_a_job_is_not_continued_with_another_list(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ids, output = source.with_name("ids.txt"), source.with_name("out.csv")
    recipe = Recipe().with_flags(generate={"only": "listed", "listed": str(ids)})
    monkeypatch.setattr("shelftalker.writing.job.output.assemble", lambda *_, **__: 1 / 0)
    for listed, error in (("A1", ZeroDivisionError), ("A2", ShelftalkerError)):
        ids.write_text(listed)
        with pytest.raises(error):
            generate(source, output, "played", recipe, resume=True)


@pytest.mark.parametrize(
    ("asked", "listed", "message"),
    [
        ({"only": "listed"}, None, "go together"),
        ({"only": "all", "listed": "ids.txt"}, "A1", "go together"),
        ({"only": "listed", "listed": "ids.txt"}, None, "cannot read the list of ids"),
        ({"only": "listed", "listed": "ids.txt"}, "\n \n", "list of ids is empty"),
        ({"only": "listed", "listed": "ids.txt"}, "X\nY", "none of the 2 listed ids"),
    ],
)
def test_a_list_that_is_no_use_is_told(
    source: Path, engine: PlayedEngine, asked: dict[str, str], listed: str | None, message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(source.parent)
    if listed is not None:
        Path("ids.txt").write_text(listed)
    with pytest.raises(ShelftalkerError, match=message):
        generate(source, Path("out.csv"), "played", Recipe().with_flags(generate=asked))
    assert engine.prompts == []


@pytest.mark.parametrize(("only", "message"), [("empty", "named like a description"), ("listed", "named like an id")])
def test_columns_that_are_missing_are_told(tmp_path: Path, only: str, message: str) -> None:
    (tmp_path / "in.csv").write_text("title\nMug\n")
    (tmp_path / "ids.txt").write_text("1\n")
    listed = {"listed": str(tmp_path / "ids.txt")} if only == "listed" else {}
    recipe = Recipe().with_flags(generate={"only": only, **listed})
    with pytest.raises(ShelftalkerError, match=message):
        generate(tmp_path / "in.csv", tmp_path / "out.csv", "played", recipe)
