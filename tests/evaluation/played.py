"""An engine that needs no model: for tests of everything around engines."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path

from shelftalker.generation.engine import Generation
from shelftalker.models.load import ModelRef
from shelftalker.prompt import Prepared
from shelftalker.recipe.decoding import Decoding
from shelftalker.recipe.recipe import Recipe


class PlayedEngine:
    """Writes at once, the better the later the checkpoint: a share of the words that the examples' references have."""

    name, device, dtype, batch_size = "played", "cpu", "float32", 8
    loaded: list[str] = []

    def __init__(self, model: ModelRef, recipe: Recipe) -> None:
        self.model = model
        type(self).loaded.append(Path(model.path).name)
        step = Path(model.path).name.removeprefix("checkpoint-")
        self.share = min(0.9, 0.2 + int(step) / 50) if step.isdigit() else 0.0

    def generate(
        self,
        prompts: Sequence[Prepared],
        decoding: Decoding,
        *,
        advance: Callable[[int], None] | None = None,
    ) -> list[list[Generation]]:
        written = []
        for prompt in prompts:
            title = prompt.text.split("Title: ")[1].split("\n")[0]
            colour, noun, number = [*title.split(), "", "", ""][:3]
            full = f"The {colour} {noun} is soft and warm. It fits in a travel bag with {number} table.".split()
            draw = random.Random(f"{title} {self.share}")
            words = [word if draw.random() < self.share else draw.choice(title.split()) for word in full]
            words = words[: decoding.max_new_tokens]
            written.append([Generation(" ".join(words), len(words), len(words) < len(full), -1.0)])
        if advance is not None:
            advance(len(prompts))
        return written

    def token_log_probs(self, prompts: Sequence[Prepared], targets: Sequence[str]) -> list[list[float]]:
        return [[-2.0 + self.share - 0.01 * (len(word) % 5) for word in target.split()] for target in targets]

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        return [list(range(len(text.split()))) for text in texts]

    def for_decoding(self, decoding: Decoding) -> PlayedEngine:
        return self

    def signature(self) -> str:
        return "engine:played-1|dtype:float32|batch:8"
