"""The same job on a Ray cluster: Ray Data hands windows to a pool of engines, and finished windows come back.

Only engines run on the workers. Whoever started the job reads the input and keeps the finished windows, so no disk is
shared; the model must be found under the same name or path on every machine. Ray restarts a worker that dies and gives
its window to another.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from shelftalker import console
from shelftalker.catalogue.read.rows import Row
from shelftalker.errors import ShelftalkerError
from shelftalker.writing.job.window import Plan

if TYPE_CHECKING:
    from shelftalker.models.load import ModelRef
    from shelftalker.recipe.recipe import Recipe


def describe_on_cluster(
    todo: Iterator[tuple[int, list[Row]]], what: Plan, ref: ModelRef, recipe: Recipe
) -> Iterator[tuple[int, bytes]]:
    """Describe windows on a cluster (the one that RAY_ADDRESS names, or one of this machine's cores).

    Returns:
        Each window's number and bytes (see `window.encode_part`), in the order in which they are finished.

    Raises:
        ShelftalkerError: Ray is not installed.
    """
    try:
        # Ray would send usage statistics over the network.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        import pyarrow
        import ray
        import ray.data
    except ImportError as error:
        raise ShelftalkerError(
            f"{error.name} is not installed", where="--ray", mend="pip install 'shelftalker[ray]'"
        ) from None
    began = not ray.is_initialized()
    if began:
        ray.init(include_dashboard=False, log_to_driver=False, logging_level="ERROR", configure_logging=True)
    try:
        _quiet()
        _convert_once(ref, recipe)
        machines = [node for node in ray.nodes() if node["Alive"]]
        cpus = int(sum(node["Resources"].get("CPU", 0) for node in machines)) or 1
        gpus = int(sum(node["Resources"].get("GPU", 0) for node in machines))
        workers = recipe.generate.ray_workers or max(gpus, len(machines))
        share = max(1, cpus // workers)
        console.note(f"{workers} engines of {share} threads on {len(machines)} machine{'s' * (len(machines) > 1)}")
        own = recipe.with_flags(generate={"threads": recipe.generate.threads or share})
        # The windows wait in Ray's object store, which spills to the disk; here only their references are kept.
        waiting = [ray.put(pyarrow.table({"number": [number], "rows": [pickle.dumps(rows)]})) for number, rows in todo]
        written = ray.data.from_arrow_refs(waiting).map_batches(
            _Worker,
            fn_constructor_args=(ref, own, what),
            batch_size=1,
            concurrency=workers,
            num_cpus=share,
            num_gpus=1 if gpus else None,
        )
        for row in written.iter_rows():
            yield int(row["number"]), bytes(row["part"])
    finally:
        if began:
            ray.shutdown()


class _Worker:
    """One engine on the cluster."""

    def __init__(self, ref: ModelRef, recipe: Recipe, what: Plan) -> None:
        from shelftalker.writing.writer import write_with

        console.configure(quiet=True)
        self._writer, self._what, self._hash = write_with(ref, recipe), what, ref.content_hash

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        from shelftalker.writing.job.window import describe, encode_part

        parts = []
        for data in batch["rows"]:
            rows: list[Row] = pickle.loads(data)
            parts.append(encode_part(rows, describe(rows, self._writer, self._what, self._hash)))
        return {"number": batch["number"], "part": parts}


def _convert_once(ref: ModelRef, recipe: Recipe) -> None:
    """Convert here before several workers of one machine would each do it."""
    from shelftalker.generation.auto_engine import why_transformers
    from shelftalker.models.convert import converted

    asked = recipe.generate.engine
    if asked == "ctranslate2" or (asked == "auto" and why_transformers(ref, recipe) is None):
        converted(ref, recipe.generate.quantisation)


def _quiet() -> None:
    import logging

    from ray.data import DataContext

    logging.getLogger("ray.data").setLevel(logging.ERROR)
    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
