"""A played engine for jobs that are about rows, files and kills: it writes at once, and the same for the same row."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

from shelftalker import ShelftalkerError
from shelftalker.generation.engine import Generation
from shelftalker.prompt import Prepared
from shelftalker.recipe.decoding import Decoding

MODEL = SimpleNamespace(given="played", content_hash="abc123", kind="folder", path="played", base=None, note="")


class PlayedEngine:
    """Writes "Fine TITLE, N tokens." where N is the cap."""

    name, device, dtype, batch_size, model = "played", "cpu", "float32", 4, MODEL

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.prompts: list[str] = []

    def generate(
        self,
        prompts: Sequence[Prepared],
        decoding: Decoding,
        *,
        advance: Callable[[int], None] | None = None,
    ) -> list[list[Generation]]:
        if decoding.beams == 7:
            raise ShelftalkerError("seven beams are too many")
        self.prompts += [prompt.text for prompt in prompts]
        time.sleep(self.seconds)
        if advance:
            advance(len(prompts))
        titles = [prompt.text.split("Title: ")[1].split("\n")[0] for prompt in prompts]
        return [[Generation(f"Fine {title}, {decoding.max_new_tokens} tokens.", 5, False, -0.25)] for title in titles]

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        return [list(range(len(text.split()))) for text in texts]

    def for_decoding(self, decoding: Decoding) -> PlayedEngine:
        return self

    def signature(self) -> str:
        return "engine:played"


def job(source: str, output: str, seconds: float) -> None:
    """A job that a test kills; its engine takes ``seconds`` a window."""
    import shelftalker.generation.load
    import shelftalker.models.open
    from shelftalker import console
    from shelftalker.recipe.recipe import Recipe
    from shelftalker.writing.job import job as catalogue_job

    console.configure(quiet=True)
    shelftalker.generation.load.load_engine = lambda *_: PlayedEngine(seconds)
    shelftalker.models.open.resolve = lambda *_: MODEL
    recipe = Recipe().with_flags(generate={"window_rows": 5})
    catalogue_job.generate(Path(source), Path(output), "played", recipe, resume=True)
