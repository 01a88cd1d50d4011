"""What the exports of large shop systems hold beside products: variants, other languages' rows, written line breaks.

`Reading` says of a row what it is to a catalogue; its values stay as they are in the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shelftalker.catalogue.read import headers
from shelftalker.catalogue.read.columns import normal
from shelftalker.catalogue.read.row import Row, text_of
from shelftalker.errors import ShelftalkerError
from shelftalker.recipe.catalogue import PrepareSettings

_WOOCOMMERCE = frozenset(
    "simple variable variation grouped external virtual downloadable bundle subscription variable-subscription".split()
)


@dataclass(frozen=True)
class Reading:
    """How a shop's export is to be understood; nothing is set for other catalogues.

    Attributes:
        handle: Shopify's column: rows that repeat it without a title are variants and pictures.
        title: the title's column.
        kind: WooCommerce's column that says "variation" of a variant.
        view: the column that says which store view or language a row is for.
        wanted: of ``view``, the value of the rows that are taken.
        short: a second description, taken where the first is empty.
        escapes: whether line breaks are written as two signs, and a quote keeps spreadsheets from calculating.
    """

    handle: str | None = None
    title: str = ""
    kind: str | None = None
    view: str | None = None
    wanted: str = ""
    short: str | None = None
    escapes: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether every row is a product, as it stands."""
        return self == Reading(title=self.title)

    def reason(self, row: Row) -> str | None:
        """Why a row is no product of its own: variant, other_language (as in `cleaner.REASONS`)."""
        if self.view and (text_of(row.values.get(self.view)) or "").strip().casefold() != self.wanted:
            return "other_language"
        if self.kind and "variation" in _kinds(text_of(row.values.get(self.kind))):
            return "variant"
        if self.handle and not (text_of(row.values.get(self.title)) or "").strip():
            return "variant"
        return None

    def text(self, row: Row, name: str) -> str | None:
        """A column as the shop shows it."""
        found = text_of(row.values.get(name))
        return _unescaped(found) if self.escapes and found else found

    def description(self, row: Row, name: str) -> str | None:
        """The description, or the short one where it is empty."""
        found = self.text(row, name)
        return self.text(row, self.short) if self.short and not (found or "").strip() else found


def reading(
    names: Sequence[str], sample: Sequence[Row], title: str, identity: str | None, settings: PrepareSettings, where: str
) -> Reading:
    """Find out whether a catalogue is a shop's export, by its columns and first rows.

    Raises:
        ShelftalkerError: its rows are in several languages, and none is asked for.
    """
    by_normal = {normal(name): name for name in reversed(names)}
    kind = next((name for name in names if _is_woocommerce(name, sample)), None)
    short = next((by_normal[name] for name in headers.SHORT if name in by_normal), None)
    is_shopify = {"handle", "title", "body_html"} <= by_normal.keys() or {"url_handle", "title"} <= by_normal.keys()
    view, wanted = _view(by_normal, sample, identity, settings, where)
    return Reading(
        handle=by_normal.get("handle") or by_normal.get("url_handle") if is_shopify else None,
        title=title,
        kind=kind,
        view=view,
        wanted=wanted,
        short=short if kind or view else None,
        escapes=kind is not None,
    )


def _kinds(value: str | None) -> list[str]:
    """WooCommerce's product types: "variation, virtual"."""
    return [part.strip() for part in (value or "").casefold().split(",")]


def _is_woocommerce(name: str, sample: Sequence[Row]) -> bool:
    """Whether a column holds WooCommerce's product types; their names are the same in every language."""
    if normal(name) not in headers.KIND:
        return False
    values = [text for row in sample if (text := text_of(row.values.get(name)))]
    return bool(values) and all(_WOOCOMMERCE.issuperset(_kinds(value)) for value in values)


def _view(
    by_normal: dict[str, str], sample: Sequence[Row], identity: str | None, settings: PrepareSettings, where: str
) -> tuple[str | None, str]:
    """The column that says which store view or language a row is for, and the value that is taken."""
    for column in headers.VIEW:
        if column in by_normal.values():
            values = {text_of(row.values.get(column)) or "" for row in sample}
            if settings.locale is not None and len(values) > 1:
                return column, settings.locale.casefold()
            if "" in values:
                return column, ""
            return _asked(column, values, sample, identity, settings, where)
    for name in headers.LANGUAGE:
        if name in by_normal:
            column = by_normal[name]
            values = {text_of(row.values.get(column)) or "" for row in sample}
            return _asked(column, values, sample, identity, settings, where)
    return None, ""


def _asked(
    column: str,
    values: set[str],
    sample: Sequence[Row],
    identity: str | None,
    settings: PrepareSettings,
    where: str,
) -> tuple[str | None, str]:
    """A column of languages, where products are there in several: as asked for. Where none repeats, it is no matter."""
    seen: dict[str, set[str]] = {}
    for row in sample:
        key = text_of(row.values.get(identity)) if identity else None
        if key:
            seen.setdefault(key, set()).add(text_of(row.values.get(column)) or "")
    repeated = sum(len(languages) > 1 for languages in seen.values())
    if len(values) < 2 or repeated * 4 < len(seen) or not repeated:
        return None, ""
    for value in values:
        if settings.locale is not None and settings.locale.casefold() == value.casefold():
            return column, value.casefold()
    found = sorted(value for value in values if value)
    raise ShelftalkerError(
        "the same products are there in several languages",
        where=f"{where}: column {column}: {', '.join(found[:10])}",
        mend=f"say which: --prepare.locale {found[0]}",
    )


def _unescaped(text: str) -> str:
    r"""As WooCommerce's own importer reads: ``\n`` is a line break, ``\\n`` is ``\n``, a quote before = + - @ goes."""
    if "\\" in text:
        parts = text.replace("\\r\\n", "\\n").split("\\\\n")
        text = "\\n".join(part.replace("\\n", "\n") for part in parts)
    return text[1:] if text[:2] in ("'=", "'+", "'-", "'@") else text
