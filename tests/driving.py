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


def go_on(engine: Engine, texts: Sequence[str], begun: Sequence[str], decoding: Decoding) -> list[Generation]:
    """The first text for each prompt, from its beginning on."""
    engine = engine.for_decoding(decoding)
    prompts = [replace(one, begun=first) for one, first in zip(prepared(engine, texts), begun, strict=True)]
    return [drawn[0] for drawn in engine.generate(prompts, decoding)]


def log_probs(engine: Engine, texts: Sequence[str], targets: Sequence[str]) -> list[list[float]]:
    """Each target's token log-probabilities after its prompt."""
    return engine.token_log_probs(prepared(engine, texts), targets)
