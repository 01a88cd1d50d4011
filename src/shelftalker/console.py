"""What a person sees: progress, notes and tables. Progress goes to stderr, results to stdout."""

from __future__ import annotations

import json
import sys
import textwrap
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as RichProgress
from rich.progress import Task as RichTask
from rich.table import Table
from rich.text import Text


@dataclass
class _State:
    quiet: bool = False
    as_json: bool = False
    debug: bool = False


_state = _State()
_err = Console(stderr=True, highlight=False)
_out = Console(highlight=False)


def configure(*, quiet: bool = False, as_json: bool = False, debug: bool = False) -> None:
    """Set once by the command line: silence notes and progress, print results as JSON, let libraries talk."""
    _state.quiet = quiet
    _state.as_json = as_json
    _state.debug = debug


def debugging() -> bool:
    """Whether --debug was given: libraries may then print their own progress and warnings."""
    return _state.debug


class _Rate(ProgressColumn):
    def render(self, task: RichTask) -> Text:
        unit = task.fields.get("unit", "rows")
        return Text(
            f"{task.speed:,.0f} {unit}/s"
            if task.speed and task.speed >= 10
            else f"{task.speed:.1f} {unit}/s"
            if task.speed
            else ""
        )


class Progress:
    """A running count of one piece of work: a live bar on a terminal, a line every ten seconds elsewhere."""

    def __init__(self, label: str, total: float | None, unit: str, bar: RichProgress | None, *, log: bool) -> None:
        self._label, self._total, self._unit, self._bar, self._log = label, total, unit, bar, log
        self._done = 0.0
        self._began = self._spoke = time.monotonic()
        self._id = bar.add_task(label, total=total, unit=unit) if bar else None

    def advance(self, amount: float = 1) -> None:
        """Count ``amount`` more as done."""
        self._done += amount
        self._show()

    def update(self, done: float, total: float | None = None, note: str | None = None) -> None:
        """Set the count, and optionally the total and the label's note."""
        self._done = done
        self._total = total if total is not None else self._total
        if self._bar is not None and self._id is not None and note:
            self._bar.update(self._id, description=f"{self._label}: {note}")
        self._show(note)

    def _show(self, note: str | None = None) -> None:
        if self._bar is not None and self._id is not None:
            # Not by the bar's update: there a new total, which may be an estimate, makes it forget its speed.
            self._bar.tasks[0].total = self._total
            self._bar.update(self._id, completed=self._done)
            return
        now = time.monotonic()
        if _state.quiet or not self._log or now - self._spoke < 10:
            return
        self._spoke = now
        rate = self._done / max(now - self._began, 1e-9)
        left = f", {(self._total - self._done) / rate:.0f} s left" if self._total and rate else ""
        total = f"/{self._total:,.0f}" if self._total else ""
        print(
            f"  {self._label}: {self._done:,.0f}{total} {self._unit}, {rate:,.1f}/s{left}{' ' + note if note else ''}",
            file=sys.stderr,
            flush=True,
        )


@contextmanager
def progress(label: str, total: float | None = None, unit: str = "rows", *, log: bool = True) -> Iterator[Progress]:
    """Show the progress of a block; ``total`` None means unknown; without ``log``, on a terminal only."""
    if _state.quiet or not _err.is_terminal:
        yield Progress(label, total, unit, None, log=log)
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
    )
    with RichProgress(*columns, console=_err, transient=True) as bar:
        yield Progress(label, total, unit, bar, log=log)


def stage(name: str, text: str = "") -> None:
    """Announce a stage."""
    if not _state.quiet:
        _err.print(Text.assemble((f"▸ {name}", "bold cyan"), f"  {text}" if text else ""), soft_wrap=True)


def _prose(console: Console, text: str, indent: str = "") -> str:
    """Text broken at spaces where a person reads it on a terminal; in a file a sentence stays one line."""
    if not console.is_terminal:
        return text
    return "\n".join(
        textwrap.fill(
            line,
            width=console.width,
            subsequent_indent=indent,
            break_long_words=False,  # a path stays whole, to be copied
            break_on_hyphens=False,
            drop_whitespace=bool(line.strip()),
        )
        for line in text.split("\n")
    )


def note(text: str) -> None:
    """Say something worth knowing (stderr; silent under --quiet)."""
    if not _state.quiet:
        _err.print(Text(_prose(_err, f"  {text}", "  ")), soft_wrap=True)


def warn(text: str) -> None:
    """Say something that the user should act on (stderr, also under --quiet)."""
    _err.print(Text(_prose(_err, f"  ! {text}", "    "), style="yellow"), soft_wrap=True)


def error(text: str) -> None:
    """Print an error (stderr)."""
    _err.print(Text(_prose(_err, f"error: {text}"), style="red"), soft_wrap=True)


def say_stopped(text: str) -> None:
    """Say what an interrupt leaves behind (stderr, also under --quiet): it is no error."""
    _err.print(Text(_prose(_err, f"\n{text}")), soft_wrap=True)


def result(text: str, value: Mapping[str, Any]) -> None:
    """Print a command's one result to stdout: ``text`` for people, ``value``, one object, where --json was given."""
    if _state.as_json:
        print(json.dumps(value, ensure_ascii=False, default=str))
    elif text:
        _out.print(Text(_prose(_out, text)), soft_wrap=True)


def say(text: str) -> None:
    """Print a sentence that belongs to a table to stdout; nothing under --json."""
    if not _state.as_json:
        _out.print(Text(_prose(_out, text)), soft_wrap=True)


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, caption: str | None = None) -> None:
    """Print a table to stdout, first column left, the others right; nothing under --json.

    It is as wide as the terminal at most, or 80 columns where there is none (or as the variable COLUMNS says).
    """
    if _state.as_json:
        return
    shown = Table(title=title, caption=caption, title_justify="left", caption_justify="left")
    for number, column in enumerate(columns):
        shown.add_column(column, justify="left" if number == 0 else "right", overflow="fold")
    for row in rows:
        shown.add_row(*[Text(cell) for cell in row])
    _out.print(shown)
