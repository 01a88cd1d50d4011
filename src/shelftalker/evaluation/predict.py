"""Predictions of one model on given rows, written once and kept by content hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from shelftalker import console, manifest
from shelftalker.awake import kept_awake
from shelftalker.evaluation import cache
from shelftalker.memory import give_back
from shelftalker.product import Product
from shelftalker.recipe.carried import carried

if TYPE_CHECKING:
    from shelftalker.models.load import ModelRef
    from shelftalker.recipe.recipe import Recipe
    from shelftalker.writing.writer import Writer

_SCHEMA = 2
_REHEARSED = 1_000
"""Training products that are described from their siblings to see from where on that pays."""


@dataclass
class Edit:
    """What the editor would make of a row: the text, how near the sibling's title is, what the sibling says."""

    text: str
    similarity: float
    sources: list[str]


@dataclass
class Rehearsal:
    """A training product as the editor would describe it from its nearest sibling, and its own description."""

    title: str
    reference: str
    text: str
    similarity: float


@dataclass
class Predictions:
    """What a model wrote for some rows, in their order."""

    texts: list[str]
    tokens: list[int]
    hit_cap: list[bool]
    routes: list[str]
    """Per row who wrote it: edited, written or declined."""
    sources: list[list[str]]
    """Per row the texts of other products that its writer saw."""
    engine: str
    decoding: str
    edits: list[Edit | None] | None = None
    """Where it is still to be chosen who writes (route.edit_from: auto), what the editor would make of each row."""
    rehearsals: list[Rehearsal] = field(default_factory=list)
    """With ``edits``: the same of some training products, of which there are more."""
    nll: list[tuple[float, int]] | None = None
    """Per row: summed negative log-likelihood of the reference, and its tokens."""
    cached: bool = False


def rows_hash(examples: Sequence[Product]) -> str:
    """SHA-256 over ids, products and references in order: equal means that two files describe the same rows."""
    digest = hashlib.sha256()
    for example in examples:
        told = example.input_text or [example.title, dict(example.attributes)]
        line = json.dumps([example.uid, told, example.description])
        digest.update(line.encode() + b"\n")
    return digest.hexdigest()


def predict(ref: ModelRef, examples: Sequence[Product], recipe: Recipe, label: str) -> Predictions:
    """Describe ``examples`` with a model, or take what it wrote before under the very same conditions.

    The key is a hash of the weights, the rows and their order, the decoding, the engine's settings and the
    versions of the libraries that run it. All rows are described in one go: a cached part would change the
    batches, on which beams depend.

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
        from shelftalker.writing.writer import write_with

        writer = write_with(ref, recipe)
        with kept_awake(recipe.keep_awake):
            if found is None:
                found = _write(writer, examples, label)
                cache.keep(written, found)
            if recipe.evaluate.nll and nll is None:
                nll = _score(writer, examples, label)
                cache.keep(scored, nll)
        del writer
        give_back()
    assert found is not None
    return Predictions(
        texts=found["texts"],
        tokens=found["tokens"],
        hit_cap=found["hit_cap"],
        routes=found["routes"],
        sources=found["sources"],
        edits=[Edit(**edit) if edit else None for edit in found["edits"]] if found["edits"] is not None else None,
        rehearsals=[Rehearsal(**one) for one in found["rehearsals"]],
        engine=found["engine"],
        decoding=found["decoding"],
        nll=[(float(total), int(count)) for total, count in nll["rows"]] if nll is not None else None,
        cached=is_cached,
    )


def _key(ref: ModelRef, examples: Sequence[Product], recipe: Recipe) -> str:
    versions = manifest.versions()
    identity = {
        "model": ref.content_hash,
        "rows": rows_hash(examples),
        "engine": recipe.generate.model_dump(mode="json", include={"engine", "quantisation", "batch_size"}),
        "carried": carried(recipe) | {"language": recipe.language or "en"},
        "device": [recipe.device, recipe.dtype],
        "schema": _SCHEMA,
        "versions": {name: versions.get(name) for name in ("shelftalker", "torch", "transformers", "ctranslate2")},
    }
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def _write(writer: Writer, examples: Sequence[Product], label: str) -> dict[str, Any]:
    from shelftalker.recipe.decoding import decoding_signature
    from shelftalker.writing.written import said_by

    with console.progress(f"{label} writes", len(examples)) as bar:
        written = writer.write(examples, advance=bar.advance)
    is_open = writer.recipe.route.edit_from == "auto"
    return {
        "engine": written[0].engine,
        "decoding": decoding_signature(writer.recipe.decoding),
        "texts": [row.text for row in written],
        "tokens": [row.tokens for row in written],
        "hit_cap": [row.hit_cap for row in written],
        "routes": [row.route for row in written],
        "sources": [said_by(row.sources) for row in written],
        "edits": _edits(writer, examples) if is_open else None,
        "rehearsals": [asdict(one) for one in _rehearsals(writer)] if is_open else [],
    }


def _edits(writer: Writer, examples: Sequence[Product]) -> list[dict[str, Any] | None]:
    from shelftalker.writing.written import said_by

    return [
        None if one is None else {"text": one.text, "similarity": one.sources[0].score, "sources": said_by(one.sources)}
        for one in writer.editable(examples)
    ]


def _rehearsals(writer: Writer) -> list[Rehearsal]:
    if writer.sources is None:
        return []
    products = writer.sources.some(_REHEARSED)
    return [
        Rehearsal(product.title, product.description, one.text, one.sources[0].score)
        for product, one in zip(products, writer.editable(products, training=True), strict=True)
        if one is not None
    ]


def _score(writer: Writer, examples: Sequence[Product], label: str) -> dict[str, Any]:
    size = writer.engine.batch_size
    # Like lengths together, so that little of a batch is padding.
    order = sorted(range(len(examples)), key=lambda row: len(examples[row].description))
    rows: list[tuple[float, int]] = [(0.0, 0)] * len(examples)
    with console.progress(f"{label} reads the references", len(examples)) as bar:
        for start in range(0, len(order), size):
            places = order[start : start + size]
            found = writer.log_probs([examples[row] for row in places])
            for row, values in zip(places, found, strict=True):
                rows[row] = (-sum(values), len(values))
            bar.advance(len(places))
    return {"engine": writer.engine.signature(), "rows": rows}
