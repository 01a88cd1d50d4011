"""A raw row, as every reader gives it, and its values as text."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

import msgspec

Value = Any
"""What a column holds: a text in tables, any JSON value (kept byte for byte, msgspec.Raw) elsewhere."""


@dataclass(frozen=True)
class Row:
    """One row of the input, in its place: its columns, and why it cannot be used where that is so."""

    number: int
    values: dict[str, Value]
    error: str | None = None


def object_row(number: int, line: bytes) -> Row:
    """A row from a JSON object; raw values stay byte for byte: no number is rounded, no key reordered."""
    try:
        return Row(number, msgspec.json.decode(line, type=dict[str, msgspec.Raw]))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        if (values := _tolerant(line)) is not None:
            return Row(number, values)
        return Row(number, {}, f"not a JSON object ({error}): {printable(line[:200].decode('utf-8', 'replace'))}")


def _tolerant(line: bytes) -> dict[str, Value] | None:
    """An object that is nearly JSON: Python's NaN (null), half letters, numbers beyond all numbers, Windows-1252."""
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        text = line.decode("cp1252", "replace")
    try:
        found = json.loads(text, parse_constant=lambda _: None, parse_float=_number)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    encoded = {key: json.dumps(value, ensure_ascii=False).encode("utf-8", "replace") for key, value in found.items()}
    return {key.encode("utf-8", "replace").decode(): msgspec.Raw(value) for key, value in encoded.items()}


def _number(text: str) -> float | str:
    found = float(text)
    return found if math.isfinite(found) else text


def plain(value: Value) -> Any:
    """A value as Python has it."""
    return msgspec.json.decode(value) if isinstance(value, msgspec.Raw) else value


def text_of(value: Value) -> str | None:
    """A column's value as text: a text as it is, a number as it is written; None for null and nested values."""
    if isinstance(value, str) or value is None:
        return value
    found = plain(value)
    if isinstance(found, str):
        return found
    if isinstance(found, bool) or found is None or isinstance(found, dict | list):
        return None
    return bytes(value).decode() if isinstance(value, msgspec.Raw) else str(found)


def cell_of(value: Value) -> str:
    """A column's value as a table's cell: a text as it is, null as nothing, all else as JSON."""
    if isinstance(value, str):
        return value
    found = plain(value)
    if found is None:
        return ""
    if isinstance(found, str):
        return found
    return bytes(value).decode() if isinstance(value, msgspec.Raw) else json.dumps(found, ensure_ascii=False)


def kind(value: Value) -> str:
    """What a value is: text, int, float, bool, null or other (nested, or a number with more digits than fit)."""
    if isinstance(value, str):
        return "text"
    body = bytes(value)
    first = body[:1]
    if first in (b"{", b"["):
        return "other"
    known = {b'"': "text", b"t": "bool", b"f": "bool", b"n": "null"}.get(first)
    if known:
        return known
    if any(mark in body for mark in (b".", b"e", b"E")):
        return "float"
    return "int" if len(body) <= 18 else "other"


def printable(text: str, most: int = 60) -> str:
    """A piece of a file as a message may show it: no control characters, cut where it is long."""
    shown = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text[: most + 1])
    return shown if len(shown) <= most else f"{shown[:most]}..."
