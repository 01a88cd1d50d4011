"""One window of a catalogue job: rows in, described rows out. What every worker runs, alone or on a cluster."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from shelftalker import prompt
from shelftalker.catalogue.read.columns import normal, title_and_id
from shelftalker.catalogue.read.rows import Row, text_of
from shelftalker.errors import ShelftalkerError
from shelftalker.recipe.decoding import Decoding

if TYPE_CHECKING:
    from shelftalker.generation.engine import Engine, Generation
    from shelftalker.recipe.recipe import Recipe

OVERRIDE = "decoding."


@dataclass(frozen=True)
class Plan:
    """Which of the input's columns mean what.

    Attributes:
        title: the column with the title.
        id: the column that names a row and seeds its sampling; None: the row's number.
        fields: prompt field to column.
        overrides: decoding key to the column (``decoding.KEY``) that overrides it row by row.
    """

    title: str
    id: str | None
    fields: Mapping[str, str]
    overrides: Mapping[str, str]


def plan(names: Sequence[str], recipe: Recipe, where: str) -> Plan:
    """Find the columns that a job reads.

    Raises:
        ShelftalkerError: no title column, a prompt field without a column, or an override of no decoding key.
    """
    title, identity = title_and_id(names, recipe.prepare, where)
    by_normal = {normal(name): name for name in reversed(names)}
    fields = {}
    for name in prompt.fields(recipe.prompt):
        if name == "title":
            continue
        if normal(name) not in by_normal:
            raise ShelftalkerError(
                f"the prompt asks for {{{name}}}, but there is no such column",
                where=f"{where}: {', '.join(names[:30])}",
                mend="add the column (it may be empty), or take the field out of the recipe's prompt",
            )
        fields[name] = name if name in names else by_normal[normal(name)]
    overrides = {name.removeprefix(OVERRIDE): name for name in names if name.startswith(OVERRIDE)}
    unknown = sorted(overrides.keys() - Decoding.model_fields.keys())
    if unknown:
        raise ShelftalkerError(
            f"the column {OVERRIDE}{unknown[0]} overrides no key of the decoding",
            where=where,
            mend=f"one of {', '.join(OVERRIDE + key for key in Decoding.model_fields)}",
        )
    return Plan(title, identity, fields, overrides)


def describe(
    rows: Sequence[Row],
    engine: Engine,
    recipe: Recipe,
    what: Plan,
    model_hash: str,
    advance: Callable[[int], None] = lambda _: None,
) -> list[dict[str, Any]]:
    """Describe a window's rows; what is added to each, in their order. A row that cannot be used says why.

    Raises:
        ShelftalkerError: the engine cannot honour the recipe's decoding (one that only a row asks for flags the row).
    """
    added: list[dict[str, Any]] = [_blank(row.error) for row in rows]
    groups: dict[str, tuple[Decoding, list[int]]] = {}
    for place, row in enumerate(rows):
        if row.error is not None:
            continue
        try:
            _title(row, what)
            decoding = _decoding(row, recipe.decoding, what)
        except ValueError as error:
            added[place] = _blank(str(error))
            continue
        groups.setdefault(decoding.model_dump_json(), (decoding, []))[1].append(place)
    advance(sum(new["problem"] is not None for new in added))
    for decoding, places in groups.values():
        chosen = engine.for_decoding(decoding) if hasattr(engine, "for_decoding") else engine
        try:
            written = chosen.generate(
                [_prompt(rows[place], recipe, what) for place in places],
                decoding,
                row_ids=[_id(rows[place], what) for place in places],
                advance=advance,
            )
        except ShelftalkerError as error:
            if decoding == recipe.decoding:
                raise
            for place in places:
                added[place] = _blank(error.what)
            continue
        for place, text in zip(places, written, strict=True):
            added[place] = _described(rows[place], text, chosen.signature(), model_hash, what)
    return added


def _blank(problem: str | None) -> dict[str, Any]:
    return {
        "description": None,
        "publishable": False,
        "findings": [],
        "score": None,
        "tokens": None,
        "hit_cap": None,
        "engine": None,
        "model": None,
        "problem": problem,
    }


def _described(row: Row, written: Generation, engine: str, model_hash: str, what: Plan) -> dict[str, Any]:
    from shelftalker.checks.check import check
    from shelftalker.checks.given import Given

    told = {name: text_of(row.values.get(column)) or "" for name, column in what.fields.items()}
    findings = check(written.text, Given(_title(row, what), told), hit_cap=written.hit_cap)
    return {
        "description": written.text,
        "publishable": not findings and bool(written.text),
        "findings": [
            {"check": found.check, "text": found.text, "start": found.start, "end": found.end, "why": found.why}
            for found in findings
        ],
        # Six digits: what is left of a sum's rounding would differ between machines.
        "score": None if written.score is None else round(written.score, 6),
        "tokens": written.tokens,
        "hit_cap": written.hit_cap,
        "engine": engine,
        "model": model_hash,
        "problem": "the prompt was too long: the title lost its last words" if written.cut else None,
    }


def _title(row: Row, what: Plan) -> str:
    title = " ".join((text_of(row.values.get(what.title)) or "").split())
    if not title:
        raise ValueError("the row has no title")
    return title


def _prompt(row: Row, recipe: Recipe, what: Plan) -> str:
    extra = {name: " ".join((text_of(row.values.get(column)) or "").split()) for name, column in what.fields.items()}
    return prompt.render(_title(row, what), extra, recipe.prompt)


def _id(row: Row, what: Plan) -> str:
    given = text_of(row.values.get(what.id)) if what.id else None
    return given or f"row {row.number}"


def _decoding(row: Row, decoding: Decoding, what: Plan) -> Decoding:
    """The recipe's decoding with the row's own overrides.

    Raises:
        ValueError: a value that the key does not take.
    """
    asked = {key: text for key, column in what.overrides.items() if (text := text_of(row.values.get(column)))}
    if not asked:
        return decoding
    try:
        return Decoding.model_validate(decoding.model_dump() | asked)
    except ValidationError as error:
        fault = error.errors()[0]
        key = ".".join(map(str, fault["loc"])) or "the row's decoding"
        raise ValueError(f"{key}: {fault['msg'].removeprefix('Value error, ')}") from None
