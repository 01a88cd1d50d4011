"""Rows of a Parquet file, by DuckDB."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from shelftalker import console
from shelftalker.catalogue.read.row import Row, object_row
from shelftalker.catalogue.read.shape import Shape
from shelftalker.catalogue.read.unpack import broken


def names(path: Path, where: str) -> list[str]:
    """The columns of a Parquet file.

    Raises:
        ShelftalkerError: it cannot be read.
    """
    import duckdb

    try:
        with duckdb.connect() as connection:
            found = connection.execute("describe select * from read_parquet(?)", [str(path)]).fetchall()
            stored = connection.execute("select name from parquet_schema(?)", [str(path)]).fetchall()
    except duckdb.Error as error:
        raise broken(where, _first_line(error)) from None
    columns = [str(row[0]) for row in found]
    renamed = [name for name in columns if (name,) not in stored]
    if renamed:
        console.note(f"{where}: names that differ in letter case alone have a number: {', '.join(renamed)}")
    return columns


def types(path: Path) -> dict[str, str]:
    """The types of a Parquet file's columns, as DuckDB writes them."""
    import duckdb

    with duckdb.connect() as connection:
        found = connection.execute("describe select * from read_parquet(?)", [str(path)]).fetchall()
    return {str(row[0]): str(row[1]) for row in found}


def rows(shape: Shape, wanted: Sequence[str] | None = None) -> Iterator[Row]:
    """Rows in file order, with all columns or those that are wanted.

    Raises:
        ShelftalkerError: the file is broken.
    """
    import duckdb
    import msgspec

    columns = shape.names if wanted is None else list(wanted)
    encode = msgspec.json.Encoder(enc_hook=str).encode
    quoted = ", ".join('"' + name.replace('"', '""') + '"' for name in columns)
    number = 0
    try:
        with duckdb.connect(config={"memory_limit": "512MB", "threads": 1}) as connection:
            found = connection.execute(f"select {quoted} from read_parquet(?)", [str(shape.path)])
            while some := found.fetchmany(2048):
                for row in some:
                    yield object_row(number, encode(dict(zip(columns, row, strict=True))))
                    number += 1
    except duckdb.Error as error:
        raise broken(shape.name, _first_line(error)) from None


def _first_line(error: Exception) -> Exception:
    return ValueError(str(error).splitlines()[0])
