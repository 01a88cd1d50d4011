"""Whole catalogues: every row comes out, in its place, with all its columns, whatever happens on the way."""

from __future__ import annotations

import csv
import gzip
import json
import random
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest
from generation import played
from generation.played import MODEL, PlayedEngine

from shelftalker import ShelftalkerError
from shelftalker.recipe.recipe import Recipe
from shelftalker.writing.job import job as catalogue_job
from shelftalker.writing.job.job import generate
from shelftalker.writing.job.output import NEW_TYPES, neutral
from tests import forks

ROWS: list[dict[str, Any]] = [
    {"sku": f"S{number}", "title": f"Blue lamp {number}", "price": number * 1.10, "tags": ["a", {"b": number}]}
    for number in range(23)
]


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> PlayedEngine:
    played = PlayedEngine()
    monkeypatch.setattr("shelftalker.generation.load.load_engine", lambda *_: played)
    monkeypatch.setattr("shelftalker.models.open.resolve", lambda *_: MODEL)
    return played


@pytest.fixture
def recipe() -> Recipe:
    return Recipe().with_flags(generate={"window_rows": 5})


def _lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def _read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_every_row_keeps_its_place_and_its_columns(tmp_path: Path, engine: PlayedEngine, recipe: Recipe) -> None:
    source = _lines(tmp_path / "in.jsonl", ROWS)
    job = generate(source, tmp_path / "out.jsonl", "played", recipe)
    rows = _read(tmp_path / "out.jsonl")
    assert [{key: row[key] for key in ROWS[0]} for row in rows] == ROWS
    assert [row["description"] for row in rows] == [f"Fine Blue lamp {number}, 128 tokens." for number in range(23)]
    assert rows[0].keys() == ROWS[0].keys() | NEW_TYPES.keys()
    assert rows[3]["model"] == "abc123" and rows[3]["engine"] == "engine:played" and rows[3]["score"] == -0.25
    assert (job.rows, job.described, job.failed) == (23, 23, 0)
    assert not (tmp_path / ".out.jsonl.job").exists()


def test_findings_flag_what_the_prompt_does_not_support(tmp_path: Path, engine: PlayedEngine) -> None:
    rows = [{"title": "Blue lamp", "size": "", "stock": "128"}, {"title": "Blue lamp", "size": "128 tokens"}]
    recipe = Recipe(prompt="{size} Title: {title}\n")
    job = generate(_lines(tmp_path / "in.jsonl", rows), tmp_path / "out.jsonl", "played", recipe)
    doubtful, supported = _read(tmp_path / "out.jsonl")
    assert doubtful["publishable"] is False
    assert any("128" in finding["text"] for finding in doubtful["findings"])
    start, end = (doubtful["findings"][0][key] for key in ("start", "end"))
    assert doubtful["description"][start:end] == doubtful["findings"][0]["text"]
    assert supported["findings"] == [] and supported["publishable"] is True
    assert job.flagged == 1


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".tsv", ".parquet", ".jsonl.gz", ".csv.gz"])
@pytest.mark.parametrize("kind", ["lines", "table", "parquet", "array"])
def test_every_format_comes_in_and_goes_out(
    kind: str, suffix: str, tmp_path: Path, engine: PlayedEngine, recipe: Recipe
) -> None:
    rows = [{"sku": row["sku"], "title": row["title"]} for row in ROWS]
    lines = _lines(tmp_path / "lines.jsonl", rows)
    source = tmp_path / "in"
    if kind == "lines":
        source = tmp_path / "in.jsonl.gz"
        source.write_bytes(gzip.compress(lines.read_bytes()))
    elif kind == "array":
        source = tmp_path / "in.json"
        source.write_text(json.dumps(rows))
    elif kind == "table":
        source = tmp_path / "in.csv"
        with source.open("w", newline="") as file:
            writer = csv.DictWriter(file, ["sku", "title"], delimiter=";")
            writer.writeheader()
            writer.writerows(rows)
    else:
        source = tmp_path / "in.parquet"
        duckdb.sql(f"copy (from read_json('{lines}')) to '{source}'")
    output = tmp_path / f"out{suffix}"
    generate(source, output, "played", recipe)
    if suffix.startswith((".csv", ".tsv")):
        text = gzip.decompress(output.read_bytes()).decode() if suffix.endswith("gz") else output.read_text()
        found = list(csv.DictReader(text.splitlines(), delimiter="\t" if suffix == ".tsv" else ","))
    elif suffix == ".parquet":
        table = duckdb.sql(f"select * from '{output}'")
        found = [dict(zip(table.columns, row, strict=True)) for row in table.fetchall()]
    else:
        data = gzip.decompress(output.read_bytes()) if suffix.endswith("gz") else output.read_bytes()
        found = [json.loads(line) for line in data.splitlines()]
    assert [(row["sku"], row["title"]) for row in found] == [(row["sku"], row["title"]) for row in rows]
    assert [row["description"] for row in found] == [f"Fine {row['title']}, 128 tokens." for row in rows]


def test_parquet_columns_keep_their_types(tmp_path: Path, engine: PlayedEngine, recipe: Recipe) -> None:
    source = tmp_path / "in.parquet"
    duckdb.sql(
        "copy (select 'Lamp ' || range as title, range::decimal(9,2) as price, date '2026-01-01' as since, "
        f"[range, 2] as sizes, 'x'::blob as picture, null::varchar as note from range(12)) to '{source}'"
    )
    generate(source, tmp_path / "out.parquet", "played", recipe)
    before = duckdb.sql(f"describe select * from '{source}'").fetchall()
    after = duckdb.sql(f"describe select * from '{tmp_path / 'out.parquet'}'").fetchall()
    assert after[: len(before)] == before
    kept = duckdb.sql(f"select title, price, since, sizes, picture, note from '{tmp_path / 'out.parquet'}'").fetchall()
    assert kept == duckdb.sql(f"select * from '{source}'").fetchall()


def test_bad_rows_are_flagged_and_the_job_goes_on(tmp_path: Path, engine: PlayedEngine, recipe: Recipe) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text(
        '{"title": "Lamp"}\n{"title": "  "}\nnot json\n[1]\n{"sku": 3}\n{"title": ["x"]}\n{"title": 7}\n'
        '{"title": "Chair", "decoding.max_new_tokens": "many"}\n{"title": "Bed", "decoding.max_new_tokens": 9}\n'
        '{"title": "Sofa", "decoding.beams": 7}\n{"title": "' + "very " * 200 + 'long sofa"}\n'
    )
    job = generate(source, tmp_path / "out.jsonl", "played", recipe)
    rows = _read(tmp_path / "out.jsonl")
    assert len(rows) == 11
    described = [number for number, row in enumerate(rows) if row["description"]]
    assert described == [0, 6, 8, 10]
    assert rows[6]["description"] == "Fine 7, 128 tokens."
    assert rows[8]["description"] == "Fine Bed, 9 tokens."
    assert "no title" in rows[1]["problem"] and "not json" in rows[2]["problem"]
    assert "max_new_tokens" in rows[7]["problem"] and "too many" in rows[9]["problem"]
    assert "lost its last words" in rows[10]["problem"]
    assert (job.described, job.failed) == (4, 7)


def test_a_table_with_ragged_rows_loses_none(tmp_path: Path, engine: PlayedEngine, recipe: Recipe) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes(
        "title,brand\nLamp,Acme\nSofa\nBed,Acme,extra\n\nCaf\u00e9 chair,\u00c9t\u00e9\n".encode("cp1252")
    )
    generate(source, tmp_path / "out.jsonl", "played", recipe)
    rows = _read(tmp_path / "out.jsonl")
    assert [row["title"] for row in rows] == ["Lamp", "Sofa", "Bed", "Caf\u00e9 chair"]
    assert "more cells" in rows[2]["problem"] and rows[3]["brand"] == "\u00c9t\u00e9"


def test_prompt_fields_come_from_columns(tmp_path: Path, engine: PlayedEngine) -> None:
    recipe = Recipe().with_flags(prompt="Tone: {tone}\nTitle: {title}\nDescription:")
    source = _lines(tmp_path / "in.jsonl", [{"title": "Lamp", "Tone": "warm"}, {"title": "Sofa", "Tone": None}])
    generate(source, tmp_path / "out.jsonl", "played", recipe)
    assert engine.prompts == [
        "Tone: warm\nTitle: Lamp\nDescription:",
        "Title: Sofa\nDescription:",
    ]
    other = _lines(tmp_path / "other.jsonl", [{"title": "Lamp"}])
    with pytest.raises(ShelftalkerError, match=r"asks for \{tone\}"):
        generate(other, tmp_path / "out2.jsonl", "played", recipe)


def test_a_column_called_description_stays_beside_the_new_one(
    tmp_path: Path, engine: PlayedEngine, recipe: Recipe
) -> None:
    source = _lines(tmp_path / "in.jsonl", [{"title": "Lamp", "description": "by hand", "model": "X1"}])
    generate(source, tmp_path / "out.csv", "played", recipe)
    row = next(csv.DictReader((tmp_path / "out.csv").open()))
    assert (row["description"], row["model"]) == ("by hand", "X1")
    assert (row["generated_description"], row["generated_model"]) == ("Fine Lamp, 128 tokens.", "abc123")


def test_no_cell_is_a_formula(tmp_path: Path, engine: PlayedEngine, recipe: Recipe) -> None:
    evil = [
        '=HYPERLINK("http://x")',
        "+1+cmd|' /C calc'!A0",
        "-2+3",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        " =1",
        "-5",
        "+49 30",
        "5%",
    ]
    source = _lines(tmp_path / "in.jsonl", [{"title": text, "=name": text} for text in evil])
    recipe = recipe.with_flags(generate={"spreadsheet_safe": True})
    generate(source, tmp_path / "out.csv", "played", recipe)
    rows = list(csv.reader((tmp_path / "out.csv").open(newline="")))
    for row in rows:
        for cell in row:
            assert cell == neutral(cell) or cell.startswith("'") or cell in ("-5",)
            assert not cell.lstrip().startswith(("=", "@"))
    assert [row[0] for row in rows[1:]] == [*(f"'{text}" for text in evil[:7]), "-5", "'+49 30", "5%"]


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_twenty_kills_change_no_byte(suffix: str, tmp_path: Path, engine: PlayedEngine, recipe: Recipe) -> None:
    source = _lines(tmp_path / "in.jsonl", [{"title": f"Lamp {number}"} for number in range(200)])
    whole = tmp_path / f"whole{suffix}"
    generate(source, whole, "played", recipe)
    output = tmp_path / f"out{suffix}"
    work = tmp_path / f".out{suffix}.job"
    chance = random.Random(7)
    kills, most = 0, 0
    while kills < 20:
        # Killed when some more windows are there (the last times: while the output is put together), a moment later.
        reached = len(list(work.glob("part-*")))
        wanted = min(40, reached + chance.randrange(4))
        process = forks.start(played.job, str(source), str(output), 0.02)
        until = time.monotonic() + 60
        while len(list(work.glob("part-*"))) < wanted and process.is_alive() and time.monotonic() < until:
            time.sleep(0.002)
        time.sleep(chance.random() * 0.03)
        process.kill()
        process.join(60)
        kills += 1
        most = max(most, len(list(work.glob("part-*"))))
        assert not output.exists() or output.read_bytes() == whole.read_bytes()
    assert most > 10
    process = forks.start(played.job, str(source), str(output), 0.0)
    process.join(300)
    assert process.exitcode == 0
    assert output.read_bytes() == whole.read_bytes()
    assert not work.exists() and not list(tmp_path.glob(".out*.part"))


def test_an_unfinished_job_is_not_overwritten_nor_continued_with_other_settings(
    tmp_path: Path, engine: PlayedEngine, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = _lines(tmp_path / "in.jsonl", ROWS)
    output = tmp_path / "out.jsonl"
    fine, calls = engine.generate, 0

    def fail_later(*given: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise MemoryError
        return fine(*given, **named)

    monkeypatch.setattr(engine, "generate", fail_later)
    with pytest.raises(MemoryError):
        generate(source, output, "played", recipe)
    assert not output.exists()
    with pytest.raises(ShelftalkerError, match="unfinished job"):
        generate(source, output, "played", recipe)
    for other in ({"decoding": {"max_new_tokens": 5}}, {"generate": {"quantisation": "float32"}}, {"dtype": "float32"}):
        with pytest.raises(ShelftalkerError, match="other settings"):
            generate(source, output, "played", recipe.with_flags(**other), resume=True)
    done_before = len(engine.prompts)
    assert generate(source, output, "played", recipe, resume=True).rows == 23
    assert len(engine.prompts) == 23 and done_before == 10
    again = generate(source, output, "played", recipe, resume=True)
    assert again.skipped and again.rows == 23 and len(engine.prompts) == 23


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("missing.csv", None, "no such catalogue file"),
        ("empty.csv", "", "no rows"),
        ("header.csv", "title,brand\n", "no rows"),
        ("untitled.csv", "colour,brand\nred,Acme\n", "no column is named like a title"),
        ("override.csv", "title,decoding.beam\nLamp,2\n", "overrides no key"),
    ],
)
def test_an_input_that_cannot_be_used_is_one_clear_error(
    name: str, text: str | None, message: str, tmp_path: Path, engine: PlayedEngine, recipe: Recipe
) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(ShelftalkerError, match=message):
        generate(tmp_path / name, tmp_path / "out.jsonl", "played", recipe)
    assert not list(tmp_path.glob("*out*"))


def test_an_output_without_a_format_and_the_input_itself_are_refused(
    tmp_path: Path, engine: PlayedEngine, recipe: Recipe
) -> None:
    source = _lines(tmp_path / "in.jsonl", ROWS)
    with pytest.raises(ShelftalkerError, match="does not say its format"):
        generate(source, tmp_path / "out.docx", "played", recipe)
    with pytest.raises(ShelftalkerError, match="replace the input"):
        generate(source, source, "played", recipe)


_KEEP = catalogue_job._keep


def _fail_at_the_third(path: Path, data: bytes) -> None:
    if path.name == "part-00000002.jsonl":
        raise KeyboardInterrupt
    _KEEP(path, data)


def test_real_engines_resume_to_the_same_bytes(tiny_t5: Path, tmp_path: Path) -> None:
    """With greedy CTranslate2 and with sampled candidates in transformers: some windows lost, then resumed."""
    rows = [{"sku": str(number), "title": f"{'steel ' * (number % 4)}bottle {number}"} for number in range(17)]
    source = _lines(tmp_path / "in.jsonl", rows)
    for decoding in ({"max_new_tokens": 8}, {"max_new_tokens": 8, "sample": True, "candidates": 3, "top_p": 0.9}):
        recipe = Recipe().with_flags(device="cpu", decoding=decoding, generate={"window_rows": 4, "batch_size": 3})
        whole, output = tmp_path / "whole.csv", tmp_path / "out.csv"
        generate(source, whole, tiny_t5, recipe)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(catalogue_job, "_keep", _fail_at_the_third)
            with pytest.raises(KeyboardInterrupt):
                generate(source, output, tiny_t5, recipe)
        generate(source, output, tiny_t5, recipe, resume=True)
        assert output.read_bytes() == whole.read_bytes()
        for path in (whole, output):
            path.unlink()
