"""What a catalogue file is, once its first bytes have been looked at; every reader reads by it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from shelftalker.catalogue.read.shops import Reading

Format = Literal["lines", "json", "python", "table", "parquet", "workbook", "xml"]


@dataclass
class Shape:
    """How a file is read, which columns it has, and, after `rows.inspect`, how many rows.

    Attributes:
        path: the file.
        format: which reader reads it.
        name: what messages call it.
        member: of a ZIP archive, the file in it that is read.
        is_packed: whether the bytes are compressed.
        encoding: of a text, as Python's codecs call it.
        dialect: of a table, what `csv.reader` takes.
        skip: of a table or workbook, how many records come before the first row, the header included.
        labels: of a table or workbook, the header as it is written; empty and repeated names included.
        records: of JSON, the keys that lead to the list of rows; of a workbook its sheet, of XML the rows' element.
        inner: of JSON, the keys in each element of that list that lead to the row itself.
        rows: how many there are.
        columns: names in order of appearance, distinct and none empty, with the kinds of their values (`row.kind`).
        longest: the longest text of a value (characters).
        reading: which rows of a shop's export are products.
    """

    path: Path
    format: Format
    name: str = ""
    member: str | None = None
    is_packed: bool = False
    encoding: str = "utf-8"
    dialect: dict[str, Any] = field(default_factory=dict)
    skip: int = 1
    labels: list[str] = field(default_factory=list)
    records: tuple[str, ...] = ()
    inner: tuple[str, ...] = ()
    rows: int = 0
    columns: dict[str, set[str]] = field(default_factory=dict)
    longest: int = 0
    reading: Reading | None = None

    @property
    def names(self) -> list[str]:
        """Column names, in order of appearance."""
        return list(self.columns)


def distinct(labels: list[str]) -> list[str]:
    """A header's names, made distinct and none empty, so that no column is lost: the first keeps its name."""
    given = {label.strip() for label in labels}
    found: dict[str, None] = {}
    for place, label in enumerate(labels, 1):
        wanted = name = label.strip() or f"column{place}"
        while name in found or (name != label.strip() and name in given):
            place += 1
            name = f"{wanted}_{place - 1}"
        found[name] = None
    return list(found)
