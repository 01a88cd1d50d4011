"""The HTTP server: POST /describe, GET /model, GET /health, OpenAPI under /openapi.json."""

from __future__ import annotations

import asyncio
import contextlib
import html
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

from shelftalker import console
from shelftalker.address import LOOPBACK, bind
from shelftalker.errors import ShelftalkerError
from shelftalker.extras import need
from shelftalker.product import Product
from shelftalker.recipe.decoding import Decoding
from shelftalker.recipe.recipe import Recipe
from shelftalker.serve.batcher import Batcher, BusyError, ClosedError
from shelftalker.serve.messages import (
    DescribeAnswer,
    DescribeRequest,
    DescriptionOut,
    ErrorAnswer,
    ErrorOut,
    Limits,
    ModelOut,
    sentence,
)
from shelftalker.version import __version__
from shelftalker.writing.writer import Writer, load
from shelftalker.writing.written import Written

if TYPE_CHECKING:
    from fastapi import FastAPI, Request
    from fastapi.responses import JSONResponse

GRACE_SECONDS = 30
"""How long a shutdown waits for descriptions that are being written."""


def create_app(
    model: str,
    recipe: Recipe,
    *,
    hosts: Sequence[str] = LOOPBACK,
    writer: Writer | None = None,
) -> FastAPI:
    """The server as an ASGI application; the model is loaded here, so that a missing one is known at once.

    Args:
        model: MODEL (hub name, `bundled`, adapter, run or exported folder).
        recipe: engine and device; what it sets of prompt and decoding wins over what the model says of itself.
        hosts: names under which the server may be called ("*": any); others are refused, so that a web page
            cannot reach it through a name of its own (DNS rebinding).
        writer: what writes, instead of one that is loaded from ``model``.

    Raises:
        ShelftalkerError: the extra is missing, or the model cannot be had.
    """
    need("serve", "fastapi")
    from fastapi import FastAPI
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    writer = writer or load(model, recipe)
    recipe = writer.recipe
    limits = Limits.of(recipe.decoding)

    def write(products: Sequence[Product], decoding: Decoding) -> list[Written]:
        return writer.write(products, decoding)

    batcher: Batcher[Product, Written] = Batcher(write, batch=recipe.generate.batch_size, pending=limits.pending_titles)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await asyncio.to_thread(batcher.close, GRACE_SECONDS)

    app = FastAPI(
        title="shelftalker",
        version=__version__,
        summary="Product title in, product description out, with what the checks found in it.",
        lifespan=lifespan,
        # The usual pages fetch their scripts from a content network; GET / is a page of our own instead.
        docs_url=None,
        redoc_url=None,
    )
    app.state.batcher = batcher
    app.add_middleware(_BodyLimit, limit=limits.body_bytes)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(hosts))
    _add_errors(app)
    _add_routes(app, writer, batcher, limits)
    return app


def serve(model: str, recipe: Recipe, host: str = "127.0.0.1", port: int = 8000) -> None:
    """Serve until interrupted; a request that is being written is finished first.

    Args:
        model: MODEL (hub name, `bundled`, adapter, run or exported folder).
        recipe: engine and device; what it sets of prompt and decoding wins over what the model says of itself.
        host: address to bind; anything but loopback opens the server to the network, which has no password.
        port: port to bind; 0: any free one.

    Raises:
        ShelftalkerError: the extra is missing, the port is taken, or the model cannot be had.
    """
    need("serve", "fastapi", "uvicorn")
    import uvicorn

    bound = bind(host, port)
    try:
        is_loopback = host in LOOPBACK
        console.stage("serve", f"loading {model}")
        app = create_app(model, recipe, hosts=LOOPBACK if is_loopback else ("*",))
        if not is_loopback:
            console.warn(f"bound to {host}: whoever reaches this machine can use the server; it has no password")
        bound.listen()  # from here on a request waits instead of being refused, so the address below holds
        address = f"[{host}]" if ":" in host else host
        url = f"http://{address}:{bound.getsockname()[1]}"
        console.note(f"{url}  (POST /describe, GET /model, GET /health, GET /openapi.json; Ctrl+C stops)")
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, timeout_graceful_shutdown=GRACE_SECONDS, server_header=False
        )
        with contextlib.suppress(KeyboardInterrupt):  # uvicorn raises it again after a clean end
            uvicorn.Server(config).run(sockets=[bound])
    finally:
        bound.close()


def _add_routes(app: FastAPI, writer: Writer, batcher: Batcher[Product, Written], limits: Limits) -> None:
    from fastapi.responses import HTMLResponse

    about = writer.about()
    recipe = writer.recipe

    @app.post(
        "/describe",
        response_model=DescribeAnswer,
        responses={code: {"model": ErrorAnswer} for code in (400, 413, 422, 503)},
    )
    async def describe(request: DescribeRequest) -> DescribeAnswer:
        """Describe one title or several."""
        decoding = request.decoding_over(recipe.decoding, limits)
        # What cannot be described is refused here: others' titles may share its batch.
        products = writer.cleaned(request.products())
        written = await asyncio.wrap_future(batcher.submit(products, decoding))
        return DescribeAnswer(
            descriptions=[DescriptionOut.of(one) for one in written],
            model=ModelOut(id=about["id"], hash=about["hash"], engine=written[0].engine),
            decoding=decoding.model_dump(),
            as_scored=decoding == recipe.decoding,
        )

    @app.get("/health")
    async def health() -> dict[str, str]:
        """Answers while the server lives."""
        return {"status": "ok"}

    @app.get("/model")
    async def model() -> dict[str, Any]:
        """What is served: model, engine, prompt, decoding, limits."""
        return {
            **about,
            "recipe": recipe.name,
            "prompt": recipe.prompt,
            "decoding": recipe.decoding.model_dump(),
            "limits": {name: getattr(limits, name) for name in Limits.__dataclass_fields__},
        }

    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    @app.get("/docs", response_class=HTMLResponse, include_in_schema=False)
    async def page() -> str:
        return _page(about["id"], sorted(app.openapi()["paths"].items()))


def _add_errors(app: FastAPI) -> None:
    from fastapi.exceptions import RequestValidationError
    from fastapi.responses import JSONResponse
    from starlette.exceptions import HTTPException

    def answer(status: int, what: str, where: str | None = None, mend: str | None = None) -> JSONResponse:
        body = ErrorAnswer(error=ErrorOut(what=what, where=where, mend=mend))
        headers = {"Retry-After": "1"} if status == 503 else None
        return JSONResponse(body.model_dump(), status_code=status, headers=headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        what, where = sentence(error.errors())
        return answer(422, what, where, "GET /openapi.json says what a request may hold")

    @app.exception_handler(ShelftalkerError)
    async def unusable(_: Request, error: ShelftalkerError) -> JSONResponse:
        return answer(422, error.what, error.where, error.mend)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> JSONResponse:
        mend = "GET / lists what there is" if error.status_code in (404, 405) else None
        return answer(error.status_code, str(error.detail), f"{request.method} {request.url.path}", mend)

    @app.exception_handler(BusyError)
    async def busy(_: Request, error: BusyError) -> JSONResponse:
        return answer(503, "more titles are waiting than this server holds", mend="try again in a moment")

    @app.exception_handler(ClosedError)
    async def closed(_: Request, error: ClosedError) -> JSONResponse:
        return answer(503, "the server is shutting down", mend="try again when it is back")

    @app.exception_handler(Exception)
    async def fault(_: Request, error: Exception) -> JSONResponse:
        return answer(500, f"a fault of the server: {type(error).__name__}", mend="its log says more")


class _BodyLimit:
    """Refuses bodies above a size with 413, by their header or, where that is missing or lies, by counting."""

    def __init__(self, app: Any, limit: int) -> None:
        self._app, self._limit = app, limit

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        from starlette.responses import JSONResponse

        # The body is read here, whole, before the application sees any of it: it is small by this very limit.
        messages, size = [], 0
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        too_large = declared.isdigit() and int(declared) > self._limit
        more = not too_large
        while more:
            message = await receive()
            messages.append(message)
            size += len(message.get("body", b""))
            too_large = size > self._limit
            more = message["type"] == "http.request" and message.get("more_body", False) and not too_large
        if too_large:
            what = ErrorOut(what=f"the body is larger than {self._limit:,} bytes", mend="send fewer titles at once")
            body = ErrorAnswer(error=what).model_dump()
            await JSONResponse(body, status_code=413, headers={"Connection": "close"})(scope, receive, send)
            return
        waiting = iter(messages)

        async def replay() -> Any:
            return next(waiting, None) or await receive()

        await self._app(scope, replay, send)


def _page(model: str, paths: Sequence[tuple[str, Any]]) -> str:
    rows = "".join(
        f"<tr><td><code>{method.upper()} {html.escape(path)}</code></td>"
        f"<td>{html.escape(action.get('description', ''))}</td></tr>"
        for path, actions in paths
        for method, action in actions.items()
    )
    example = (
        'curl -s http://127.0.0.1:8000/describe -H "Content-Type: application/json" \\\n'
        '     -d \'{"title": "Nespresso Vertuo Next Coffee Machine"}\''
    )
    return f"""<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>shelftalker server</title>
<style>:root {{ color-scheme: light dark }} body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 46rem;
margin: 3rem auto; padding: 0 1rem }} td {{ padding: .3rem 1rem .3rem 0; vertical-align: top }}
pre {{ overflow-x: auto; padding: .8rem; background: #8882; border-radius: 6px }}</style>
<h1>shelftalker</h1><p>This server writes product descriptions with <code>{html.escape(model)}</code>.</p>
<table>{rows}</table><pre>{html.escape(example)}</pre>
<p>Every key, type and range: <a href="openapi.json">openapi.json</a>.</p></html>
"""
