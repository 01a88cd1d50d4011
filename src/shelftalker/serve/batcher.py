"""One worker thread on one engine: requests that arrive while it is busy are written together afterwards."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from shelftalker.errors import ShelftalkerError
from shelftalker.recipe.generation import Decoding

Product = TypeVar("Product")
Text = TypeVar("Text")


class BusyError(Exception):
    """More titles are waiting than the server holds; the client may try again."""


class ClosedError(Exception):
    """The server is shutting down."""


@dataclass
class _Job(Generic[Product, Text]):
    products: Sequence[Product]
    decoding: Decoding
    future: Future[list[Text]] = field(default_factory=Future)


class Batcher(Generic[Product, Text]):
    """Collects jobs into batches for a writer that is used by one thread only.

    No timer holds a request back: an idle worker starts at once, and what arrives meanwhile makes the next batch.
    Only jobs of the same decoding share a batch.

    Args:
        write: called on the worker thread with products and a decoding; returns one text a product, in order.
        batch: products in one call of ``write`` at most (a larger single job goes whole).
        pending: products that may wait.
    """

    def __init__(self, write: Callable[[Sequence[Product], Decoding], list[Text]], *, batch: int, pending: int) -> None:
        self._write, self._batch, self._pending = write, batch, pending
        self._jobs: deque[_Job[Product, Text]] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="shelftalker-writer", daemon=True)
        self._thread.start()

    def submit(self, products: Sequence[Product], decoding: Decoding) -> Future[list[Text]]:
        """Queue products; the future gives their texts in order.

        Raises:
            BusyError: too many products wait already.
            ClosedError: the batcher was closed.
        """
        with self._changed:
            if self._closing:
                raise ClosedError
            waiting = sum(len(job.products) for job in self._jobs)
            if waiting and waiting + len(products) > self._pending:
                raise BusyError
            job = _Job[Product, Text](products, decoding)
            self._jobs.append(job)
            self._changed.notify()
        return job.future

    def close(self, timeout: float | None = None) -> bool:
        """Take no more jobs and finish those that wait; False if they take longer than ``timeout`` seconds."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while jobs := self._take():
            self._run([job for job in jobs if job.future.set_running_or_notify_cancel()])

    def _take(self) -> list[_Job[Product, Text]]:
        """The oldest job and later ones of its decoding that fit into its batch; empty once closed and drained."""
        with self._changed:
            while not self._jobs and not self._closing:
                self._changed.wait()
            if not self._jobs:
                return []
            first = self._jobs.popleft()
            taken, count = [first], len(first.products)
            left: deque[_Job[Product, Text]] = deque()
            for job in self._jobs:
                if job.decoding == first.decoding and count + len(job.products) <= self._batch:
                    taken.append(job)
                    count += len(job.products)
                else:
                    left.append(job)
            self._jobs = left
            return taken

    def _run(self, jobs: list[_Job[Product, Text]]) -> None:
        if not jobs:
            return
        try:
            texts = self._write([product for job in jobs for product in job.products], jobs[0].decoding)
            if len(texts) != sum(len(job.products) for job in jobs):
                raise ShelftalkerError("the engine returned another number of descriptions than it was given titles")
        except BaseException as error:
            if len(jobs) > 1:  # one request must not fail the others
                for job in jobs:
                    self._run([job])
            else:
                jobs[0].future.set_exception(error)
            return
        start = 0
        for job in jobs:
            job.future.set_result(texts[start : start + len(job.products)])
            start += len(job.products)
