"""A catalogue in another language than English: its descriptions are checked with its words, through the writer."""

from __future__ import annotations

from fakes import FakeEngine

from shelftalker.product import Product as Given
from shelftalker.recipe.recipe import Recipe
from shelftalker.writing.writer import Writer


class Portuguese(FakeEngine):
    """Writes a Portuguese sentence for every prompt."""

    def generate(self, prompts, decoding, *, advance=None):  # type: ignore[no-untyped-def]
        return [
            [type(one)("Uma caneca vermelha que cabe na mão e no armário.", 9, False, -0.5) for one in drawn]
            for drawn in super().generate(prompts, decoding, advance=advance)
        ]


def fired(recipe: Recipe) -> set[str]:
    writer = Writer(Portuguese("fake", recipe), recipe)
    return {one.check for one in writer.write([Given("Caneca Azul de Cerâmica")])[0].findings}


def test_the_recipes_language_is_what_the_checks_expect() -> None:
    assert fired(Recipe(language="pt")) == {"contradiction"}
    assert "language" in fired(Recipe())
