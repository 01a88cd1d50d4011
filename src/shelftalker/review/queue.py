"""Which row comes next: filters, search, rules that accept many at once, and how far the editor is."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal

from shelftalker.errors import ShelftalkerError
from shelftalker.review.store import DONE, LEFT, OPEN, PUT_OFF, Store

State = Literal["waiting", "accepted", "mended", "rejected", "skipped", "left", "all"]
SHOWN = 20
"""Rows that are shown before a rule accepts all that it names."""
PAGE = 50
_IDLE = 300
"""Seconds beyond which nobody was looking at a row any more."""
_RECENT = 50


@dataclass(frozen=True)
class Filter:
    """Which rows are looked at.

    Attributes:
        state: waiting (the skipped ones last), or what was decided.
        check: a check's name, `any` (a finding of whatever kind), `none`, or empty: all rows.
        route: edited, written, declined, or empty: all rows.
        search: words of the id, the title or the draft, in any letter case.
    """

    state: State = "waiting"
    check: str = ""
    route: str = ""
    search: str = ""

    def sql(self) -> tuple[str, tuple[Any, ...]]:
        """The same as a condition on rows, and its values."""
        parts, values = ["1"], list[Any]()
        if self.state == "waiting":
            parts.append(f"rank <= {PUT_OFF}")
        elif self.state != "all":
            parts.append("verdict = ?")
            values.append(self.state)
        if self.check in ("any", "none"):
            parts.append("found > 0" if self.check == "any" else "found = 0")
        elif self.check:
            parts.append("instr(checks, ?)")
            values.append(f"|{self.check}|")
        if self.route:
            parts.append("route = ?")
            values.append(self.route)
        for word in self.search.casefold().split():
            parts.append("instr(hay, ?)")
            values.append(word)
        return " and ".join(parts), tuple(values)


@dataclass(frozen=True)
class Rule:
    """Which waiting drafts are accepted unread; a draft must meet all of it.

    Attributes:
        routes: who wrote it.
        findings: findings at most.
        score: mean log-probability at least; None: any. An edited text has none, and is not held to it.
        similarity: of the nearest source, at least; None: any.
    """

    routes: tuple[str, ...] = ("edited", "written")
    findings: int = 0
    score: float | None = None
    similarity: float | None = None

    def sql(self) -> tuple[str, tuple[Any, ...]]:
        """The same as a condition on rows, and its values.

        Raises:
            ShelftalkerError: no draft could ever meet it.
        """
        if not self.routes or not set(self.routes) <= {"edited", "written"}:
            raise ShelftalkerError("the rule names no route", where="rule", mend="edited, written or both")
        if self.score is not None and self.score > 0:
            raise ShelftalkerError(
                "a score is the logarithm of a probability: it is never above 0", where="rule", mend="such as -1.5"
            )
        if self.similarity is not None and self.similarity > 1:
            raise ShelftalkerError("a similarity is never above 1", where="rule", mend="such as 0.6")
        marks = ", ".join("?" * len(self.routes))
        parts = [f"rank <= {PUT_OFF}", "draft <> ''", f"route in ({marks})", "found <= ?"]
        values: list[Any] = [*self.routes, self.findings]
        if self.score is not None:
            parts.append("(route = 'edited' or score >= ?)")
            values.append(self.score)
        if self.similarity is not None:
            parts.append("similarity >= ?")
            values.append(self.similarity)
        return " and ".join(parts), tuple(values)

    def words(self) -> str:
        """The rule as it is kept with each decision."""
        most = "no finding" if not self.findings else f"{self.findings} findings at most"
        parts = [" or ".join(self.routes), most]
        parts += [f"score at least {self.score:g}"] if self.score is not None else []
        parts += [f"similarity at least {self.similarity:g}"] if self.similarity is not None else []
        return "rule: " + ", ".join(parts)


class Queue:
    """A store's rows in the order in which an editor sees them, doubtful ones first.

    Args:
        store: rows and decisions.
    """

    def __init__(self, store: Store) -> None:
        self.store = store

    def next(self, chosen: Filter, held: Collection[int] = (), after: int | None = None) -> dict[str, Any] | None:
        """The row to look at.

        Args:
            chosen: which rows are looked at.
            held: rows that other tabs show; they come only where no other is left.
            after: a row that was seen already; the one behind it in the queue.

        Returns:
            the row; None: there is none (any more).
        """
        where, values = chosen.sql()
        if after is not None:
            where += " and (rank, -doubt, number) > (select rank, -doubt, number from rows where number = ?)"
            values += (after,)
        free = f"{where} and number not in ({', '.join(map(str, map(int, held)))})"
        order = "order by rank, doubt desc, number limit 1"
        found = self.store.one(f"select * from rows where {free} {order}", *values) or (
            self.store.one(f"select * from rows where {where} {order}", *values) if held else None
        )
        return None if found is None else _row(found)

    def row(self, number: int) -> dict[str, Any]:
        """One row, with what was decided on it.

        Raises:
            ShelftalkerError: there is none of that number.
        """
        found = self.store.one("select * from rows where number = ?", number)
        if found is None:
            raise ShelftalkerError("there is no such row", where=f"row {number}")
        decided = self.store.one("select text, reason from decisions where id = ?", found["decision"])
        return _row(found) | ({"text": decided["text"], "reason": decided["reason"]} if decided else {})

    def page(self, chosen: Filter, skip: int = 0) -> dict[str, Any]:
        """A page of rows in the queue's order, and how many there are in all."""
        where, values = chosen.sql()
        order = "order by rank, doubt desc, number"
        if chosen.search:  # one look through all texts, not one to count and one to show
            numbers = [row[0] for row in self.store.all(f"select number from rows where {where} {order}", *values)]
            count, shown = len(numbers), numbers[skip : skip + PAGE]
            where, values, skip = f"number in ({', '.join(map(str, shown))})", (), 0
        else:
            found = self.store.one(f"select count(*) n from rows where {where}", *values)
            count = found["n"] if found else 0
        rows = self.store.all(
            "select number, key, title, substr(draft, 1, 160) draft, found, route, similarity, score, verdict "
            f"from rows where {where} {order} limit {PAGE} offset ?",
            *values,
            skip,
        )
        return {"count": count, "rows": [dict(row) for row in rows]}

    def named(self, rule: Rule) -> dict[str, Any]:
        """How many drafts a rule would accept, and the first of them.

        Raises:
            ShelftalkerError: no draft could ever meet it.
        """
        where, values = rule.sql()
        count = self.store.one(f"select count(*) n from rows where {where}", *values)
        rows = self.store.all(
            f"select number, key, title, draft, route, similarity, score from rows where {where} "
            f"order by doubt desc, number limit {SHOWN}",
            *values,
        )
        return {"count": count["n"] if count else 0, "rows": [dict(row) for row in rows], "words": rule.words()}

    def accept(self, rule: Rule, expected: int, tab: str) -> int:
        """Accept all drafts that a rule names.

        Raises:
            ConflictError: they are not as many as the editor was told.
        """
        where, values = rule.sql()
        return self.store.accept_all(where, values, expected, rule.words(), tab)

    def progress(self) -> dict[str, Any]:
        """How many rows are decided and how, how fast the last ones were, and how long the rest would take."""
        counts = {row["verdict"]: row["n"] for row in self.store.all("select verdict, count(*) n from rows group by 1")}
        ranks = {row["rank"]: row["n"] for row in self.store.all("select rank, count(*) n from rows group by 1")}
        spent = self.store.one(
            f"select coalesce(sum(min(seconds, {_IDLE})), 0) s, coalesce(sum(batch is not null), 0) by_rule "
            "from decisions where not undone"
        )
        recent = [
            row["s"]
            for row in self.store.all(
                f"select min(seconds, {_IDLE}) s from decisions where not undone and batch is null and "
                f"verdict <> 'skipped' and seconds > 0 order by id desc limit {_RECENT}"
            )
        ]
        each = sum(recent) / len(recent) if recent else None
        waiting = ranks.get(OPEN, 0) + ranks.get(PUT_OFF, 0)
        return {
            "total": waiting + ranks.get(DONE, 0),
            "done": ranks.get(DONE, 0),
            "waiting": waiting,
            "left": ranks.get(LEFT, 0),
            **{name: counts.get(name, 0) for name in ("accepted", "mended", "rejected", "skipped")},
            "by_rule": spent["by_rule"] if spent else 0,
            "minutes": round(spent["s"] / 60, 1) if spent else 0,
            "seconds_a_row": None if each is None else round(each, 1),
            "hours_left": None if each is None else round(each * waiting / 3600, 1),
        }

    def summary(self) -> dict[str, Any]:
        """What the queue has cost and what the same texts would have cost by hand: `progress`, and a draft's words.

        ``words`` are those of a draft (mean), ``texts`` the rows that have an accepted one, ``minutes_left`` what the
        waiting rows would take at the pace of the last fifty (None: nobody has begun).
        """
        found = self.store.one(
            "select avg(length(trim(draft)) - length(replace(trim(draft), ' ', '')) + 1) words from rows "
            "where draft <> ''"
        )
        now = self.progress()
        each = now["seconds_a_row"]
        return now | {
            "words": round(found["words"] or 0.0, 1) if found else 0.0,
            "texts": now["accepted"] + now["mended"],
            "minutes_left": None if each is None else round(each * now["waiting"] / 60, 1),
        }

    def choices(self) -> tuple[list[str], list[str]]:
        """What can be filtered by: the checks and the routes that occur."""
        checks = {name for row in self.store.all("select distinct checks from rows") for name in row[0].split("|")}
        routes = {row[0] for row in self.store.all("select distinct route from rows")}
        return sorted(checks - {""}), sorted(routes - {""})


def _row(found: Any) -> dict[str, Any]:
    names = [name for name in found.keys() if name not in ("hay", "checks", "doubt")]  # noqa: SIM118
    row = {name: found[name] for name in names}
    return row | {name: json.loads(row[name]) for name in ("attributes", "findings", "sources")}
