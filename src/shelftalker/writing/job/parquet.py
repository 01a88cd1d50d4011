"""A described catalogue as Parquet, by DuckDB, which compares the names of columns without letter case."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from shelftalker import console
from shelftalker.catalogue.read.row import cell_of
from shelftalker.catalogue.read.shape import Shape

_SQL_TYPE = {
    frozenset({"int"}): "BIGINT",
    frozenset({"bool"}): "BOOLEAN",
    frozenset({"int", "float"}): "DOUBLE",
    frozenset({"float"}): "DOUBLE",
    frozenset({"text"}): "VARCHAR",
}


def write(
    rows: Iterable[tuple[dict[str, Any], dict[str, Any]]],
    target: Path,
    shape: Shape,
    new_types: Mapping[str, str],
    new_names: Mapping[str, str],
    own_types: Mapping[str, str],
) -> None:
    """Join the input's columns (of a Parquet input: as they are, with their types) to the new ones by place.

    Args:
        rows: each row's own columns and the added ones.
        target: the file to write.
        shape: of the input.
        new_types: names of the added columns in the file, and their types.
        new_names: what `rows` calls them, and their names in the file.
        own_types: types of the input's columns, where they are known; the others' are told from their values.

    Raises:
        OSError: the disk is full.
    """
    import duckdb

    scratch = target.with_suffix(".rows")
    is_parquet = shape.format == "parquet"
    own = {} if is_parquet else own_names(shape.names, list(new_types))
    for name, called in own.items():
        if name != called:
            console.note(f"in Parquet, the column {name!r} is called {called!r}: its name is taken, or none there")
    found = {name: own_types.get(name) or _sql_type(kinds) for name, kinds in shape.columns.items()}
    _flat(rows, scratch, found, own, new_names)
    types = {own[name]: kind for name, kind in found.items()} if own else {}
    columns = ", ".join(f"{_literal(name)}: {_literal(kind)}" for name, kind in (types | dict(new_types)).items())
    how = f"format='newline_delimited', columns={{{columns}}}, maximum_object_size=268435456"
    source = f"read_json({_literal(str(scratch))}, {how})"
    if is_parquet:
        source = f"(from read_parquet({_literal(str(shape.path))})) positional join {source}"
    config = {"threads": 1, "memory_limit": "1GB", "temp_directory": str(target.parent)}
    try:
        with duckdb.connect(config=config) as connection:
            connection.execute("set enable_progress_bar = false")
            connection.execute(
                f"copy (select * from {source}) to {_literal(str(target))} (format parquet, compression zstd)"
            )
    except duckdb.IOException as error:
        raise OSError(0, str(error).splitlines()[0]) from None
    scratch.unlink()


def own_names(names: Sequence[str], taken: Sequence[str]) -> dict[str, str]:
    """What the input's columns are called in Parquet: their names, but where letter case alone tells two apart."""
    known = {_folded(name) for name in taken}
    found: dict[str, str] = {}
    for place, name in enumerate(names, 1):
        wanted = name.replace("\0", "") or f"column{place}"
        called, number = wanted, 2
        while _folded(called) in known:
            called, number = f"{wanted}_{number}", number + 1
        known.add(_folded(called))
        found[name] = called
    return found


def _folded(name: str) -> bytes:
    """A name as DuckDB compares it: ASCII's letters without case."""
    return name.encode("utf-8", "replace").lower()


def _flat(
    rows: Iterable[tuple[dict[str, Any], dict[str, Any]]],
    path: Path,
    types: Mapping[str, str],
    own: Mapping[str, str],
    new_names: Mapping[str, str],
) -> None:
    """Rows as flat JSON lines for DuckDB; nested and mixed columns as JSON text."""
    import msgspec

    encode = msgspec.json.Encoder().encode
    with path.open("wb") as file:
        for row, new in rows:
            flat: dict[str, Any] = {}
            for name, called in own.items():
                value = row.get(name)
                if value is not None:
                    flat[called] = cell_of(value) if types[name] == "VARCHAR" and bytes(value) != b"null" else value
            flat |= {new_names[key]: value for key, value in new.items()}
            file.write(encode(flat) + b"\n")


def _sql_type(kinds: set[str]) -> str:
    return _SQL_TYPE.get(frozenset(kinds - {"null"}), "VARCHAR")


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
