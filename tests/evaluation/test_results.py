"""results.json: what is written can be read, and what is wrong is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shelftalker.errors import ShelftalkerError
from shelftalker.evaluation import results as schema
from tests.evaluation.samples import sample_results


def test_what_is_written_can_be_read(tmp_path: Path) -> None:
    results = sample_results()
    schema.write(results, tmp_path / "results.json")
    assert schema.read(tmp_path / "results.json") == results
    assert schema.read(tmp_path) == results, "a folder stands for the file in it"


def test_fields_of_a_later_writer_are_ignored(tmp_path: Path) -> None:
    raw = sample_results(6).to_dict() | {"new_field": 1}
    (tmp_path / "results.json").write_text(json.dumps(raw))
    assert schema.read(tmp_path).data.rows == 6


def _broken(change: str) -> str:
    raw = sample_results(6).to_dict()
    if change == "other schema":
        raw["schema"] = "shelftalker.results/2"
    elif change == "no schema":
        del raw["schema"]
    elif change == "a text for a number":
        raw["systems"][0]["scores"]["bleu"]["value"] = "high"
    elif change == "twice the same row":
        raw["rows"][1]["uid"] = raw["rows"][0]["uid"]
    elif change == "twice the same system":
        raw["systems"][1]["id"] = raw["systems"][0]["id"]
    elif change == "a prediction is missing":
        del raw["rows"][2]["predictions"]["copy-title"]
    elif change == "a test of nobody":
        raw["tests"][0]["a"] = "checkpoint-999"
    elif change == "a row is missing":
        raw["rows"].pop()
    return json.dumps(raw) if change != "cut short" else json.dumps(raw)[:500]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("other schema", "shelftalker.results/2"),
        ("no schema", "schema"),
        ("a text for a number", "$.systems[0].scores[...].value"),
        ("twice the same row", "row uid 'P0000' occurs twice"),
        ("twice the same system", "system id 'zero-shot' occurs twice"),
        ("a prediction is missing", "copy-title"),
        ("a test of nobody", "checkpoint-999"),
        ("a row is missing", "data.rows is 6, but there are 5 rows"),
        ("cut short", "not a results file"),
    ],
)
def test_a_faulty_file_says_what_is_wrong(tmp_path: Path, change: str, says: str) -> None:
    path = tmp_path / "results.json"
    path.write_text(_broken(change))
    with pytest.raises(ShelftalkerError) as error:
        schema.read(path)
    assert says in str(error.value)
    assert str(path) in str(error.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ShelftalkerError, match=r"results\.json"):
        schema.read(tmp_path)
