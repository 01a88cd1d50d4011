"""A catalogue's rows as they come, for every command."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from shelftalker.catalogue.clean.cleaner import REASONS
from shelftalker.catalogue.read import columns, readers, shops
from shelftalker.catalogue.read.row import Row, Value, cell_of, kind, text_of
from shelftalker.catalogue.read.shape import Shape
from shelftalker.catalogue.read.sniff import announce, sniff
from shelftalker.errors import ShelftalkerError
from shelftalker.recipe.catalogue import PrepareSettings

__all__ = ["Row", "Shape", "Value", "cell_of", "inspect", "read", "text_of"]


def read(shape: Shape, start: int = 0) -> Iterator[Row]:
    """Rows from number ``start`` (0 is the first), in file order; a shop's variants have that for their fault."""
    for row in readers.read(shape, start):
        reason = shape.reading.reason(row) if shape.reading and row.error is None else None
        yield replace(row, error=REASONS[reason]) if reason else row


def inspect(path: Path, settings: PrepareSettings | None = None) -> Shape:
    """Read the input once: its format, its columns and how many rows it has.

    Raises:
        ShelftalkerError: no such file, unreadable, cut short, or without a row.
    """
    if not path.is_file():
        raise ShelftalkerError("no such catalogue file", where=str(path), mend="check the path given to --input")
    chosen = settings or PrepareSettings()
    shape, sample = sniff(path, str(path), chosen)
    announce(shape)
    if shape.names:
        title, identity = columns.title_and_id(shape.names, chosen, str(path))
        shape.reading = shops.reading(shape.names, sample, title, identity, chosen, str(path))
    for row in readers.read(shape):
        shape.rows += 1
        for name, value in row.values.items():
            shape.columns.setdefault(name, set()).add(kind(value))
            if (longest := len(value if isinstance(value, str) else bytes(value))) > shape.longest:
                shape.longest = max(shape.longest, len(cell_of(value)) if longest > 30_000 else longest)
    if not shape.rows:
        raise ShelftalkerError("the catalogue has no rows", where=str(path), mend="give a file with rows")
    return shape
