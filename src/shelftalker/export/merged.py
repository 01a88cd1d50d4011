"""An adapter merged into its base, and the share of descriptions that this leaves as they were.

Merging adds the adapter's product into the weights and rounds: small differences that greedy text can turn into other
words (peft issues 1388 and 1836). An export says how often.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from shelftalker.errors import ShelftalkerError
from shelftalker.product import Product

if TYPE_CHECKING:
    from shelftalker.models.load import LoadedModel, ModelRef
    from shelftalker.recipe.recipe import Recipe

TITLES = 8
TOKENS = 48


@dataclass(frozen=True)
class Check:
    """How many of some titles' greedy descriptions a merge left as they were, to the letter.

    Attributes:
        titles: how many were described, before and after.
        identical: how many texts are the same.
        source: where the titles are from: val.jsonl or the sample catalogue.
        tokens: the longest text that was allowed.
    """

    titles: int
    identical: int
    source: str
    tokens: int = TOKENS

    @property
    def share(self) -> float:
        """Share of the descriptions that are the same (0 to 1)."""
        return self.identical / self.titles if self.titles else 1.0

    def summary(self) -> dict[str, Any]:
        """The facts, for --json and the manifest."""
        return asdict(self) | {"share": round(self.share, 4)}


def load_merged(ref: ModelRef, recipe: Recipe) -> tuple[LoadedModel, Check | None]:
    """Load a model in float32 on the CPU; an adapter's is merged, and described a few titles with before and after.

    Args:
        ref: any model.
        recipe: its prompt, and the data folder whose validation titles are taken (without one: the sample's).

    Raises:
        ShelftalkerError: the model cannot be had, or an adapter does not fit its base.
    """
    from shelftalker.models.adapter import merge
    from shelftalker.models.load import load_model

    own = recipe.model_copy(update={"device": "cpu", "dtype": "float32"})
    loaded = load_model(ref, own, merge=False)
    if ref.kind != "adapter":
        return loaded, None
    products, source = _products(recipe)
    before = _write(replace(loaded, model=loaded.model.get_base_model()), products, own)
    loaded = replace(loaded, model=merge(loaded.model))
    after = _write(loaded, products, own)
    same = sum(one == other for one, other in zip(before, after, strict=True))
    return loaded, Check(len(products), same, source)


def _write(loaded: LoadedModel, products: list[Product], recipe: Recipe) -> list[str]:
    from shelftalker.generation.torch_engine import TorchEngine
    from shelftalker.recipe.decoding import Decoding

    kept = loaded.model.generation_config  # the engine puts its own in its place
    try:
        engine = TorchEngine(loaded, recipe)
        prompts = recipe.as_prompt.prepare(products, engine.encode)
        written = engine.generate(prompts, Decoding(max_new_tokens=TOKENS))
    finally:
        loaded.model.generation_config = kept
    return [texts[0].text for texts in written]


def _products(recipe: Recipe) -> tuple[list[Product], str]:
    from shelftalker.catalogue.examples import load_split, sample

    try:
        rows = sample(load_split(recipe.paths.data, "val"), TITLES, recipe.seed)
    except ShelftalkerError:
        rows = []
    if rows:
        return rows, "val.jsonl"
    return [Product(title) for title in _sample_titles()], "the sample catalogue"


def _sample_titles() -> list[str]:
    import gzip

    from shelftalker.bundled import sample_catalogue

    with gzip.open(sample_catalogue(), "rt", encoding="utf-8") as file:
        titles = [title for line in file if (title := json.loads(line)["title"].strip())]
    return titles[:: len(titles) // TITLES][:TITLES]
