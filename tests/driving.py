"""An engine driven by hand: texts in, what it wrote out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from shelftalker.generation.engine import Engine, Generation
from shelftalker.product import Product
from shelftalker.prompt import Prepared, Prompt
from shelftalker.recipe.decoding import Decoding


def prepared(engine: Engine, texts: Sequence[str]) -> list[Prepared]:
    """Texts as prompts of their own, encoded by the engine, whatever their length."""
    return Prompt(max_tokens=100_000).prepare([Product("", input_text=text) for text in texts], engine.encode)


def write(
    engine: Engine, texts: Sequence[str], decoding: Decoding, advance: Callable[[int], None] | None = None
) -> list[Generation]:
    """The first text for each prompt."""
    engine = engine.for_decoding(decoding)
    return [drawn[0] for drawn in engine.generate(prepared(engine, texts), decoding, advance=advance)]


def assert_goes_on_alike(reference: Engine, fast: Engine, texts: Sequence[str], decoding: Decoding) -> None:
    """Both engines write the same behind beginnings of several lengths, and say no score of what others began."""
    begun = [("", "The lamp", "A soft and warm bottle, which", "Blue")[number % 4] for number in range(len(texts))]
    found = []
    for engine in (reference, fast):
        prompts = [replace(one, begun=first) for one, first in zip(prepared(engine, texts), begun, strict=True)]
        found.append([drawn[0] for drawn in engine.for_decoding(decoding).generate(prompts, decoding)])
    assert [(row.text, row.tokens, row.hit_cap) for row in found[1]] == [
        (row.text, row.tokens, row.hit_cap) for row in found[0]
    ]
    assert all(row.text.startswith(first) for row, first in zip(found[1], begun, strict=True))
    assert [row.score is None for row in found[1]] == [bool(first) for first in begun]


def log_probs(engine: Engine, texts: Sequence[str], targets: Sequence[str]) -> list[list[float]]:
    """Each target's token log-probabilities after its prompt."""
    return engine.token_log_probs(prepared(engine, texts), targets)
