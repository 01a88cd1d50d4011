"""Edited rows on several cores: the same bytes as on one, whoever is killed, and nobody left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from generation.played import MODEL, PlayedEngine

from shelftalker.errors import ShelftalkerError
from shelftalker.product import Product
from shelftalker.recipe.recipe import Recipe
from shelftalker.retrieve.ground import Sources
from shelftalker.writing.job import pool
from shelftalker.writing.job.job import generate

COLOURS = ("red", "blue", "green", "grey", "pink", "black", "white", "brown", "purple", "yellow")
THINGS = ("mug", "scarf", "lamp", "chair", "kettle", "brush", "wallet", "bottle", "blanket", "basket")
RECIPE = Recipe().with_flags(route={"edit_from": 0.5}, generate={"window_rows": 4}, device="cpu")
# No guard for __main__: workers must not need one.
SCRIPT = """
import signal
import sys
from pathlib import Path
from types import SimpleNamespace
from generation.played import MODEL, PlayedEngine
import shelftalker.generation.load, shelftalker.models.open
from shelftalker import ShelftalkerError, console, workers
from shelftalker.recipe.recipe import Recipe
from shelftalker.writing.job.job import generate
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests in the background has it ignored
console.configure(quiet=True)
folder = Path(sys.argv[1])
begin = workers.Pool.__init__
# BROKEN
shelftalker.generation.load.load_engine = lambda *_: PlayedEngine(float(sys.argv[3]))
model = SimpleNamespace(**vars(MODEL) | {"path": str(folder), "sources": folder / "sources"})
shelftalker.models.open.resolve = lambda *_: model
recipe = Recipe().with_flags(route={"edit_from": 0.5}, generate={"window_rows": 4, "workers": 2}, device="cpu")
try:
    generate(folder / "in.jsonl", folder / sys.argv[2], "played", recipe, resume=True)
except ShelftalkerError as error:
    sys.exit(str(error))
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A catalogue of rows that are edited, written, refused and empty, and the model with its index."""
    split = [
        Product(f"Ashdown {thing}, {colour}", f"{thing}-{colour}", description=f"A {colour} {thing} for every day.")
        for thing in THINGS
        for colour in COLOURS[:4]
    ]
    Sources.build(split, tmp_path / "sources", "abc", "row")
    rows: list[dict[str, Any]] = [{"title": f"Ashdown {thing}, {colour}"} for colour in COLOURS[4:] for thing in THINGS]
    rows[25:25] = [{"title": "Quilted anorak"}, {"title": ""}, {"title": "Ashdown mug, pink", "decoding.beams": 7}]
    rows[45:45] = [{"title": "Steel whisk", "decoding.beams": 7}, {"title": "Cedar chest"}]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps({"sku": n} | row) + "\n" for n, row in enumerate(rows)))
    model = SimpleNamespace(**vars(MODEL) | {"path": str(tmp_path), "sources": tmp_path / "sources"})
    monkeypatch.setattr("shelftalker.generation.load.load_engine", lambda *_: PlayedEngine())
    monkeypatch.setattr("shelftalker.models.open.resolve", lambda *_: model)
    return tmp_path


def _job(folder: Path, name: str, workers: int) -> bytes:
    recipe = RECIPE.with_flags(generate={"workers": workers})
    generate(folder / "in.jsonl", folder / name, "played", recipe, resume=True)
    return (folder / name).read_bytes()


def _start(folder: Path, name: str, seconds: float, script: str = SCRIPT) -> subprocess.Popen[bytes]:
    paths = os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])
    command = [sys.executable, "-c", script, str(folder), name, str(seconds)]
    return subprocess.Popen(command, env=os.environ | {"PYTHONPATH": paths}, stderr=subprocess.PIPE)


def test_the_same_bytes_on_one_core_and_on_two(folder: Path) -> None:
    alone = _job(folder, "alone.jsonl", 1)
    assert _job(folder, "two.jsonl", 2) == alone
    rows = [json.loads(line) for line in alone.splitlines()]
    assert [row["sku"] for row in rows] == list(range(65))
    routes = [row["route"] for row in rows]
    assert (routes.count("edited"), routes.count("written"), routes.count(None)) == (61, 2, 2)
    assert rows[27]["description"] == "A pink mug for every day.", "it needs no model, so none refuses its decoding"
    assert rows[45]["problem"] == "seven beams are too many" and rows[26]["problem"] == "the row has no title"


def test_workers_are_started_where_they_pay(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = SimpleNamespace(sources=folder / "sources")
    monkeypatch.setattr(pool, "cores", lambda: 8)
    asked = [RECIPE, RECIPE.with_flags(generate={"workers": 1}), RECIPE.with_flags(generate={"workers": 3})]
    assert [pool.workers_for(1_000_000, model, one) for one in asked] == [8, 0, 3]  # type: ignore[arg-type]
    assert pool.workers_for(pool.SMALL, model, RECIPE) == 0  # type: ignore[arg-type]
    nothing_edited = Recipe()
    assert pool.workers_for(1_000_000, model, nothing_edited) == 0  # type: ignore[arg-type]
    assert pool.workers_for(1_000_000, SimpleNamespace(sources=None), RECIPE) == 0  # type: ignore[arg-type]
    monkeypatch.setattr(pool, "cores", lambda: 1)
    assert pool.workers_for(1_000_000, model, RECIPE) == 0  # type: ignore[arg-type]


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_job_that_was_ended_goes_on_and_leaves_no_worker(folder: Path, how: signal.Signals) -> None:
    process = _start(folder, "out.jsonl", seconds=600)  # it stands still at the first row that a model writes
    parts = folder / ".out.jsonl.job"
    until = time.monotonic() + 300
    while not list(parts.glob("part-*")) and time.monotonic() < until:
        time.sleep(0.1)
    workers = _children(process.pid)
    assert list(parts.glob("part-*")) and len(workers) >= 2
    process.send_signal(how)
    process.communicate(timeout=60)
    until = time.monotonic() + 60
    while any((Path("/proc") / worker).exists() for worker in workers) and time.monotonic() < until:
        time.sleep(0.2)
    assert not any((Path("/proc") / worker).exists() for worker in workers)
    assert not (folder / "out.jsonl").exists()
    # With other workers than before: they are no part of what a job is.
    assert _job(folder, "out.jsonl", 1) == _job(folder, "alone.jsonl", 1)


def _children(parent: int) -> set[str]:
    found = set()
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit() and int((process / "stat").read_text().rpartition(")")[2].split()[1]) == parent:
                found.add(process.name)
        except OSError:
            continue
    return found


def test_a_worker_that_dies_is_a_clear_error_and_the_job_goes_on(folder: Path) -> None:
    dying = "import os\nworkers.Pool.__init__ = lambda self, make, *rest: begin(self, lambda: os._exit(9), *rest)\n"
    process = _start(folder, "out.jsonl", 0, SCRIPT.replace("# BROKEN\n", dying))
    _, said = process.communicate(timeout=300)
    assert process.returncode == 1
    assert b"a worker process ended early" in said and b"--generate.workers 1" in said
    assert _job(folder, "out.jsonl", 2) == _job(folder, "alone.jsonl", 1)


def test_what_a_worker_finds_wrong_is_said_as_it_is(folder: Path) -> None:
    (folder / "sources" / "index.json").write_text('{"schema": 99}')
    with pytest.raises(ShelftalkerError, match="made by another version"):
        _job(folder, "out.jsonl", 2)
