"""Rows of a workbook: xlsx, xlsm, xlsb, xls, ods."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from shelftalker.catalogue.read.row import Row, Value, cell_of
from shelftalker.catalogue.read.shape import Shape
from shelftalker.errors import ShelftalkerError


def sheets(path: Path, where: str) -> dict[str, list[list[Any]]]:
    """The visible sheets that are not empty, each with its first rows.

    Raises:
        ShelftalkerError: it cannot be read, or is locked with a password.
    """
    from python_calamine import SheetVisibleEnum

    book = _open(path, where)
    found = {}
    for about in book.sheets_metadata:
        if about.visible == SheetVisibleEnum.Visible:
            some = [list(cells) for _, cells in zip(range(200), _cells(book, about.name, where), strict=False)]
            if some:
                found[about.name] = some
    return found


def rows(shape: Shape) -> Iterator[Row]:
    """Rows below the header; empty ones are left out."""
    names = shape.names
    number = 0
    for place, cells in enumerate(_cells(_open(shape.path, shape.name), shape.records[0], shape.name)):
        if place >= shape.skip:
            yield Row(number, {name: value(cell) for name, cell in zip(names, cells, strict=False)})
            number += 1


def value(cell: Any) -> Value:
    """A cell: texts and dates as text, numbers and truth values as JSON has them (a whole number without a point)."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return msgspec.Raw(b"true" if cell else b"false")
    if isinstance(cell, int | float):
        return msgspec.Raw(msgspec.json.encode(int(cell) if float(cell).is_integer() and abs(cell) < 1e15 else cell))
    if isinstance(cell, datetime.datetime | datetime.date | datetime.time):
        return cell.isoformat()
    return str(cell)


def label(cell: Any) -> str:
    """A header's cell as text."""
    return cell_of(value(cell))


def _open(path: Path, where: str) -> Any:
    from python_calamine import CalamineError, load_workbook

    try:
        return load_workbook(str(path))
    except (CalamineError, OSError, ValueError) as error:
        if type(error).__name__ == "PasswordError":
            raise ShelftalkerError(
                "a workbook that is locked with a password", where=where, mend="save it without one, or as CSV"
            ) from None
        raise ShelftalkerError(
            f"a workbook that cannot be read: {error}", where=where, mend="open it, and save it as .xlsx or CSV"
        ) from None


def _cells(book: Any, sheet: str, where: str) -> Iterator[list[Any]]:
    from python_calamine import CalamineError

    try:
        for cells in book.get_sheet_by_name(sheet).to_python(skip_empty_area=True):
            if any(cell != "" for cell in cells):
                yield cells
    except (CalamineError, ValueError) as error:
        raise ShelftalkerError(
            f"a workbook whose sheet {sheet!r} cannot be read: {error}",
            where=where,
            mend="open it, and save it as .xlsx or CSV",
        ) from None
