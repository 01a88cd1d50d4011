"""What of a recipe travels with a model, so that its folder says how it is run; and a recipe laid over that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shelftalker.recipe.recipe import Recipe

TITLE_RULES = ("escapes", "entities", "mojibake", "lists", "tags", "controls", "unicode_form", "spaces", "plain_quotes")
"""The cleaning rules that titles and attributes go through, in training as before every prompt."""

CARRIED = (
    "prompt",
    "chat",
    "prompt_tokens",
    "language",
    "decoding",
    "prepare.keep_columns",
    "prepare.language_column",
    *(f"clean.{rule}" for rule in TITLE_RULES),
    *(f"ground.{key}" for key in ("sources", "words", "order", "edited")),
    *(f"route.{key}" for key in ("edit_from", "least_words")),
    "generate.facts",
    "house",
    "prepare.fields",
    "finetune.lengths",
    "generate.limits",
)
"""Recipe keys that decide what a model is asked and how its text is drawn."""

_WHERE_SET = ("prepare.fields", "finetune.lengths", "generate.limits")
"""Those that are only kept where they ask for something."""


def carried(recipe: Recipe) -> dict[str, Any]:
    """The values of `CARRIED` as they are kept beside a model's weights: nested, as in a recipe file."""
    whole = recipe.model_dump(mode="json")
    found: dict[str, Any] = {}
    for key in CARRIED:
        section, _, name = key.rpartition(".")
        if key in _WHERE_SET and not whole[section][name]:
            continue
        (found.setdefault(section, {}) if section else found)[name] = (whole[section] if section else whole)[name]
    return found


def laid_over(recipe: Recipe, said: Mapping[str, Any]) -> tuple[Recipe, dict[str, tuple[Any, Any]]]:
    """A recipe over what a model's folder says: keys that the recipe sets itself win, the folder's fill the others.

    Args:
        recipe: a file, flags or both; what they leave at its default does not count as set.
        said: what `carried` gave when the model was made.

    Returns:
        The recipe to run the model with, and the keys in which it differs from the folder, with both values: the
        folder's, the recipe's.

    Raises:
        ShelftalkerError: the folder says what no recipe takes, or the two contradict each other.
    """
    folder = Recipe().with_flags(**said)
    given = recipe.model_dump(mode="json", exclude_unset=True)
    if given.get("route", {}).get("edit_from") == "auto" and "edit_from" in said.get("route", {}):
        # What compare chose stands in the folder.
        del given["route"]["edit_from"]
    merged: dict[str, Any] = {}
    for key, value in said.items():
        if key == "decoding":
            merged[key] = folder.decoding.over(given.get(key, {})).model_dump()
        else:
            merged[key] = {**value, **given.get(key, {})} if isinstance(value, Mapping) else given.get(key, value)
    result = recipe.with_flags(**merged)
    before, after = _flat(carried(folder)), _flat(carried(result))
    told = _flat(said).keys()
    return result, {key: (before[key], after[key]) for key in after if key in told and before[key] != after[key]}


def _flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for key, inner in settings.items()
        for name, value in (
            {f"{key}.{name}": one for name, one in inner.items()} if isinstance(inner, Mapping) else {key: inner}
        ).items()
    }
