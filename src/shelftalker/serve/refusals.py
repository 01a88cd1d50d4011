"""Every answer that is not a success, in one format, whatever refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shelftalker.errors import ShelftalkerError
from shelftalker.serve.batcher import BusyError, ClosedError
from shelftalker.serve.messages import ErrorAnswer, ErrorOut, sentence

if TYPE_CHECKING:
    from fastapi import FastAPI, Request
    from fastapi.responses import JSONResponse

OPENAI = "/v1/"
"""Where OpenAI's clients ask; they expect 400 for what other paths answer with 422."""


class RefusedError(Exception):
    """A request that cannot be honoured, with the status that says so."""

    def __init__(self, status: int, error: ErrorOut) -> None:
        super().__init__(error.message)
        self.status, self.error = status, error


def body_of(
    status: int, what: str, where: str | None = None, mend: str | None = None, code: str | None = None
) -> ErrorAnswer:
    """The one format of errors."""
    kind = "server_error" if status >= 500 else "authentication_error" if status == 401 else "invalid_request_error"
    return ErrorAnswer(error=ErrorOut(what=what, where=where, mend=mend, type=kind, code=code))


def refusal(
    status: int,
    what: str,
    where: str | None = None,
    mend: str | None = None,
    *,
    code: str | None = None,
    closes: bool = False,
) -> JSONResponse:
    """An answer with an error status; with ``closes`` the connection ends with it."""
    from fastapi.responses import JSONResponse

    headers = {"Connection": "close"} if closes else {}
    if status == 503:
        headers["Retry-After"] = "1"
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(body_of(status, what, where, mend, code).model_dump(), status_code=status, headers=headers)


def add_handlers(app: FastAPI) -> None:
    """Answer every exception that a route or the framework raises."""
    from fastapi.exceptions import RequestValidationError
    from starlette.exceptions import HTTPException

    def unprocessable(request: Request) -> int:
        return 400 if request.url.path.startswith(OPENAI) else 422

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        what, where = sentence(error.errors())
        return refusal(unprocessable(request), what, where, "GET /openapi.json says what a request may hold")

    @app.exception_handler(ShelftalkerError)
    async def unusable(request: Request, error: ShelftalkerError) -> JSONResponse:
        return refusal(unprocessable(request), error.what, error.where, error.mend)

    @app.exception_handler(RefusedError)
    async def refused(_: Request, error: RefusedError) -> JSONResponse:
        said = error.error
        return refusal(error.status, said.what, said.where, said.mend, code=said.code)

    @app.exception_handler(HTTPException)
    async def unknown(request: Request, error: HTTPException) -> JSONResponse:
        mend = "GET / lists what there is" if error.status_code in (404, 405) else None
        answer = refusal(error.status_code, str(error.detail), f"{request.method} {request.url.path}", mend)
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(BusyError)
    async def busy(_: Request, error: BusyError) -> JSONResponse:
        return refusal(503, "more titles are waiting than this server holds", mend="try again in a moment", code="busy")

    @app.exception_handler(ClosedError)
    async def closed(_: Request, error: ClosedError) -> JSONResponse:
        return refusal(503, "the server is shutting down", mend="try again when it is back", code="closing")

    @app.exception_handler(Exception)
    async def fault(_: Request, error: Exception) -> JSONResponse:
        return refusal(500, f"a fault of the server: {type(error).__name__}", mend="its log says more")
