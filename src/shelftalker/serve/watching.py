"""Around every request: HEAD answered as GET without its body, counts, and a line in the access log."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from shelftalker.errors import ShelftalkerError
from shelftalker.serve.metrics import Metrics

OTHER = "other"
"""What stands for every path that the server does not have, so that strangers cannot grow its counters."""


class AccessLog:
    """One JSON line a request: when, who, what, status, bytes, seconds. Titles and keys are never in it."""

    def __init__(self, target: str) -> None:
        try:
            self._file: TextIO = sys.stdout if target == "-" else Path(target).open("a", encoding="utf-8")  # noqa: SIM115
        except OSError as error:
            raise ShelftalkerError(
                f"cannot write the access log: {error.strerror}",
                where=f"--access-log {target}",
                mend="give a file in a folder that exists, or - for standard output",
            ) from None

    def write(self, **values: Any) -> None:
        """Add a line."""
        self._file.write(json.dumps(values, ensure_ascii=True) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        if self._file is not sys.stdout:
            self._file.close()


class Watching:
    """The outermost layer.

    Args:
        app: what answers.
        metrics: what counts.
        paths: gives the paths that are counted by their own name.
        log: the access log; None: there is none.
    """

    def __init__(self, app: Any, metrics: Metrics, paths: Callable[[], set[str]], log: AccessLog | None) -> None:
        self._app, self._metrics, self._paths, self._log = app, metrics, paths, log

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_head = scope["method"] == "HEAD"
        inner = {**scope, "method": "GET"} if is_head else scope
        start, status, size = time.perf_counter(), 500, 0

        async def passing(message: Any) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
            elif is_head:
                message = {**message, "body": b""}
            size += len(message.get("body", b""))
            await send(message)

        self._metrics.in_flight.inc()
        try:
            await self._app(inner, receive, passing)
        finally:
            seconds = time.perf_counter() - start
            path = scope["path"]
            self._metrics.in_flight.dec()
            self._metrics.answered(path if path in self._paths() else OTHER, status, seconds)
            if self._log is not None:
                client = scope.get("client")
                self._log.write(
                    time=datetime.now(UTC).isoformat(timespec="milliseconds"),
                    client=client[0] if client else None,
                    method=scope["method"],
                    path=path,
                    status=status,
                    bytes=size,
                    seconds=round(seconds, 4),
                )
