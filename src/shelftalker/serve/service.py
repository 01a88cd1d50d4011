"""What all routes share: the writers, the queue before them, the limits, and the counts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future

from shelftalker.product import Product
from shelftalker.recipe.decoding import Decoding
from shelftalker.serve.batcher import Batcher, BusyError
from shelftalker.serve.messages import Limits
from shelftalker.serve.metrics import Metrics
from shelftalker.writing.writer import Writer
from shelftalker.writing.written import Written


class Service:
    """One model behind one queue, written by one or several engines.

    Args:
        writers: the same model and recipe, once an engine.
    """

    def __init__(self, writers: Sequence[Writer]) -> None:
        self.writer = writers[0]
        self.recipe = self.writer.recipe
        self.about = self.writer.about()
        self.limits = Limits.of(self.recipe.decoding)
        self.workers = len(writers)
        self.batcher: Batcher[Product, Written] = Batcher(
            *(self._counted(writer) for writer in writers),
            batch=self.recipe.generate.batch_size,
            pending=self.limits.pending_titles,
        )
        self.metrics = Metrics(lambda: self.batcher.waiting, lambda: self.batcher.writing)

    def _counted(self, writer: Writer) -> Callable[[Sequence[Product], Decoding], list[Written]]:
        def write(products: Sequence[Product], decoding: Decoding) -> list[Written]:
            start = time.perf_counter()
            written = writer.write(products, decoding)
            self.metrics.wrote(written, time.perf_counter() - start)
            return written

        return write

    async def write(self, products: Sequence[Product], decodings: Sequence[Decoding]) -> list[list[Written]]:
        """The products' descriptions, once a decoding: a list a decoding, in the products' order.

        Raises:
            BusyError: too many titles wait already; then none of these is written.
            ClosedError: the server is shutting down.
        """
        futures: list[Future[list[Written]]] = []
        try:
            for decoding in decodings:
                futures.append(self.batcher.submit(products, decoding))
        except BusyError:
            for future in futures:
                future.cancel()
            raise
        return await asyncio.gather(*map(asyncio.wrap_future, futures))
