"""The command line: parse, call the stage, print. No logic of its own."""

from shelftalker.cli.entry import STOPPED, main

__all__ = ["STOPPED", "main"]
