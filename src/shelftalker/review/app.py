"""`shelftalker review`: the page and its server, on this machine alone."""

from __future__ import annotations

import contextlib
import json
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

from shelftalker import console
from shelftalker.address import LOOPBACK, bind
from shelftalker.catalogue.read.decisions import SUFFIX
from shelftalker.checks.check import CHECKS
from shelftalker.errors import ShelftalkerError
from shelftalker.extras import need
from shelftalker.review.described import described
from shelftalker.review.desk import Desk
from shelftalker.review.queue import Filter, Rule, State
from shelftalker.review.store import ConflictError, Store, Verdict

if TYPE_CHECKING:
    from fastapi import FastAPI
    from fastapi.responses import JSONResponse

    from shelftalker.recipe.recipe import Recipe

BODY_BYTES = 1_000_000
"""What one request may send."""
TOKEN = b"x-shelftalker-token"

Name = Annotated[str, Field(max_length=64)]
Text = Annotated[str, Field(max_length=100_000)]
Number = Annotated[int, Field(ge=0)]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class _Chosen(_Asked):
    state: State = "waiting"
    check: Name = ""
    route: Name = ""
    search: Annotated[str, Field(max_length=500)] = ""

    def filter(self) -> Filter:
        return Filter(self.state, self.check, self.route, self.search)


class _Next(_Chosen):
    tab: Name = ""
    after: Number | None = None


class _Page(_Chosen):
    skip: Number = 0


class _Decision(_Asked):
    number: Number
    verdict: Verdict
    text: Text = ""
    reason: Annotated[str, Field(max_length=1000)] = ""
    seconds: Annotated[float, Field(ge=0)] = 0.0
    seen: Number = 0
    tab: Name = ""
    then: _Chosen = _Chosen()


class _Text(_Asked):
    number: Number
    text: Text


class _Another(_Asked):
    number: Number
    seed: Annotated[int, Field(ge=0, le=2**31)]


class _Rule(_Asked):
    routes: list[Literal["edited", "written"]] = ["edited", "written"]
    findings: Annotated[int, Field(ge=0, le=100)] = 0
    score: float | None = None
    similarity: float | None = None

    def rule(self) -> Rule:
        return Rule(tuple(self.routes), self.findings, self.score, self.similarity)


class _Accept(_Rule):
    expected: Number
    tab: Name = ""


class _Tab(_Asked):
    tab: Name = ""


def store_of(path: Path) -> Path:
    """Where the decisions on a described catalogue are kept: one file beside it."""
    return path.with_name(f"{path.name}{SUFFIX}")


def open_desk(path: Path, recipe: Recipe, decisions: Path | None = None, model: str | None = None) -> Desk:
    """Open a described catalogue for review; what became of earlier decisions is told.

    Args:
        path: what `generate --input` wrote: CSV, TSV, JSON lines, Parquet or a workbook.
        recipe: names of columns, language, and what the model is run with.
        decisions: the file of decisions; none: the one beside the catalogue.
        model: MODEL that writes other versions; none: nobody does.

    Raises:
        ShelftalkerError: no job described the catalogue, the decisions are another's or cannot be kept there, or the
            model cannot be had.
    """
    writer = None
    if model is not None:
        from shelftalker.writing.writer import load

        writer = load(model, recipe)
        recipe = writer.recipe
    catalogue = described(path, recipe)
    store = Store(decisions or store_of(path))
    try:
        changes = store.load(catalogue)
    except BaseException:
        store.close()
        raise
    if changes.edited:
        console.warn(f"{changes.edited:,} decided rows have another title or draft now: they wait again")
    if changes.gone:
        console.warn(f"{changes.gone:,} decided rows are gone from the catalogue: their decisions are kept, unused")
    return Desk(catalogue, store, recipe, writer)


def review(
    path: Path,
    recipe: Recipe,
    *,
    decisions: Path | None = None,
    model: str | None = None,
    host: str = "127.0.0.1",
    port: int = 7870,
) -> None:
    """Serve the page until interrupted.

    Args:
        path: what `generate --input` wrote.
        recipe: see `open_desk`.
        decisions: see `open_desk`.
        model: see `open_desk`.
        host: address to bind; anything but loopback opens the page to the network, which has no password.
        port: port to bind; 0: any free one.

    Raises:
        ShelftalkerError: as `open_desk`; the extra is missing, or the port is taken.
    """
    need("serve", "fastapi", "uvicorn")
    import uvicorn

    bound = bind(host, port)
    try:
        console.stage("review", str(path))
        desk = open_desk(path, recipe, decisions, model)
        is_loopback = host in LOOPBACK
        app = create_app(desk, hosts=LOOPBACK if is_loopback else ("*",))
        if not is_loopback:
            console.warn(f"bound to {host}: whoever reaches this machine can decide; the page has no password")
        bound.listen()
        progress = desk.queue.progress()
        name = f"[{host}]" if ":" in host else host
        console.note(f"{progress['waiting']:,} of {progress['total']:,} rows wait; decisions: {desk.store.path}")
        console.note(f"http://{name}:{bound.getsockname()[1]}  (Ctrl+C stops; nothing is lost)")
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=5
        )
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[bound])
        desk.store.close()
    finally:
        bound.close()


def create_app(desk: Desk, *, hosts: Sequence[str] = LOOPBACK) -> FastAPI:
    """The page's server as an ASGI application.

    Args:
        desk: what is reviewed.
        hosts: names under which it may be called ("*": any); others are refused, so that no web page reaches it
            through a name of its own (DNS rebinding).
    """
    need("serve", "fastapi")
    from fastapi import FastAPI
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    app = FastAPI(title="shelftalker review", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(_Guard, token=(desk.store.meta("token") or "").encode())
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(hosts))
    _add_errors(app)
    _add_reading(app, desk)
    _add_writing(app, desk)
    return app


def _add_reading(app: FastAPI, desk: Desk) -> None:
    from fastapi import Query
    from fastapi.responses import HTMLResponse

    from shelftalker.review.page import page as render

    query = Query()

    @app.get("/", response_class=HTMLResponse)
    def page() -> HTMLResponse:
        checks, routes = desk.queue.choices()
        facts = {
            "token": desk.store.meta("token"),
            "name": desk.catalogue.path.name,
            "model": desk.writer is not None,
            "checks": CHECKS,
            "checks_found": checks,
            "routes": routes,
        }
        return HTMLResponse(render(facts), headers={"Cache-Control": "no-store", "X-Frame-Options": "DENY"})

    @app.get("/api/next")
    def next_row(asked: _Next = query) -> dict[str, Any]:
        return _answer(desk, asked.filter(), asked.tab, asked.after)

    @app.get("/api/row/{number}")
    def row(number: int) -> dict[str, Any]:
        return {"row": desk.row(number), "progress": desk.queue.progress()}

    @app.get("/api/summary")
    def summary() -> dict[str, Any]:
        return desk.queue.summary()

    @app.get("/api/rows")
    def rows(asked: _Page = query) -> dict[str, Any]:
        return desk.queue.page(asked.filter(), asked.skip)


def _add_writing(app: FastAPI, desk: Desk) -> None:
    @app.post("/api/decide")
    def decide(asked: _Decision) -> dict[str, Any]:
        desk.store.decide(
            asked.number,
            asked.verdict,
            text=asked.text,
            reason=asked.reason,
            seconds=asked.seconds,
            seen=asked.seen,
            tab=asked.tab,
        )
        return _answer(desk, asked.then.filter(), asked.tab)

    @app.post("/api/check")
    def check(asked: _Text) -> dict[str, Any]:
        return desk.judged(asked.number, asked.text)

    @app.post("/api/another")
    def another(asked: _Another) -> dict[str, Any]:
        return desk.another(asked.number, asked.seed)

    @app.post("/api/undo")
    def undo(asked: _Tab) -> dict[str, Any]:
        number = desk.store.undo(asked.tab)
        if number is None:
            raise ShelftalkerError("there is nothing to take back in this tab")
        return {"row": desk.row(number), "progress": desk.queue.progress()}

    @app.post("/api/rule")
    def named(asked: _Rule) -> dict[str, Any]:
        return desk.queue.named(asked.rule())

    @app.post("/api/accept")
    def accept(asked: _Accept) -> dict[str, Any]:
        return {"accepted": desk.queue.accept(asked.rule(), asked.expected, asked.tab)}


def _answer(desk: Desk, chosen: Filter, tab: str, after: int | None = None) -> dict[str, Any]:
    return {"row": desk.next(chosen, tab, after), "progress": desk.queue.progress()}


def _add_errors(app: FastAPI) -> None:
    from fastapi.exceptions import RequestValidationError
    from fastapi.responses import JSONResponse

    def answer(status: int, what: str, where: str | None = None, mend: str | None = None) -> JSONResponse:
        return JSONResponse({"error": {"what": what, "where": where, "mend": mend}}, status_code=status)

    @app.exception_handler(ShelftalkerError)
    async def unusable(_: Any, error: ShelftalkerError) -> JSONResponse:
        return answer(422, error.what, error.where, error.mend)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Any, error: RequestValidationError) -> JSONResponse:
        fault = error.errors()[0]
        return answer(422, str(fault["msg"]), ".".join(map(str, fault["loc"])))

    @app.exception_handler(ConflictError)
    async def conflict(_: Any, __: ConflictError) -> JSONResponse:
        return answer(409, "another tab was quicker: what is shown here is not so any more", mend="look again")


class _Guard:
    """Lets only the page itself change anything: its token, its origin, a body of bounded size."""

    def __init__(self, app: Any, token: bytes) -> None:
        self._app, self._token = app, token

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        length = headers.get(b"content-length", b"")
        origin = headers.get(b"origin")
        if not secrets.compare_digest(headers.get(TOKEN, b""), self._token):
            await _refuse(403, "only the page itself may decide: open it anew", send)
        elif origin is not None and urlsplit(origin.decode("latin-1")).netloc.encode() != headers.get(b"host"):
            await _refuse(403, "the request comes from another page", send)
        elif not length.isdigit() or int(length) > BODY_BYTES:
            await _refuse(413, f"the request is larger than {BODY_BYTES:,} bytes, or does not say how large", send)
        else:
            await self._app(scope, receive, send)


async def _refuse(status: int, what: str, send: Any) -> None:
    body = json.dumps({"error": {"what": what, "where": None, "mend": None}}).encode()
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
