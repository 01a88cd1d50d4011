"""A catalogue's rows as they come, for a job that must lose none: CSV, TSV, JSON lines, a JSON array or Parquet."""

from __future__ import annotations

import csv
import itertools
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from shelftalker.catalogue.clean.shard import REASON_KEY
from shelftalker.catalogue.read import formats
from shelftalker.errors import ShelftalkerError

Value = Any
"""What a column holds: a text in tables, any JSON value elsewhere."""


@dataclass(frozen=True)
class Row:
    """One row of the input, in its place: its columns, and why it cannot be used where that is so."""

    number: int
    values: dict[str, Value]
    error: str | None = None


@dataclass
class Shape:
    """What one pass over the input found: how it is read, how many rows, which columns with which kinds of values."""

    path: Path
    format: Literal["table", "lines", "array", "parquet"]
    rows: int = 0
    columns: dict[str, set[str]] = field(default_factory=dict)
    """Column names in order of appearance, with the kinds of their values: text, int, float, bool, other."""
    dialect: dict[str, Any] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """Column names, in order of appearance."""
        return list(self.columns)


def inspect(path: Path) -> Shape:
    """Read the input once: its format, its columns and how many rows it has.

    Raises:
        ShelftalkerError: no such file, unreadable, cut short, or without a row.
    """
    if not path.is_file():
        raise ShelftalkerError("no such catalogue file", where=str(path), mend="check the path given to --input")
    shape = _format(path)
    for row in read(shape):
        shape.rows += 1
        for name, value in row.values.items():
            shape.columns.setdefault(name, set()).add(_kind(value))
    if not shape.rows:
        raise ShelftalkerError("the catalogue has no rows", where=str(path), mend="give a file with rows")
    return shape


def _format(path: Path) -> Shape:
    try:
        with path.open("rb") as raw:
            if raw.read(4) == b"PAR1":
                names = formats.parquet_names(path, str(path))
                return Shape(path, "parquet", columns={name: set() for name in names})
        with formats.open_binary(path) as file:
            head = formats.read(file, formats.HEAD, str(path))
        # The readers of tables and arrays see text; a byte-order mark says which.
        with formats.open_binary(path) as file:
            text = formats.open_text(file, head[:4]).read(formats.HEAD)
    except OSError as error:
        raise ShelftalkerError(
            f"cannot read the catalogue: {error.strerror or error}", where=str(path), mend="check the file"
        ) from None
    suffixes = {suffix.casefold() for suffix in path.suffixes}
    begins = text.lstrip()[:1]
    if begins == "[" or (".json" in suffixes and formats.is_array(text)):
        return Shape(path, "array")
    if begins == "{" or suffixes & {".jsonl", ".ndjson", ".json"}:
        return Shape(path, "lines")
    dialect = {"delimiter": "\t"} if suffixes & {".tsv", ".tab"} else formats.sniff_table(text)
    shape = Shape(path, "table", dialect=dialect)
    shape.columns = {name: {"text"} for name in formats.table_names(text, dialect)}
    return shape


def read(shape: Shape, start: int = 0) -> Iterator[Row]:
    """Rows from number ``start`` (0 is the first), in file order, in bounded memory."""
    rows = {"table": _table, "lines": _lines, "array": _array, "parquet": _parquet}[shape.format](shape)
    return itertools.islice(rows, start, None)


def _lines(shape: Shape) -> Iterator[Row]:
    number = 0
    with formats.open_binary(shape.path) as file:
        for block in formats.blocks_of_lines(file, str(shape.path)):
            for line in block.splitlines():
                if line.strip():
                    yield _object(number, line)
                    number += 1


def _array(shape: Shape) -> Iterator[Row]:
    with formats.open_binary(shape.path) as file, formats.open_binary(shape.path) as again:
        text = formats.open_text(file, formats.read(again, 4, str(shape.path)))
        for number, line in enumerate(formats.array_rows(text)):
            row = _object(number, line)
            broken = REASON_KEY in row.values
            yield Row(number, {}, "the JSON array is broken from here to its end") if broken else row


def _object(number: int, line: bytes) -> Row:
    import msgspec

    line = line.removeprefix(b"\xef\xbb\xbf")
    try:
        # Raw values go to the output byte for byte: no number is rounded, no key reordered.
        return Row(number, msgspec.json.decode(line, type=dict[str, msgspec.Raw]))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        shown = line[:200].decode("utf-8", "replace")
        return Row(number, {}, f"not a JSON object ({error}): {shown}")


def _table(shape: Shape) -> Iterator[Row]:
    csv.field_size_limit(sys.maxsize)
    names: list[str] | None = None
    number = 0
    with formats.open_binary(shape.path) as file, formats.open_binary(shape.path) as again:
        text = formats.open_text(file, formats.read(again, 4, str(shape.path)))
        reader = csv.reader(text, **shape.dialect)
        while True:
            try:
                cells = next(reader, None)
            except csv.Error as error:
                yield Row(number, {}, f"line {reader.line_num} is not a table's: {error}")
                number += 1
                continue
            if cells is None:
                return
            if not cells:
                continue
            if names is None:
                names = _distinct([name.strip() for name in cells])
                continue
            extra = [cell for cell in cells[len(names) :] if cell]
            fault = f"line {reader.line_num} has more cells than the header: {extra[:3]}" if extra else None
            yield Row(number, dict(zip(names, cells, strict=False)), fault)
            number += 1


def _distinct(names: list[str]) -> list[str]:
    """A header's names, made distinct and none empty, so that no column is lost."""
    found: list[str] = []
    for place, name in enumerate(names, 1):
        name = name or f"column{place}"
        found.append(name if name not in found else f"{name}_{place}")
    return found


def _parquet(shape: Shape) -> Iterator[Row]:
    for number, line in enumerate(formats.parquet_rows(shape.path, shape.names, str(shape.path))):
        yield _object(number, line)


def text_of(value: Value) -> str | None:
    """A column's value as text: a text as it is, a number as it is written; None for null, empty and nested values."""
    import msgspec

    if isinstance(value, str):
        return value
    if value is None:
        return None
    plain = msgspec.json.decode(value) if isinstance(value, msgspec.Raw) else value
    if isinstance(plain, str):
        return plain
    if isinstance(plain, bool) or plain is None or isinstance(plain, dict | list):
        return None
    return bytes(value).decode() if isinstance(value, msgspec.Raw) else str(plain)


def cell_of(value: Value) -> str:
    """A column's value as a table's cell: a text as it is, null as nothing, all else as JSON."""
    import msgspec

    if isinstance(value, str):
        return value
    if value is None:
        return ""
    plain = msgspec.json.decode(value) if isinstance(value, msgspec.Raw) else value
    if isinstance(plain, str):
        return plain
    if plain is None:
        return ""
    return bytes(value).decode() if isinstance(value, msgspec.Raw) else json.dumps(plain, ensure_ascii=False)


def _kind(value: Value) -> str:
    if isinstance(value, str):
        return "text"
    first = bytes(value)[:1]
    if first == b'"':
        return "text"
    if first in (b"t", b"f"):
        return "bool"
    if first == b"n":
        return "null"
    if first in (b"{", b"["):
        return "other"
    body = bytes(value)
    if any(mark in body for mark in (b".", b"e", b"E")):
        return "float"
    return "int" if len(body) <= 18 else "other"
