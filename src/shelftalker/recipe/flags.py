"""Recipe keys as command-line flags."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shelftalker.errors import ShelftalkerError

TOP_LEVEL_KEYS = ("name", "base_model", "revision", "seed", "device", "dtype", "prompt", "prompt_tokens")


def split_flags(tokens: Sequence[str]) -> tuple[list[str], dict[str, Any]]:
    """Take the recipe keys (``--lora.r 16``, ``--seed=1``) out of a command line.

    Returns the other tokens and a mapping of dotted keys to values. A key without a value is true.

    Raises:
        ShelftalkerError: a value that is not valid YAML.
    """
    rest: list[str] = []
    flags: dict[str, Any] = {}
    waiting = list(tokens)
    while waiting:
        token = waiting.pop(0)
        if token == "--":
            return [*rest, token, *waiting], flags
        name, equals, value = token.partition("=")
        key = name.removeprefix("--").replace("-", "_")
        if not name.startswith("--") or ("." not in key and key not in TOP_LEVEL_KEYS):
            rest.append(token)
            continue
        if not equals:
            value = waiting.pop(0) if waiting and not waiting[0].startswith("--") else "true"
        flags[key] = _typed(key, value)
    return rest, flags


def _typed(key: str, value: str) -> Any:
    import yaml

    if key == "prompt":
        return value.replace("\\n", "\n")
    try:
        return yaml.safe_load(value) if value[:1] in "[{" or value in {"true", "false", "null", "none"} else value
    except yaml.YAMLError:
        raise ShelftalkerError(f"{value!r} is not a value", where=f"flag --{key}", mend="quote it as YAML") from None
