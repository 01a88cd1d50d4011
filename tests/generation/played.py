"""A played engine for jobs that are about rows, files and kills: it writes at once, and the same for the same row."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

from shelftalker import ShelftalkerError
from shelftalker.generation.engine import Generation
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
        prompts: Sequence[str],
        decoding: Decoding,
        *,
        row_ids: Sequence[str] | None = None,
        advance: Callable[[int], None] | None = None,
    ) -> list[Generation]:
        if decoding.beams == 7:
            raise ShelftalkerError("seven beams are too many")
        self.prompts += prompts
        time.sleep(self.seconds)
        if advance:
            advance(len(prompts))
        titles = [text.split("Title: ")[1].split("\n")[0] for text in prompts]
        return [
            Generation(f"Fine {title}, {decoding.max_new_tokens} tokens.", 5, False, -0.25, cut="very long" in title)
            for title in titles
        ]

    def signature(self) -> str:
        return "engine:played"


if __name__ == "__main__":  # a job that a test kills: input, output, seconds a window
    import shelftalker.generation.engine
    import shelftalker.models.load
    from shelftalker import console
    from shelftalker.recipe.recipe import Recipe
    from shelftalker.writing.job import job as catalogue_job

    console.configure(quiet=True)
    shelftalker.generation.engine.load_engine = lambda *_: PlayedEngine(float(sys.argv[3]))
    shelftalker.models.load.resolve = lambda *_: MODEL
    recipe = Recipe().with_flags(generate={"window_rows": 5})
    catalogue_job.generate(Path(sys.argv[1]), Path(sys.argv[2]), "played", recipe, resume=True)
