"""Which column is the title, the description, the id: found by name, or given; and the shops' own exports."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from shelftalker.catalogue.clean.shard import Columns
from shelftalker.errors import ShelftalkerError
from shelftalker.recipe.catalogue import PrepareSettings

TITLE_NAMES = (
    "title", "name", "product_name", "product_title", "item_name", "item_title", "product", "post_title", "heading",
    "titulo", "nome", "produto",
)  # fmt: skip
DESCRIPTION_NAMES = (
    "content", "description", "body_html", "product_description", "long_description", "item_description", "body",
    "text", "post_content", "details", "summary", "short_description", "desc", "descricao",
)  # fmt: skip
ID_NAMES = (
    "uid", "id", "asin", "parent_asin", "handle", "url_handle", "sku", "product_id", "item_id", "gtin", "ean", "upc",
    "mpn", "code",
)  # fmt: skip


def normal(name: str) -> str:
    """A column's name as it is compared: "Body (HTML)" is body_html."""
    return re.sub(r"[^a-z0-9]+", "_", name.casefold()).strip("_")


def find(names: Sequence[str], settings: PrepareSettings, keep: Sequence[str], where: str) -> Columns:
    """The columns of a file with these names.

    Raises:
        ShelftalkerError: a column that was given is not there, or none is named like a title or a description.
    """
    title = _given(settings.title_column, names, where, "prepare.title_column") or _first(TITLE_NAMES, names)
    description = _given(settings.description_column, names, where, "prepare.description_column") or _first(
        DESCRIPTION_NAMES, [name for name in names if name != title]
    )
    for column, role in ((title, "title"), (description, "description")):
        if column is None:
            raise ShelftalkerError(
                f"no column is named like a {role}",
                where=f"{where}: {', '.join(names[:30]) or 'no columns'}",
                mend=f"name it: --prepare.{role}_column COLUMN",
            )
    assert title is not None and description is not None
    identity = _given(settings.id_column, names, where, "prepare.id_column") or _first(
        ID_NAMES, [name for name in names if name not in (title, description)]
    )
    kept = tuple(_given(name, names, where, "prepare.keep_columns") or name for name in keep)
    return Columns(title, description, identity, kept)


def shop_of(names: Sequence[str]) -> str | None:
    """The shop system whose product export has such a header, or None."""
    known = {normal(name) for name in names}
    if {"handle", "title", "body_html"} <= known or {"url_handle", "title", "description"} <= known:
        return "shopify"
    if {"type", "sku", "name", "description", "parent"} <= known:
        return "woocommerce"
    return None


def _first(wanted: Sequence[str], names: Sequence[str]) -> str | None:
    by_normal = {normal(name): name for name in reversed(names)}
    return next((by_normal[name] for name in wanted if name in by_normal), None)


def _given(column: str | None, names: Sequence[str], where: str, key: str) -> str | None:
    if column is None:
        return None
    if column in names:
        return column
    alike = [name for name in names if normal(name) == normal(column)]
    if alike:
        return alike[0]
    near = difflib.get_close_matches(column, names, n=1)
    raise ShelftalkerError(
        f"there is no column {column!r}",
        where=f"{where} ({key}); columns: {', '.join(names[:30])}",
        mend=f"did you mean {near[0]!r}?" if near else "name one of these columns",
    )
