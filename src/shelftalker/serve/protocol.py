"""uvicorn's HTTP/1.1 with a clock on the headers, and with our format for what is not HTTP at all."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from shelftalker.serve.refusals import body_of


class Protocol(H11Protocol):
    """Cuts connections whose headers do not come; uvicorn itself would hold them for ever."""

    header_seconds = 10.0
    _clock: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """See asyncio.Protocol."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._stop_clock()
        super().connection_lost(exc)

    def _watch(self) -> None:
        """The clock runs from a request's first byte, or a connection's beginning, until its headers are whole."""
        if self.conn.their_state is not h11.IDLE or self.transport.is_closing():
            self._stop_clock()
        elif self._clock is None:
            self._clock = self.loop.call_later(self.header_seconds, self._too_slow)

    def _stop_clock(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _too_slow(self) -> None:
        self._clock = None
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self._end(408, f"the headers did not come within {self.header_seconds:g} seconds", "send them in one go")

    def send_400_response(self, msg: str) -> None:
        """What uvicorn calls where it could not read a request."""
        self._end(400, "this is not an HTTP request that can be read", "send HTTP/1.1")

    def _end(self, status: int, what: str, mend: str) -> None:
        body = body_of(status, what, "request headers", mend).model_dump_json().encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        phrase = HTTPStatus(status).phrase.encode()
        for event in (
            h11.Response(status_code=status, headers=headers, reason=phrase),
            h11.Data(data=body),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
