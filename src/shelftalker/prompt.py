"""The prompt that every stage shares, byte for byte that of the original FLAN-T5 study."""

from __future__ import annotations

import re
from collections.abc import Mapping

from shelftalker.errors import ShelftalkerError

TEMPLATE = "Given a product title, generate its product description.\nTitle: {title}\nDescription:"

_FIELD = re.compile(r"\{([^{}]*)\}")


def fields(template: str) -> list[str]:
    """Names of the fields in ``template``, in order, without repeats."""
    return list(dict.fromkeys(_FIELD.findall(template)))


def render(title: str, extra: Mapping[str, str] | None = None, template: str = TEMPLATE) -> str:
    """Fill ``template`` with a title and further columns.

    A single pass: braces inside a title or a column are text, never fields. A column that the product
    lacks is filled with the empty string.

    Raises:
        ShelftalkerError: the template has no ``{title}``.
    """
    if "{title}" not in template:
        raise ShelftalkerError(
            "the prompt template has no {title}",
            where="recipe key prompt",
            mend=f"put {{title}} where the title belongs, as in {TEMPLATE!r}",
        )
    values = {**(extra or {}), "title": title}
    return _FIELD.sub(lambda match: values.get(match.group(1), ""), template)
