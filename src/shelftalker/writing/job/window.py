"""One window of a catalogue job: rows in, described rows out. What every worker runs, alone or on a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from shelftalker import console
from shelftalker.catalogue.read.columns import normal, title_and_id
from shelftalker.catalogue.read.row import plain
from shelftalker.catalogue.read.rows import Row, text_of
from shelftalker.errors import ShelftalkerError
from shelftalker.length import length
from shelftalker.product import FACTS, Product, facts_in
from shelftalker.recipe.decoding import Decoding
from shelftalker.writing.job.only import Only, only
from shelftalker.writing.job.output import columns_of

if TYPE_CHECKING:
    from shelftalker.recipe.recipe import Recipe
    from shelftalker.writing.editor import Editor
    from shelftalker.writing.writer import Writer
    from shelftalker.writing.written import Written

OVERRIDE, LENGTH = "decoding.", "length."
DESCRIPTION = "description"


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
        asked: what is written of each: description, or a further field's name.
        own: field to the column in which the shop has its text.
        lengths: field to the column (``length.FIELD``) that says how long its text is to be, row by row.
    """

    title: str
    id: str | None
    fields: Mapping[str, str]
    overrides: Mapping[str, str]
    only: Only = field(default_factory=Only)
    also: Mapping[str, str] = field(default_factory=dict)
    asked: tuple[str, ...] = (DESCRIPTION,)
    own: Mapping[str, str] = field(default_factory=dict)
    lengths: Mapping[str, str] = field(default_factory=dict)

    def wants(self, row: Row, name: str, clean: Callable[[str], str]) -> bool:
        """Whether a field of a row is written; see `Only.wants`."""
        if name == DESCRIPTION or self.only.kind != "empty":
            return self.only.wants(row, clean)
        return name not in self.own or not clean(text_of(row.values.get(self.own[name])) or "")


def plan(names: Sequence[str], recipe: Recipe, where: str) -> Plan:
    """Find the columns that a job reads.

    Raises:
        ShelftalkerError: no title column, a prompt field without a column, an override of no decoding key, a field that
            the model has not learnt to write, or rows asked for that cannot be told (see `only.only`).
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
    if recipe.as_prompt.takes_facts and FACTS in by_normal:
        fields[FACTS] = by_normal[FACTS]
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
    asked = tuple(dict.fromkeys(recipe.generate.fields)) or (DESCRIPTION,)
    for name in asked:
        recipe.expect_field(name)
    lengths = {name: LENGTH + name for name in asked if LENGTH + name in names}
    own = {
        name: by_normal[normal(column)]
        for name, column in recipe.prepare.fields.items()
        if name in asked and normal(column) in by_normal
    }
    # Which rows lack a further field, that field's own column says.
    by_field = recipe.generate.only == "empty" and DESCRIPTION not in asked
    chosen = Only("empty") if by_field else only(names, title, identity, recipe, where)
    return Plan(title, identity, fields, overrides, chosen, also, asked, own, lengths)


def describe(
    rows: Sequence[Row],
    writer: Writer,
    what: Plan,
    model_hash: str,
    advance: Callable[[int], None] = lambda _: None,
) -> list[dict[str, Any]]:
    """Write what is asked for of a window's rows; what is added to each, in their order.

    A row that cannot be used says why.

    Raises:
        ShelftalkerError: the engine cannot honour the recipe's decoding (one that only a row asks for flags the row).
    """
    added, groups = _asked(rows, writer, what)
    usual = writer.recipe.decoding
    done = _Rows(places for _, places, _ in groups)
    advance(len(rows) - done.rows)
    for decoding, places, products in groups:
        try:
            texts = writer.write(products, decoding, advance=lambda count: advance(done.more(count)))
        except ShelftalkerError as error:
            if decoding == usual:
                raise
            refused = _fill(added, places, writer.without_model(products), model_hash)
            added = [_blank(error.what, what) if place in refused else new for place, new in enumerate(added)]
        else:
            _fill(added, places, texts, model_hash)
    return added


def settle(rows: Sequence[Row], editor: Editor, what: Plan, model_hash: str) -> list[dict[str, Any] | None]:
    """As `describe`, for the rows that need no model; None for the others."""
    added, groups = _asked(rows, editor, what)
    left: set[int] = set()
    for _, places, products in groups:
        left |= _fill(added, places, editor.without_model(products), model_hash)
    return [None if place in left else new for place, new in enumerate(added)]


_Group = tuple[Decoding, list[tuple[int, str]], list[Product]]


def _asked(rows: Sequence[Row], editor: Editor, what: Plan) -> tuple[list[dict[str, Any]], list[_Group]]:
    """What is added to each row before anything is written, and what is to be written, by decoding."""
    added: list[dict[str, Any]] = [_blank(row.error, what) for row in rows]
    usual = editor.recipe.decoding
    usual_key = usual.model_dump_json()
    groups: dict[str, _Group] = {}
    for place, row in enumerate(rows):
        if row.error is not None:
            continue
        wanted = [name for name in what.asked if what.wants(row, name, lambda text: editor.clean(Product(text)).title)]
        if not wanted:
            added[place] = dict.fromkeys(_blank(None, what))
            continue
        product = product_of(row, what)
        try:
            if not editor.clean(product).title:
                raise ValueError("the row has no title")
            decoding = _decoding(row, usual, what)
            asked = [_of_field(product, name, row, what) for name in wanted]
        except ValueError as error:
            added[place] = _blank(str(error), what)
            continue
        added[place] = _blank(None, what, wanted)
        _, places, products = groups.setdefault(
            usual_key if decoding is usual else decoding.model_dump_json(), (decoding, [], [])
        )
        places.extend((place, name) for name in wanted)
        products.extend(asked)
    return added, list(groups.values())


def _fill(
    added: list[dict[str, Any]], places: Sequence[tuple[int, str]], texts: Sequence[Written | None], model_hash: str
) -> set[int]:
    """Add texts to their rows; which rows lack one."""
    lacking = {place for (place, _), text in zip(places, texts, strict=True) if text is None}
    for (place, name), text in zip(places, texts, strict=True):
        if text is not None and place not in lacking:
            made = _described(text, model_hash)
            added[place] |= made if name == DESCRIPTION else _field(name, made)
    return lacking


class _Rows:
    """Turns a count of texts into one of rows, where several texts are written of some."""

    def __init__(self, groups: Iterable[Sequence[tuple[int, str]]]) -> None:
        places = [place for group in groups for place, _ in group]
        self.rows, self._texts, self._told, self._done = len(set(places)), len(places), 0, 0

    def more(self, texts: int) -> int:
        """How many rows that makes, beyond what was told before."""
        self._done += texts
        rows = self.rows * self._done // self._texts - self._told
        self._told += rows
        return rows


def _of_field(product: Product, name: str, row: Row, what: Plan) -> Product:
    """The product with the field that is asked for, and its length.

    Raises:
        ValueError: the row's length is none.
    """
    phrase = (text_of(row.values.get(what.lengths[name])) or "").strip() if name in what.lengths else ""
    try:
        said = str(length(phrase)) if phrase else ""
    except ShelftalkerError as error:
        raise ValueError(f"{LENGTH}{name}: {error.what}") from None
    field = "" if name == DESCRIPTION else name
    return replace(product, field=field, length=said) if field or said else product


def product_of(row: Row, what: Plan) -> Product:
    """The product that a row is about."""
    return Product(
        title=text_of(row.values.get(what.title)) or "",
        uid=(text_of(row.values.get(what.id)) if what.id else None) or f"row {row.number}",
        attributes={
            name: "; ".join(facts_in(plain(row.values.get(column))))
            if name == FACTS
            else text_of(row.values.get(column)) or ""
            for name, column in {**what.also, **what.fields}.items()
        },
    )


def _blank(problem: str | None, what: Plan, wanted: Sequence[str] | None = None) -> dict[str, Any]:
    """What is added to a row before anything is written: nothing at all for fields that are not wanted."""
    asked = what.asked if wanted is None else wanted
    new: dict[str, Any] = dict.fromkeys(columns_of(what.asked))
    if DESCRIPTION in asked:
        new |= {"publishable": False, "findings": [], "sources": []}
    new |= {f"{name}_findings": [] for name in asked if name != DESCRIPTION}
    return new | {"problem": problem}


def _field(name: str, found: dict[str, Any]) -> dict[str, Any]:
    """What is added for a further field."""
    return {
        name: found["description"],
        f"{name}_findings": found["findings"],
        f"{name}_problem": found["problem"],
        "engine": found["engine"],
        "model": found["model"],
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
    return b"".join(line for line in lines(rows, added) if line is not None)


def lines(rows: Sequence[Row], added: Sequence[dict[str, Any] | None]) -> list[bytes | None]:
    """A window's lines; None where nothing is known of a row yet."""
    import msgspec

    encode = msgspec.json.Encoder().encode
    return [None if new is None else encode([row.values, new]) + b"\n" for row, new in zip(rows, added, strict=True)]
