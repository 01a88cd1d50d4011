"""The commands that look around: what this machine offers, what a recipe says."""

from __future__ import annotations

from shelftalker import console
from shelftalker.cli.app import Shared, app


@app.command(sort_key=13)
def doctor(*, context: Shared) -> None:
    """Show what this machine offers: devices, number formats, versions, hub, disk."""
    from shelftalker.doctor import examine

    facts = examine(context.recipe())
    console.table("shelftalker doctor", ["what", "finding"], [[key, value] for key, value in facts.items()])
    console.result("", facts)


@app.command(sort_key=14, name="recipe")
def show_recipe(name: str | None = None, /, *, context: Shared) -> None:
    """Print a whole recipe as YAML, with flags laid over it; without a name, the defaults.

    Args:
        name: a YAML file, or the name of a shipped recipe.
    """
    import yaml

    whole = context.recipe(file=name).model_dump(mode="json")
    console.result(yaml.safe_dump(whole, sort_keys=False, allow_unicode=True).rstrip(), whole)
