"""Before a route sees a request: its host, its key, and its body, which has to be small and to come in time."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Collection
from typing import Any

from shelftalker.serve.refusals import refusal

DRAIN_BYTES = 64_000_000
"""How much of a body that is too large is still read, because a plain client reads no answer before it has sent all."""


class Hosts:
    """Refuses names that the server does not go by, so that a web page cannot reach it through a name of its own."""

    def __init__(self, app: Any, hosts: Collection[str]) -> None:
        self._app, self._hosts = app, frozenset(hosts)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """See ASGI."""
        if scope["type"] == "http" and "*" not in self._hosts:
            host = _header(scope, b"host")
            # An IPv6 address stands in brackets: [::1]:8000.
            name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
            if name.lower() not in self._hosts:
                answer = refusal(
                    400, "this server does not go by that name", "header Host", f"one of: {', '.join(self._hosts)}"
                )
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)


class Key:
    """Refuses requests without the API key, but for the open paths."""

    def __init__(self, app: Any, key: str, open_paths: Collection[str]) -> None:
        self._app, self._key, self._open = app, f"Bearer {key}".encode(), frozenset(open_paths)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """See ASGI."""
        if scope["type"] == "http" and scope["path"] not in self._open:
            given = _header(scope, b"authorization").encode("latin-1")
            scheme, _, key = given.partition(b" ")
            # The time of the comparison does not tell how much of the key was right.
            if not hmac.compare_digest(scheme.lower().capitalize() + b" " + key.strip(), self._key):
                answer = refusal(
                    401,
                    "the API key is missing or wrong",
                    "header Authorization",
                    "send Authorization: Bearer KEY",
                    code="invalid_api_key",
                )
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)


class Body:
    """Refuses bodies above a size with 413, by their header or by counting, and those that take too long with 408."""

    def __init__(self, app: Any, limit: int, seconds: float) -> None:
        self._app, self._limit, self._seconds = app, limit, seconds

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = _header(scope, b"content-length")
        is_waiting = _header(scope, b"expect").lower() == "100-continue"
        size = int(declared) if declared.isdecimal() else 0
        # The body is read here, whole, before the application sees any of it: it is small by this very limit.
        messages: list[Any] | None = None
        try:
            async with asyncio.timeout(self._seconds):
                if size > self._limit:
                    # Who waits for leave to send (curl does) has not sent anything yet.
                    if not is_waiting and size <= DRAIN_BYTES:
                        await _drain(receive)
                else:
                    messages = await self._read(receive)
        except TimeoutError:
            answer = refusal(
                408,
                f"the body did not come within {self._seconds:g} seconds",
                "request body",
                "send it in one go",
                closes=True,
            )
            await answer(scope, receive, send)
            return
        if messages is None:
            what = f"the body is larger than {self._limit:,} bytes"
            await refusal(413, what, "request body", "send fewer titles at once", closes=True)(scope, receive, send)
            return
        await self._answer(messages, scope, receive, send)

    async def _answer(self, messages: list[Any], scope: Any, receive: Any, send: Any) -> None:
        """Let the application answer; where the client leaves before that, its titles leave the queue with it."""
        waiting, gone = iter(messages), asyncio.Event()

        async def replay() -> Any:
            if (message := next(waiting, None)) is None:
                await gone.wait()
                message = {"type": "http.disconnect"}
            return message

        async def leaving() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            gone.set()

        has_begun = False

        async def passing(message: Any) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        answering = asyncio.ensure_future(self._app(scope, replay, passing))
        watching = asyncio.ensure_future(leaving())
        try:
            await asyncio.wait({answering, watching}, return_when=asyncio.FIRST_COMPLETED)
            if not answering.done() and not has_begun:
                answering.cancel()
                await asyncio.wait({answering})
                # Nobody reads it; the log and the counts do.
                await refusal(499, "the client left before its answer")(scope, receive, send)
                return
            await answering  # one that has begun, a stream, learns by itself that its reader left
        finally:
            answering.cancel()
            watching.cancel()

    async def _read(self, receive: Any) -> list[Any] | None:
        """The messages of a whole body; None: it is too large, and a bounded rest of it was read too."""
        messages, size, more = [], 0, True
        while more:
            message = await receive()
            messages.append(message)
            size += len(message.get("body", b""))
            more = message["type"] == "http.request" and message.get("more_body", False)
            if size > self._limit:
                if more:
                    await _drain(receive)
                return None
        return messages


async def _drain(receive: Any) -> None:
    size, more = 0, True
    while more and size < DRAIN_BYTES:
        message = await receive()
        size += len(message.get("body", b""))
        more = message["type"] == "http.request" and message.get("more_body", False)


def _header(scope: Any, name: bytes) -> str:
    """A header's value, by its name in lower case; empty where it is missing."""
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")
