"""Rows that need no model, on all cores: worker processes edit and check ahead of the model, window by window.

A model uses all cores by itself, so it stays with whoever started the job, and writes what the workers left.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from functools import partial
from typing import TYPE_CHECKING

from shelftalker import console
from shelftalker.catalogue.read.rows import Row
from shelftalker.device import cores
from shelftalker.workers import Pool
from shelftalker.writing.editor import Editor, open_sources
from shelftalker.writing.job.window import Plan, lines, settle

if TYPE_CHECKING:
    from shelftalker.models.load import ModelRef
    from shelftalker.recipe.recipe import Recipe

SMALL = 5_000
"""Rows up to which starting workers takes longer than they save."""
Lines = list[bytes | None]
"""A window's lines; None where a model writes the row."""


def workers_for(rows: int, ref: ModelRef, recipe: Recipe) -> int:
    """Worker processes that a job of so many rows is worth; 0: none, the work is done where the model is."""
    asked = recipe.generate.workers
    if isinstance(recipe.route.edit_from, str | None) or ref.sources is None or asked == 1:
        return 0
    count = asked or (cores() if rows > SMALL else 0)
    return count if count > 1 else 0


def settled(
    todo: Iterator[tuple[int, list[Row]]], what: Plan, ref: ModelRef, recipe: Recipe, workers: int
) -> Generator[tuple[int, list[Row], Lines]]:
    """Edit what can be edited of every window.

    Args:
        todo: windows by number.
        what: which of the input's columns mean what.
        ref: the model, for its index of sources.
        recipe: the recipe.
        workers: processes; 0: nothing is edited beforehand.

    Returns:
        Each window's number, rows and lines, as they are ready.

    Raises:
        ShelftalkerError: a worker died (out of memory, killed), or the index of sources is broken.
    """
    if not workers:
        for number, rows in todo:
            yield number, rows, [None] * len(rows)
        return
    waiting: dict[int, list[Row]] = {}

    def tasks() -> Iterator[tuple[int, list[Row]]]:
        for number, rows in todo:
            waiting[number] = rows
            yield number, rows

    with Pool(partial(_Worker, ref, recipe, what), workers, "generate") as pool:
        for number, found in pool.run("settle", tasks()):
            yield number, waiting.pop(number), found


class _Worker:
    """Edits in a process of its own."""

    def __init__(self, ref: ModelRef, recipe: Recipe, what: Plan) -> None:
        console.configure(quiet=True)
        self._editor, self._what, self._hash = Editor(recipe, open_sources(ref, recipe)), what, ref.content_hash

    def settle(self, task: tuple[int, list[Row]]) -> tuple[int, Lines]:
        """A window's number and lines."""
        number, rows = task
        return number, lines(rows, settle(rows, self._editor, self._what, self._hash))
