"""Rows of JSON that is no lines: an array, an array somewhere in an object, or objects one after the other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

from shelftalker.catalogue.read.lines import within
from shelftalker.catalogue.read.row import Row, object_row
from shelftalker.catalogue.read.shape import Shape
from shelftalker.catalogue.read.text import HEAD, open_text
from shelftalker.errors import ShelftalkerError

_LONGEST = 64 << 20
_SPACE = " \t\r\n"
_decode = json.JSONDecoder().raw_decode


class _EndError(Exception):
    """The text ends, or is no JSON, where a value should be."""


class _Reader:
    """JSON read piece by piece from a text."""

    def __init__(self, text: IO[str]) -> None:
        self._text, self._buffer, self._at, self._pending = text, "", 0, HEAD

    def next(self, also: str = "") -> str:
        """The next letter that is neither white space nor one of ``also``; "" at the end."""
        while True:
            while self._at < len(self._buffer) and self._buffer[self._at] in _SPACE + also:
                self._at += 1
            if self._at < len(self._buffer):
                return self._buffer[self._at]
            if not self._more():
                return ""

    def step(self) -> None:
        """Go past one letter."""
        self._at += 1

    def value(self) -> str:
        """The text of the next value, which is gone past.

        Raises:
            _EndError: it is broken, or longer than any row.
        """
        while True:
            try:
                _, end = _decode(self._buffer, self._at)
                # A number at the very end may go on in the next piece; objects cannot.
                if end < len(self._buffer) or self._buffer[self._at] in '{["':
                    found = self._buffer[self._at : end]
                    self._at = end
                    return found
            except (ValueError, RecursionError):
                if len(self._buffer) - self._at > _LONGEST:
                    raise _EndError from None
            if not self._more():
                raise _EndError

    def drain(self) -> None:
        """Read to the end, so that a file that is cut short is told."""
        while self._text.read(HEAD):
            pass

    def _more(self) -> bool:
        more = self._text.read(self._pending)
        self._buffer = self._buffer[self._at :] + more
        self._at = 0
        # Reading ever more keeps a long value's cost linear.
        self._pending = max(HEAD, len(self._buffer))
        return bool(more)


def rows(shape: Shape) -> Iterator[Row]:
    """The objects of the array, in order; what follows a fault is one broken row.

    Raises:
        ShelftalkerError: the keys of ``prepare.records`` lead to no array.
    """
    for number, line in enumerate(elements(shape)):
        if line is None:
            yield Row(number, {}, "the JSON is broken from here to its end")
        else:
            yield within(object_row(number, line), shape.inner)


def elements(shape: Shape) -> Iterator[bytes | None]:
    """The text of each element, in one line of UTF-8; None for what follows a fault.

    Raises:
        ShelftalkerError: as `rows`.
    """
    with open_text(shape) as text:
        reader = _Reader(text)
        _enter(reader, shape)
        is_array = reader.next() == "["
        if is_array:
            reader.step()
        while (letter := reader.next(",")) and not (is_array and letter == "]"):
            try:
                found = reader.value()
            except _EndError:
                reader.drain()
                yield None
                return
            yield found.replace("\n", " ").replace("\r", " ").encode("utf-8", "replace")
        if is_array and not letter:
            yield None


def _enter(reader: _Reader, shape: Shape) -> None:
    """Go to the value that ``shape.records`` leads to."""
    for key in shape.records:
        if reader.next() != "{":
            raise _no_records(shape, key)
        reader.step()
        while True:
            if reader.next(",") != '"':
                raise _no_records(shape, key)
            try:
                name = json.loads(reader.value())
                if reader.next() != ":":
                    raise _no_records(shape, key)
                reader.step()
                reader.next()
                if name == key:
                    break
                reader.value()
            except _EndError:
                raise _no_records(shape, key) from None


def _no_records(shape: Shape, key: str) -> ShelftalkerError:
    return ShelftalkerError(
        f"there is no {key!r} where prepare.records ({'.'.join(shape.records)}) leads",
        where=shape.name,
        mend="give the keys that lead to the list of products, with dots between: --prepare.records data.products",
    )


@dataclass(frozen=True)
class Found:
    """An array of objects in the beginning of a JSON text: the keys that lead to it, and its first objects."""

    keys: tuple[str, ...]
    rows: list[dict[str, Any]]


def arrays(head: str) -> list[Found]:
    """The arrays of objects in a JSON object, as far as the beginning of its text shows them."""
    found: list[Found] = []
    _walk(head, 0, (), found)
    return found


def _walk(text: str, at: int, keys: tuple[str, ...], found: list[Found]) -> int:
    """Go through the value at ``at``; returns where it ends, or the text's length where that is not to be seen."""
    at = _skip(text, at)
    if text[at : at + 1] == "[" and text[_skip(text, at + 1) :][:1] == "{":
        return _elements(text, at, keys, found)
    if text[at : at + 1] != "{" or len(keys) > 6:
        return _end(text, at)
    at = _skip(text, at + 1)
    while text[at : at + 1] == '"':
        try:
            name, at = _decode(text, at)
        except ValueError:
            return len(text)
        at = _skip(text, at)
        if text[at : at + 1] != ":":
            return len(text)
        at = _skip(text, _walk(text, at + 1, (*keys, name), found))
        if text[at : at + 1] == ",":
            at = _skip(text, at + 1)
    return at + 1 if text[at : at + 1] == "}" else len(text)


def _elements(text: str, at: int, keys: tuple[str, ...], found: list[Found]) -> int:
    start, rows = at, list[dict[str, Any]]()
    at += 1
    while len(rows) < 1000:
        try:
            row, at = _decode(text, _skip(text, at, ","))
        except (ValueError, RecursionError):
            break
        if isinstance(row, dict):
            rows.append(row)
    found.append(Found(keys, rows))
    return _end(text, start)


def _skip(text: str, at: int, also: str = "") -> int:
    while at < len(text) and text[at] in _SPACE + also:
        at += 1
    return at


def _end(text: str, at: int) -> int:
    try:
        return int(_decode(text, at)[1])
    except (ValueError, RecursionError):
        return len(text)
