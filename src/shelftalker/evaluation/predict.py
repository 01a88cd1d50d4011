"""Predictions of one model on given rows, written once and kept by content hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shelftalker import console, manifest
from shelftalker.catalogue.examples import Example
from shelftalker.evaluation import cache

if TYPE_CHECKING:
    from shelftalker.generation.engine import Engine
    from shelftalker.models.load import ModelRef
    from shelftalker.recipe.recipe import Recipe


@dataclass
class Predictions:
    """What a model wrote for some rows, in their order."""

    texts: list[str]
    tokens: list[int]
    hit_cap: list[bool]
    engine: str
    decoding: str
    nll: list[tuple[float, int]] | None = None
    """Per row: summed negative log-likelihood of the reference, and its tokens."""
    cached: bool = False


def rows_hash(examples: Sequence[Example]) -> str:
    """SHA-256 over ids, prompts and references in order: equal means that two files describe the same rows."""
    digest = hashlib.sha256()
    for example in examples:
        line = json.dumps([example.uid, example.input_text, example.target_text])
        digest.update(line.encode() + b"\n")
    return digest.hexdigest()


def predict(ref: ModelRef, examples: Sequence[Example], recipe: Recipe, label: str) -> Predictions:
    """Describe ``examples`` with a model, or take what it wrote before under the very same conditions.

    The key is a hash of the weights, the rows and their order, the decoding, the engine's settings and the
    versions of the libraries that run it. All rows are described in one go: a cached part would change the
    batches, and batches change greedy output.

    Raises:
        ShelftalkerError: the model cannot be had, or the engine cannot honour the decoding.
    """
    folder = recipe.paths.outputs / "cache" / "predictions"
    key = _key(ref, examples, recipe)
    written, scored = folder / f"{key}.json", folder / f"{key}.nll.json"
    found = cache.read(written)
    nll = cache.read(scored) if recipe.evaluate.nll else None
    is_cached = found is not None and (nll is not None or not recipe.evaluate.nll)
    if not is_cached:
        from shelftalker.generation.engine import load_engine

        engine = load_engine(ref, recipe)
        if found is None:
            found = _write(engine, examples, recipe, label)
            cache.keep(written, found)
        if recipe.evaluate.nll and nll is None:
            nll = _score(engine, examples, label)
            cache.keep(scored, nll)
    assert found is not None
    return Predictions(
        texts=found["texts"],
        tokens=found["tokens"],
        hit_cap=found["hit_cap"],
        engine=found["engine"],
        decoding=found["decoding"],
        nll=[(float(total), int(count)) for total, count in nll["rows"]] if nll is not None else None,
        cached=is_cached,
    )


def _key(ref: ModelRef, examples: Sequence[Example], recipe: Recipe) -> str:
    versions = manifest.versions()
    identity = {
        "model": ref.content_hash,
        "rows": rows_hash(examples),
        "decoding": recipe.decoding.model_dump(mode="json"),
        "engine": recipe.generate.model_dump(mode="json", include={"engine", "quantisation", "batch_size"}),
        "prompt": recipe.prompt,
        "prompt_tokens": recipe.prompt_tokens,
        "device": [recipe.device, recipe.dtype],
        "versions": {name: versions.get(name) for name in ("shelftalker", "torch", "transformers", "ctranslate2")},
    }
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def _write(engine: Engine, examples: Sequence[Example], recipe: Recipe, label: str) -> dict[str, Any]:
    from shelftalker.recipe.decoding import decoding_signature

    with console.progress(f"{label} writes", len(examples)) as bar:
        written = engine.generate(
            [example.input_text for example in examples],
            recipe.decoding,
            row_ids=[example.uid for example in examples],
            advance=bar.advance,
        )
    return {
        "engine": engine.signature(),
        "decoding": decoding_signature(recipe.decoding),
        "texts": [row.text for row in written],
        "tokens": [row.tokens for row in written],
        "hit_cap": [row.hit_cap for row in written],
    }


def _score(engine: Engine, examples: Sequence[Example], label: str) -> dict[str, Any]:
    size = engine.batch_size
    # Like lengths together, so that little of a batch is padding.
    order = sorted(range(len(examples)), key=lambda row: len(examples[row].target_text))
    rows: list[tuple[float, int]] = [(0.0, 0)] * len(examples)
    with console.progress(f"{label} reads the references", len(examples)) as bar:
        for start in range(0, len(order), size):
            places = order[start : start + size]
            found = engine.token_log_probs(
                [examples[row].input_text for row in places], [examples[row].target_text for row in places]
            )
            for row, values in zip(places, found, strict=True):
                rows[row] = (-sum(values), len(values))
            bar.advance(len(places))
    return {"engine": engine.signature(), "rows": rows}
