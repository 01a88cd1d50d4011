"""What stands behind the page: text as it is written, stopping, further versions, many products, the history."""

from __future__ import annotations

import csv
import json
import threading
import time
from pathlib import Path

import pytest
from fakes import FakeEngine

from shelftalker.errors import ShelftalkerError
from shelftalker.playground import history, tuning
from shelftalker.playground.batch import ROWS, Batch, describe_all
from shelftalker.playground.desk import CONTROLS, Desk
from shelftalker.playground.live import writing
from shelftalker.recipe.decoding import Decoding
from shelftalker.recipe.recipe import Recipe
from shelftalker.writing.writer import Writer
from shelftalker.writing.written import Written


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    paths = {"data": tmp_path / "data", "outputs": tmp_path / "outputs", "artifacts": tmp_path / "artifacts"}
    recipe = Recipe().with_flags(base_model="base-name", paths=paths)
    return Desk(None, recipe, load=lambda model, recipe: Writer(FakeEngine(model, recipe), recipe))


@pytest.fixture
def real(tiny_t5: Path, tmp_path: Path) -> Desk:
    paths = {"data": tmp_path / "data", "outputs": tmp_path / "outputs", "artifacts": tmp_path / "artifacts"}
    return Desk(None, Recipe().with_flags(base_model=str(tiny_t5), paths=paths, decoding={"max_new_tokens": 400}))


def test_the_text_grows_and_ends_as_the_whole_description(real: Desk) -> None:
    news = list(writing(real, real.base.label, "blue bottle", Decoding(max_new_tokens=12), {}))
    assert isinstance(news[-1], Written)
    texts = [one for one in news if isinstance(one, str)]
    assert texts
    assert texts[-1] == news[-1].text


def test_whoever_stops_listening_stops_the_writing(real: Desk) -> None:
    label = real.base.label
    real.write(label, "blue bottle", Decoding(max_new_tokens=2), {})
    heard = writing(real, label, "blue bottle", Decoding(max_new_tokens=400, min_new_tokens=400), {})
    assert isinstance(next(heard), str)
    heard.close()
    start = time.monotonic()
    real.write(label, "blue bottle", Decoding(max_new_tokens=1), {})  # waits until the model is free
    assert time.monotonic() - start < 5
    deadline = time.monotonic() + 10
    while any(thread.name.endswith("(work)") for thread in threading.enumerate()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(thread.name.endswith("(work)") for thread in threading.enumerate())


def test_a_fault_is_raised_where_somebody_listens(desk: Desk) -> None:
    with pytest.raises(ShelftalkerError, match="no title"):
        list(writing(desk, desk.base.label, " ", Decoding(), {}))


def test_an_emptied_field_is_said_by_name(desk: Desk) -> None:
    label, values = desk.base.label, [getattr(desk.recipe.decoding, name) for name in CONTROLS]
    assert tuning.settings_of(desk, label, values) == desk.recipe.decoding
    values[CONTROLS.index("seed")] = None
    with pytest.raises(ShelftalkerError, match="the seed of sampling is empty"):
        tuning.settings_of(desk, label, values)


@pytest.mark.parametrize("scored", [Decoding(), Decoding(beams=4), Decoding(sample=True, temperature=0.5, seed=7)])
def test_every_further_version_is_another_draw(scored: Decoding) -> None:
    drawn = [tuning.another(scored, number) for number in (1, 2, 3)]
    assert all(one.sample and one.beams == 1 for one in drawn)
    assert len({one.seed for one in [scored, *drawn]}) == 4
    assert drawn[0].max_new_tokens == scored.max_new_tokens
    if scored.sample:
        assert drawn[0].temperature == scored.temperature


def _last(found: list[Batch]) -> Batch:
    assert [one.done for one in found] == sorted(one.done for one in found)
    return found[-1]


def test_pasted_titles_become_a_file_with_what_the_checks_found(desk: Desk) -> None:
    done = _last(list(describe_all(desk, desk.base.label, "Oak chair\n\n=SUM(A1) stool\n", None)))
    assert (done.total, done.done, done.flagged, done.failed) == (2, 2, 2, 0)
    assert done.file is not None
    rows = list(csv.DictReader(Path(done.file).read_text("utf-8-sig").splitlines()))
    assert rows[0]["description"] == "The Oak chair weighs 90 kg."
    assert rows[1]["title"] == "'=SUM(A1) stool", "no spreadsheet takes it for a formula"
    assert "unit" in done.rows[0][2]


def test_a_file_comes_back_in_its_own_format_with_all_its_columns(desk: Desk, tmp_path: Path) -> None:
    source = tmp_path / "products.jsonl"
    source.write_text('{"sku": "A1", "title": "Oak chair"}\n{"sku": "A2", "title": ""}\n')
    done = _last(list(describe_all(desk, desk.base.label, "", str(source))))
    assert (done.done, done.failed) == (2, 1)
    assert done.file is not None
    assert done.file.endswith(".jsonl")
    rows = [json.loads(line) for line in Path(done.file).read_text().splitlines()]
    assert [row["sku"] for row in rows] == ["A1", "A2"]
    assert rows[1]["problem"]


def test_a_catalogue_that_is_too_large_for_the_page_is_sent_to_the_command_line(desk: Desk) -> None:
    with pytest.raises(ShelftalkerError, match="more than this page takes") as refused:
        list(describe_all(desk, desk.base.label, "Oak chair\n" * (ROWS + 1), None))
    assert "shelftalker generate --input" in str(refused.value.mend)


def test_the_history_is_bounded_newest_first_and_a_file_in_the_order_of_writing(desk: Desk) -> None:
    past: list[history.Entry] = []
    for number in range(history.KEPT + 5):
        written = desk.write(desk.base.label, f"=Chair {number}", Decoding())
        past = history.added(past, history.entry(written, "base", "greedy"))
    assert len(past) == history.KEPT
    assert past[0]["title"] == f"=Chair {history.KEPT + 4}"
    rows = list(csv.DictReader(Path(history.as_file(past)).read_text("utf-8-sig").splitlines()))
    assert rows[-1]["title"] == f"'=Chair {history.KEPT + 4}"
    assert rows[0]["publishable"] == "no"
