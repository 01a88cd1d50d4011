"""Write docs/recipes.md from the recipe's own types: ``python tools/write_recipe_docs.py``."""

from __future__ import annotations

from pathlib import Path

from shelftalker.recipe import recipe

TARGET = Path(__file__).parents[1] / "docs" / "recipes.md"

HEAD = """# Recipes

A recipe is one YAML file with all settings of a run. What it leaves out keeps its default; a flag on the
command line wins over both (`--lora.r 8`, `--decoding.beams 4`). An unknown key is an error that names the
nearest valid one. Every run folder keeps a copy of its recipe.

## Recipes that ship

A shipped recipe is named without path or ending: `shelftalker run sample`.

{shipped}

## Every key

This list is written from the recipe's own types by `python tools/write_recipe_docs.py`;
`shelftalker recipe --help` prints the same.

"""


def text() -> str:
    """The whole page."""
    rows = []
    for name, path in recipe.shipped().items():
        comment = []
        for line in path.read_text(encoding="utf-8").splitlines():
            if not line.startswith("#"):
                break
            comment.append(line.lstrip("# "))
        rows.append(f"- [`{name}`](../recipes/{path.name}): {' '.join(comment).strip()}")
    return HEAD.format(shipped="\n".join(rows)) + recipe.reference() + "\n"


if __name__ == "__main__":
    TARGET.write_text(text(), encoding="utf-8")
