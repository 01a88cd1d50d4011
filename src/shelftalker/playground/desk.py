"""What the page and the notebook widgets share: which models can be chosen, and writing with them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from shelftalker import console
from shelftalker.errors import ShelftalkerError
from shelftalker.product import Product
from shelftalker.prompt import fields
from shelftalker.recipe.decoding import Decoding
from shelftalker.recipe.recipe import Recipe
from shelftalker.writing.writer import Writer, load
from shelftalker.writing.written import Written

LOADED_AT_ONCE = 3
EXAMPLES = 5
CONTROLS = (
    "beams",
    "sample",
    "temperature",
    "top_p",
    "repetition_penalty",
    "no_repeat_ngram",
    "max_new_tokens",
    "seed",
)
"""Decoding keys that the page lets one change; the others stay the recipe's."""

TITLES = (
    "Nespresso Vertuo Next Coffee Machine",
    "Men's Merino Wool Crew Sweater, Navy, Large",
    "Stainless Steel Water Bottle 750 ml",
    "The Lighthouse at Sundry Bay: A Novel",
    "Cordless Drill 18 V with 2 Batteries",
    "Lavender Hand Cream 75 ml",
)
"""Shown where no validation titles are at hand."""


@dataclass(frozen=True)
class Choice:
    """A model that can be chosen: its label on the page and what the loader is given."""

    label: str
    model: str


@dataclass(frozen=True)
class Known:
    """What the validation split knows of a title."""

    reference: str
    columns: Mapping[str, str]


class Desk:
    """The models that can be tried, each run as its folder says; at most three stay loaded.

    Args:
        model: MODEL to begin with; a run's folder that is not there yet is passed over.
        recipe: paths, engine, base model; what it sets of prompt and decoding wins over what the models say.
        load: how a writer is made (for tests).

    Raises:
        ShelftalkerError: ``model`` was given, is no run folder of the recipe, and cannot be resolved.
    """

    def __init__(
        self, model: str | Path | None, recipe: Recipe, *, load: Callable[[str, Recipe], Writer] = load
    ) -> None:
        self._given, self._load = recipe, load
        self._recipes: dict[str, Recipe] = {}
        self._writers: OrderedDict[str, Writer] = OrderedDict()
        self._lock = threading.Lock()
        self.base, self.choices = _choices(None if model is None else str(model), recipe)
        self.known = _known(recipe)
        self.recipe = self.recipe_of(self.choices[0].label)

    @property
    def titles(self) -> list[str]:
        """Example titles: of the validation split, never trained on, or else a few of our own."""
        return list(self.known)[:EXAMPLES] or list(TITLES)

    @property
    def fields(self) -> list[str]:
        """Further columns that the prompt names, or the house rules look at."""
        return list(dict.fromkeys([*self.recipe.as_prompt.names, *self.recipe.house.columns]))

    @property
    def takes_facts(self) -> bool:
        """Whether the prompt has a place for facts."""
        return "facts" in fields(self.recipe.prompt)

    @property
    def texts(self) -> list[str]:
        """What the model has learnt to write; one thing for most: the description."""
        return ["description", *self.recipe.prepare.fields]

    def write(
        self,
        label: str,
        title: str,
        decoding: Decoding,
        columns: Mapping[str, str] | None = None,
        facts: Sequence[str] = (),
        *,
        field: str = "",
        length: str = "",
    ) -> Written:
        """Describe one title with the model of that label, or write another field of it; ``length``: "60 words".

        Raises:
            ShelftalkerError: no such label, no title, the model cannot be had, or an option, a field or a length that
                cannot be honoured.
        """
        if not title.strip():
            raise ShelftalkerError("there is no title yet", mend="type one, or choose an example")
        product = Product(title, attributes=columns or {}, facts=tuple(facts), field=field, length=length)
        return self.writer(label).write([product], decoding)[0]

    def writer(self, label: str) -> Writer:
        """The loaded model of that label; the one not used for longest makes room for it."""
        model, recipe = self._model(label), self.recipe_of(label)
        with self._lock:
            if model not in self._writers:
                while len(self._writers) >= LOADED_AT_ONCE:
                    self._writers.popitem(last=False)
                self._writers[model] = self._load(model, recipe)
            self._writers.move_to_end(model)
            return self._writers[model]

    def recipe_of(self, label: str) -> Recipe:
        """What the model of that label is run with: as its folder says, the base model as the first choice."""
        from shelftalker.models.open import open_model

        model = self.choices[0].model if label == self.base.label else self._model(label)
        if model not in self._recipes:
            try:
                self._recipes[model] = open_model(model, self._given).recipe
            except ShelftalkerError:  # it is said when the model is asked to write
                return self._given
        return self._recipes[model]

    def _model(self, label: str) -> str:
        model = next((choice.model for choice in (*self.choices, self.base) if choice.label == label), None)
        if model is None:
            raise ShelftalkerError(f"no model is called {label!r} here", mend="choose one of the list")
        return model

    def is_loaded(self, label: str) -> bool:
        """Whether the model of that label would answer without loading."""
        return any(choice.label == label and choice.model in self._writers for choice in (*self.choices, self.base))

    def reference(self, title: str) -> str | None:
        """The human description of a validation title."""
        known = self.known.get(" ".join(title.split()))
        return known.reference if known else None


def decoding_of(recipe: Recipe, controls: Mapping[str, Any]) -> Decoding:
    """The recipe's decoding with the page's controls laid over it.

    Controls that have no effect in the chosen method (temperature without sampling, beams with it) are greyed out on
    the page; here they take the value that means off.

    Raises:
        ShelftalkerError: a value out of range.
    """
    scored = recipe.decoding.model_dump()
    # A slider rounds to its step: within half a step of the recipe's value, the recipe's value is meant.
    near = {key: scored[key] for key, value in controls.items() if abs(float(value) - float(scored[key])) <= 0.005}
    values = scored | dict(controls) | near
    if values["sample"]:
        values["beams"] = 1
    changes = {key: value for key, value in values.items() if value != scored[key]}
    if not values["sample"]:
        changes = {key: value for key, value in changes.items() if key not in ("temperature", "top_k", "top_p")}
    try:
        return recipe.decoding.over(changes)
    except ValidationError:
        return recipe.with_flags(decoding=changes).decoding  # the same fault, in words


def differences(recipe: Recipe, decoding: Decoding) -> dict[str, tuple[Any, Any]]:
    """Keys in which ``decoding`` differs from the recipe's: its value, the recipe's value."""
    return {
        key: (value, getattr(recipe.decoding, key))
        for key, value in decoding.model_dump().items()
        if value != getattr(recipe.decoding, key)
    }


def _choices(model: str | None, recipe: Recipe) -> tuple[Choice, list[Choice]]:
    """The base model, and what can be chosen, the first being the one to begin with."""
    from shelftalker.models import checkpoints

    base = Choice(f"base model ({recipe.base_model})", recipe.base_model)
    run_dir = Path(model) if model is not None and _is_run(Path(model)) else recipe.run_dir
    found = []
    if (recipe.promoted_dir / "adapter_config.json").is_file():
        found.append(Choice(f"promoted ({recipe.promoted_dir.name})", str(recipe.promoted_dir)))
    steps = [Choice(f"{path.name} of {run_dir.name}", str(path)) for path in reversed(checkpoints.whole(run_dir))]
    if run_dir == recipe.run_dir:
        found += steps
    else:  # another run than the recipe's was named: it begins with its own promoted or latest checkpoint
        first = str(checkpoints.choose(run_dir)[0])
        found = [*sorted(steps, key=lambda choice: choice.model != first), *found]
    if model == recipe.base_model:
        return base, [base, *found]
    if model is not None and Path(model) not in (recipe.run_dir, run_dir):
        given = next((choice for choice in found if Path(choice.model) == Path(model)), None) or Choice(model, model)
        found = [given, *[choice for choice in found if choice != given]]
        base = _base_of(given.model, recipe) or base
    if not found:
        console.note(f"no checkpoint under {run_dir} yet: the page has the base model only")
    return base, [*found, base]


def _base_of(model: str, recipe: Recipe) -> Choice | None:
    """The base model of an adapter, where it is another than the recipe's."""
    from shelftalker.models.load import resolve

    ref = resolve(model, recipe)
    if ref.kind != "adapter" or ref.base is None or ref.base == recipe.base_model:
        return None
    try:
        is_same = resolve(ref.base).path == resolve(recipe.base_model, recipe).path
    except ShelftalkerError:
        is_same = False
    return None if is_same else Choice(f"base model ({ref.base})", ref.base)


def _is_run(folder: Path) -> bool:
    from shelftalker.models import checkpoints

    return bool(checkpoints.every(folder))


def _known(recipe: Recipe) -> dict[str, Known]:
    """Validation titles in the order in which they are offered; the test split is not touched."""
    from shelftalker.catalogue.examples import load_split, sample

    try:
        examples = load_split(recipe.paths.data, "val")
    except ShelftalkerError:
        return {}
    first = sample(examples, EXAMPLES, recipe.seed)
    return {one.title: Known(one.description, one.attributes) for one in [*first, *examples]}
