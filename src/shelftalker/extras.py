"""Optional parts of the package: import what an extra brings, or say how to get it."""

from __future__ import annotations

from importlib import import_module

from shelftalker.errors import ShelftalkerError


def need(extra: str, *modules: str) -> None:
    """Make sure that the modules of an extra can be imported.

    Raises:
        ShelftalkerError: one is missing; the mend is the command that installs the extra.
    """
    for module in modules:
        try:
            import_module(module)
        except ImportError as error:
            raise ShelftalkerError(
                f"this needs the package {error.name or module}, which is not installed",
                where=f"extra [{extra}]",
                mend=f"pip install 'shelftalker[{extra}]'",
            ) from None
