"""Which languages a catalogue's descriptions are in: their shares, and some that stand alone."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from shelftalker.checks.language import MIXED, clear_language, code_of, language_of

WHOLE = 2 << 20
"""Files of up to so many bytes are read whole; of larger ones `DRAWN` rows, evenly spaced."""
DRAWN = 1_000
STRAYS = 5


class _Line(msgspec.Struct):
    title: str
    target_text: str
    columns: dict[str, str] = {}


def spoken(paths: list[Path], column: str | None) -> dict[str, Any]:
    """The languages of the rows of the splits' files.

    Args:
        paths: the splits' files.
        column: the kept column that says a row's language; where it is empty or says none, the description tells.

    Returns:
        ``rows`` looked at, ``shares`` by two letters (0 to 1; rows that cannot be told count as the most frequent
        language's), ``column``, and ``strays``: rows in languages that are rarer than one in twenty.
    """
    rows = list(itertools.chain.from_iterable(map(_rows, paths)))
    codes = [
        (code_of(row.columns.get(column, "")) if column else None) or clear_language(row.target_text) for row in rows
    ]
    if codes.count(None) >= MIXED * len(rows):
        # Not asked for the few that any catalogue has: it takes longer to load than all the rest takes.
        codes = [code or language_of(row.target_text) for code, row in zip(codes, rows, strict=True)]
    found = Counter(code for code in codes if code is not None)
    if found:
        found[found.most_common(1)[0][0]] += codes.count(None)
    shares = {code: count / len(rows) for code, count in found.most_common()}
    strays = [
        {"language": code, "title": row.title}
        for code, row in zip(codes, rows, strict=True)
        if code is not None and shares[code] < MIXED
    ]
    return {"rows": len(rows), "shares": shares, "column": column, "strays": strays[:STRAYS]}


def _rows(path: Path) -> Iterator[_Line]:
    decode = msgspec.json.Decoder(_Line).decode
    size = path.stat().st_size
    with path.open("rb") as file:
        if size <= WHOLE:
            yield from (decode(line) for line in file if line.strip())
            return
        for number in range(DRAWN):
            file.seek(number * size // DRAWN)
            if number:
                file.readline()  # the rest of a row
            if line := file.readline():
                yield decode(line)
