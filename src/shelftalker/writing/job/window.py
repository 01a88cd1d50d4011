"""One window of a catalogue job: rows in, described rows out. What every worker runs, alone or on a cluster."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from shelftalker import console
from shelftalker.catalogue.read.columns import normal, title_and_id
from shelftalker.catalogue.read.rows import Row, text_of
from shelftalker.errors import ShelftalkerError
from shelftalker.product import Product
from shelftalker.recipe.decoding import Decoding
from shelftalker.writing.job.only import Only, only

if TYPE_CHECKING:
    from shelftalker.recipe.recipe import Recipe
    from shelftalker.writing.writer import Writer
    from shelftalker.writing.written import Written

OVERRIDE = "decoding."


@dataclass(frozen=True)
class Plan:
    """Which of the input's columns mean what.

    Attributes:
        title: the column with the title.
        id: the column that names a row; None: the row's number does.
        fields: attribute of the prompt to column.
        overrides: decoding key to the column (``decoding.KEY``) that overrides it row by row.
        only: which rows are written.
        also: further columns that are read and stand in no prompt: what the house rules look at, the language.
    """

    title: str
    id: str | None
    fields: Mapping[str, str]
    overrides: Mapping[str, str]
    only: Only = field(default_factory=Only)
    also: Mapping[str, str] = field(default_factory=dict)


def plan(names: Sequence[str], recipe: Recipe, where: str) -> Plan:
    """Find the columns that a job reads.

    Raises:
        ShelftalkerError: no title column, a prompt field without a column, an override of no decoding key, or rows
            asked for that cannot be told (see `only.only`).
    """
    title, identity = title_and_id(names, recipe.prepare, where)
    by_normal = {normal(name): name for name in reversed(names)}
    fields = {}
    for name in recipe.as_prompt.names:
        if normal(name) not in by_normal:
            raise ShelftalkerError(
                f"the prompt asks for {{{name}}}, but there is no such column",
                where=f"{where}: {', '.join(names[:30])}",
                mend="add the column (it may be empty), or take the field out of the recipe's prompt",
            )
        fields[name] = name if name in names else by_normal[normal(name)]
    spoken = [recipe.prepare.language_column] if recipe.prepare.language_column else []
    if recipe.as_prompt.takes_all:
        learnt = [*recipe.prepare.keep_columns, *spoken]
        known = {name: by_normal[normal(name)] for name in learnt if normal(name) in by_normal}
        fields = known | fields
    absent = [name for name in (*recipe.house.columns, *spoken) if normal(name) not in by_normal]
    if absent:
        console.warn(f"the recipe looks at {', '.join(absent)}, and the catalogue has no such column")
    also = {
        name: name if name in names else by_normal[normal(name)]
        for name in (*recipe.house.columns, *spoken)
        if name not in absent and name not in fields
    }
    overrides = {name.removeprefix(OVERRIDE): name for name in names if name.startswith(OVERRIDE)}
    unknown = sorted(overrides.keys() - Decoding.model_fields.keys())
    if unknown:
        raise ShelftalkerError(
            f"the column {OVERRIDE}{unknown[0]} overrides no key of the decoding",
            where=where,
            mend=f"one of {', '.join(OVERRIDE + key for key in Decoding.model_fields)}",
        )
    return Plan(title, identity, fields, overrides, only(names, title, identity, recipe, where), also)


def describe(
    rows: Sequence[Row],
    writer: Writer,
    what: Plan,
    model_hash: str,
    advance: Callable[[int], None] = lambda _: None,
) -> list[dict[str, Any]]:
    """Describe a window's rows; what is added to each, in their order. A row that cannot be used says why.

    Raises:
        ShelftalkerError: the engine cannot honour the recipe's decoding (one that only a row asks for flags the row).
    """
    added: list[dict[str, Any]] = [_blank(row.error) for row in rows]
    usual = writer.recipe.decoding
    groups: dict[str, tuple[Decoding, list[int], list[Product]]] = {}
    for place, row in enumerate(rows):
        if row.error is not None:
            continue
        if not what.only.wants(row, lambda text: writer.clean(Product(text)).title):
            added[place] = dict.fromkeys(_blank(None))
            advance(1)
            continue
        product = product_of(row, what)
        try:
            if not writer.clean(product).title:
                raise ValueError("the row has no title")
            decoding = _decoding(row, usual, what)
        except ValueError as error:
            added[place] = _blank(str(error))
            continue
        _, places, products = groups.setdefault(decoding.model_dump_json(), (decoding, [], []))
        places.append(place)
        products.append(product)
    advance(sum(new["problem"] is not None for new in added))
    for decoding, places, products in groups.values():
        try:
            texts = writer.write(products, decoding, advance=advance)
        except ShelftalkerError as error:
            if decoding == usual:
                raise
            for place in places:
                added[place] = _blank(error.what)
            continue
        for place, written in zip(places, texts, strict=True):
            added[place] = _described(written, model_hash)
    return added


def product_of(row: Row, what: Plan) -> Product:
    """The product that a row is about."""
    return Product(
        title=text_of(row.values.get(what.title)) or "",
        uid=(text_of(row.values.get(what.id)) if what.id else None) or f"row {row.number}",
        attributes={
            name: text_of(row.values.get(column)) or "" for name, column in {**what.also, **what.fields}.items()
        },
    )


def _blank(problem: str | None) -> dict[str, Any]:
    return {
        "description": None,
        "publishable": False,
        "findings": [],
        "route": None,
        "sources": [],
        "score": None,
        "tokens": None,
        "hit_cap": None,
        "engine": None,
        "model": None,
        "problem": problem,
    }


def _described(written: Written, model_hash: str) -> dict[str, Any]:
    return {
        "description": None if written.route == "declined" else written.text,
        "publishable": written.publishable,
        "findings": [
            {"check": found.check, "text": found.text, "start": found.start, "end": found.end, "why": found.why}
            for found in written.findings
        ],
        "route": written.route,
        "sources": [
            {"uid": source.product.uid, "title": source.product.title, "similarity": round(source.score, 6)}
            for source in written.sources
        ],
        # Six digits: what is left of a sum's rounding would differ between machines.
        "score": None if written.score is None else round(written.score, 6),
        "tokens": written.tokens,
        "hit_cap": written.hit_cap,
        "engine": written.engine,
        "model": model_hash,
        "problem": written.problem,
    }


def _decoding(row: Row, decoding: Decoding, what: Plan) -> Decoding:
    """The recipe's decoding with the row's own overrides.

    Raises:
        ValueError: a value that the key does not take.
    """
    asked = {key: text for key, column in what.overrides.items() if (text := text_of(row.values.get(column)))}
    if not asked:
        return decoding
    try:
        return decoding.over(asked)
    except ValidationError as error:
        fault = error.errors()[0]
        key = ".".join(map(str, fault["loc"])) or "the row's decoding"
        raise ValueError(f"{key}: {fault['msg'].removeprefix('Value error, ')}") from None


def encode_part(rows: Sequence[Row], added: Sequence[dict[str, Any]]) -> bytes:
    """A window's bytes: one line a row, the input's columns and the new ones."""
    import msgspec

    encode = msgspec.json.Encoder().encode
    return b"".join(encode([row.values, new]) + b"\n" for row, new in zip(rows, added, strict=True))
