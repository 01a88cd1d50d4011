"""OpenAI's paths: POST /v1/completions, POST /v1/chat/completions, GET /v1/models."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from shelftalker.serve.completion_messages import ChatRequest, CompletionRequest, Usage, known, reason
from shelftalker.serve.messages import ErrorAnswer, ErrorOut
from shelftalker.serve.refusals import RefusedError
from shelftalker.serve.service import Service
from shelftalker.writing.written import Written

if TYPE_CHECKING:
    from fastapi import FastAPI
    from fastapi.responses import Response

_REFUSALS: dict[int | str, dict[str, Any]] = {
    code: {"model": ErrorAnswer} for code in (400, 401, 404, 408, 413, 422, 503)
}


def add_routes(app: FastAPI, service: Service) -> None:
    """Add the paths to an application."""
    from fastapi.responses import JSONResponse, StreamingResponse

    began = int(time.time())
    model_id = service.about["id"]
    card = {"id": model_id, "object": "model", "created": began, "owned_by": "shelftalker"}

    async def choices(request: CompletionRequest | ChatRequest) -> list[Written]:
        """Every choice: all of the first title's, then the next one's."""
        _expect(request.model, model_id)
        decodings = request.decodings(service.recipe.decoding, service.limits)
        products = service.writer.cleaned(request.products())
        drawn = await service.write(products, decodings)
        return [request.cut(of_one[place]) for place in range(len(products)) for of_one in drawn]

    def answer(request: CompletionRequest | ChatRequest, written: Sequence[Written]) -> Response:
        is_chat = isinstance(request, ChatRequest)
        head = {
            "id": f"{'chatcmpl' if is_chat else 'cmpl'}-{uuid.uuid4().hex}",
            "created": int(time.time()),
            "model": model_id,
            "system_fingerprint": service.about["hash"][:16],
        }
        usage = Usage.of(written, request.n or 1)
        if request.stream:
            with_usage = bool(request.stream_options and request.stream_options.include_usage)
            chunks = _chat_chunks(written) if is_chat else _text_chunks(written)
            kind = "chat.completion.chunk" if is_chat else "text_completion"
            return StreamingResponse(
                _events({**head, "object": kind}, chunks, usage if with_usage else None),
                media_type="text/event-stream",
                headers={"Cache-Control": "no-cache"},
            )
        made = [_chat(place, one) if is_chat else _text(place, one) for place, one in enumerate(written)]
        kind = "chat.completion" if is_chat else "text_completion"
        return JSONResponse({**head, "object": kind, "choices": made, "usage": usage.model_dump()})

    @app.post("/v1/completions", responses=_REFUSALS, response_model=None)
    async def completions(request: CompletionRequest) -> Response:
        """Describe one title a prompt, as OpenAI's clients ask."""
        return answer(request, await choices(request))

    @app.post("/v1/chat/completions", responses=_REFUSALS, response_model=None)
    async def chat(request: ChatRequest) -> Response:
        """Describe the title in the last message, as OpenAI's clients ask."""
        return answer(request, await choices(request))

    @app.get("/v1/models")
    async def models() -> dict[str, Any]:
        """The one model that is served, as OpenAI's clients read it."""
        return {"object": "list", "data": [card]}

    @app.get("/v1/models/{model:path}", include_in_schema=False)
    async def model(model: str) -> dict[str, Any]:
        _expect(model, model_id)
        return card


def _expect(asked: str, served: str) -> None:
    if asked != served:
        said = ErrorOut(
            what=f"the model {asked[:80]!r} is not served here",
            where="model",
            mend=f"use {served!r}; GET /v1/models says so",
            code="model_not_found",
        )
        raise RefusedError(404, said)


def _text(place: int, one: Written) -> dict[str, Any]:
    return {
        "index": place,
        "text": one.text,
        "logprobs": None,
        "finish_reason": reason(one),
        "shelftalker": known(one),
    }


def _chat(place: int, one: Written) -> dict[str, Any]:
    # A declined product has no text; clients show a refusal as such.
    refused = one.problem if one.route == "declined" else None
    return {
        "index": place,
        "message": {"role": "assistant", "content": one.text, "refusal": refused},
        "logprobs": None,
        "finish_reason": reason(one),
        "shelftalker": known(one),
    }


def _text_chunks(written: Sequence[Written]) -> Iterator[dict[str, Any]]:
    for place, one in enumerate(written):
        yield _text(place, one)


def _chat_chunks(written: Sequence[Written]) -> Iterator[dict[str, Any]]:
    for place, one in enumerate(written):
        whole = _chat(place, one)
        yield {"index": place, "delta": whole["message"], "logprobs": None, "finish_reason": None}
        yield {
            "index": place,
            "delta": {},
            "logprobs": None,
            "finish_reason": whole["finish_reason"],
            "shelftalker": whole["shelftalker"],
        }


def _events(head: dict[str, Any], chunks: Iterator[dict[str, Any]], usage: Usage | None) -> Iterator[str]:
    """Server-sent events: a choice each, the usage where it was asked for, and the end."""
    for chunk in chunks:
        yield _event({**head, "choices": [chunk]})
    if usage is not None:
        yield _event({**head, "choices": [], "usage": usage.model_dump()})
    yield "data: [DONE]\n\n"


def _event(value: dict[str, Any]) -> str:
    return f"data: {json.dumps(value)}\n\n"
