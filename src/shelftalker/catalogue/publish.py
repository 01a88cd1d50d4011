"""How `prepare` changes a data folder: all of its files at once, or none.

New files are made in a scratch folder inside the data folder. When all are there, a journal that lists them is put
in place by one rename: from then on the new output is the output. Moving the files follows; should that be cut
short, the next reader or writer of the folder finds the journal and completes it.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from shelftalker import files
from shelftalker.errors import ShelftalkerError

JOURNAL = ".prepare.journal"
LOCK = ".prepare.lock"
SCRATCH = ".prepare-"


@contextmanager
def scratch(folder: Path) -> Iterator[Path]:
    """A scratch folder inside ``folder``, gone afterwards; leftovers of killed runs are cleared first.

    Raises:
        ShelftalkerError: another `prepare` is at work in the folder, or it cannot be written.
    """
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / LOCK).open("a") as lock:
            _lock(lock, folder)
            recover(folder)
            for left in folder.glob(f"{SCRATCH}*"):
                shutil.rmtree(left, ignore_errors=True)
            inside = Path(tempfile.mkdtemp(prefix=SCRATCH, dir=folder))
            try:
                yield inside
            finally:
                shutil.rmtree(inside, ignore_errors=True)
                (folder / LOCK).unlink(missing_ok=True)
    except OSError as error:
        raise files.disk_error(error, folder) from error
    finally:
        for path in made:  # folders that a failed run made and left empty
            with suppress(OSError):
                path.rmdir()


@contextmanager
def flushing(paths: Sequence[Path], executor: Executor) -> Iterator[None]:
    """Bring files to the disk while they are written, so that at the end there is little to wait for."""
    done = threading.Event()

    def flush() -> None:
        while not done.wait(0.1):
            for path in paths:
                _flush(path)

    flushes = executor.submit(flush)
    try:
        yield
    finally:
        done.set()
        flushes.result()


def flushed(path: Path) -> str:
    """Wait until a file is on the disk; returns its SHA-256."""
    digest = files.sha256(path)  # meanwhile the system writes
    _flush(path)
    return digest


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def publish(folder: Path, inside: Path, names: Sequence[str]) -> None:
    """Make the files ``names`` of the scratch folder ``inside`` the content of ``folder``."""
    for name in names:
        _flush(inside / name)
    ready = folder / f"{SCRATCH}ready-{inside.name.removeprefix(SCRATCH)}"
    ready.mkdir()
    for name in names:
        (inside / name).replace(ready / name)
        (ready / name).chmod(0o644)
    files.write_json(folder / JOURNAL, {"from": ready.name, "files": list(names)})
    recover(folder)


def recover(folder: Path) -> None:
    """Complete a change of ``folder`` that was cut short after it was decided."""
    journal = folder / JOURNAL
    try:
        plan = json.loads(journal.read_bytes())
    except (OSError, ValueError):
        return
    ready = folder / Path(plan["from"]).name
    for name in plan["files"]:
        new = ready / Path(name).name
        try:
            new.replace(folder / Path(name).name)
        except FileNotFoundError:
            continue  # moved before the cut, or by another reader just now
    journal.unlink(missing_ok=True)
    shutil.rmtree(ready, ignore_errors=True)


def _lock(file: IO[str], folder: Path) -> None:
    try:
        import fcntl
    except ImportError:  # Windows: no advisory locks; a second prepare there is the user's to avoid
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise ShelftalkerError(
            "another prepare is writing this folder", where=str(folder), mend="wait for it, or use --out FOLDER"
        ) from None
