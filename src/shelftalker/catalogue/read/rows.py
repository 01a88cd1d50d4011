"""A catalogue's rows as they come, for every command."""

from __future__ import annotations

from pathlib import Path

from shelftalker.catalogue.read.readers import read
from shelftalker.catalogue.read.row import Row, Value, cell_of, kind, text_of
from shelftalker.catalogue.read.shape import Shape
from shelftalker.catalogue.read.sniff import announce, sniff
from shelftalker.errors import ShelftalkerError
from shelftalker.recipe.catalogue import PrepareSettings

__all__ = ["Row", "Shape", "Value", "cell_of", "inspect", "read", "text_of"]


def inspect(path: Path, settings: PrepareSettings | None = None) -> Shape:
    """Read the input once: its format, its columns and how many rows it has.

    Raises:
        ShelftalkerError: no such file, unreadable, cut short, or without a row.
    """
    if not path.is_file():
        raise ShelftalkerError("no such catalogue file", where=str(path), mend="check the path given to --input")
    shape, _ = sniff(path, str(path), settings or PrepareSettings())
    announce(shape)
    for row in read(shape):
        shape.rows += 1
        for name, value in row.values.items():
            shape.columns.setdefault(name, set()).add(kind(value))
            if (longest := len(value if isinstance(value, str) else bytes(value))) > shape.longest:
                shape.longest = max(shape.longest, len(cell_of(value)) if longest > 30_000 else longest)
    if not shape.rows:
        raise ShelftalkerError("the catalogue has no rows", where=str(path), mend="give a file with rows")
    return shape
