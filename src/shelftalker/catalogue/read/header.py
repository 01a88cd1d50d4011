"""Which of a table's first records is its header."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from shelftalker import console
from shelftalker.catalogue.read.columns import normal, role_of
from shelftalker.catalogue.read.row import printable
from shelftalker.catalogue.read.shape import Shape, distinct
from shelftalker.recipe.catalogue import PrepareSettings


def header_row(found: Sequence[Sequence[str]], settings: PrepareSettings) -> int:
    """Which of the first records is the header: the first one, or the last of the first few that name columns.

    Titles of the table, notes and (in Amazon's files) a row of labels may stand above it.
    """
    first = found[:20]
    begin = int(bool(first) and first[0][:1] != [] and first[0][0].casefold() == "sep=")
    wanted = {normal(one) for one in (settings.title_column, settings.description_column) if one}
    if wanted:
        named = [sum(normal(cell) in wanted for cell in cells) for cells in first]
        if max(named, default=0):
            return named.index(max(named))
    roles = [len({role for cell in cells if len(cell) < 60 and (role := role_of(cell))}) for cells in first]
    best = next((at for at, count in enumerate(roles) if count >= 2), begin)
    while best + 1 < len(roles) and roles[best] >= 2 and roles[best + 1] >= 2:
        best += 1
    return best


def with_header(shape: Shape, found: Sequence[Sequence[str]], settings: PrepareSettings) -> Shape:
    """A table's shape once its header is known."""
    at = header_row(found, settings)
    labels = list(found[at]) if found else []
    if at and any(cell.strip() for cells in found[:at] for cell in cells):
        shown = printable(" | ".join(cell for cell in labels if cell), 80)
        console.note(f"{shape.name}: the header is record {at + 1} ({shown}); what stands above it is left out")
    columns: dict[str, set[str]] = {name: set() for name in distinct(labels)}
    return replace(shape, skip=at + 1, labels=labels, columns=columns)
