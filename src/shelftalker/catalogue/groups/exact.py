"""Exact duplicates: of rows with the same title, or the same description, one is kept (SQL over the keys)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from shelftalker.catalogue.groups.keys import Flags, Records
from shelftalker.catalogue.groups.words import I64
from shelftalker.recipe.catalogue import DuplicateSettings

KEPT, SAME_TITLE, SAME_DESCRIPTION = range(3)

_ORDERED = """
with ordered as (
    -- Of rows with one key the first stays, in an order that neither files nor threads decide; test rows go first.
    select place,
           first_value(place) over (partition by {key} order by is_test desc, row_key, tie, place) as keeper
    from rows
)
select place, keeper from ordered where place <> keeper order by place
"""


def duplicates(keys: Records, settings: DuplicateSettings, threads: int) -> tuple[npt.NDArray[np.uint8], I64]:
    """Which rows repeat another one.

    Args:
        keys: (n,) records of KEYS.

    Returns:
        (n,) KEPT, SAME_TITLE or SAME_DESCRIPTION; and (n,) the row that is kept instead, or -1.
    """
    import duckdb

    verdict = np.full(len(keys), KEPT, np.uint8)
    keeper = np.full(len(keys), -1, np.int64)
    with duckdb.connect(config={"memory_limit": "512MB", "threads": threads}) as connection:
        for code, column, wanted in (
            (SAME_TITLE, "title_key", settings.titles),
            (SAME_DESCRIPTION, "text_key", settings.descriptions),
        ):
            if not wanted:
                continue
            left = np.flatnonzero(verdict == KEPT)
            left = left[_is_repeated(keys[column][left])]
            chosen = keys[left]
            rows = {"place": left, **{name: np.ascontiguousarray(chosen[name]) for name in (column, "row_key", "tie")}}
            rows["is_test"] = np.ascontiguousarray(chosen["is_test"])
            connection.register("rows", rows)
            found = connection.execute(_ORDERED.format(key=column)).fetchnumpy()
            connection.unregister("rows")
            verdict[found["place"]] = code
            keeper[found["place"]] = found["keeper"]
    return verdict, keeper


def _is_repeated(values: npt.NDArray[np.uint64]) -> Flags:
    """Whether each value occurs more than once."""
    order = np.argsort(values)
    same = values[order[1:]] == values[order[:-1]]
    found = np.zeros(len(values), bool)
    found[order[1:]] = same
    found[order[:-1]] |= same
    return found
