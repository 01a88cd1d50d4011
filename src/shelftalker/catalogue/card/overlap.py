"""How much of the test split was in the training split: by exact title, exact description, and runs of 13 words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from shelftalker.catalogue.groups import words
from shelftalker.catalogue.table import TEST, TRAIN

_MEASURE = """
select count(*) as rows,
       coalesce(avg((title_key in (select title_key from rows where place = {train}))::int), 0) as titles,
       coalesce(avg((text_key in (select text_key from rows where place = {train}))::int), 0) as descriptions
from rows where place = {test}
"""

_GRAMS = """
with train as (
    select distinct gram from grams join rows using (row) where place = {train}
), test as (
    select row, gram, gram in (from train) as seen from grams join rows using (row) where place = {test}
)
select count(distinct gram) as grams,
       coalesce(count(distinct gram) filter (seen) / nullif(count(distinct gram), 0), 0) as seen_grams,
       coalesce(count(distinct row) filter (seen) / nullif(count(distinct row), 0), 0) as rows_with_seen
from test
"""


def measure(keys: Any, places: Any, grams: Any, groups: Any | None, threads: int) -> dict[str, float]:
    """Overlap of the rows at TEST with those at TRAIN.

    Args:
        keys: the rows' keys (``title_key``, ``text_key``).
        places: where each row is; other values than TRAIN and TEST take no part.
        grams: hashes of 13-word runs with the rows they stand in (all of them, or a fixed share by hash).
        groups: near-duplicate group of each row, where known.

    Returns:
        Test rows, and shares (0 to 1): test rows whose title, description or any 13-word run is in train, distinct
        13-word runs of test that are in train, and test rows with a near-duplicate in train.
    """
    import duckdb

    rows: Mapping[str, Any] = {
        "row": np.arange(len(keys), dtype=np.uint32),
        "title_key": np.ascontiguousarray(keys["title_key"]),
        "text_key": np.ascontiguousarray(keys["text_key"]),
        "place": np.ascontiguousarray(places),
    }
    with duckdb.connect(config={"memory_limit": "512MB", "threads": threads}) as connection:
        connection.register("rows", rows)
        connection.register(
            "grams", {"gram": np.ascontiguousarray(grams["gram"]), "row": np.ascontiguousarray(grams["row"])}
        )
        names = {"train": TRAIN, "test": TEST}
        count, titles, descriptions = _one(connection, _MEASURE.format(**names))
        runs, seen_runs, seen_rows = _one(connection, _GRAMS.format(**names))
    found = {
        "test_rows": int(count),
        "titles_in_train": round(float(titles), 6),
        "descriptions_in_train": round(float(descriptions), 6),
        "runs_of_13_words": int(runs),
        "runs_in_train": round(float(seen_runs), 6),
        "rows_with_run_in_train": round(float(seen_rows), 6),
    }
    if groups is not None:
        is_test = places == TEST
        siblings = int(words.among(groups[is_test], groups[places == TRAIN]).sum())
        found["rows_with_sibling_in_train"] = round(siblings / max(int(is_test.sum()), 1), 6)
    return found


def _one(connection: Any, query: str) -> tuple[Any, ...]:
    row = connection.execute(query).fetchone()
    return tuple(row)
