"""A machine that falls asleep loses the night's work: while a stage runs, it is kept awake."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from shelftalker import console

_depth = 0


@contextmanager
def kept_awake(wanted: bool = True) -> Iterator[None]:
    """Hold off the system's automatic sleep for the length of a block, and say so once; the screen may go dark.

    Blocks inside others change nothing. Where the system offers no such thing (a server, a container) nothing is said:
    those do not sleep.

    Args:
        wanted: false: let the machine do as it is set (recipe key keep_awake).
    """
    global _depth
    is_first = os.environ.get("RANK", "0") == "0"
    if not wanted or _depth or not is_first:
        yield
        return
    from wakepy import keep

    _depth += 1
    try:
        with keep.running(on_fail="pass") as mode:
            if mode.active:
                console.note("the machine is kept awake until this is done (keep_awake: false lets it sleep)")
            yield
    finally:
        _depth -= 1
