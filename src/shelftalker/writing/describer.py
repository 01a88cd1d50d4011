"""One title in, one description out: the three-liner's object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from shelftalker import prompt
from shelftalker.errors import ShelftalkerError
from shelftalker.recipe.decoding import Decoding
from shelftalker.recipe.recipe import Recipe

if TYPE_CHECKING:
    from shelftalker.generation.engine import Engine, Generation


class Describer:
    """A loaded model that writes descriptions; get one from `load`."""

    def __init__(self, engine: Engine, recipe: Recipe) -> None:
        self.engine = engine
        self.recipe = recipe

    def describe(self, title: str, *, decoding: Decoding | None = None, **columns: str) -> str:
        """Write the description of one product.

        Args:
            title: the product's title.
            decoding: how text is drawn; default: the recipe's.
            columns: further fields of the prompt template, by name.

        Raises:
            ShelftalkerError: an empty title, a column that the template has no place for, or an option that the
                engine cannot honour.
        """
        return self.describe_many([title], [columns], decoding=decoding)[0]

    def describe_many(
        self,
        titles: Sequence[str],
        columns: Sequence[Mapping[str, str]] | None = None,
        *,
        decoding: Decoding | None = None,
    ) -> list[str]:
        """Write one description a title, in their order; see `describe`."""
        return [written.text for written in self.generate(titles, columns, decoding=decoding)]

    def generate(
        self,
        titles: Sequence[str],
        columns: Sequence[Mapping[str, str]] | None = None,
        *,
        decoding: Decoding | None = None,
    ) -> list[Generation]:
        """As `describe_many`, with scores, token counts and candidates."""
        known = {*prompt.fields(self.recipe.prompt)} - {"title"}
        rows = columns if columns is not None else [{} for _ in titles]
        if len(rows) != len(titles):
            raise ShelftalkerError(
                f"{len(titles)} titles, but columns for {len(rows)}", mend="give one mapping of columns a title"
            )
        texts = []
        for title, row in zip(titles, rows, strict=True):
            if not isinstance(title, str) or not title.strip():
                raise ShelftalkerError("a title is empty", where=repr(title), mend="give a title with a word in it")
            unknown = sorted(row.keys() - known)
            if unknown:
                raise ShelftalkerError(
                    f"the prompt template has no field {unknown[0]}",
                    where="recipe key prompt",
                    mend=f"put {{{unknown[0]}}} into the template; it has {', '.join(sorted(known | {'title'}))}",
                )
            # A title is one line of the prompt, as `prepare` writes it.
            clean = " ".join(title.split())
            texts.append(
                prompt.render(clean, {name: " ".join(value.split()) for name, value in row.items()}, self.recipe.prompt)
            )
        return self.engine.generate(texts, decoding or self.recipe.decoding)


def load(model: str | Path | None = None, recipe: Recipe | str | Path | None = None) -> Describer:
    """Load a model that writes descriptions.

    Args:
        model: a hub name, `bundled`, a model's, an adapter's, a run's or an exported folder; none: what the recipe's
            `generate.model` says, or the recipe's promoted model.
        recipe: a recipe, its file or its name; none: the defaults, or those that an exported folder brings along.

    Raises:
        ShelftalkerError: the model cannot be had, or does not fit its base.
    """
    from shelftalker.generation.engine import load_engine

    chosen = recipe if isinstance(recipe, Recipe) else Recipe.load(recipe)
    given = model if model is not None else chosen.generate.model or chosen.promoted_dir
    if recipe is None:
        chosen = _with_defaults_of(Path(given), chosen)
    return Describer(load_engine(given, chosen), chosen)


def _with_defaults_of(folder: Path, recipe: Recipe) -> Recipe:
    """The recipe with the prompt and decoding that an exported folder brings along."""
    from shelftalker.models.convert import facts

    said = facts(folder)
    if "prompt" not in said:
        return recipe
    return recipe.with_flags(
        prompt=said["prompt"],
        prompt_tokens=said.get("prompt_tokens", recipe.prompt_tokens),
        decoding=said.get("decoding", {}),
    )
