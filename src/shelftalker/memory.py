"""Memory: given back to the system, and not looked through all the time."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import sys


def give_back() -> None:
    """Return freed memory to the system, which glibc keeps: what comes next would take its own on top of it."""
    gc.collect()
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL("libc.so.6").malloc_trim(0)


def rarely_collected() -> tuple[int, int, int]:
    """Look for cycles of objects rarely: rows make many objects and no cycles.

    Returns:
        The thresholds as they were, for `gc.set_threshold`.
    """
    before = gc.get_threshold()
    gc.set_threshold(100_000, 100, 100)
    return before
