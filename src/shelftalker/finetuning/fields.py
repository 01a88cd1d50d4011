"""What a model is asked to write in training: every field of a product, at the length that its text has."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from random import Random

from shelftalker.errors import ShelftalkerError
from shelftalker.length import Length, Unit, measured
from shelftalker.product import Product
from shelftalker.recipe.recipe import Recipe

_SPARE = 0.15
"""A text that is asked for with "at most" is up to so much shorter than that."""
_MOST = 0.95
"""A field's limit is what so many of its training texts keep to."""


def each_field(rows: Sequence[Product], recipe: Recipe) -> list[Product]:
    """The examples, each followed by its texts of the further fields (`prepare.fields`) as examples of their own."""
    found = []
    for row in rows:
        known = [name for name in recipe.prepare.fields if name in row.texts]
        found += [row, *(replace(row, field=name, description=row.texts[name]) for name in known)]
    return found


def with_lengths(rows: Sequence[Product], recipe: Recipe) -> list[Product]:
    """Examples with the length that their prompts ask for: none, so many words, so many characters, or at most so many.

    Which of these is drawn by uid, field and seed, each as often as the others.
    """
    return [replace(row, length=_drawn(row, recipe.seed)) for row in rows] if recipe.knows_lengths else list(rows)


def limits(rows: Sequence[Product], recipe: Recipe) -> dict[str, str]:
    """How long each field's text may be: what the recipe says, else what 95 of 100 training texts keep to.

    Args:
        rows: what `each_field` gave.
        recipe: the fields that are to be learnt, and limits that go before.

    Raises:
        ShelftalkerError: no example has a text of a field that is to be learnt.
    """
    lengths = defaultdict(list)
    for row in rows:
        if row.field:
            lengths[row.field].append(measured(row.description, "characters"))
    if missing := [name for name in recipe.prepare.fields if name not in lengths]:
        raise ShelftalkerError(
            f"no example has a text of the field {missing[0]}",
            where=f"{recipe.paths.data}, recipe key prepare.fields",
            mend="run `shelftalker prepare` with the same recipe again, or take the field out",
        )
    found = {
        name: str(Length(sorted(values)[math.ceil(_MOST * len(values)) - 1], "characters", at_most=True))
        for name, values in lengths.items()
    }
    return found | recipe.generate.limits


def _drawn(row: Product, seed: int) -> str:
    draw = Random(f"{seed}\0{row.uid}\0{row.title}\0{row.field}")
    kind = draw.randrange(4)
    unit: Unit = "words" if kind == 1 or (kind == 3 and draw.random() < 0.5) else "characters"
    count = measured(row.description, unit)
    if kind == 0 or not count:
        return ""
    if kind == 3:
        count = round(count * (1 + draw.uniform(0, _SPARE)))
    elif unit == "characters" and count > 50:
        # Nobody asks for 153 characters, and fewer different numbers are learnt from fewer rows.
        count = 5 * round(count / 5)
    return str(Length(count, unit, at_most=kind == 3))
