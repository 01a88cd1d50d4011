"""Whatever happens: no row is lost, and a folder holds the old output or the new."""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import re
import subprocess
import sys
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from shelftalker import console
from shelftalker.catalogue import prepare as stage
from shelftalker.catalogue import publish
from shelftalker.catalogue.examples import load_split
from shelftalker.catalogue.read import source
from shelftalker.errors import ShelftalkerError
from shelftalker.recipe.recipe import Recipe
from tests import forks
from tests.catalogue.conftest import Prepare, everything, placement, products, rejected, write_lines

FILES = ("train.jsonl", "val.jsonl", "test.jsonl", "rejected.jsonl", "card.json", "card.html")
SCRIPT = """
import sys
from shelftalker.catalogue import prepare as stage
from shelftalker.catalogue.read import source
from shelftalker.recipe.recipe import Recipe
stage.SMALL = 0
source.jobs.__defaults__ = (20000,)
stage.prepare(Recipe.load(None, {"prepare.inputs": [sys.argv[1]], "paths.data": sys.argv[2], "prepare.workers": 2}))
"""


def content(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in FILES if (folder / name).exists()}


def start(script: str, catalogue: Path, *arguments: object) -> subprocess.Popen[bytes]:
    # No guard for __main__ in the script: workers must not need one.
    path = catalogue.with_suffix(".py")
    path.write_text(script, "utf-8")
    return subprocess.Popen(
        [sys.executable, str(path), str(catalogue), *map(str, arguments)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def prepare_in_shards(source_file: str, folder: str) -> None:
    """What the killed processes do."""
    stage.SMALL = 0
    source.jobs.__defaults__ = (20_000,)
    keys = {"prepare.inputs": [source_file], "paths.data": folder, "prepare.workers": 1}
    stage.prepare(Recipe.load(None, keys))


def prepare_until(source_file: str, folder: str, moves: int) -> None:
    """As `prepare_in_shards`; the process ends when it has put ``moves`` files in place."""
    rename, left = Path.replace, moves

    def counted(self: Path, target: Path) -> Path:
        nonlocal left
        if ".prepare-ready" in str(self):
            if left == 0:
                os._exit(9)
            left -= 1
        return rename(self, target)

    Path.replace = counted  # type: ignore[method-assign, assignment]
    prepare_in_shards(source_file, folder)


@pytest.mark.slow
def test_killed_at_any_moment_the_folder_holds_old_or_new(tmp_path: Path) -> None:
    def begin(*arguments: Path) -> BaseProcess:
        return forks.start(prepare_in_shards, *map(str, arguments))

    def finish(*arguments: Path) -> None:
        process = begin(*arguments)
        process.join(300)
        assert process.exitcode == 0

    old = write_lines(tmp_path / "old.jsonl", products(50))
    new = write_lines(tmp_path / "new.jsonl", products(300, 1000))
    finish(old, tmp_path / "a")
    was = content(tmp_path / "a")
    began = time.monotonic()
    finish(new, tmp_path / "b")
    length = time.monotonic() - began
    will_be = content(tmp_path / "b")
    assert len(was) == len(will_be) == len(FILES)
    dice = random.Random(5)
    outcomes = set()
    for _ in range(20):
        process = begin(new, tmp_path / "a")
        time.sleep(dice.random() * length)
        process.kill()
        process.join(300)
        publish.recover(tmp_path / "a")
        found = content(tmp_path / "a")
        assert found in (was, will_be)
        outcomes.add(found == will_be)
        if found == will_be:
            finish(old, tmp_path / "a")
            assert content(tmp_path / "a") == was
    assert False in outcomes
    finish(new, tmp_path / "a")
    assert content(tmp_path / "a") == will_be
    assert {file.name for file in (tmp_path / "a").iterdir()} == {*FILES, "manifest.json"}


@pytest.mark.parametrize("moves", [0, 1, 4, 6, 9])
def test_a_switch_that_was_cut_short_is_completed_by_the_next_reader(run: Prepare, tmp_path: Path, moves: int) -> None:
    """Stopped after any number of the renames that put the new files in place."""
    folder = run(write_lines(tmp_path / "old.jsonl", products(30))).data_dir
    was = [row.uid for row in load_split(folder, "val")]
    new = write_lines(tmp_path / "new.jsonl", products(60, 500))
    process = forks.start(prepare_until, str(new), str(folder), moves)
    process.join(300)
    assert process.exitcode == (9 if moves < 7 else 0)
    assert sum(len(load_split(folder, name)) for name in ("val", "train", "test")) == 60
    assert [row.uid for row in load_split(folder, "val")] != was
    assert not (folder / publish.JOURNAL).exists()


def test_two_at_once_in_one_folder(run: Prepare, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "c.jsonl", products(20))
    with publish.scratch(tmp_path / "out"), pytest.raises(ShelftalkerError, match="another prepare"):
        run(path)


def test_other_files_in_the_folder_are_left_alone(run: Prepare, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    path = write_lines(tmp_path / "out" / "trn.json", products(20))
    (tmp_path / "out" / ".prepare-left").mkdir()
    (tmp_path / "out" / ".prepare-left" / "000000.lines").write_text("from a run that was killed")
    before = path.read_bytes()
    done = run(path)
    assert path.read_bytes() == before
    assert {file.name for file in done.data_dir.iterdir()} == {*FILES, "manifest.json", "trn.json"}


def test_a_worker_that_dies_is_an_error_not_a_hang(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "c.jsonl", products(300))
    script = SCRIPT.replace(
        "stage.SMALL = 0",
        "import os\n"
        "from shelftalker import workers\n"
        "begin = workers.Pool.__init__\n"
        "workers.Pool.__init__ = lambda self, make, count: begin(self, lambda: os._exit(9), count)\n"
        "stage.SMALL = 0",
    )
    process = start(script, path, tmp_path / "out")
    _, said = process.communicate(timeout=300)
    assert process.returncode == 1
    assert b"worker process ended early" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
def test_workers_end_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    catalogue = write_lines(tmp_path / "c.jsonl", products(30))
    script = SCRIPT.replace(
        "stage.SMALL = 0",
        "import time\n"
        "from shelftalker import workers\n"
        "begin = workers.Pool.__init__\n"
        "workers.Pool.__init__ = lambda self, make, count: begin(self, lambda: time.sleep(600), count)\n"
        "stage.SMALL = 0",
    )
    process = start(script, catalogue, tmp_path / "out")

    def workers() -> set[str]:
        marks = {name.name: _commands(name) for name in Path("/proc").iterdir() if name.name.isdigit()}
        return {number for number, (parent, line) in marks.items() if b"loky" in line and parent in known}

    known = {process.pid}
    until = time.monotonic() + 300
    while len(found := workers()) < 2 and time.monotonic() < until:
        time.sleep(0.2)
    assert len(found) >= 2
    time.sleep(2)
    process.kill()
    process.wait(60)
    until = time.monotonic() + 60
    while any(_commands(Path("/proc") / number)[1] for number in found) and time.monotonic() < until:
        time.sleep(0.2)
    assert not any(_commands(Path("/proc") / number)[1] for number in found)


def _commands(process: Path) -> tuple[int, bytes]:
    """The parent and the command line of a process; (0, nothing) of one that is gone."""
    try:
        parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
        return parent, (process / "cmdline").read_bytes()
    except OSError:
        return 0, b""


def test_a_full_disk_leaves_the_old_output(run: Prepare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = run(write_lines(tmp_path / "old.jsonl", products(30))).data_dir
    was = content(folder)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shelftalker.catalogue.clean.parts.np.save", full)
    with pytest.raises(ShelftalkerError, match="No space left"):
        run(write_lines(tmp_path / "new.jsonl", products(40)))
    assert content(folder) == was


def test_it_is_quiet_in_a_pipe(tmp_path: Path) -> None:
    process = start(SCRIPT, write_lines(tmp_path / "c.jsonl", products(50)), tmp_path / "out")
    _, said = process.communicate(timeout=300)
    assert process.returncode == 0
    assert b"\x1b" not in said
    assert b"\r" not in said
    assert len(said.splitlines()) <= 3


def test_a_terminal_sees_rate_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also while the number of rows is an estimate that changes with every shard."""
    screen = io.StringIO()
    monkeypatch.setattr(console, "_err", Console(file=screen, force_terminal=True, color_system=None, width=120))
    with console.progress("clean", log=False) as bar:
        for step in range(1, 8):
            bar.update(step * 1000, 10_000 + step)
            time.sleep(0.15)
    assert re.search(r"[1-9][0-9,]* rows/s +0:00:0", screen.getvalue())


ROW = st.one_of(
    st.binary(max_size=60),
    st.builds(lambda row: json.dumps(row).encode(), st.sampled_from(products(30))),
    st.builds(
        lambda title, content: json.dumps({"title": title, "content": content}).encode(),
        st.one_of(
            st.text(max_size=20), st.none(), st.integers(), st.lists(st.text(max_size=5), max_size=3), st.booleans()
        ),
        st.one_of(st.text(max_size=80), st.dictionaries(st.text(max_size=3), st.integers(), max_size=2), st.floats()),
    ),
    st.builds(lambda row, cut: json.dumps(row).encode()[:cut], st.sampled_from(products(30)), st.integers(0, 200)),
    st.builds(
        lambda row, bad: json.dumps(row).encode().replace(b"The", bad),
        st.sampled_from(products(30)),
        st.binary(max_size=6),
    ),
    st.just(b"[" * 5000),
    st.just(b'{"title": "' + b"9" * 5000 + b'", "content": ' + b"9" * 5000 + b"}"),
    st.just(b'{"title": "\\ud800 lone", "content": "a \\udc00 b c d e f g"}'),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ROW, max_size=40), st.booleans())
def test_no_raw_row_is_ever_unaccounted_for(run: Prepare, tmp_path: Path, lines: list[bytes], packed: bool) -> None:
    # Whatever the noise, the columns are known and one row can be used.
    rows = [json.dumps(products(1, 5000)[0]).encode(), *(line.replace(b"\n", b" ") for line in lines)]
    path = tmp_path / "c.jsonl"
    data = b"\n".join(rows)
    path.write_bytes(gzip.compress(data) if packed else data)
    done = run(path, force=True)
    real = [number for number, row in enumerate(rows, 1) if row.strip()]
    out = rejected(done)
    kept = sum(len(examples) for examples in everything(done).values())
    assert done.counts["raw"] == len(real) == kept + len(out)
    numbers = [row["line"] for row in out]
    assert len(set(numbers)) == len(numbers)
    assert set(numbers) <= set(real)
    assert all(row["reason"] in done.card["reasons"] for row in out)


def test_very_long_lines(run: Prepare, tmp_path: Path) -> None:
    long = {"uid": "LONG", "title": "Long", "content": "word " * 2_000_000}
    path = write_lines(tmp_path / "c.jsonl", [*products(20), long, b"x" * 10_000_000, *products(20, 100)])
    done = run(path, prepare__workers=1)
    assert len(placement(done)) == 40
    assert [(row["line"], row["reason"]) for row in rejected(done)] == [(21, "long_description"), (22, "broken_row")]


@pytest.mark.skipif(os.name != "posix", reason="file permissions as on POSIX")
def test_files_can_be_read_by_others(run: Prepare, tmp_path: Path) -> None:
    done = run(write_lines(tmp_path / "c.jsonl", products(20)))
    assert all((done.data_dir / name).stat().st_mode & 0o044 == 0o044 for name in FILES)
