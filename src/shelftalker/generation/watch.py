"""Watching one text while it is written: what is there so far, and whether to stop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Watch = Callable[[str], bool]
"""Is told the text so far, token by token; True stops the writing, and the text ends there."""

_current: ContextVar[Watch | None] = ContextVar("watch", default=None)


@contextmanager
def watched(watch: Watch | None) -> Iterator[None]:
    """Whatever an engine writes inside, one prompt at a time, is told to ``watch``.

    Beams have no text before they end: with more than one, nothing is told and nothing stops.
    """
    token = _current.set(watch)
    try:
        yield
    finally:
        _current.reset(token)


def watcher(prompts: int) -> Watch | None:
    """Who watches now; nobody where several prompts are written at once."""
    return _current.get() if prompts == 1 else None
