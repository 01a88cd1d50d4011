"""Writes that are whole or not there, and reads that name the broken line."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from shelftalker import files
from shelftalker.errors import ShelftalkerError


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    files.write_json(path, {"old": 1})
    with pytest.raises(RuntimeError), files.atomic(path) as file:
        file.write(b"half")
        raise RuntimeError
    assert files.read_json(path) == {"old": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_full_disk_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.txt"
    files.write_text(path, "old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ShelftalkerError, match="No space left on device") as caught:
        files.write_text(path, "new")
    assert "GB free" in caught.value.what
    assert path.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_folder_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "model"
    with files.atomic_folder(target) as folder:
        (folder / "a").write_text("1")
    with pytest.raises(RuntimeError), files.atomic_folder(target) as folder:
        (folder / "a").write_text("2")
        raise RuntimeError
    assert (target / "a").read_text() == "1"
    with files.atomic_folder(target) as folder:
        (folder / "b").write_text("3")
    assert [path.name for path in target.iterdir()] == ["b"]
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_kill_between_the_two_renames_loses_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "model"
    with files.atomic_folder(target) as folder:
        (folder / "a").write_text("1")
    rename = Path.rename

    def killed(self: Path, to: Path) -> Path:
        if self.suffix == ".part":
            raise KeyboardInterrupt
        return rename(self, to)

    monkeypatch.setattr(Path, "rename", killed)
    with pytest.raises(KeyboardInterrupt), files.atomic_folder(target) as folder:
        (folder / "a").write_text("2")
    monkeypatch.undo()
    files.restore_folder(target)
    assert (target / "a").read_text() == "1"
    with files.atomic_folder(target) as folder:
        (folder / "a").write_text("3")
    assert (target / "a").read_text() == "3"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": 1}\n{"a": \n')
    with pytest.raises(ShelftalkerError, match="line 2"):
        files.read_jsonl(path)
    path.write_text('{"a": 1}\n\n[1]\n')
    with pytest.raises(ShelftalkerError, match="line 3"):
        files.read_jsonl(path)
    with pytest.raises(ShelftalkerError, match="No such file"):
        files.read_jsonl(tmp_path / "none.jsonl")


def test_a_folder_hash_sees_names_and_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    first = files.sha256(tmp_path)
    (tmp_path / "a").rename(tmp_path / "b")
    second = files.sha256(tmp_path)
    (tmp_path / "b").write_text("2")
    assert len({first, second, files.sha256(tmp_path)}) == 3


def test_a_librarys_own_words_for_a_full_disk_are_told_like_ours(tmp_path: Path) -> None:
    said = "Error while serializing: I/O error: No space left on device (os error 28)"
    with (
        pytest.raises(ShelftalkerError, match="No space left on device") as caught,
        files.atomic_folder(tmp_path / "a"),
    ):
        raise RuntimeError(said)
    assert str(tmp_path / "a") in str(caught.value)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(RuntimeError, match="another matter"), files.full_disk_is_told(tmp_path):
        raise RuntimeError("another matter")
