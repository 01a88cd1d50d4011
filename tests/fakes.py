"""An engine that writes predictable text at once, for tests of what stands around an engine."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from shelftalker.errors import ShelftalkerError
from shelftalker.generation.engine import Generation
from shelftalker.prompt import Prepared
from shelftalker.recipe.decoding import Decoding
from shelftalker.recipe.recipe import Recipe


@dataclass(frozen=True)
class FakeRef:
    given: str
    kind: str = "folder"
    path: str = ""
    base: str | None = None
    revision: str | None = None
    note: str = ""

    @property
    def content_hash(self) -> str:
        return f"hash-of-{self.given}"


class FakeEngine:
    """Writes "The TITLE weighs 90 kg." for each prompt's title line; refuses one option where it plays CTranslate2.

    A text that is begun it ends with "comes first." and another sentence.
    """

    device, dtype, batch_size = "cpu", "float32", 8

    def __init__(self, model: object = "fake", recipe: Recipe | None = None, name: str | None = None) -> None:
        self.model = model if hasattr(model, "given") else FakeRef(str(model))
        asked = recipe.generate.engine if recipe else "auto"
        self.name = name or ("transformers" if asked == "transformers" else "ctranslate2")
        self.may_choose = asked == "auto"
        self.calls: list[tuple[list[str], Decoding]] = []
        self.gate = threading.Event()
        self.gate.set()

    def generate(
        self,
        prompts: Sequence[Prepared],
        decoding: Decoding,
        *,
        advance: Callable[[int], None] | None = None,
    ) -> list[list[Generation]]:
        self.calls.append(([prompt.text for prompt in prompts], decoding))
        assert self.gate.wait(120)
        if self.name == "ctranslate2" and decoding.repetition_penalty < 1:
            raise ShelftalkerError("this engine cannot reward repetition")
        if any("explode" in prompt.text for prompt in prompts):
            raise RuntimeError("secret detail")
        titles = [prompt.text.split("Title: ")[1].split("\n")[0] for prompt in prompts]
        texts = [
            f"{prompt.begun} comes first. So it does." if prompt.begun else f"The {title} weighs 90 kg."
            for prompt, title in zip(prompts, titles, strict=True)
        ]
        return [[Generation(text, 7, decoding.max_new_tokens < 7, -0.5)] for text in texts]

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        return [list(range(len(text.split()))) for text in texts]

    def for_decoding(self, decoding: Decoding) -> FakeEngine:
        return (
            FakeEngine(self.model, name="transformers") if self.may_choose and decoding.repetition_penalty < 1 else self
        )

    def signature(self) -> str:
        return f"engine:{self.name}-fake|dtype:float32|batch:8"
