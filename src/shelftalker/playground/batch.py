"""Many products at once: pasted titles or a file in, a file out, as `shelftalker generate --input` makes it."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shelftalker.catalogue.read import rows as catalogue_rows
from shelftalker.errors import ShelftalkerError
from shelftalker.playground.desk import Desk
from shelftalker.writing.job import output
from shelftalker.writing.job.window import describe, encode_part, plan

ROWS = 1_000
"""Products that the page takes at once; larger catalogues are the command line's."""
SHOWN = 20
_WINDOW = 8  # products between two signs of life
_SAME = {".csv", ".tsv", ".jsonl", ".xlsx"}


@dataclass
class Batch:
    """How far it is.

    Attributes:
        done: products that were described, or could not be.
        total: products in all.
        flagged: described ones with a finding.
        failed: ones that could not be described.
        rows: the first of them, as title, description and what is to be said of it.
        file: the result, once all are done.
    """

    total: int
    done: int = 0
    flagged: int = 0
    failed: int = 0
    rows: list[list[str]] = field(default_factory=list)
    file: str | None = None


def describe_all(desk: Desk, label: str, pasted: str, upload: str | None) -> Iterator[Batch]:
    """Describe pasted titles (one a line), or else a file's rows, with the model as it was scored.

    Yields:
        how far it is, after every few products; the last has the file.

    Raises:
        ShelftalkerError: neither was given, too many rows, or a file that cannot be read.
    """
    folder = Path(tempfile.mkdtemp(prefix="shelftalker-"))
    source = _pasted(desk, pasted, folder) if pasted.strip() else Path(upload) if upload else None
    if source is None:
        raise ShelftalkerError("there are no titles yet", mend="paste some, one a line, or choose a file")
    recipe = desk.recipe_of(label)
    shape = catalogue_rows.inspect(source, recipe.prepare)
    if shape.rows > ROWS:
        raise ShelftalkerError(
            f"{shape.rows:,} products are more than this page takes at once ({ROWS:,})",
            mend="`shelftalker generate --input FILE --output FILE` takes any number, and can be stopped and resumed",
        )
    target = folder / f"described{source.suffix if source.suffix in _SAME else '.csv'}"
    output.check(target, shape)
    what = plan(shape.names, recipe, source.name)
    writer = desk.writer(label)
    found, identity = Batch(shape.rows), writer.engine.model.content_hash
    part = folder / "rows.jsonl"
    yield found
    rows = list(catalogue_rows.read(shape))
    with part.open("wb") as file:
        for first in range(0, len(rows), _WINDOW):
            window = rows[first : first + _WINDOW]
            added = describe(window, writer, what, identity)
            file.write(encode_part(window, added))
            for row, new in zip(window, added, strict=True):
                _count(found, catalogue_rows.text_of(row.values.get(what.title)) or "", new)
            yield found
    output.assemble([part], folder / "whole", target, shape, spreadsheet_safe=True)
    (folder / "whole").replace(target)
    part.unlink()
    found.file = str(target)
    yield found


def _pasted(desk: Desk, pasted: str, folder: Path) -> Path:
    """Pasted titles as a catalogue file, with an empty column for whatever else the prompt names."""
    path = folder / "titles.csv"
    names = ["title", *desk.fields]
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(names)
        rows.writerows([line.strip(), *[""] * len(desk.fields)] for line in pasted.splitlines() if line.strip())
    return path


def _count(found: Batch, title: str, new: dict[str, Any]) -> None:
    found.done += 1
    is_there = new["description"] is not None
    found.failed += not is_there and new["problem"] is not None
    found.flagged += is_there and not new["publishable"]
    if len(found.rows) < SHOWN:
        said = new["problem"] or ", ".join(
            dict.fromkeys(one["check"].replace("_", " ") for one in new["findings"] or [])
        )
        found.rows.append([title, new["description"] or "", said or "nothing found"])
