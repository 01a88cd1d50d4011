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
    wanted = {normal(one) for one in (settings.title_column, settings.description_column) if one}

    def names(cells: Sequence[str]) -> int:
        given = sum(normal(cell) in wanted for cell in cells)
        return given or len({role for cell in cells if len(cell) < 60 and (role := role_of(cell))})

    first = [names(cells) for cells in found[:20]]
    if not first:
        return 0
    best = next((at for at, count in enumerate(first) if count >= 2), 0 if first[0] else None)
    if best is None:
        best = next((at for at, count in enumerate(first) if count and wanted), 0)
    while best + 1 < len(first) and first[best] >= 2 and first[best + 1] >= 2:
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
