"""Rows of JSON lines, and of lines that Python printed (single quotes, None)."""

from __future__ import annotations

import ast
import json
import warnings
from collections.abc import Iterator
from dataclasses import replace

import msgspec

from shelftalker.catalogue.read.row import Row, object_row, printable
from shelftalker.catalogue.read.shape import Shape
from shelftalker.catalogue.read.text import blocks_of_lines


def rows(shape: Shape) -> Iterator[Row]:
    """One row a line that is not blank."""
    number = 0
    for block in blocks_of_lines(shape):
        # Not splitlines: JSON may hold other line ends as they are.
        for line in block.split(b"\n"):
            if line.strip():
                yield within(object_row(number, line), shape.inner)
                number += 1


def within(row: Row, inner: tuple[str, ...]) -> Row:
    """The object that a row holds under some keys, in its place."""
    for key in inner:
        if row.error is not None:
            break
        try:
            held = msgspec.json.decode(row.values[key], type=dict[str, msgspec.Raw])
        except (KeyError, msgspec.DecodeError):
            return Row(row.number, {}, f"there is no object under {key!r}")
        row = replace(row, values=held)
    return row


def python_rows(shape: Shape) -> Iterator[Row]:
    """Rows of lines that Python printed."""
    number = 0
    for block in blocks_of_lines(shape):
        for line in block.split(b"\n"):
            text = line.decode("utf-8", "replace").strip()
            if text:
                found = literal(text)
                if found is None:
                    yield Row(number, {}, f"not a Python dict: {printable(text, 200)}")
                else:
                    yield object_row(number, found)
                number += 1


def literal(text: str) -> bytes | None:
    """A dict as Python prints it, as JSON; None where it is no such one."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = ast.literal_eval(text)
        return json.dumps(found, default=str).encode() if isinstance(found, dict) else None
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
