"""What every command shares: the application, its common options, and the recipe of a call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from shelftalker import console
from shelftalker.version import __version__

if TYPE_CHECKING:
    from shelftalker.recipe.recipe import Recipe

EPILOGUE = (
    "Every command takes --recipe FILE and any recipe key as a flag (--lora.r 16, --decoding.beams 4; "
    "`shelftalker recipe --help` lists them), and --json, --quiet, --debug. "
    "MODEL is a hub name, `smollm2`, `bundled`, a .gguf file, an adapter folder, a run folder or an exported folder."
)


@dataclass(frozen=True)
class Context:
    """What every command shares: the recipe file and the recipe keys given as flags."""

    recipe_file: str | None = None
    flags: Mapping[str, Any] = field(default_factory=dict)

    def recipe(self, arguments: Mapping[str, Any] | None = None, file: str | None = None) -> Recipe:
        """The recipe of this call: defaults < YAML < the command's own arguments < recipe keys as flags."""
        from shelftalker.recipe.recipe import Recipe

        given = {key: value for key, value in (arguments or {}).items() if value not in (None, [], ())}
        return Recipe.load(file or self.recipe_file, {**given, **self.flags})


Shared = Annotated[Context, Parameter(parse=False)]

app = App(
    name="shelftalker",
    help="Teach a small language model to write product descriptions from titles, and prove that it got better.",
    help_epilogue=EPILOGUE,
    version=__version__,
    help_flags=["--help", "-h"],
)


@app.meta.default
def _launch(
    *tokens: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
    recipe: str | None = None,
    json: bool = False,
    quiet: bool = False,
    debug: bool = False,
    flags: Annotated[Any, Parameter(parse=False)] = None,
) -> None:
    """Shared options.

    Args:
        recipe: a YAML file, or the name of a shipped recipe; its keys can also be flags (--lora.r 16).
        json: print the result as JSON.
        quiet: no progress, no notes.
        debug: a traceback where there is an error.
    """
    console.configure(quiet=quiet or json, as_json=json, debug=debug)
    command, bound, ignored = app.parse_args(tokens, exit_on_error=False, print_error=False)
    if "context" in ignored:
        bound.arguments["context"] = Context(recipe, flags or {})
    command(*bound.args, **bound.kwargs)
