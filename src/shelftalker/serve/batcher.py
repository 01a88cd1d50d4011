"""A queue before the engines, each with a thread of its own: requests that arrive while they are busy share batches."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Generic, TypeAlias, TypeVar

from shelftalker.errors import ShelftalkerError
from shelftalker.recipe.generation import Decoding

Product = TypeVar("Product")
Text = TypeVar("Text")
Write: TypeAlias = Callable[[Sequence[Product], Decoding], list[Text]]


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
    """Collects jobs into batches for writers that are used by one thread each.

    No timer holds a request back: an idle worker starts at once, and what arrives meanwhile makes the next batch.
    Only jobs of the same decoding share a batch.

    Args:
        writes: one worker each; called on its thread with products and a decoding, returns one text a product, in
            order.
        batch: products in one call of a worker at most (a larger single job goes whole).
        pending: products that may wait.
    """

    def __init__(self, *writes: Write[Product, Text], batch: int, pending: int) -> None:
        self._batch, self._pending = batch, pending
        self._jobs: deque[_Job[Product, Text]] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._writing = 0
        self._threads = [
            threading.Thread(target=self._work, args=(write,), name=f"shelftalker-writer-{number}", daemon=True)
            for number, write in enumerate(writes)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, products: Sequence[Product], decoding: Decoding) -> Future[list[Text]]:
        """Queue products; the future gives their texts in order, and cancelled while they wait it drops them.

        Raises:
            BusyError: too many products wait already.
            ClosedError: the batcher was closed.
        """
        with self._changed:
            if self._closing:
                raise ClosedError
            waiting = self._waiting()
            if waiting and waiting + len(products) > self._pending:
                raise BusyError
            job = _Job[Product, Text](products, decoding)
            self._jobs.append(job)
            self._changed.notify()
        return job.future

    @property
    def waiting(self) -> int:
        """Products that no worker has taken yet."""
        with self._changed:
            return self._waiting()

    @property
    def writing(self) -> int:
        """Products that are being written."""
        return self._writing

    @property
    def is_ready(self) -> bool:
        """Whether one more product would be taken."""
        with self._changed:
            return not self._closing and self._waiting() < self._pending

    def close(self, timeout: float | None = None) -> bool:
        """Take no more jobs and finish those that wait; False if they take longer than ``timeout`` seconds."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        until = None if timeout is None else time.monotonic() + timeout
        for thread in self._threads:
            thread.join(None if until is None else max(0.0, until - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _waiting(self) -> int:
        return sum(len(job.products) for job in self._jobs if not job.future.cancelled())

    def _work(self, write: Write[Product, Text]) -> None:
        while jobs := self._take():
            count = sum(len(job.products) for job in jobs)
            self._run(write, [job for job in jobs if job.future.set_running_or_notify_cancel()])
            with self._changed:
                self._writing -= count

    def _take(self) -> list[_Job[Product, Text]]:
        """The oldest job and later ones of its decoding that fit into its batch; empty once closed and drained."""
        with self._changed:
            while not self._jobs and not self._closing:
                self._changed.wait()
            if not self._jobs:
                return []
            # The last of those that nobody waits for any more is kept: an empty batch is not the end.
            while len(self._jobs) > 1 and self._jobs[0].future.cancelled():
                self._jobs.popleft()
            first = self._jobs.popleft()
            taken, count = [first], len(first.products)
            left: deque[_Job[Product, Text]] = deque()
            for job in self._jobs:
                if job.future.cancelled():
                    continue
                if job.decoding == first.decoding and count + len(job.products) <= self._batch:
                    taken.append(job)
                    count += len(job.products)
                else:
                    left.append(job)
            self._jobs = left
            self._writing += count
            return taken

    def _run(self, write: Write[Product, Text], jobs: list[_Job[Product, Text]]) -> None:
        if not jobs:
            return
        try:
            texts = write([product for job in jobs for product in job.products], jobs[0].decoding)
            if len(texts) != sum(len(job.products) for job in jobs):
                raise ShelftalkerError("the engine returned another number of descriptions than it was given titles")
        except BaseException as error:
            if len(jobs) > 1:  # one request must not fail the others
                for job in jobs:
                    self._run(write, [job])
            else:
                jobs[0].future.set_exception(error)
            return
        start = 0
        for job in jobs:
            job.future.set_result(texts[start : start + len(job.products)])
            start += len(job.products)
