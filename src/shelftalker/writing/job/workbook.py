"""A described catalogue as a workbook (xlsx); texts are texts in it, whatever they begin with."""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from shelftalker.catalogue.read.row import cell_of, plain
from shelftalker.catalogue.read.shape import Shape
from shelftalker.errors import ShelftalkerError

ROWS, COLUMNS, LETTERS = 1_048_576, 16_384, 32_767
"""What a sheet and a cell can hold, by the format's own limits."""
_EXACT = 1 << 53
"""Whole numbers beyond are rounded by spreadsheets; they are written as text."""


def check(path: Path, shape: Shape, more: int) -> None:
    """See that a workbook can hold the input and ``more`` columns.

    Raises:
        ShelftalkerError: it cannot.
    """
    for what, found, most in (
        ("rows", shape.rows + 1, ROWS),
        ("columns", len(shape.names) + more, COLUMNS),
        ("characters in a cell", shape.longest, LETTERS),
    ):
        if found > most:
            raise ShelftalkerError(
                f"a workbook holds {most:,} {what}, and {found:,} are needed",
                where=str(path),
                mend="name an output that ends in .csv, .jsonl or .parquet",
            )


def write(
    rows: Iterable[tuple[dict[str, Any], dict[str, Any]]], target: Path, shape: Shape, new_names: Mapping[str, str]
) -> None:
    """Write the rows into one sheet below a header, in bounded memory.

    Raises:
        OSError: the disk is full.
    """
    import xlsxwriter
    from xlsxwriter.exceptions import FileCreateError

    how = {"constant_memory": True, "tmpdir": str(target.parent), "in_memory": False}
    book = xlsxwriter.Workbook(str(target), how)
    # The same rows give the same bytes.
    book.set_properties({"created": datetime.datetime(1980, 1, 1)})
    sheet = book.add_worksheet("Products")
    for at, label in enumerate([*(shape.labels or shape.names), *new_names.values()]):
        sheet.write_string(0, at, label)
    for number, (row, new) in enumerate(rows, 1):
        values = [*(row.get(name) for name in shape.names), *(new.get(name) for name in new_names)]
        for at, value in enumerate(values):
            if value is not None:
                _cell(sheet, number, at, value)
    try:
        book.close()
    except FileCreateError as error:
        raise OSError(0, str(error)) from None


def _cell(sheet: Any, row: int, column: int, value: Any) -> None:
    found = plain(value)
    if found is None or found == "":
        return
    if isinstance(found, bool):
        sheet.write_boolean(row, column, found)
    elif isinstance(found, int | float) and math.isfinite(found) and abs(found) <= _EXACT:
        sheet.write_number(row, column, found)
    else:
        sheet.write_string(row, column, cell_of(value))
