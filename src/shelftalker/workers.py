"""Worker processes (loky's): tasks in, results out as they are ready; or the same in this process.

loky's workers import nothing of the caller's main module, so stages work from a script without a main guard, from a
notebook and under any thread.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any

from shelftalker.errors import ShelftalkerError
from shelftalker.memory import rarely_collected

_worker: Any = None
"""What this process, if it is a worker, calls methods of."""


class Pool:
    """Calls methods of one object that every worker makes for itself; with no workers, in this process.

    A context manager, which ends the workers.

    Args:
        make: picklable; makes the object.
        workers: processes; 0: none, the work is done here.
        stage: whose workers they are, and the section of the recipe that says how many (``workers``).
    """

    def __init__(self, make: Callable[[], Any], workers: int, stage: str = "prepare") -> None:
        self._workers, self._stage = workers, stage
        self._executor: Any = None
        self._here: Any = None
        if workers == 0:
            self._here = make()
            return
        from loky import ProcessPoolExecutor

        # One core a worker: numpy's own threads would only get in each other's way.
        environment = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        self._executor = ProcessPoolExecutor(
            workers, timeout=None, initializer=_begin, initargs=(make, os.getpid()), env=environment
        )

    def run(self, method: str, tasks: Iterable[Any]) -> Iterator[Any]:
        """Results of ``method`` for all tasks, as they are ready; tasks are drawn only as workers come free.

        Raises:
            ShelftalkerError: a worker died (out of memory, killed).
            Exception: what a worker raised.
        """
        if self._executor is None:
            for task in tasks:
                yield getattr(self._here, method)(task)
            return
        from loky.process_executor import BrokenProcessPool

        waiting: set[Future[Any]] = set()
        try:
            for task in tasks:
                waiting.add(self._executor.submit(_call, method, task))
                if len(waiting) > self._workers:
                    done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                    yield from [future.result() for future in done]
            while waiting:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                yield from [future.result() for future in done]
        except BrokenProcessPool as error:
            raise ShelftalkerError(
                f"a worker process ended early ({str(error).splitlines()[0]})",
                where=self._stage,
                mend=f"if memory ran out, use fewer workers: --{self._stage}.workers 1",
            ) from None

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        if self._executor is not None:
            self._executor.shutdown(kill_workers=True)


def _begin(make: Callable[[], Any], parent: int) -> None:
    """A worker's first steps."""
    global _worker
    import signal
    import threading

    rarely_collected()
    # Ctrl-C reaches the whole terminal; the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if os.name == "posix":
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    _worker = make()


def _end_with(parent: int) -> None:
    """End this worker once its parent was killed, which loky's do not notice."""
    import time

    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _call(method: str, task: Any) -> Any:
    return getattr(_worker, method)(task)
