"""Rows of an XML product feed: Google Merchant, RSS, Atom, shops' own; one element a product."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from typing import IO, Any
from xml.etree.ElementTree import Element, ParseError, tostring

import msgspec

from shelftalker.catalogue.read.row import Row
from shelftalker.catalogue.read.shape import Shape
from shelftalker.catalogue.read.unpack import Plain, open_binary
from shelftalker.errors import ShelftalkerError

_PRODUCTS = frozenset("item entry product offer shopitem row record article artikel produkt produit producto".split())
_MARKUP = frozenset("a b i p u br em hr li ol td th tr ul div h1 h2 h3 h4 img sub sup span table tbody strong".split())


def rows(shape: Shape) -> Iterator[Row]:
    """One row an element that ``shape.records`` names.

    Raises:
        ShelftalkerError: the XML is broken, or defines entities of its own (which can be made to fill any memory).
    """
    wanted = shape.records[0]
    number = 0
    with open_binary(shape.path, shape.member, shape.name) as file:
        for element, spaces in _elements(io.BufferedReader(Plain(file, shape.name)), wanted, shape.name):
            yield Row(number, values(element, spaces))
            number += 1


def values(element: Element, spaces: dict[str, str]) -> dict[str, Any]:
    """A product's columns: attributes, and child elements by their names; what repeats is a list."""
    found: dict[str, list[str]] = {}
    for key, text in element.attrib.items():
        found.setdefault(_name(key, spaces), []).append(text)
    _collect(element, "", spaces, found)
    return {name: texts[0] if len(texts) == 1 else msgspec.Raw(msgspec.json.encode(texts)) for name, texts in
            found.items()}  # fmt: skip


def candidates(head: bytes) -> list[tuple[str, int, list[str]]]:
    """Elements that may be the products: name, how often it is there, and the columns of the first; likely ones first.

    Raises:
        ShelftalkerError: there are entities of its own.
    """
    counts: Counter[tuple[str, ...]] = Counter()
    columns: dict[tuple[str, ...], list[str]] = {}
    path: list[str] = []
    spaces: dict[str, str] = {}
    try:
        for event, item in _events(io.BytesIO(head), ""):
            if event == "start-ns":
                spaces[item[1]] = item[0]
            elif event == "start":
                path.append(item.tag)
            else:
                if len(item) or item.attrib:
                    counts[tuple(path)] += 1
                    columns.setdefault(tuple(path), list(values(item, spaces)))
                path.pop()
    except ParseError:
        # The head is cut somewhere.
        pass
    found = [(place, count, columns[place]) for place, count in counts.items() if len(place) > 1]
    found.sort(key=lambda one: (_local(one[0][-1]).casefold() not in _PRODUCTS, one[1] < 2, len(one[0]), -one[1]))
    return [(_local(place[-1]), count, names) for place, count, names in found]


def _collect(element: Element, before: str, spaces: dict[str, str], found: dict[str, list[str]]) -> None:
    for child in element:
        name = before + _name(child.tag, spaces)
        # <param name="Colour">, <title xml:lang="en">
        told = [text for key, text in child.attrib.items() if _local(key) in ("name", "lang", "code")]
        name = f"{name}-{told[0]}" if len(told) == 1 else name
        if len(child) and not all(_local(inner.tag).casefold() in _MARKUP for inner in child):
            _collect(child, f"{name}.", spaces, found)
        else:
            inside = "".join(tostring(inner, "unicode") for inner in child)
            found.setdefault(name, []).append((child.text or "") + inside)


def _elements(file: IO[bytes], wanted: str, where: str) -> Iterator[tuple[Element, dict[str, str]]]:
    spaces: dict[str, str] = {}
    open_elements: list[Element] = []
    inside = 0
    try:
        for event, item in _events(file, where):
            if event == "start-ns":
                spaces[item[1]] = item[0]
            elif event == "start":
                open_elements.append(item)
                inside += _local(item.tag) == wanted
            else:
                open_elements.pop()
                is_wanted = _local(item.tag) == wanted
                inside -= is_wanted
                if is_wanted and not inside:
                    yield item, spaces
                if not inside and open_elements:
                    # What was read is let go of.
                    open_elements[-1].remove(item)
    except ParseError as error:
        raise ShelftalkerError(
            f"the XML is broken: {error}", where=where, mend="mend that place, or export the feed again"
        ) from None


def _events(file: IO[bytes], where: str) -> Iterator[tuple[str, Any]]:
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import iterparse

    try:
        yield from iterparse(file, events=("start", "end", "start-ns"))
    except DefusedXmlException:
        raise ShelftalkerError(
            "XML that defines entities of its own, which is not safe to read", where=where, mend="export it without"
        ) from None


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _name(tag: str, spaces: dict[str, str]) -> str:
    """A tag as it stands in the file: `g:title`."""
    space, _, local = tag.rpartition("}")
    prefix = spaces.get(space[1:], "")
    return f"{prefix}:{local}" if prefix else local
