"""The job on a cluster of two worker processes of this machine: the same bytes, also when a worker is killed."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from shelftalker.recipe.recipe import Recipe
from shelftalker.writing.job.job import generate

pytest.importorskip("ray", reason="the extra [ray] is not installed")


@pytest.mark.slow
def test_two_workers_and_a_killed_one_give_the_same_bytes(tiny_t5: Path, tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    rows = [{"sku": str(number), "title": f"{'steel ' * (number % 4)}bottle {number}"} for number in range(60)]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    recipe = Recipe().with_flags(
        device="cpu", decoding={"max_new_tokens": 24}, generate={"window_rows": 2, "ray_workers": 2, "threads": 1}
    )
    generate(source, tmp_path / "alone.jsonl", tiny_t5, recipe)
    killed: list[int] = []
    stop = threading.Event()

    def kill_one_worker() -> None:
        """Once the first windows are back, kill one of the processes that hold an engine."""
        work = tmp_path / ".spread.jsonl.job"
        while not stop.wait(0.02):
            if killed or len(list(work.glob("part-*"))) < 2:
                continue
            for entry in Path("/proc").iterdir():
                if entry.name.isdigit() and _is_our_worker(entry):
                    os.kill(int(entry.name), signal.SIGKILL)
                    killed.append(int(entry.name))
                    return

    killer = threading.Thread(target=kill_one_worker)
    killer.start()
    try:
        began = time.monotonic()
        job = generate(source, tmp_path / "spread.jsonl", tiny_t5, recipe, ray=True)
    finally:
        stop.set()
        killer.join(60)
    assert job.rows == 60 and time.monotonic() - began < 600
    assert killed
    assert (tmp_path / "spread.jsonl").read_bytes() == (tmp_path / "alone.jsonl").read_bytes()


def _is_our_worker(process: Path) -> bool:
    """Whether a process is an engine of this test's own cluster (Ray names its workers by what they run)."""
    try:
        if b"MapWorker" not in (process / "cmdline").read_bytes():
            return False
        parents, current = set(), process
        while (parent := _parent(current)) > 1:
            parents.add(parent)
            current = Path("/proc") / str(parent)
        return os.getpid() in parents
    except OSError:
        return False


def _parent(process: Path) -> int:
    return int((process / "stat").read_text().rpartition(")")[2].split()[1])
