"""The engine protocol: what executes a model. Two engines keep it, and `load_engine` chooses between them."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from shelftalker import console
from shelftalker.generation.candidates import choose
from shelftalker.generation.prompts import fit, parse
from shelftalker.recipe.decoding import Decoding

if TYPE_CHECKING:
    from shelftalker.models.load import ModelRef
    from shelftalker.recipe.recipe import Recipe

Advance = Callable[[int], None]


@dataclass(frozen=True)
class Generation:
    """What an engine wrote for one prompt.

    Attributes:
        text: the description, without white space around it.
        tokens: tokens written, the end token included.
        hit_cap: the text ended at ``max_new_tokens``, not at an end token.
        score: mean log-probability (natural) of the tokens, the end token included, as they were decoded: after
            penalties and bans, before temperature, top-k and top-p.
        candidates: with ``decoding.candidates`` above 1, all texts among which this one was chosen.
        cut: the prompt was longer than the engine takes, and its title lost words.
    """

    text: str
    tokens: int
    hit_cap: bool
    score: float | None
    candidates: tuple[str, ...] = ()
    cut: bool = False


class Engine(Protocol):
    """What executes a model: "transformers" (the reference) or "ctranslate2" (the fast one)."""

    name: str
    model: ModelRef
    device: str
    dtype: str
    batch_size: int

    def generate(
        self,
        prompts: Sequence[str],
        decoding: Decoding,
        *,
        row_ids: Sequence[str] | None = None,
        advance: Advance | None = None,
    ) -> list[Generation]:
        """Write one text a prompt, in the order of ``prompts``.

        Args:
            prompts: rendered prompts.
            decoding: how text is drawn.
            row_ids: what seeds each row's sampling (default: the prompt itself).
            advance: called with the number of prompts just finished.

        Raises:
            ShelftalkerError: the engine cannot honour an option.
        """
        ...

    def token_log_probs(self, prompts: Sequence[str], targets: Sequence[str]) -> list[list[float]]:
        """Natural log-probabilities of each target's tokens given its prompt, the end token included."""
        ...

    def signature(self) -> str:
        """Engine, version, number format and batch size, for score signatures."""
        ...


class BatchedEngine(ABC):
    """What both engines share: fitting prompts, sorting by length, choosing among candidates, restoring order."""

    name: str
    model: ModelRef
    device: str
    dtype: str
    batch_size: int

    def __init__(self, template: str, max_input_tokens: int) -> None:
        self.template = template
        self.max_input_tokens = max_input_tokens

    @abstractmethod
    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of prompts, special tokens included."""

    @abstractmethod
    def refuse(self, decoding: Decoding) -> None:
        """Raise a ShelftalkerError where the engine cannot honour an option."""

    @abstractmethod
    def write(
        self, inputs: list[list[int]], decoding: Decoding, seeds: list[int], advance: Advance
    ) -> list[Generation]:
        """One text for each encoded prompt, which come sorted by length, longest first."""

    def generate(
        self,
        prompts: Sequence[str],
        decoding: Decoding,
        *,
        row_ids: Sequence[str] | None = None,
        advance: Advance | None = None,
    ) -> list[Generation]:
        """See `Engine.generate`."""
        self.refuse(decoding)
        if not prompts:
            return []
        ids, cut = fit(prompts, self.encode, self.max_input_tokens, self.template)
        rows = list(row_ids) if row_ids is not None else list(prompts)
        count = decoding.candidates
        # Length, then text: the batches do not depend on the order in which the prompts came.
        order = sorted(range(len(prompts)), key=lambda row: (-len(ids[row]), prompts[row], rows[row]))
        pending = _Pending(count, advance)
        written = self.write(
            [ids[row] for row in order for _ in range(count)],
            decoding,
            [row_seed(decoding.seed, rows[row], draw) for row in order for draw in range(count)],
            pending.advance,
        )
        result: list[Generation | None] = [None] * len(prompts)
        for place, row in enumerate(order):
            drawn = written[place * count : (place + 1) * count]
            result[row] = self._chosen(drawn, prompts[row], decoding, cut[row])
        return [generation for generation in result if generation is not None]

    def _chosen(self, drawn: list[Generation], prompt: str, decoding: Decoding, cut: bool) -> Generation:
        number = 0
        texts: tuple[str, ...] = ()
        if len(drawn) > 1:
            texts = tuple(generation.text for generation in drawn)
            number = choose(
                texts,
                parse(self.template, prompt),
                hit_cap=[generation.hit_cap for generation in drawn],
                prefer_publishable=decoding.prefer_publishable,
            )
        best = drawn[number]
        return Generation(best.text, best.tokens, best.hit_cap, best.score, texts, cut)


class _Pending:
    """Turns a count of texts into one of prompts, where several texts are drawn a prompt."""

    def __init__(self, each: int, advance: Advance | None) -> None:
        self._each, self._advance, self._texts = each, advance, 0

    def advance(self, texts: int) -> None:
        before = self._texts // self._each
        self._texts += texts
        if self._advance is not None and self._texts // self._each > before:
            self._advance(self._texts // self._each - before)


def row_seed(seed: int, row_id: str, draw: int = 0) -> int:
    """64 bits that seed one row's sampling, whatever its batch: a hash of decoding seed, row id and draw."""
    text = f"{seed}\0{row_id}\0{draw}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")


def load_engine(model: str | Path | ModelRef, recipe: Recipe) -> Engine:
    """Load the engine that the recipe asks for (`generate.engine`, `generate.quantisation`, `generate.batch_size`).

    ``auto`` takes CTranslate2 where the model converts, the decoding has nothing that it cannot honour and no GPU is
    asked for or found; else transformers, and a note says why.

    Raises:
        ShelftalkerError: the model cannot be had, or the engine that was asked for cannot run it.
    """
    from shelftalker.models.load import ModelRef, announce, resolve

    ref = model if isinstance(model, ModelRef) else resolve(model, recipe)
    announce(ref)
    asked = recipe.generate.engine
    if ref.kind == "ct2":
        asked = "ctranslate2"
    if asked == "auto":
        from shelftalker.generation.auto_engine import AutoEngine, why_transformers

        reason = why_transformers(ref, recipe)
        if reason is None:
            return AutoEngine(ref, recipe)
        console.note(f"transformers writes, not the faster CTranslate2: {reason}")
    if asked == "ctranslate2":
        from shelftalker.generation.ct2_engine import Ct2Engine

        return Ct2Engine(ref, recipe)
    from shelftalker.generation.torch_engine import TorchEngine

    return TorchEngine(ref, recipe)
