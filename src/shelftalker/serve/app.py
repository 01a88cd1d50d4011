"""The HTTP server: its application put together, and run."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

from shelftalker import console
from shelftalker.address import LOOPBACK, bind
from shelftalker.extras import need
from shelftalker.recipe.recipe import Recipe
from shelftalker.serve import completions, describe, operating
from shelftalker.serve.options import Options
from shelftalker.serve.refusals import add_handlers
from shelftalker.serve.service import Service
from shelftalker.version import __version__
from shelftalker.writing.writer import Writer, load

if TYPE_CHECKING:
    import uvicorn
    from fastapi import FastAPI

GRACE_SECONDS = 30
"""How long a shutdown waits for descriptions that are being written."""


def create_app(
    model: str,
    recipe: Recipe,
    *,
    hosts: Sequence[str] = LOOPBACK,
    writer: Writer | None = None,
    options: Options | None = None,
) -> FastAPI:
    """The server as an ASGI application; the model is loaded here, so that a missing one is known at once.

    Args:
        model: MODEL (hub name, `bundled`, adapter, run or exported folder).
        recipe: engine and device; what it sets of prompt and decoding wins over what the model says of itself.
        hosts: names under which the server may be called ("*": any); others are refused, so that a web page
            cannot reach it through a name of its own (DNS rebinding).
        writer: what writes, as the only engine, instead of those that are loaded from ``model``.
        options: API key, origins, access log, engines and timeouts.

    Raises:
        ShelftalkerError: the extra is missing, the model cannot be had, or an option cannot be meant.
    """
    need("serve", "fastapi")
    from fastapi import FastAPI
    from starlette.middleware.cors import CORSMiddleware

    from shelftalker.serve.guard import Body, Hosts, Key
    from shelftalker.serve.watching import AccessLog, Watching

    options = options or Options()
    options.check()
    log = AccessLog(options.access_log) if options.access_log else None
    service = Service([writer] if writer else _writers(model, recipe, options.workers))

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await asyncio.to_thread(service.batcher.close, GRACE_SECONDS)
        if log is not None:
            log.close()

    app = FastAPI(
        title="shelftalker",
        version=__version__,
        summary="Product title in, product description out, with what the checks found in it.",
        lifespan=lifespan,
        # The usual pages fetch their scripts from a content network; GET / is a page of our own instead.
        docs_url=None,
        redoc_url=None,
    )
    app.state.batcher = service.batcher
    add_handlers(app)
    describe.add_routes(app, service)
    completions.add_routes(app, service)
    operating.add_routes(app, service, has_key=options.api_key is not None)
    paths = {getattr(route, "path", "") for route in app.routes}

    # The last one added meets a request first.
    app.add_middleware(Body, limit=service.limits.body_bytes, seconds=options.body_seconds)
    if options.api_key is not None:
        app.add_middleware(Key, key=options.api_key, open_paths=operating.OPEN_PATHS)
    if options.cors:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(options.cors),
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type"],
            expose_headers=["Retry-After"],
        )
    app.add_middleware(Hosts, hosts=hosts)
    app.add_middleware(Watching, metrics=service.metrics, paths=lambda: paths, log=log)
    return app


def serve(
    model: str, recipe: Recipe, host: str = "127.0.0.1", port: int = 8000, options: Options | None = None
) -> None:
    """Serve until interrupted; a request that is being written is finished first.

    Args:
        model: MODEL (hub name, `bundled`, adapter, run or exported folder).
        recipe: engine and device; what it sets of prompt and decoding wins over what the model says of itself.
        host: address to bind; anything but loopback opens the server to the network.
        port: port to bind; 0: any free one.
        options: API key, origins, access log, engines and timeouts.

    Raises:
        ShelftalkerError: the extra is missing, the port is taken, the model cannot be had, or an option cannot be
            meant.
    """
    need("serve", "fastapi", "uvicorn")
    options = options or Options()
    options.check()
    bound = bind(host, port)
    try:
        is_loopback = host in LOOPBACK
        console.stage("serve", f"loading {model}")
        app = create_app(model, recipe, hosts=LOOPBACK if is_loopback else ("*",), options=options)
        if not is_loopback and options.api_key is None:
            console.warn(f"bound to {host}: whoever reaches this machine can use the server; --api-key asks for a key")
        bound.listen()  # from here on a request waits instead of being refused, so the address below holds
        address = f"[{host}]" if ":" in host else host
        url = f"http://{address}:{bound.getsockname()[1]}"
        console.note(f"{url}  (a page to try it; POST /describe, OpenAI's API under /v1; Ctrl+C stops)")
        with contextlib.suppress(KeyboardInterrupt):  # uvicorn raises it again after a clean end
            uvicorn_server(app, options.header_seconds).run(sockets=[bound])
    finally:
        bound.close()


def uvicorn_server(app: FastAPI, header_seconds: float) -> uvicorn.Server:
    """What runs the application; it has not started yet."""
    import uvicorn

    from shelftalker.serve.protocol import Protocol

    class Timed(Protocol):
        pass

    Timed.header_seconds = header_seconds
    config = uvicorn.Config(
        app,
        http=Timed,
        ws="none",
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        server_header=False,
    )
    return uvicorn.Server(config)


def _writers(model: str, recipe: Recipe, count: int) -> list[Writer]:
    """The model, once an engine; several engines share the processor's cores."""
    if count == 1:
        return [load(model, recipe)]
    from shelftalker.device import cores

    if not recipe.generate.threads:
        recipe = recipe.with_flags(generate={"threads": max(1, cores() // count)})
    return [load(model, recipe) for _ in range(count)]
