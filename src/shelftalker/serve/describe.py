"""POST /describe, POST /describe/batch and GET /model."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from shelftalker.errors import ShelftalkerError
from shelftalker.product import Product
from shelftalker.recipe.decoding import Decoding
from shelftalker.serve.batcher import BusyError, ClosedError
from shelftalker.serve.messages import (
    BatchLine,
    BatchRequest,
    DescribeAnswer,
    DescribeRequest,
    DescriptionOut,
    ErrorAnswer,
    Limits,
    ModelOut,
)
from shelftalker.serve.refusals import body_of
from shelftalker.serve.service import Service
from shelftalker.writing.written import Written

if TYPE_CHECKING:
    from fastapi import FastAPI
    from fastapi.responses import Response

_REFUSALS: dict[int | str, dict[str, Any]] = {code: {"model": ErrorAnswer} for code in (400, 401, 408, 413, 422, 503)}
_PAUSE_SECONDS = 0.2
"""Before a batch asks a full queue again."""


def add_routes(app: FastAPI, service: Service) -> None:
    """Add the paths to an application."""
    from fastapi.responses import StreamingResponse

    recipe, limits = service.recipe, service.limits

    @app.post("/describe", response_model=DescribeAnswer, responses=_REFUSALS)
    async def describe(request: DescribeRequest) -> DescribeAnswer:
        """Describe one title or several."""
        decoding = request.decoding_over(recipe.decoding, limits)
        # What cannot be described is refused here: others' titles may share its batch.
        products = service.writer.cleaned(_asked(service, request))
        [written] = await service.write(products, [decoding])
        return DescribeAnswer(
            descriptions=[DescriptionOut.of(one) for one in written],
            model=ModelOut(id=service.about["id"], hash=service.about["hash"], engine=written[0].engine),
            decoding=decoding.model_dump(),
            as_scored=decoding == recipe.decoding,
        )

    @app.post(
        "/describe/batch",
        response_model=None,
        responses={**_REFUSALS, 200: {"model": BatchLine, "description": "One JSON object a line, in order."}},
    )
    async def batch(request: BatchRequest) -> Response:
        """Describe many titles; each description is a line of JSON that comes as soon as its turn is written."""
        decoding = request.decoding_over(recipe.decoding, limits)
        products = await asyncio.to_thread(lambda: [service.writer.clean(one) for one in _asked(service, request)])
        stream = Stream(service, products, decoding)
        stream.begin()  # a queue that is full now is answered with 503, not in the middle of a stream
        return StreamingResponse(stream.lines(), media_type="application/x-ndjson")

    @app.get("/model")
    async def model() -> dict[str, Any]:
        """What is served: model, engine, prompt, decoding, limits."""
        return {
            **service.about,
            "workers": service.workers,
            "recipe": recipe.name,
            "prompt": recipe.prompt,
            "decoding": recipe.decoding.model_dump(),
            "fields": {name: recipe.generate.limits.get(name) for name in ("description", *recipe.prepare.fields)},
            "limits": {name: getattr(limits, name) for name in Limits.__dataclass_fields__},
        }


def _asked(service: Service, request: DescribeRequest) -> list[Product]:
    """The products with the length that is wanted.

    Raises:
        ShelftalkerError: a field that the model has not learnt, or a length that is none.
    """
    return [service.writer.limited(product) for product in request.products()]


class Stream:
    """One batch on its way: a few parts of it in the queue at a time, so that other requests get their turn.

    Args:
        service: writes.
        products: cleaned; those without a title get a line that says so.
        decoding: how text is drawn.
    """

    def __init__(self, service: Service, products: Sequence[Product], decoding: Decoding) -> None:
        self._service, self._decoding = service, decoding
        size = service.recipe.generate.batch_size
        numbered = list(enumerate(products))
        self._parts = deque(numbered[start : start + size] for start in range(0, len(numbered), size))
        self._ahead = service.workers + 1
        self._flying: deque[tuple[list[tuple[int, Product]], Future[list[Written]]]] = deque()

    def begin(self) -> None:
        """Queue the first part.

        Raises:
            BusyError: too many titles wait already.
            ClosedError: the server is shutting down.
        """
        self._submit()

    async def lines(self) -> AsyncIterator[str]:
        """A line of JSON a title, in order; where one cannot be written, the line has its error."""
        try:
            while self._parts or self._flying:
                await self._fill()
                part, future = self._flying.popleft()
                for line in await self._written(part, future):
                    yield line
        except ClosedError:
            yield _error(None, 503, "the server is shutting down: the rest was not written", "send it again later")
        finally:  # a client that went away
            for _, future in self._flying:
                future.cancel()

    async def _fill(self) -> None:
        while self._parts and len(self._flying) < self._ahead:
            try:
                self._submit()
            except BusyError:
                if self._flying:
                    return
                await asyncio.sleep(_PAUSE_SECONDS)

    def _submit(self) -> None:
        part = self._parts[0]
        products = [product for _, product in part if product.title]
        if products:
            future = self._service.batcher.submit(products, self._decoding)
        else:
            future = Future()
            future.set_result([])
        self._flying.append((self._parts.popleft(), future))

    async def _written(self, part: list[tuple[int, Product]], future: Future[list[Written]]) -> list[str]:
        try:
            written = await asyncio.wrap_future(future)
        except ClosedError:
            raise
        except Exception as error:
            if len(part) == 1:
                return [_fault(part[0][0], error)]
            found: list[str] = []
            for one in part:  # one title must not cost the others theirs
                while True:
                    try:
                        alone = self._service.batcher.submit([one[1]], self._decoding) if one[1].title else None
                        break
                    except BusyError:
                        await asyncio.sleep(_PAUSE_SECONDS)
                found += [_empty(one[0])] if alone is None else await self._written([one], alone)
            return found
        texts = iter(written)
        return [
            BatchLine.of(next(texts), index=index).model_dump_json() + "\n" if product.title else _empty(index)
            for index, product in part
        ]


def _empty(index: int) -> str:
    return _error(index, 422, "the title is empty", "give a title with a word in it")


def _fault(index: int, error: Exception) -> str:
    if isinstance(error, ShelftalkerError):
        return _error(index, 422, error.what, error.mend)
    return _error(index, 500, f"a fault of the server: {type(error).__name__}", "its log says more")


def _error(index: int | None, status: int, what: str, mend: str | None) -> str:
    said = body_of(status, what, None if index is None else f"titles.{index}", mend)
    return f'{{"index":{"null" if index is None else index},"error":{said.error.model_dump_json()}}}\n'
