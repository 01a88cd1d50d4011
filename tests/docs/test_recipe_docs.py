"""docs/recipes.md says what the code says."""

from __future__ import annotations

from tools.write_recipe_docs import TARGET, text


def test_the_recipe_page_is_what_the_types_say() -> None:
    assert TARGET.read_text(encoding="utf-8") == text(), "run: python tools/write_recipe_docs.py"
