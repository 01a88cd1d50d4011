"""Recipe keys as command-line flags, read by the types of the recipe's own fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args, get_origin

from shelftalker.errors import ShelftalkerError

_TRUE, _FALSE = {"true", "yes", "on", "1"}, {"false", "no", "off", "0"}
_NONE = {"none", "null"}
_SHARED = {"help", "version", "json", "quiet", "debug", "recipe"}


def split_flags(tokens: Sequence[str]) -> tuple[list[str], dict[str, Any]]:
    """Take the recipe keys (``--lora.r 16``, ``--seed=1``) out of a command line.

    A key whose type is true or false takes the next token only where that says so: ``--decoding.sample "Blue mug"``
    leaves the title alone.

    Returns:
        The other tokens, and a mapping of dotted keys to values.

    Raises:
        ShelftalkerError: a list or mapping that is not valid YAML, or a key without its value.
    """
    rest: list[str] = []
    flags: dict[str, Any] = {}
    types: Mapping[str, Any] = {}
    waiting = list(tokens)
    while waiting:
        token = waiting.pop(0)
        if token == "--":
            return [*rest, token, *waiting], flags
        name, equals, value = token.partition("=")
        key = name.removeprefix("--").replace("-", "_")
        if not token.startswith("--") or key in _SHARED:
            rest.append(token)
            continue
        types = types or _types()
        if "." not in key and key not in types:
            rest.append(token)
            continue
        kinds = _kinds(types.get(key, str))
        if not equals:
            value = _next(key, waiting, kinds)
        flags[key] = _typed(key, value, kinds)
    return rest, flags


def _types() -> dict[str, Any]:
    """Every key of the recipe with its type; imported late, because most command lines name no key."""
    from shelftalker.recipe.recipe import keys

    # A section that may also be a file.
    return {key: field.annotation for key, field in keys()} | {"house": str | None}


def _kinds(annotation: Any) -> list[Any]:
    """The types that a value may have: those of a union one by one."""
    if isinstance(annotation, type) or get_origin(annotation) in (list, dict):
        return [annotation]
    return [kind for part in get_args(annotation) for kind in _kinds(part)] or [annotation]


def _next(key: str, waiting: list[str], kinds: list[Any]) -> str:
    """The value that follows a flag."""
    if bool in kinds:
        said = _TRUE | _FALSE | (_NONE if type(None) in kinds else set())
        return waiting.pop(0) if waiting and waiting[0].casefold() in said else "true"
    if not waiting or waiting[0].startswith("--"):
        raise ShelftalkerError("the flag lacks its value", where=f"flag --{key}", mend=f"--{key} VALUE")
    return waiting.pop(0)


def _typed(key: str, value: str, kinds: list[Any]) -> Any:
    """A value as its key's types read it; what none of them reads is left to the recipe's own message."""
    import yaml

    if key == "prompt":
        return value.replace("\\n", "\n")
    if type(None) in kinds and value.casefold() in _NONE:
        return None
    if bool in kinds and value.casefold() in _TRUE | _FALSE:
        return value.casefold() in _TRUE
    is_list = any(get_origin(kind) is list for kind in kinds)
    is_mapping = any(get_origin(kind) is dict for kind in kinds)
    if (is_list and value.startswith("[")) or is_mapping:
        try:
            return yaml.safe_load(value)
        except yaml.YAMLError:
            raise ShelftalkerError(
                f"{value!r} is not a value",
                where=f"flag --{key}",
                mend="write a list as [a, b] and a mapping as {a: 1}, in quotes",
            ) from None
    if is_list and value not in kinds:
        return [part.strip() for part in value.split(",")]
    return value
