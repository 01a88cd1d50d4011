"""A job's finished parts put together as one file: JSON lines, CSV or TSV (also gzipped), Parquet, or a workbook.

What was in the input comes out unchanged. Only where `generate.spreadsheet_safe` asks for it, cells of CSV and TSV that
a spreadsheet would take for formulas get an apostrophe; of the columns that the job adds, always.
"""

from __future__ import annotations

import csv
import gzip
import io
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Literal, cast

from shelftalker import console
from shelftalker.catalogue.read.row import cell_of
from shelftalker.catalogue.read.shape import Shape
from shelftalker.errors import ShelftalkerError
from shelftalker.files import disk_error
from shelftalker.writing.job import parquet, workbook

Format = Literal["jsonl", "csv", "tsv", "parquet", "xlsx"]
_BY_SUFFIX: dict[str, Format] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".xlsx": "xlsx",
}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"[+-]?[\d.,]*\d[\d.,]*%?")
NEW_TYPES = {
    "description": "VARCHAR",
    "publishable": "BOOLEAN",
    "findings": 'STRUCT("check" VARCHAR, "text" VARCHAR, "start" INTEGER, "end" INTEGER, why VARCHAR)[]',
    "route": "VARCHAR",
    "sources": "STRUCT(uid VARCHAR, title VARCHAR, similarity DOUBLE)[]",
    "score": "DOUBLE",
    "tokens": "INTEGER",
    "hit_cap": "BOOLEAN",
    "engine": "VARCHAR",
    "model": "VARCHAR",
    "problem": "VARCHAR",
}
"""What a job adds to a row, with the columns' types in Parquet."""
_OF_EVERY_JOB = ("engine", "model", "problem")


def columns_of(asked: Sequence[str]) -> dict[str, str]:
    """What a job adds: `NEW_TYPES` for a description; of another field its text, findings and problem."""
    found = {key: kind for key, kind in NEW_TYPES.items() if "description" in asked or key in _OF_EVERY_JOB}
    for name in asked:
        if name != "description":
            found |= {name: "VARCHAR", f"{name}_findings": NEW_TYPES["findings"], f"{name}_problem": "VARCHAR"}
    return found


def format_of(path: Path) -> tuple[Format, bool]:
    """The format that an output's name asks for, and whether it is gzipped.

    Raises:
        ShelftalkerError: a name that says neither.
    """
    suffix = path.suffix.casefold()
    is_gzip = suffix == ".gz"
    found = _BY_SUFFIX.get(path.with_suffix("").suffix.casefold() if is_gzip else suffix)
    if found is None or (is_gzip and found in ("parquet", "xlsx")):
        raise ShelftalkerError(
            "the output's name does not say its format",
            where=str(path),
            mend="end it in .jsonl, .csv, .tsv (each also with .gz), .parquet or .xlsx",
        )
    return found, is_gzip


def check(path: Path, shape: Shape, more: int = len(NEW_TYPES)) -> None:
    """See that the output can hold the input and ``more`` columns, before anything is written.

    Raises:
        ShelftalkerError: a workbook cannot.
    """
    if format_of(path)[0] == "xlsx":
        workbook.check(path, shape, more)


def new_names(taken: Sequence[str], wanted: Iterable[str] = NEW_TYPES) -> dict[str, str]:
    """The names of the columns that a job adds; one that the input has, in any letter case, gets "generated_" first."""
    known = {name.casefold() for name in taken}
    names = {}
    for name in wanted:
        given = name
        while given.casefold() in known:
            given = f"generated_{given}"
        names[name] = given
    return names


def assemble(
    parts: Sequence[Path],
    target: Path,
    output: Path,
    shape: Shape,
    *,
    spreadsheet_safe: bool = False,
    added: Mapping[str, str] = NEW_TYPES,
    own_types: Mapping[str, str] | None = None,
) -> None:
    """Write all parts, in order, into ``target`` in the format of ``output``'s name, and flush it to the disk.

    Args:
        parts: files of lines, each the pair of a row's own columns and the added ones.
        target: the file to write.
        output: where it will go.
        shape: of the input.
        spreadsheet_safe: put an apostrophe before what a spreadsheet would take for a formula, in the input's columns
            too.
        added: the added columns and their types in Parquet.
        own_types: types of the input's columns in Parquet; None: what their values look like.

    Raises:
        ShelftalkerError: the disk is full.
    """
    kind, is_gzip = format_of(output)
    names = new_names(shape.names, added)
    try:
        if kind == "parquet":
            types = {names[key]: added[key] for key in names}
            parquet.write(rows_of(parts), target, shape, types, names, own_types or {})
        elif kind == "xlsx":
            workbook.write(rows_of(parts), target, shape, names)
        else:
            with target.open("wb") as plain:
                if is_gzip:
                    # Neither name nor time in the header: the same rows give the same bytes.
                    with gzip.GzipFile("", "wb", 6, plain, mtime=0) as packed:
                        _text(parts, cast("IO[bytes]", packed), kind, shape, names, spreadsheet_safe)
                else:
                    _text(parts, plain, kind, shape, names, spreadsheet_safe)
        with target.open("rb+") as file:
            os.fsync(file.fileno())
    except OSError as error:
        raise disk_error(error, output) from error


def rows_of(parts: Sequence[Path]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each row's own columns and the added ones, values as JSON has them."""
    import msgspec

    decode = msgspec.json.Decoder(list[dict[str, msgspec.Raw]]).decode
    for part in parts:
        with part.open("rb") as file:
            for line in file:
                row, new = decode(line)
                yield row, new


def _text(
    parts: Sequence[Path], file: IO[bytes], kind: Format, shape: Shape, names: dict[str, str], is_safe: bool
) -> None:
    if kind == "jsonl":
        import msgspec

        encode = msgspec.json.Encoder().encode
        for row, new in rows_of(parts):
            file.write(encode(row | {names[key]: value for key, value in new.items()}) + b"\n")
        return
    wrapped = io.TextIOWrapper(file, encoding="utf-8", errors="replace", newline="", write_through=False)
    writer = csv.writer(wrapped, delimiter="\t" if kind == "tsv" else ",", lineterminator="\r\n")
    # As the input's header has them: empty and repeated names too.
    labels = shape.labels or shape.names
    writer.writerow([*(map(neutral, labels) if is_safe else labels), *names.values()])
    changed = 0
    for row, new in rows_of(parts):
        own = [cell_of(row.get(name)) for name in shape.names]
        added = [cell_of(new.get(name)) for name in names]
        cells = [*(map(neutral, own) if is_safe else own), *map(neutral, added)]
        changed += sum(map(str.__ne__, cells, [*own, *added]))
        writer.writerow(cells)
    wrapped.flush()
    wrapped.detach()
    if changed:
        console.note(f"{changed:,} cells begin like formulas: each has an apostrophe before it")


def neutral(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula: an apostrophe before what would begin one; numbers stay."""
    if cell.startswith(_FORMULA) and not _NUMBER.fullmatch(cell):
        return f"'{cell}"
    # A spreadsheet trims white space before it looks for a formula.
    return f"'{cell}" if cell.lstrip().startswith(("=", "@")) else cell
