"""One command line run: read, its command called, its exit code given."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from cyclopts import CycloptsError

from shelftalker import console
from shelftalker.cli import machine, stages, writing  # noqa: F401  (they add their commands to the application)
from shelftalker.cli.app import app
from shelftalker.errors import ShelftalkerError
from shelftalker.recipe.flags import split_flags

STOPPED = {
    "prepare": "stopped: nothing was written, and the same command begins again",
    "finetune": "stopped: the checkpoints are kept, and --resume goes on after the newest",
    "generate": "stopped: a catalogue's finished rows are kept, and --resume goes on from there",
    "run": "stopped: finished stages are kept, and the same command goes on from there",
    "demo": "stopped: finished stages are kept, and the same command goes on from there",
    "baseline": "stopped: the same command goes on with what is in the cache",
    "evaluate": "stopped: the same command goes on with what is in the cache",
    "compare": "stopped: the same command goes on with what is in the cache",
    "export": "stopped: nothing was written",
    "review": "stopped: every decision is kept, and the same command goes on from there",
}
"""What Ctrl-C leaves behind, by command."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 well, 2 the user's mistake, 1 ours."""
    # Torch's threads wait without spinning, or whatever else shares the cores slows training many times over.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    tokens = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in tokens
    rest: list[str] = []
    try:
        rest, flags = split_flags(tokens)
        if rest[:1] == ["recipe"] and {"--help", "-h"} & set(rest):
            from shelftalker.recipe.recipe import reference

            app["recipe"].help_epilogue = reference()
        command, bound, _ = app.meta.parse_args(rest, exit_on_error=False, print_error=False)
        if "flags" in command.__annotations__:
            bound.arguments["flags"] = flags
        command(*bound.args, **bound.kwargs)
    except ShelftalkerError as error:
        console.error(str(error))
        if debug:
            raise
        return 2
    except CycloptsError as error:
        console.error(f"{error}\n  mend:  shelftalker --help")
        return 2
    except KeyboardInterrupt:
        console.say_stopped(STOPPED.get(next(iter(rest), ""), "stopped"))
        return 130
    except BrokenPipeError:
        return 0
    except Exception as error:
        if debug:
            raise
        console.error(f"{type(error).__name__}: {error}\n  this is a fault of shelftalker; --debug shows where")
        return 1
    return 0
