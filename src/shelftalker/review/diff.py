"""The page of old and new texts: what an export changes in a shop, row by row, word by word."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from html import escape
from pathlib import Path

from shelftalker import files
from shelftalker.pages.page import render

SHOWN = 2_000
"""Rows that the page shows; a larger export's others are in its file."""
_ALIKE = 0.3
"""Below this share of words in common, texts stand one after the other: changes word by word could not be read."""
_WORDS = re.compile(r"\s+|\w+(?:['’.-]\w+)*|.", re.DOTALL)


@dataclass(frozen=True)
class Change:
    """One row that gets a text.

    Attributes:
        key: what the row is called.
        title: the product's title.
        old: the description that the shop has; may be empty.
        new: the text that it gets.
        verdict: accepted or mended.
        is_replaced: whether the new one stands in the old one's column.
    """

    key: str
    title: str
    old: str
    new: str
    verdict: str
    is_replaced: bool


def write(path: Path, name: str, changes: Sequence[Change], total: int) -> None:
    """Write the page, whole or not at all.

    Args:
        path: the file.
        name: what the export is called.
        changes: the rows shown.
        total: rows that get a text.

    Raises:
        ShelftalkerError: the disk is full.
    """
    rows = [(change, *differing(change.old, change.new)) for change in changes]
    html = render(__name__.rpartition(".")[0], "diff.html.j2", style="diff.css", name=name, rows=rows, total=total)
    files.write_text(path, html)


def differing(old: str, new: str) -> tuple[str, str]:
    """Both texts as HTML, escaped: what the old one loses in <del>, what the new one has more in <ins>."""
    ours, theirs = _WORDS.findall(old), _WORDS.findall(new)
    said, says = ([word for word in words if not word.isspace()] for words in (ours, theirs))
    if SequenceMatcher(None, said, says, autojunk=False).ratio() < _ALIKE:
        return _in("del", old), _in("ins", new)
    before, after = list[str](), list[str]()
    for kind, start, end, first, last in SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes():
        gone, come = "".join(ours[start:end]), "".join(theirs[first:last])
        before.append(escape(gone) if kind == "equal" else _in("del", gone))
        after.append(escape(come) if kind == "equal" else _in("ins", come))
    return "".join(before), "".join(after)


def _in(tag: str, text: str) -> str:
    return f"<{tag}>{escape(text)}</{tag}>" if text else ""
