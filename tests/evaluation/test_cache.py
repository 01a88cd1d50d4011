"""What evaluation keeps stays bounded; what was used last stays."""

from __future__ import annotations

import os
from pathlib import Path

from shelftalker.evaluation import cache


def test_what_was_longest_unused_is_forgotten(tmp_path: Path) -> None:
    for number in range(4):
        cache.keep(tmp_path / f"{number}.json", "x" * 1000, limit=10_000)
        os.utime(tmp_path / f"{number}.json", (number, number))
    assert cache.read(tmp_path / "0.json") == "x" * 1000, "and is the latest used from now on"
    cache.keep(tmp_path / "new.json", "y" * 1000, limit=3_100)
    assert {path.name for path in tmp_path.iterdir()} == {"0.json", "3.json", "new.json"}


def test_what_was_just_made_stays_even_where_it_is_too_large(tmp_path: Path) -> None:
    cache.keep(tmp_path / "old.json", "x")
    cache.keep(tmp_path / "large.json", "y" * 1000, limit=10)
    assert [path.name for path in tmp_path.iterdir()] == ["large.json"]


def test_a_broken_file_counts_as_absent(tmp_path: Path) -> None:
    (tmp_path / "cut.json").write_text('{"texts": [')
    assert cache.read(tmp_path / "cut.json") is None
    assert cache.read(tmp_path / "none.json") is None
