"""The one way to a model: which one is meant, and how it is run, by its own folder and by what was given over that."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shelftalker import console
from shelftalker.errors import ShelftalkerError
from shelftalker.models import folder as folders
from shelftalker.models import hub
from shelftalker.models.load import ModelRef, announce, resolve
from shelftalker.recipe.carried import laid_over

if TYPE_CHECKING:
    from shelftalker.recipe.recipe import Recipe

_SHOWN = 3


@dataclass(frozen=True)
class Opened:
    """A model that was found, not loaded: which one, and the recipe to run it with."""

    ref: ModelRef
    recipe: Recipe


def open_model(model: str | Path | ModelRef, recipe: Recipe | None = None) -> Opened:
    """Find a model and the recipe that it is run with.

    The folder of a run, a promoted adapter or an export says its prompt, its decoding, its length limit and its
    cleaning rules. Keys that the recipe sets itself (a YAML file's, flags) win over the folder's, and a line says so.

    Args:
        model: a hub name, `bundled`, a model's, an adapter's, a run's or an exported folder.
        recipe: what was given with the command; none: nothing was.

    Raises:
        ShelftalkerError: there is no such model, or its folder says what this version does not know.
    """
    from shelftalker.recipe.recipe import Recipe

    given = recipe if recipe is not None else Recipe()
    ref = model if isinstance(model, ModelRef) else resolve(model, given)
    announce(ref)
    said = _said(ref)
    try:
        merged, overridden = laid_over(given, said)
    except ShelftalkerError as error:
        raise ShelftalkerError(
            f"the model's folder and this recipe do not go together: {error.what}",
            where=f"{Path(ref.path) / folders.FACTS}; {error.where}",
            mend=error.mend,
        ) from None
    name = Path(ref.path).name
    if overridden:
        shown = [
            key if key == "prompt" or key.startswith("house.") else f"{key} {new} for {old}"
            for key, (old, new) in overridden.items()
        ]
        more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
        console.note(f"given over what {name} says of itself: {', '.join(shown[:_SHOWN])}{more}")
    silent = [key for key in ("prompt", "decoding") if key not in said]
    if ref.kind in ("adapter", "ct2") and silent:
        console.note(f"{name} does not say its own {' and '.join(silent)}: the recipe's")
    return Opened(ref, merged)


def _said(ref: ModelRef) -> dict[str, Any]:
    """What a model's folder says of how it is run, as a part of a recipe."""
    folder = hub.cached(ref.path, ref.revision) if ref.kind == "hub" else Path(ref.path)
    if folder is not None and folder.is_file():
        folder = folder.parent  # an exported GGUF file
    facts = folders.facts(folder) if folder is not None else {}
    said = facts.get("recipe")
    if isinstance(said, dict):
        return said
    # Folders of earlier versions say a part of it, beside other facts.
    found: dict[str, Any] = {key: facts[key] for key in ("prompt", "decoding", "prompt_tokens") if key in facts}
    if "max_input_tokens" in facts:
        found["prompt_tokens"] = facts["max_input_tokens"]
    return found
