"""All metrics, found in the files of this folder: a file adds its own by naming them in ``METRICS``."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

from shelftalker.evaluation.metrics.metric import Metric


def _found() -> dict[str, Metric]:
    package = __name__.rpartition(".")[0]
    metrics: list[Metric] = []
    for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
        if module.name != "registry":
            metrics += getattr(importlib.import_module(f"{package}.{module.name}"), "METRICS", ())
    return {metric.name: metric for metric in sorted(metrics, key=lambda metric: metric.place)}


METRICS: dict[str, Metric] = _found()
"""Name to metric, in the order of tables."""
QUALITY = tuple(name for name, metric in METRICS.items() if metric.kind == "quality")
"""Metrics that ask how near a description is to its reference."""
