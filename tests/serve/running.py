"""A server on loopback, on a thread of the test's process."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from shelftalker.address import bind


@dataclass(frozen=True)
class Running:
    """Where a server listens."""

    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def running(app: Any, header_seconds: float = 10.0) -> Iterator[Running]:
    """Serve an application as `shelftalker serve` does, on any free port."""
    from shelftalker.serve.app import uvicorn_server

    bound = bind("127.0.0.1", 0)
    bound.listen()
    server = uvicorn_server(app, header_seconds)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    try:
        until = time.monotonic() + 60
        while not server.started:
            assert thread.is_alive()
            assert time.monotonic() < until
            time.sleep(0.01)
        yield Running(bound.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(60)
        bound.close()
