"""A job's finished parts put together as one file: JSON lines, CSV or TSV (also gzipped), or Parquet."""

from __future__ import annotations

import csv
import gzip
import io
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Literal, cast

from shelftalker.catalogue.read.rows import Shape, cell_of
from shelftalker.errors import ShelftalkerError
from shelftalker.files import disk_error

Format = Literal["jsonl", "csv", "tsv", "parquet"]
_BY_SUFFIX: dict[str, Format] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".parquet": "parquet",
    ".pq": "parquet",
}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"[+-]?[\d.,]*\d[\d.,]*%?")
_SQL_TYPE = {
    frozenset({"int"}): "BIGINT",
    frozenset({"bool"}): "BOOLEAN",
    frozenset({"int", "float"}): "DOUBLE",
    frozenset({"float"}): "DOUBLE",
    frozenset({"text"}): "VARCHAR",
}
NEW_TYPES = {
    "description": "VARCHAR",
    "publishable": "BOOLEAN",
    "findings": 'STRUCT("check" VARCHAR, "text" VARCHAR, "start" INTEGER, "end" INTEGER, why VARCHAR)[]',
    "score": "DOUBLE",
    "tokens": "INTEGER",
    "hit_cap": "BOOLEAN",
    "engine": "VARCHAR",
    "model": "VARCHAR",
    "problem": "VARCHAR",
}
"""What a job adds to a row, with the columns' types in Parquet."""


def format_of(path: Path) -> tuple[Format, bool]:
    """The format that an output's name asks for, and whether it is gzipped.

    Raises:
        ShelftalkerError: a name that says neither.
    """
    suffix = path.suffix.casefold()
    is_gzip = suffix == ".gz"
    found = _BY_SUFFIX.get(path.with_suffix("").suffix.casefold() if is_gzip else suffix)
    if found is None or (is_gzip and found == "parquet"):
        raise ShelftalkerError(
            "the output's name does not say its format",
            where=str(path),
            mend="end it in .jsonl, .csv, .tsv (each also with .gz) or .parquet",
        )
    return found, is_gzip


def new_names(taken: Sequence[str]) -> dict[str, str]:
    """The names of the columns that a job adds; one that the input has already gets "generated_" before it."""
    names = {}
    for name in NEW_TYPES:
        given = name
        while given in taken:
            given = f"generated_{given}"
        names[name] = given
    return names


def assemble(parts: Sequence[Path], target: Path, output: Path, shape: Shape) -> None:
    """Write all parts, in order, into ``target`` in the format of ``output``'s name, and flush it to the disk.

    Raises:
        ShelftalkerError: the disk is full.
    """
    kind, is_gzip = format_of(output)
    try:
        if kind == "parquet":
            _parquet(parts, target, shape)
        else:
            with target.open("wb") as plain:
                if is_gzip:
                    # Neither name nor time in the header: the same rows give the same bytes.
                    with gzip.GzipFile("", "wb", 6, plain, mtime=0) as packed:
                        _text(parts, cast("IO[bytes]", packed), kind, shape)
                else:
                    _text(parts, plain, kind, shape)
        with target.open("rb+") as file:
            os.fsync(file.fileno())
    except OSError as error:
        raise disk_error(error, output) from error


def _text(parts: Sequence[Path], file: IO[bytes], kind: Format, shape: Shape) -> None:
    import msgspec

    names = new_names(shape.names)
    if kind == "jsonl":
        encode = msgspec.json.Encoder().encode
        for row, new in _rows(parts):
            file.write(encode(row | {names[key]: value for key, value in new.items()}) + b"\n")
        return
    wrapped = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=False)
    writer = csv.writer(wrapped, delimiter="\t" if kind == "tsv" else ",", lineterminator="\r\n")
    writer.writerow([neutral(name) for name in [*shape.names, *names.values()]])
    for row, new in _rows(parts):
        cells = [cell_of(row.get(name)) for name in shape.names] + [cell_of(new.get(name)) for name in names]
        writer.writerow([neutral(cell) for cell in cells])
    wrapped.flush()
    wrapped.detach()


def neutral(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula: an apostrophe before what would begin one; numbers stay."""
    if cell.startswith(_FORMULA) and not _NUMBER.fullmatch(cell):
        return f"'{cell}"
    # A spreadsheet trims white space before it looks for a formula.
    return f"'{cell}" if cell.lstrip().startswith(("=", "@")) else cell


def _rows(parts: Sequence[Path]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    import msgspec

    decode = msgspec.json.Decoder(list[dict[str, msgspec.Raw]]).decode
    for part in parts:
        with part.open("rb") as file:
            for line in file:
                row, new = decode(line)
                yield row, new


def _parquet(parts: Sequence[Path], target: Path, shape: Shape) -> None:
    """DuckDB joins the input's columns (of a Parquet input: as they are, with their types) to the new ones by place."""
    import duckdb

    names = new_names(shape.names)
    scratch = target.with_suffix(".rows")
    _flat(parts, scratch, shape, names)
    new_types = {names[key]: kind for key, kind in NEW_TYPES.items()}
    types = {} if shape.format == "parquet" else {name: _sql_type(kinds) for name, kinds in shape.columns.items()}
    columns = ", ".join(f"{_text_literal(name)}: {_text_literal(kind)}" for name, kind in (types | new_types).items())
    how = f"format='newline_delimited', columns={{{columns}}}, maximum_object_size=268435456"
    rows = f"read_json({_text_literal(str(scratch))}, {how})"
    if shape.format == "parquet":
        rows = f"(from read_parquet({_text_literal(str(shape.path))})) positional join {rows}"
    config = {"threads": 1, "memory_limit": "1GB", "temp_directory": str(target.parent)}
    try:
        with duckdb.connect(config=config) as connection:
            connection.execute("set enable_progress_bar = false")
            connection.execute(
                f"copy (select * from {rows}) to {_text_literal(str(target))} (format parquet, compression zstd)"
            )
    except duckdb.IOException as error:
        raise OSError(0, str(error).splitlines()[0]) from None
    scratch.unlink()


def _flat(parts: Sequence[Path], path: Path, shape: Shape, names: dict[str, str]) -> None:
    """Rows as flat JSON lines for DuckDB; nested and mixed columns as JSON text."""
    import msgspec

    encode = msgspec.json.Encoder().encode
    is_text = {name: _sql_type(kinds) == "VARCHAR" for name, kinds in shape.columns.items()}
    with path.open("wb") as file:
        for row, new in _rows(parts):
            flat: dict[str, Any] = {}
            if shape.format != "parquet":
                for name, value in row.items():
                    is_null = bytes(value) == b"null"
                    flat[name] = cell_of(value) if is_text[name] and not is_null else value
            flat |= {names[key]: value for key, value in new.items()}
            file.write(encode(flat) + b"\n")


def _sql_type(kinds: set[str]) -> str:
    return _SQL_TYPE.get(frozenset(kinds - {"null"}), "VARCHAR")


def _text_literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
