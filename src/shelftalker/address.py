"""Where a server binds: taken before anything is loaded, so that a taken port is known in a moment."""

from __future__ import annotations

import socket

from shelftalker.errors import ShelftalkerError

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def bind(host: str, port: int) -> socket.socket:
    """A socket bound to a host and port (0: any free one), not yet listening.

    Raises:
        ShelftalkerError: the address is not one of this machine's, or the port is taken or out of range.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ShelftalkerError(
            f"no such address: {error.strerror}", where=f"--host {host}", mend="use 127.0.0.1"
        ) from None
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except (OSError, OverflowError) as error:
        bound.close()
        raise ShelftalkerError(
            f"cannot bind: {getattr(error, 'strerror', None) or error}",
            where=f"{host}, port {port}",
            mend="choose another with --port; 0 takes any free one",
        ) from None
    return bound
