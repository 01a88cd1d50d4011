"""What editors accepted and mended in `review`: read from its files of decisions, which are not changed."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import astuple, dataclass
from pathlib import Path

from shelftalker import console, files
from shelftalker.errors import ShelftalkerError

BESIDE = "reviewed"
"""Stands for all files of decisions beside the catalogues that are prepared."""
SUFFIX = ".review.sqlite"

_PASSED = """
select r.number, r.key, r.title, r.attributes, d.text, d.verdict, d.at
from rows r join decisions d on d.id = r.decision where d.verdict in ('accepted', 'mended') order by r.number
"""
_COUNTS = """
select (select count(*) from rows), (select count(*) from rows where verdict = 'rejected'),
  (select count(*) from decisions where verdict in ('accepted', 'mended') and id not in (select decision from rows)
   and id in (select max(id) from decisions where not undone group by key)),
  (select value from meta where key = 'stamp')
"""


@dataclass(frozen=True)
class Passed:
    """A text that an editor let pass.

    Attributes:
        number: the row of the described catalogue (0 is the first).
        key: what the row is called: its id, or its title where it has none; a number behind it where that repeats.
        title: the product's title, as the described catalogue has it.
        attributes: its other columns, as JSON.
        text: the text.
        verdict: accepted (as it was drafted) or mended.
        at: when (seconds since 1970).
    """

    number: int
    key: str
    title: str
    attributes: str
    text: str
    verdict: str
    at: float

    @property
    def uid(self) -> str:
        """The product's id; empty where it is called by its title."""
        return "" if self.key.partition(" #")[0] in (self.title, "row") else self.key


@dataclass(frozen=True)
class Decisions:
    """One file of decisions.

    Attributes:
        path: the file.
        passed: the texts that editors accepted or mended, by row.
        rows: rows of the described catalogue.
        rejected: rows whose draft was rejected.
        stale: accepted or mended texts of rows that are gone or have changed since; they are not among ``passed``.
    """

    path: Path
    passed: tuple[Passed, ...]
    rows: int
    rejected: int
    stale: int

    @property
    def name(self) -> str:
        """What it is called in messages, in the card and in rows."""
        return self.path.name

    @property
    def digest(self) -> str:
        """SHA-256 of what it says, whatever pages SQLite keeps it in."""
        return hashlib.sha256(json.dumps([astuple(one) for one in self.passed]).encode()).hexdigest()


def read_all(asked: Sequence[str], catalogues: Sequence[Path]) -> list[Decisions]:
    """The decisions that ``prepare.add`` names.

    Args:
        asked: files of decisions, described catalogues with one beside them, or `reviewed`.
        catalogues: the files that are prepared.

    Raises:
        ShelftalkerError: there is none, or it cannot be read.
    """
    paths: dict[Path, None] = {}
    for one in asked:
        for path in _beside(catalogues) if one == BESIDE else [_named(Path(one))]:
            paths[path] = None
    return [_read(path) for path in paths]


def _beside(catalogues: Sequence[Path]) -> list[Path]:
    folders = list(dict.fromkeys(path.absolute().parent for path in catalogues))
    found = [path for folder in folders for path in sorted(folder.glob(f"*{SUFFIX}"))]
    if not found:
        raise ShelftalkerError(
            "no catalogue beside these has been reviewed",
            where=f"--add {BESIDE}: no *{SUFFIX} in {', '.join(map(str, folders))}",
            mend=f"name the file: --add described.csv{SUFFIX}",
        )
    return found


def _named(path: Path) -> Path:
    beside = path.with_name(f"{path.name}{SUFFIX}")
    found = path if path.name.endswith(SUFFIX) or not beside.is_file() else beside
    if not found.is_file():
        raise ShelftalkerError(
            "no such file of decisions",
            where=f"--add {path}",
            mend=f"name what `shelftalker review DESCRIBED` keeps beside the catalogue: DESCRIBED{SUFFIX}",
        )
    return found


def _read(path: Path) -> Decisions:
    # Where nobody has the file open there is no journal, and SQLite would want to make one in the folder.
    how = "mode=ro" if path.with_name(f"{path.name}-wal").is_file() else "immutable=1"
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True, timeout=30)) as base:
            passed = tuple(Passed(*row) for row in base.execute(_PASSED))
            rows, rejected, stale, stamp = base.execute(_COUNTS).fetchone()
    except sqlite3.DatabaseError as error:
        raise ShelftalkerError(
            f"this is no file of decisions: {error}",
            where=f"--add {path}",
            mend=f"name what `shelftalker review DESCRIBED` keeps beside the catalogue: DESCRIBED{SUFFIX}",
        ) from None
    described = path.with_name(path.name.removesuffix(SUFFIX))
    if stale:
        console.warn(f"{path.name}: {stale:,} texts are of rows that are gone or changed since: they are left out")
    if described != path and described.is_file() and str(stamp).partition(" ")[0] != files.sha256(described):
        console.warn(
            f"{described.name} is another since it was reviewed; the texts are taken as they were passed"
            f" (`shelftalker review {described.name}` shows which still fit)"
        )
    return Decisions(path, passed, rows, rejected, stale)
