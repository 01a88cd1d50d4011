"""What a text is: JSON lines, JSON, lines that Python printed, or a table."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from shelftalker.catalogue.read import lines, nested, table
from shelftalker.catalogue.read.columns import role_of, shown
from shelftalker.catalogue.read.header import with_header
from shelftalker.catalogue.read.readers import sampled
from shelftalker.catalogue.read.row import Row
from shelftalker.catalogue.read.shape import Shape
from shelftalker.errors import ShelftalkerError
from shelftalker.recipe.catalogue import PrepareSettings

_JSON = {".jsonl", ".ndjson", ".json"}
_SQL = re.compile(r"^(?:--.*(?:MySQL|SQL database) dump|\s*(?:INSERT\s+INTO|CREATE\s+TABLE)\b)", re.I | re.M)
_YAML = re.compile(r"^(?:---\s*$|- \w+:\s)", re.M)


def of_text(shape: Shape, text: str, settings: PrepareSettings, *, is_whole: bool) -> tuple[Shape, list[Row]]:
    """The shape of a text, of which ``text`` is the beginning, and its first rows.

    Raises:
        ShelftalkerError: no reader reads it, or its rows lie where they are not looked for: then where.
    """
    found, rows = _of_text(shape, text, settings, is_whole=is_whole)
    if found.format in ("json", "lines", "python") and rows and all(row.error for row in rows) and not found.inner:
        raise _no_json(shape)
    return found, rows


def _of_text(shape: Shape, text: str, settings: PrepareSettings, *, is_whole: bool) -> tuple[Shape, list[Row]]:
    text = text.lstrip("\ufeff")
    begin = text.lstrip()
    named = PurePosixPath(shape.member or shape.name).suffixes
    suffixes = {suffix.casefold() for suffix in named}
    if begin[:1] == "[" and (after := begin[1:].lstrip()[:1]) and after in "{[]\"'":
        if after == "{":
            return _array(shape, begin, settings)
        if after != "]" or is_whole:
            raise ShelftalkerError(
                "this is a JSON array without objects in it",
                where=shape.name,
                mend="each product must be an object with names: [{...}, {...}]",
            )
    if begin[:1] == "{":
        return _objects(shape, begin, settings, is_whole=is_whole)
    found = _objects_in(begin)
    if found and (suffixes & _JSON or found * 2 > begin.count("\n")):
        return _lines(shape, settings)
    if suffixes & _JSON:
        raise _no_json(shape)
    if _SQL.search(begin[:20_000]):
        raise ShelftalkerError(
            "this is an SQL dump, not a table", where=shape.name, mend="load it into a database, and export CSV"
        )
    return _table(shape, text, settings, is_tabbed=bool(suffixes & {".tsv", ".tab"}), is_whole=is_whole)


def _table(
    shape: Shape, text: str, settings: PrepareSettings, *, is_tabbed: bool, is_whole: bool
) -> tuple[Shape, list[Row]]:
    dialect, found = table.sniff(text, is_tabbed=is_tabbed, is_whole=is_whole)
    if len(max(found, key=len, default=[])) == 1 and _YAML.match(text):
        raise ShelftalkerError("this is YAML, not a table", where=shape.name, mend="write it as JSON lines or CSV")
    shape = with_header(replace(shape, format="table", dialect=dialect), found, settings)
    return sampled(shape)


def _lines(shape: Shape, settings: PrepareSettings) -> tuple[Shape, list[Row]]:
    shape, rows = sampled(replace(shape, format="lines", inner=_keys(settings)))
    if not shape.inner:
        for key, held in _nested(rows).items():
            raise ShelftalkerError(
                f"the products are nested under {key!r} in every line",
                where=f"{shape.name}: {shown(shape.names)}; in {key}: {shown(held)}",
                mend=f"say so: --prepare.records {key}",
            )
    return shape, rows


def _nested(rows: list[Row]) -> dict[str, list[str]]:
    """Keys whose values are objects with a title, where the rows have none themselves."""
    first = next((row for row in rows if row.error is None), None)
    if first is None or any(role_of(name) == "title" for row in rows for name in row.values):
        return {}
    found = {}
    for key, value in first.values.items():
        held = json.loads(bytes(value))
        if isinstance(held, dict) and any(role_of(name) == "title" for name in held):
            found[key] = list(held)
    return found


def _array(shape: Shape, begin: str, settings: PrepareSettings) -> tuple[Shape, list[Row]]:
    if re.match(r"\[\s*\{\s*u?'", begin):
        raise ShelftalkerError(
            "this is a list of Python dicts, not JSON",
            where=shape.name,
            mend="write it by json.dump, or one dict a line",
        )
    return sampled(replace(shape, format="json", inner=_keys(settings)))


def _objects(shape: Shape, begin: str, settings: PrepareSettings, *, is_whole: bool) -> tuple[Shape, list[Row]]:
    """A text that begins with an object: lines, one object that holds the rows, or several over many lines."""
    first, _, rest = begin.partition("\n")
    if re.match(r"\{\s*u?'", first) and lines.literal(first.strip()) is not None:
        return sampled(replace(shape, format="python"))
    is_line = _is_object(first) and (bool(rest) or is_whole)
    if is_line and not rest.strip():
        _refuse_columns(shape, first)
    if is_line and (rest.strip() or not nested.arrays(first) or _is_product(first, settings)):
        return _lines(shape, settings)
    if first.rstrip().endswith(",") and _is_object(first.rstrip()[:-1]):
        # One object a line, with commas between.
        return sampled(replace(shape, format="json", inner=_keys(settings)))
    if not is_line and _objects_in(begin):
        # The first line alone is broken.
        return _lines(shape, settings)
    try:
        _, end = json.JSONDecoder().raw_decode(begin)
        if begin[end:].strip():
            return sampled(replace(shape, format="json", inner=_keys(settings)))
    except ValueError:
        end = -1
    found = nested.arrays(begin)
    if end < 0 and is_whole and not found:
        raise _no_json(shape)
    records = _records(shape, found, settings)
    shape = replace(shape, format="json", records=records)
    inner = _keys(settings)[len(records) :] or _edge(next((one for one in found if one.keys == records), None))
    return sampled(replace(shape, inner=inner))


def _refuse_columns(shape: Shape, text: str) -> None:
    """Say so where the only object holds no product but columns, or products by their names."""
    row = json.loads(text)
    titles = [name for name in row if role_of(name) == "title"]
    if titles and isinstance(row[titles[0]], dict | list):
        raise ShelftalkerError(
            "this is one JSON object with all values of a column under each name",
            where=f"{shape.name}: {shown(list(row))}",
            mend="write one object a product: in pandas, to_json(PATH, orient='records', lines=True)",
        )
    if not titles and row and all(isinstance(value, dict) for value in row.values()) and not nested.arrays(text):
        if any(role_of(name) == "title" for value in row.values() for name in value) and len(row) == 1:
            return
        raise _no_list(shape)


def _is_product(text: str, settings: PrepareSettings) -> bool:
    """Whether the only object is one product whose columns hold lists (findings, pictures), and no list of products."""
    row = json.loads(text)
    roles = {role_of(name) for name, value in row.items() if value is None or isinstance(value, str)}
    return (
        not settings.records
        and {"title", "description"} <= roles
        and not any(
            {"title", "description"} <= {role_of(name) for name in one}
            for found in nested.arrays(text)
            for one in found.rows[:50]
        )
    )


def _no_list(shape: Shape) -> ShelftalkerError:
    return ShelftalkerError(
        "this is one JSON object, and no list of products is in it",
        where=shape.name,
        mend="write one object a line, or a list: [{...}, {...}]",
    )


def _records(shape: Shape, found: list[nested.Found], settings: PrepareSettings) -> tuple[str, ...]:
    """The keys that lead to the list of rows."""
    keys = _keys(settings)
    if keys:
        longest = [one.keys for one in found if keys[: len(one.keys)] == one.keys]
        return max(longest, key=len, default=keys)
    titled = [one for one in found if any(role_of(name) == "title" for row in one.rows[:50] for name in _columns(row))]
    described = [
        one for one in titled if any(role_of(name) == "description" for row in one.rows[:50] for name in _columns(row))
    ]
    likely = described or titled or found
    if len(likely) == 1:
        return likely[0].keys
    if not likely:
        raise _no_list(shape)
    paths = [".".join(one.keys) for one in likely]
    raise ShelftalkerError(
        "several lists are nested in the JSON",
        where=f"{shape.name}: {', '.join(paths[:10])}",
        mend=f"say which holds the products: --prepare.records {paths[0]}",
    )


def _columns(row: dict[str, Any]) -> list[str]:
    """A row's keys; those of its only object where that is all there is (GraphQL's edges: {"node": {...}})."""
    edge = _edge(nested.Found((), [row]))
    return list(row[edge[0]]) if edge else list(row)


def _edge(found: nested.Found | None) -> tuple[str, ...]:
    """The key under which every row of a list has the product: GraphQL's node."""
    if found is None or not found.rows:
        return ()
    for key in ("node", "product", "item", "_source", "attributes", "fields"):
        if all(isinstance(row.get(key), dict) for row in found.rows) and not any(
            role_of(name) == "title" for row in found.rows[:50] for name in row
        ):
            return (key,)
    return ()


def _keys(settings: PrepareSettings) -> tuple[str, ...]:
    return tuple(part.removesuffix("[]") for part in settings.records.split(".")) if settings.records else ()


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _objects_in(text: str) -> int:
    """How many of the first lines are JSON objects of more than one key, or any keys."""
    return sum(line.lstrip()[:1] == "{" and _is_object(line) for line in text[: 256 << 10].split("\n")[:1000])


def _no_json(shape: Shape) -> ShelftalkerError:
    return ShelftalkerError(
        "this is neither JSON nor JSON lines, though its name or its beginning says so",
        where=shape.name,
        mend="write one object a line, or a list of objects",
    )
