"""Rows of a table: CSV, TSV and their like."""

from __future__ import annotations

import csv
import io
import sys
from collections import Counter
from collections.abc import Iterator
from typing import IO, Any, Final

from shelftalker.catalogue.read.columns import role_of
from shelftalker.catalogue.read.row import Row, printable
from shelftalker.catalogue.read.shape import Shape
from shelftalker.catalogue.read.text import open_text

DELIMITERS = ",;\t|^"
_LONGEST = 64 << 20
_NONE: Final = csv.QUOTE_NONE


def rows(shape: Shape) -> Iterator[Row]:
    """Records after the header; one with more cells than the header has a fault, and no quote swallows what follows."""
    names = shape.names
    number, place = 0, 0
    with open_text(shape) as text:
        for cells, fault in records(text, shape.dialect, len(names)):
            place += 1
            if place <= shape.skip:
                continue
            extra = [printable(cell) for cell in cells[len(names) :] if cell]
            if extra and fault is None:
                fault = f"more cells than the header: {', '.join(extra[:3])}"
            yield Row(number, dict(zip(names, cells, strict=False)), fault)
            number += 1


def records(text: IO[str], dialect: dict[str, Any], width: int | None = None) -> Iterator[tuple[list[str], str | None]]:
    """Records that are not empty, each with what is wrong with it.

    A quote that is not closed makes a record of all lines up to the next quote. Where such a record is not as wide as
    the header (``width`` cells), or the text ends within it, its first line alone is the faulty record, and reading
    goes on with the second.
    """
    csv.field_size_limit(sys.maxsize)
    lines = _Lines(text)
    reader = csv.reader(lines, **dialect)
    while True:
        lines.begin()
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield [], f"line {lines.first} is no table's: {error}"
            reader = csv.reader(lines, **dialect)
            continue
        if cells is None:
            return
        if lines.is_open or (width is not None and len(lines.taken) > 1 and len(cells) != width):
            first = lines.give_back()
            reader = csv.reader(lines, **dialect)
            yield _cells(first, dialect), f"a quote in line {lines.first} is not closed"
        elif cells:
            yield cells, None


def _cells(line: str, dialect: dict[str, Any]) -> list[str]:
    """A line's cells, quotes taken for letters."""
    plain = {key: value for key, value in dialect.items() if key == "delimiter"}
    return next(csv.reader([line.rstrip("\r\n")], quoting=_NONE, **plain), [])


class _Lines:
    """A text's lines; those of the record being read can be given back.

    Attributes:
        taken: the lines of the record.
        first: the number of its first line, from 1.
        is_open: whether the record wanted more lines than there are, or more than any record has.
    """

    def __init__(self, text: IO[str]) -> None:
        self._text = text
        self._again: list[str] = []
        self._size = 0
        self.taken: list[str] = []
        self.first = 1
        self.is_open = False

    def begin(self) -> None:
        """A new record begins."""
        self.first += len(self.taken)
        self.taken.clear()
        self._size, self.is_open = 0, False

    def give_back(self) -> str:
        """Keep the record's first line, which is returned; the others are read again."""
        self._again += reversed(self.taken[1:])
        del self.taken[1:]
        return self.taken[0]

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._again.pop() if self._again else self._text.readline()
        self.is_open = bool(self.taken) and (not line or self._size > _LONGEST)
        if self.is_open and line:
            self._again.append(line)
        if not line or self.is_open:
            raise StopIteration
        self.taken.append(line)
        self._size += len(line)
        return line


# --- what kind of table it is --------------------------------------------------------------------------------------


def sniff(head: str, *, is_tabbed: bool, is_whole: bool) -> tuple[dict[str, Any], list[list[str]]]:
    """Delimiter and quoting of a table, by how well its first lines come out as records of one width; and these.

    Args:
        head: the beginning of the text.
        is_tabbed: whether the file's name says that tabs part the cells.
        is_whole: whether ``head`` is the whole text.
    """
    lines = head[: 256 << 10]
    is_whole = is_whole and len(lines) == len(head)
    separator = _separator_line(lines)
    best: tuple[float, dict[str, Any], list[list[str]]] | None = None
    for delimiter in [separator] if separator else DELIMITERS:
        usual: dict[str, Any] = {"delimiter": delimiter}
        escaped = usual | {"escapechar": "\\", "doublequote": False}
        if '\\"' in lines and _loose_quotes(lines, escaped) < _loose_quotes(lines, usual):
            usual = escaped
        found = _some(lines, usual, is_whole=is_whole)
        score = _steadiness(found[int(separator is not None) :])
        if '"' in lines and score > 0 and (score < 1 or _loose_quotes(lines, usual)):
            # Quotes may be inches: they are, where all lines are of one width without them.
            plainly = {"delimiter": delimiter, "quoting": _NONE}
            other = _some(lines, plainly, is_whole=is_whole)
            if len(other) > 2 and len(set(map(len, other))) == 1 and not _is_quoted(other):
                score, usual, found = _steadiness(other), plainly, other
        score += 0.5 if is_tabbed and delimiter == "\t" and score > 0 else 0.0
        if best is None or score > best[0]:
            best = (score, usual, found)
    assert best is not None
    if best[0] <= 0:
        # One column: commas in it are no borders.
        return {"delimiter": "\x1f"}, _some(lines, {"delimiter": "\x1f"}, is_whole=is_whole)
    return best[1:]


def _is_quoted(found: list[list[str]]) -> bool:
    """Whether most cells stand in quotes."""
    cells = [cell for record in found for cell in record if cell]
    return 2 * sum(cell[0] == cell[-1] == '"' for cell in cells) > len(cells)


def _loose_quotes(lines: str, dialect: dict[str, Any]) -> int:
    """How many records have a quote where none can be."""
    reader = csv.reader(io.StringIO(lines, newline=""), strict=True, **dialect)
    faults = 0
    while True:
        try:
            if next(reader, None) is None:
                return faults
        except csv.Error:
            faults += 1


def _some(lines: str, dialect: dict[str, Any], *, is_whole: bool) -> list[list[str]]:
    found = []
    for cells, fault in records(io.StringIO(lines, newline=""), dialect):
        found.append(cells if fault is None else [])
        if len(found) == 200:
            return found
    return found if is_whole or len(found) < 2 else found[:-1]


def _steadiness(found: list[list[str]]) -> float:
    """The share of records that are as wide as most (0 to 1), a little more for many columns; 0 for one column."""
    widths = Counter(len(cells) for cells in found)
    wide = [(count, width) for width, count in widths.items() if width > 1]
    if not found:
        return 0.0
    if not wide or (len(found[0]) == 1 and max(map(len, found)) <= 2 and len(found) < 4):
        return 0.0
    count, width = max(wide)
    # The header is one of the first records, and as wide as the rows.
    if all(len(cells) != width for cells in found[:20]):
        return 0.0
    if len(found[0]) == 1 and _is_lone_header(found):
        return 0.0
    return count / len(found) + min(width, 20) / 1000


def _is_lone_header(found: list[list[str]]) -> bool:
    """Whether a first record of one cell is a header of one column: the rows below vary in width."""
    return role_of(found[0][0]) is not None


def _separator_line(lines: str) -> str | None:
    """The delimiter that Excel's first line names ("sep=;")."""
    first = lines.lstrip("\ufeff").split("\n", 1)[0].strip().strip('"')
    return first[4] if len(first) == 5 and first.casefold().startswith("sep=") else None
