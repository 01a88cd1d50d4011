"""Atomic writes, hashes and JSON lines: how every stage touches the disk."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from shelftalker.errors import ShelftalkerError


@contextmanager
def atomic(path: Path) -> Iterator[IO[bytes]]:
    """A binary file that appears under ``path`` whole or not at all (temporary file, fsync, rename).

    Raises:
        ShelftalkerError: the disk is full or the folder cannot be written.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        temporary = Path(name)
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        raise disk_error(error, path) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """A folder to fill that replaces ``path`` when the block ends well; an old one is gone only then.

    Two folders cannot change places in one step everywhere, so the old one waits as ``.NAME.old`` for the moment of a
    rename. A process killed in that moment leaves it there; `restore_folder` and the next call put it back.

    Raises:
        ShelftalkerError: the disk is full or the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        restore_folder(path)
        new = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent))
    except OSError as error:
        raise disk_error(error, path) from error
    old = _waiting(path)
    try:
        with full_disk_is_told(path):
            yield new
        new.chmod(0o755)
        if path.exists():
            path.rename(old)
        new.rename(path)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        restore_folder(path)
        raise disk_error(error, path) from error
    finally:
        shutil.rmtree(new, ignore_errors=True)


def restore_folder(path: Path) -> None:
    """Put back a folder whose replacement was killed between its two renames; a leftover beside a whole one goes."""
    old = _waiting(path)
    if old.is_dir() and not path.exists():
        old.rename(path)
    elif old.is_dir():
        shutil.rmtree(old, ignore_errors=True)


def _waiting(path: Path) -> Path:
    return path.with_name(f".{path.name}.old")


def copy_folder(source: Path, target: Path) -> None:
    """Copy a folder's files; where both lie on one disk, the large ones share their bytes."""
    target.mkdir()
    for path in sorted(source.iterdir()):
        try:
            os.link(path, target / path.name)
        except OSError:
            shutil.copyfile(path, target / path.name)


# What the libraries that write weights say when the disk is full: none of them raises an OSError for it.
_FULL = ("No space left on device", "os error 28", "PytorchStreamWriter failed", "inline_container.cc")


@contextmanager
def full_disk_is_told(folder: Path) -> Iterator[None]:
    """Whatever a library raises in the block because the disk under ``folder`` is full becomes the one clear error.

    Raises:
        ShelftalkerError: the disk is full.
    """
    try:
        yield
    except ShelftalkerError:
        raise
    except Exception as error:
        if not any(words in str(error) for words in _FULL):
            raise
        raise disk_error(OSError(errno.ENOSPC, "No space left on device"), folder) from error


def disk_error(error: OSError, path: Path) -> ShelftalkerError:
    """What the operating system said about writing ``path``, with its mend."""
    free = ""
    parent = next((folder for folder in path.absolute().parents if folder.exists()), None)
    if parent is not None:
        free = f" ({shutil.disk_usage(parent).free / 1e9:.1f} GB free)"
    return ShelftalkerError(
        f"cannot write: {error.strerror or error}{free}",
        where=str(path),
        mend="free some space or choose another folder; the old file, if there was one, is unharmed",
    )


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    with atomic(path) as file:
        file.write(text.encode())


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON atomically."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n")


def write_jsonl(path: Path, rows: Iterable[Mapping[str, Any]]) -> int:
    """Write one JSON object a line atomically; returns the number of lines."""
    count = 0
    with atomic(path) as file:
        for row in rows:
            file.write((json.dumps(row, ensure_ascii=False, default=str) + "\n").encode())
            count += 1
    return count


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        ShelftalkerError: missing, unreadable or broken.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ShelftalkerError(f"cannot read: {error.strerror}", where=str(path), mend="check the path") from None
    except ValueError as error:
        raise ShelftalkerError(f"broken JSON: {error}", where=str(path), mend="make the file again") from None


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """Read JSON lines.

    Raises:
        ShelftalkerError: missing, unreadable, or a broken line (which is named).
    """
    rows = []
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                try:
                    row = json.loads(line)
                except ValueError as error:
                    raise ShelftalkerError(
                        f"broken JSON: {error}",
                        where=f"{path}, line {number}",
                        mend="mend or remove that line",
                    ) from None
                if not isinstance(row, dict):
                    raise ShelftalkerError(
                        "not a JSON object",
                        where=f"{path}, line {number}",
                        mend="one object a line is expected",
                    )
                rows.append(row)
    except OSError as error:
        raise ShelftalkerError(f"cannot read: {error.strerror}", where=str(path), mend="check the path") from None
    return rows


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, or of the names and bytes of all files in a folder, as hex."""
    if path.is_file():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    digest = hashlib.sha256()
    for inner in sorted(path.rglob("*")):
        if inner.is_file():
            digest.update(f"{inner.relative_to(path).as_posix()}\0{sha256(inner)}\n".encode())
    return digest.hexdigest()
