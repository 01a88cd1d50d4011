"""One reader a format; all give the same rows."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace

from shelftalker.catalogue.read import feed, lines, nested, parquet, table, workbook
from shelftalker.catalogue.read.row import Row
from shelftalker.catalogue.read.shape import Format, Shape

SAMPLE = 1000
"""Rows that are looked at to know the columns."""
_READERS: dict[Format, Callable[[Shape], Iterator[Row]]] = {
    "lines": lines.rows,
    "python": lines.python_rows,
    "json": nested.rows,
    "table": table.rows,
    "parquet": parquet.rows,
    "workbook": workbook.rows,
    "xml": feed.rows,
}


def read(shape: Shape, start: int = 0) -> Iterator[Row]:
    """Rows from number ``start`` (0 is the first), in file order; in bounded memory, but for workbooks."""
    return itertools.islice(_READERS[shape.format](shape), start, None)


def sampled(shape: Shape) -> tuple[Shape, list[Row]]:
    """A shape with the columns of its first rows added, and these rows."""
    rows: list[Row] = []
    columns = dict(shape.columns)
    for _, row in zip(range(SAMPLE), read(shape), strict=False):
        rows.append(row)
        for key in row.values:
            columns.setdefault(key, set())
    return replace(shape, columns=columns), rows
