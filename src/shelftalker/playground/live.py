"""One description while it is written: the text so far, then the whole; whoever stops listening stops the writing."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from queue import Empty, SimpleQueue

from shelftalker.generation.watch import watched
from shelftalker.playground.desk import Desk
from shelftalker.recipe.decoding import Decoding
from shelftalker.writing.written import Written


def writing(
    desk: Desk,
    label: str,
    title: str,
    decoding: Decoding,
    columns: Mapping[str, str],
    facts: Sequence[str] = (),
    *,
    field: str = "",
    length: str = "",
) -> Iterator[str | Written]:
    """What is written so far, every time there is more of it, and last the description with its findings.

    Closing the iterator ends the writing at its next token.

    Raises:
        ShelftalkerError: see `Desk.write`.
    """
    told: SimpleQueue[str | Written | BaseException] = SimpleQueue()
    stopped = threading.Event()

    def watch(text: str) -> bool:
        told.put(text)
        return stopped.is_set()

    def work() -> None:
        try:
            with watched(watch):
                told.put(desk.write(label, title, decoding, columns, facts, field=field, length=length))
        except BaseException as error:  # it is raised where somebody listens
            told.put(error)

    threading.Thread(target=work, daemon=True).start()
    try:
        while True:
            for news in _newest(told):
                if isinstance(news, BaseException):
                    raise news
                yield news
                if isinstance(news, Written):
                    return
    finally:
        stopped.set()


def _newest(told: SimpleQueue[str | Written | BaseException]) -> list[str | Written | BaseException]:
    """The newest text, and what is no text; waits until there is something."""
    waiting = [told.get()]
    while True:
        try:
            waiting.append(told.get_nowait())
        except Empty:
            break
    texts = [news for news in waiting if isinstance(news, str)]
    return [*texts[-1:], *(news for news in waiting if not isinstance(news, str))]
