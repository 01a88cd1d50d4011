"""Rows and decisions in one SQLite file beside the catalogue; every decision is on the disk before it is answered."""

from __future__ import annotations

import json
import math
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from shelftalker import console, files
from shelftalker.checks.language import SAMPLE, main_language
from shelftalker.errors import ShelftalkerError
from shelftalker.review.described import Described, Draft

Verdict = Literal["accepted", "mended", "rejected", "skipped"]
_SCHEMA = """
create table if not exists meta (key text primary key, value text not null) without rowid;
create table if not exists rows (
  number integer primary key, key text not null unique, title text not null, old text not null, draft text not null,
  attributes text not null, findings text not null, checks text not null, found integer not null, route text not null,
  sources text not null, similarity real, score real, problem text not null, hay text not null, doubt real not null,
  rank integer not null, verdict text not null, decision integer not null default 0);
create index if not exists queue on rows (rank, doubt desc, number);
create index if not exists counted on rows (rank, verdict, found, route, score, similarity, checks);
create table if not exists decisions (
  id integer primary key autoincrement, key text not null, title text not null, draft text not null,
  verdict text not null, text text not null, reason text not null, seconds real not null, at real not null,
  tab text not null, batch integer, undone integer not null default 0);
create index if not exists by_key on decisions (key, undone, id);
"""
_VERSION = "1"
OPEN, PUT_OFF, DONE, LEFT = range(4)
"""What a row's rank says: waiting, skipped for now, decided, never asked for."""


class ConflictError(Exception):
    """Somebody else decided the row in the meantime."""


@dataclass(frozen=True)
class Changes:
    """What became of earlier decisions when the catalogue was read again.

    Attributes:
        gone: decisions whose row is not in the file any more; they are kept.
        edited: decisions on rows whose title or draft is another now; the rows wait again.
    """

    gone: int = 0
    edited: int = 0


class Store:
    """The decisions on one described catalogue; safe for several threads, tabs and processes.

    Args:
        path: the file; it is made where there is none.

    Raises:
        ShelftalkerError: the folder cannot be written, or the file is no store.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        try:
            self._base = sqlite3.connect(path, timeout=30, check_same_thread=False, isolation_level=None)
            self._base.row_factory = sqlite3.Row
            self._base.execute("pragma journal_mode = wal")
            # A commit returns when the disk has it: a power cut loses nothing either.
            self._base.execute("pragma synchronous = full")
            with self.writing():
                for statement in _SCHEMA.split(";"):
                    self._base.execute(statement)
        except sqlite3.DatabaseError as error:
            raise _cannot(error, path) from None
        if (version := self.meta("version") or _VERSION) != _VERSION:
            raise ShelftalkerError(
                f"the decisions were kept by another version ({version})", where=str(path), mend="move the file away"
            )

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._base.close()

    def meta(self, key: str) -> str | None:
        """What was noted under a key."""
        found = self.one("select value from meta where key = ?", key)
        return None if found is None else str(found["value"])

    def all(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """The rows of a query."""
        with self._lock:
            return self._base.execute(sql, values).fetchall()

    def one(self, sql: str, *values: Any) -> sqlite3.Row | None:
        """The first row of a query."""
        return next(iter(self.all(sql, *values)), None)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One change, whole or not at all, on the disk when the block ends.

        Raises:
            ShelftalkerError: it cannot be written.
        """
        with self._lock:
            try:
                self._base.execute("begin immediate")
                try:
                    yield self._base
                except BaseException:
                    self._base.execute("rollback")
                    raise
                self._base.execute("commit")
            except sqlite3.DatabaseError as error:
                raise _cannot(error, self.path) from None

    def load(self, catalogue: Described) -> Changes:
        """Take the catalogue's rows in, unless this very file was read before; decisions stay with their rows.

        Raises:
            ShelftalkerError: the decisions are another catalogue's.
        """
        stamp = f"{files.sha256(catalogue.path)} {json.dumps(catalogue.new)} {catalogue.plan} {catalogue.old}"
        if self.meta("stamp") == stamp:
            return Changes()
        with self.writing() as base:
            base.execute("delete from rows")
            texts = list[str]()
            with console.progress("read drafts", catalogue.shape.rows) as bar:

                def rows() -> Iterator[tuple[Any, ...]]:
                    for draft in catalogue.drafts():
                        if draft.text and len(texts) < SAMPLE:
                            texts.append(draft.text)
                        if draft.number % 1000 == 999:
                            bar.advance(1000)
                        yield _columns(draft)

                base.executemany(f"insert into rows values ({', '.join('?' * 19)})", rows())
            changes = self._take_up(base)
            noted = {
                "version": _VERSION,
                "stamp": stamp,
                "language": catalogue.language or main_language(texts),
                # Kept, so that a page that is open survives a restart.
                "token": self.meta("token") or secrets.token_urlsafe(24),
            }
            base.executemany("insert or replace into meta values (?, ?)", noted.items())
        return changes

    def _take_up(self, base: sqlite3.Connection) -> Changes:
        """Give the rows the decisions that were made on them."""
        known, fit, gone = base.execute(
            f"select count(*), sum(r.title = d.title and r.draft = d.draft), sum(r.key is null) from ({_NEWEST}) d "
            "left join rows r on r.key = d.key"
        ).fetchone()
        if known and gone == known:
            raise ShelftalkerError(
                f"these decisions are another catalogue's: none of its {known:,} decided rows is in this one",
                where=str(self.path),
                mend="move that file away, or name another with --decisions",
            )
        base.execute(_TAKEN_UP)
        return Changes(gone or 0, known - (fit or 0) - (gone or 0))

    def decide(
        self,
        number: int,
        verdict: Verdict,
        *,
        text: str = "",
        reason: str = "",
        seconds: float = 0.0,
        seen: int = 0,
        tab: str = "",
    ) -> int:
        """Keep a decision; it is on the disk when this returns.

        Args:
            number: the row.
            verdict: what was decided; an accepted text that differs from the draft is a mended one.
            text: what was accepted.
            reason: why it was rejected.
            seconds: how long the row was looked at.
            seen: the decision that the editor saw on the row (0: none).
            tab: who decides; `undo` takes back that one's own.

        Returns:
            the decision's id.

        Raises:
            ConflictError: the row has another decision than the one seen.
            ShelftalkerError: no such row, a text or a reason that is missing, or a disk that is full.
        """
        with self.writing() as base:
            row = base.execute("select key, title, draft, decision from rows where number = ?", (number,)).fetchone()
            if row is None:
                raise ShelftalkerError("there is no such row", where=f"row {number}")
            if verdict in ("accepted", "mended"):
                verdict = "accepted" if text == row["draft"] else "mended"
                if not text.strip():
                    raise ShelftalkerError("there is no text to accept", mend="write one, or reject the row")
            elif verdict == "rejected" and not reason.strip():
                raise ShelftalkerError("a rejection needs its reason", mend="say in a word or two what is wrong")
            kept = text if verdict in ("accepted", "mended") else ""
            if row["decision"] != seen:
                last = base.execute(
                    "select tab, verdict, text, reason from decisions where id = ?", (row["decision"],)
                ).fetchone()
                # The answer to this very decision was lost with the server, and the page asks again.
                if tab and last is not None and tuple(last) == (tab, verdict, kept, reason.strip()):
                    return int(row["decision"])
                raise ConflictError
            values = (row["key"], row["title"], row["draft"], verdict, kept, reason.strip(), seconds, time.time(), tab)
            made = base.execute(f"insert into decisions values (null, {', '.join('?' * 9)}, null, 0)", values).lastrowid
            assert made is not None
            rank = PUT_OFF if verdict == "skipped" else DONE
            base.execute(
                "update rows set decision = ?, verdict = ?, rank = ? where number = ?", (made, verdict, rank, number)
            )
            return made

    def accept_all(self, where: str, values: tuple[Any, ...], expected: int, rule: str, tab: str) -> int:
        """Accept every waiting row that a rule names, as one step that `undo` takes back whole.

        Args:
            where: the rule as a condition on rows, and its values.
            values: see ``where``.
            expected: how many rows the editor was told it names.
            rule: the same in words; kept with each decision.
            tab: who decides.

        Raises:
            ConflictError: it names another number of rows by now.
        """
        with self.writing() as base:
            found = base.execute(f"select count(*) from rows where {where}", values).fetchone()[0]
            if found != expected:
                raise ConflictError
            batch = base.execute("select coalesce(max(batch), 0) + 1 from decisions").fetchone()[0]
            base.execute(
                "insert into decisions select null, key, title, draft, 'accepted', draft, ?, 0, ?, ?, ?, 0 from rows "
                f"where {where} order by number",
                (rule, time.time(), tab, batch, *values),
            )
            base.execute(
                "update rows set decision = d.id, verdict = 'accepted', rank = 2 from decisions d "
                "where d.batch = ? and d.key = rows.key and not d.undone",
                (batch,),
            )
            return int(found)

    def undo(self, tab: str) -> int | None:
        """Take back the newest step of a tab, a rule's whole batch included.

        Returns:
            the number of (one of) its rows; None where there is nothing to take back.
        """
        with self.writing() as base:
            last = base.execute(
                "select d.id, d.batch, r.number from decisions d join rows r on r.decision = d.id "
                "where d.tab = ? and not d.undone order by d.id desc limit 1",
                (tab,),
            ).fetchone()
            if last is None:
                return None
            # Rows that somebody decided again after the batch keep that decision.
            which = "id = ?" if last["batch"] is None else "batch = ? and id in (select decision from rows)"
            value = last["id"] if last["batch"] is None else last["batch"]
            keys = base.execute(f"select key from decisions where {which}", (value,)).fetchall()
            base.execute(f"update decisions set undone = 1 where {which}", (value,))
            base.executemany("update rows set decision = 0, verdict = 'open', rank = 0 where key = ?", keys)
            base.executemany(f"{_TAKEN_UP} and rows.key = ?", keys)
            return int(last["number"])


_NEWEST = (
    "select id, key, title, draft, verdict from decisions where id in "
    "(select max(id) from decisions where not undone group by key)"
)
_TAKEN_UP = (
    "update rows set decision = d.id, verdict = d.verdict, rank = case d.verdict when 'skipped' then 1 else 2 end "
    "from decisions d where rows.key = d.key and rows.title = d.title and rows.draft = d.draft and "
    "d.id = (select max(id) from decisions where key = d.key and not undone)"
)
"""Rows get the newest decision that was made on them and not taken back."""


def doubt(draft: Draft) -> float:
    """How much an editor should look at a draft; more comes first.

    Findings count most (ten points each, nine at most), then the route (declined 5, written 2), then how far the
    nearest source is (1 - similarity) and how unlikely the text was to its model (1 - exp(score)).
    """
    route = {"declined": 5, "written": 2}.get(draft.route, 0)
    far = 1 - min(1.0, max(0.0, draft.similarity)) if draft.similarity is not None else 0.5
    odd = 1 - math.exp(min(0.0, draft.score)) if draft.score is not None else 0.5
    return 10 * min(9, len(draft.findings)) + route + far + odd


def _columns(draft: Draft) -> tuple[Any, ...]:
    checks = sorted({str(one.get("check", "")) for one in draft.findings})
    rank = OPEN if draft.asked else LEFT
    hay = f"{draft.key}\n{draft.title}\n{draft.text}".casefold()
    return (
        draft.number,
        draft.key,
        draft.title,
        draft.old,
        draft.text,
        _json(draft.attributes),
        _json(draft.findings),
        f"|{'|'.join(checks)}|" if checks else "",
        len(draft.findings),
        draft.route,
        _json(draft.sources),
        draft.similarity,
        draft.score,
        draft.problem,
        hay,
        doubt(draft),
        rank,
        "open" if draft.asked else "left",
        0,
    )


def _json(value: Mapping[str, Any] | list[Any]) -> str:
    return json.dumps(value, ensure_ascii=False)


def _cannot(error: sqlite3.DatabaseError, path: Path) -> ShelftalkerError:
    """What SQLite said about the file, with its mend."""
    if isinstance(error, sqlite3.OperationalError):
        return ShelftalkerError(
            f"decisions cannot be kept here: {error}",
            where=str(path),
            mend="make the folder writable, or name a file elsewhere with --decisions",
        )
    return ShelftalkerError(
        f"this is no file of decisions: {error}", where=str(path), mend="name another with --decisions"
    )
