"""How a server is run: who may use it, what it logs, how many engines it has, how long it waits for a client."""

from __future__ import annotations

import re
from dataclasses import dataclass

from shelftalker.errors import ShelftalkerError

_MOST_WORKERS = 64


@dataclass(frozen=True)
class Options:
    """What is set beside the model and the address.

    Attributes:
        api_key: what a client has to send (``Authorization: Bearer KEY``); None: nothing.
        cors: origins (scheme, host, port) whose pages may call the server; "*": any.
        access_log: file that gets one JSON line a request; "-": standard output; None: no log.
        workers: engines that write at the same time, each with the weights in memory.
        header_seconds: how long a client may take over a request's headers.
        body_seconds: how long a client may take over a request's body.
    """

    api_key: str | None = None
    cors: tuple[str, ...] = ()
    access_log: str | None = None
    workers: int = 1
    header_seconds: float = 10.0
    body_seconds: float = 20.0

    def check(self) -> None:
        """See that every value can be meant.

        Raises:
            ShelftalkerError: names the flag and what mends it.
        """
        if self.api_key is not None and not re.fullmatch(r"[\x21-\x7e]+", self.api_key):
            raise ShelftalkerError(
                "the API key is empty, or has characters that a header cannot carry",
                where="--api-key or SHELFTALKER_API_KEY",
                mend="use letters, digits and signs without spaces, or leave it out",
            )
        for origin in self.cors:
            if origin != "*" and not re.fullmatch(r"https?://[^/\s?#]+", origin):
                raise ShelftalkerError(
                    f"not an origin: {origin}", where="--cors", mend="write it as https://shop.example, without a path"
                )
        if self.access_log is not None and (not self.access_log or self.access_log.startswith("--")):
            raise ShelftalkerError(
                "no file for the access log", where="--access-log", mend="give a file, or - for standard output"
            )
        if not 1 <= self.workers <= _MOST_WORKERS:
            raise ShelftalkerError(
                f"{self.workers} workers", where="--workers", mend=f"give a number from 1 to {_MOST_WORKERS}"
            )
