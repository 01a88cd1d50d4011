"""The further fields of a shop (a meta description, bullet points): whether there is enough to learn of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from shelftalker import console
from shelftalker.errors import ShelftalkerError

if TYPE_CHECKING:
    from shelftalker.catalogue.clean.shard import Result
    from shelftalker.catalogue.read.source import Source

FEWEST, FEW = 0.02, 0.2
"""Of a field that fewer of the rows have nothing can be learnt; below the second share that is said."""


def found(results: Sequence[Result], sources: Sequence[Source], fields: Mapping[str, str]) -> dict[str, Any]:
    """What the kept rows have of each field: how many, and how long the texts are in words and characters.

    Raises:
        ShelftalkerError: a field is empty in nearly all rows.
    """
    rows = sum(result.kept for result in results)
    told = {}
    for name, column in fields.items():
        pairs = [pair for result in results for pair in result.fields.get(name, ())]
        lengths = np.array(pairs, np.int64).reshape(-1, 2)
        if len(lengths) < max(1, FEWEST * rows):
            raise ShelftalkerError(
                f"the column {column!r} is empty in nearly all rows: {len(lengths):,} of {rows:,} have a text",
                where=f"{', '.join(dict.fromkeys(source.name for source in sources))} (prepare.fields: {name})",
                mend="name the column that has these texts, or take the field out",
            )
        if len(lengths) < FEW * rows:
            console.warn(f"only {len(lengths):,} of {rows:,} rows have a text in {column!r} (prepare.fields: {name})")
        told[name] = {"column": column, "rows": len(lengths)} | {
            unit: {"median": int(np.median(values)), "most": int(np.ceil(np.percentile(values, 95)))}
            for unit, values in zip(("words", "characters"), lengths.T, strict=True)
        }
    return told
