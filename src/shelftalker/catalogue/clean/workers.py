"""Worker processes: tasks in, results out, over pipes.

Plain subprocesses instead of `multiprocessing`: nothing of the caller is imported again, so `prepare` works from a
script without a main guard, from a notebook and under any thread; and a worker whose parent is killed ends by itself.
"""

from __future__ import annotations

import os
import pickle
import queue
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any

from shelftalker.errors import ShelftalkerError

_LENGTH = struct.Struct("<Q")


class Pool:
    """Calls methods of one object that every worker makes for itself; with no workers, in this process.

    Args:
        factory: importable function or class; called once a worker with ``arguments``.
        workers: processes; 0: none, the work is done here.
    """

    def __init__(self, factory: Callable[..., Any], arguments: tuple[Any, ...], workers: int) -> None:
        self._factory, self._arguments = factory, arguments
        self._here: Any = None
        self._processes = [_start(factory, arguments) for _ in range(workers)]

    def run(self, method: str, tasks: Iterable[Any]) -> Iterator[Any]:
        """Results of ``method`` for all tasks, as they are ready; tasks are drawn only as workers come free.

        Raises:
            ShelftalkerError: what a worker raised, or that one died (out of memory, killed).
        """
        if not self._processes:
            if self._here is None:
                self._here = self._factory(*self._arguments)
            for task in tasks:
                yield getattr(self._here, method)(task)
            return
        todo: queue.Queue[Any] = queue.Queue(maxsize=len(self._processes))
        done: queue.Queue[tuple[str, Any]] = queue.Queue()
        stop = threading.Event()

        def feed() -> None:
            try:
                for task in tasks:
                    if not _put(todo, (method, task), stop):
                        return
            except BaseException as error:
                done.put(("error", error))
            finally:
                for _ in self._processes:
                    _put(todo, None, stop)

        def serve(process: subprocess.Popen[bytes]) -> None:
            assert process.stdin and process.stdout
            try:
                while (item := todo.get()) is not None and not stop.is_set():
                    _send(process.stdin, item)
                    done.put(_receive(process.stdout))
                done.put(("end", None))
            except (OSError, EOFError, pickle.PickleError):
                done.put(("died", process.wait()))

        threads = [threading.Thread(target=feed, daemon=True)]
        threads += [threading.Thread(target=serve, args=(process,), daemon=True) for process in self._processes]
        for thread in threads:
            thread.start()
        running = len(self._processes)
        try:
            while running:
                kind, value = done.get()
                if kind == "end":
                    running -= 1
                elif kind == "died":
                    raise ShelftalkerError(
                        f"a worker process ended early (status {value})",
                        where="prepare",
                        mend="if memory ran out, use fewer workers: --prepare.workers 1",
                    )
                elif kind == "error":
                    raise value
                else:
                    yield value
        finally:
            stop.set()

    def close(self) -> None:
        """End the workers."""
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe:
                    with _quiet():
                        pipe.close()
        self._processes = []


@contextmanager
def _quiet() -> Iterator[None]:
    with suppress(OSError):
        yield


def _put(todo: queue.Queue[Any], item: Any, stop: threading.Event) -> bool:
    while not stop.is_set():
        try:
            todo.put(item, timeout=0.2)
            return True
        except queue.Full:
            continue
    return False


def _start(factory: Callable[..., Any], arguments: tuple[Any, ...]) -> subprocess.Popen[bytes]:
    code = "from shelftalker.catalogue.clean.workers import serve; serve()"
    # One core a worker: numpy's own threads would only get in each other's way.
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    )
    assert process.stdin
    _send(process.stdin, (factory, arguments))
    return process


def _send(pipe: IO[bytes], value: Any) -> None:
    data = pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
    pipe.write(_LENGTH.pack(len(data)))
    pipe.write(data)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> Any:
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise EOFError
    (length,) = _LENGTH.unpack(head)
    data = pipe.read(length)
    if len(data) < length:
        raise EOFError
    return pickle.loads(data)


def serve() -> None:
    """A worker's whole life: make the object, then answer calls until the parent closes the pipe."""
    import gc
    import signal

    # Rows make many objects and no cycles: looking for cycles all the time would find none.
    gc.set_threshold(100_000, 100, 100)
    # Ctrl-C reaches the whole terminal; the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    calls, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        factory, arguments = _receive(calls)
        worker = factory(*arguments)
        while True:
            method, task = _receive(calls)
            try:
                answer = ("result", getattr(worker, method)(task))
            except OSError as error:
                answer = ("error", error)
            except Exception as error:
                error.add_note(f"in a worker process, {method}")
                answer = ("error", error)
            _send(answers, answer)
    except (EOFError, BrokenPipeError):
        pass
