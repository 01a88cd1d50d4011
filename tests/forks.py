"""Processes that a test kills, forked from one that has imported what they work with.

The moments at which they die are then those of the work itself, and none waits for imports.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.process import BaseProcess

_WANTED = ["duckdb", "pyarrow", "shelftalker.catalogue.card.card", "shelftalker.writing.job.job"]


def start(work: Callable[..., None], *arguments: object) -> BaseProcess:
    """Begin ``work(*arguments)``, a function of a module, in a process of its own."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*_WANTED, work.__module__])
    process = context.Process(target=work, args=arguments)
    process.start()
    return process
