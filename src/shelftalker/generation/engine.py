"""The engine protocol, what executes a model, and what all engines share; `generation.load` chooses among them."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

from shelftalker.generation.banned import invents_number, known_of, tells_number
from shelftalker.generation.watch import watched
from shelftalker.prompt import Prepared
from shelftalker.recipe.decoding import Decoding

if TYPE_CHECKING:
    from shelftalker.models.load import ModelRef

Advance = Callable[[int], None]


@dataclass(frozen=True)
class Generation:
    """One text that an engine wrote.

    Attributes:
        text: the description, without white space around it; what it was begun with stands at its beginning.
        tokens: tokens written, the end token included.
        hit_cap: the text ended at ``max_new_tokens``, not at an end token.
        score: mean log-probability (natural) of the tokens, the end token included, as they were decoded: after
            penalties and bans, before temperature, top-k and top-p. None where the text was begun by another.
    """

    text: str
    tokens: int
    hit_cap: bool
    score: float | None


class Engine(Protocol):
    """What executes a model: "transformers" (the reference) or "ctranslate2" (the fast one)."""

    name: str
    model: ModelRef
    device: str
    dtype: str
    batch_size: int

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of prompts, special tokens included."""
        ...

    def for_decoding(self, decoding: Decoding) -> Engine:
        """The engine that a decoding goes to: this one, or another for what this one cannot do."""
        ...

    def generate(
        self, prompts: Sequence[Prepared], decoding: Decoding, *, advance: Advance | None = None
    ) -> list[list[Generation]]:
        """Write ``decoding.candidates`` texts a prompt, in the order of ``prompts``.

        Sampling is seeded by a prompt's text: the same prompt gets the same texts, whatever its batch.

        Args:
            prompts: prompts that fit.
            decoding: how text is drawn.
            advance: called with the number of prompts just finished.

        Raises:
            ShelftalkerError: the engine cannot honour an option.
        """
        ...

    def token_log_probs(self, prompts: Sequence[Prepared], targets: Sequence[str]) -> list[list[float]]:
        """Natural log-probabilities of each target's tokens given its prompt, the end token included."""
        ...

    def signature(self) -> str:
        """Engine, version, number format and batch size, for score signatures."""
        ...


class BatchedEngine(ABC):
    """What both engines share: sorting by length, seeding each text, restoring order."""

    name: str
    model: ModelRef
    device: str
    dtype: str
    batch_size: int
    language: str
    """Two letters: whose words for numbers `decoding.numbers` keeps out."""

    @abstractmethod
    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """See `Engine.encode`."""

    @abstractmethod
    def begin(self, text: str) -> list[int]:
        """Token ids of a text's beginning, as they follow a prompt's."""

    @abstractmethod
    def refuse(self, decoding: Decoding) -> None:
        """Raise a ShelftalkerError where the engine cannot honour an option."""

    @abstractmethod
    def write(
        self,
        inputs: list[list[int]],
        begun: list[list[int]],
        decoding: Decoding,
        seeds: list[int],
        advance: Advance,
        *,
        no_numbers: bool,
    ) -> list[Generation]:
        """One text for each encoded prompt and the tokens that its text begins with; without a further number if asked.

        They come sorted by length, longest first. Penalties look at what is written, of a decoder at its beginning too.
        """

    def for_decoding(self, decoding: Decoding) -> Self:
        """See `Engine.for_decoding`."""
        return self

    def generate(
        self, prompts: Sequence[Prepared], decoding: Decoding, *, advance: Advance | None = None
    ) -> list[list[Generation]]:
        """See `Engine.generate`."""
        self.refuse(decoding)
        if not prompts:
            return []
        if decoding.beams > 1 and any(prompt.begun for prompt in prompts):
            raise ValueError("texts that are begun are gone on with without beams: engines rank them differently")
        count = decoding.candidates
        # Length, then text: the batches do not depend on the order in which the prompts came.
        begun = [self.begin(prompt.begun) if prompt.begun else [] for prompt in prompts]
        order = sorted(
            range(len(prompts)),
            key=lambda row: (-len(prompts[row].ids) - len(begun[row]), prompts[row].text, begun[row]),
        )
        pending = _Pending(count, len(prompts), advance)
        result: list[list[Generation]] = [[] for _ in prompts]

        def write(rows: Sequence[int], *, no_numbers: bool) -> None:
            if not rows:
                return
            written = self.write(
                [list(prompts[row].ids) for row in rows for _ in range(count)],
                [begun[row] for row in rows for _ in range(count)],
                decoding,
                [seed_of(decoding.seed, prompts[row].text, draw) for row in rows for draw in range(count)],
                pending.advance,
                no_numbers=no_numbers,
            )
            for place, row in enumerate(rows):
                result[row] = written[place * count : (place + 1) * count]

        if decoding.numbers == "any":
            write(order, no_numbers=False)
            return result
        told = [known_of(prompt.given, self.language) for prompt in prompts]
        write([row for row in order if tells_number(told[row])], no_numbers=False)
        bare = {row for row in order if not tells_number(told[row])}
        wrong: set[int] = set()
        if decoding.numbers == "given":
            wrong = {row for row in order if any(invents_number(text.text, told[row]) for text in result[row])}
        # Whoever watches has seen the text that is written again.
        with watched(None) if wrong else nullcontext():
            write([row for row in order if row in bare or row in wrong], no_numbers=True)
        return result


class _Pending:
    """Turns a count of texts into one of prompts, where several texts are drawn a prompt."""

    def __init__(self, each: int, prompts: int, advance: Advance | None) -> None:
        self._each, self._most, self._advance, self._texts = each, each * prompts, advance, 0

    def advance(self, texts: int) -> None:
        before = self._texts // self._each
        self._texts = min(self._texts + texts, self._most)  # some are written twice
        if self._advance is not None and self._texts // self._each > before:
            self._advance(self._texts // self._each - before)


def seed_of(seed: int, prompt: str, draw: int = 0) -> int:
    """64 bits that seed one text's sampling, whatever its batch: a hash of decoding seed, prompt and draw."""
    text = f"{seed}\0{prompt}\0{draw}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")
