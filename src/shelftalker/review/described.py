"""A described catalogue: which of its columns the job added, which were the shop's, and its rows as drafts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shelftalker import files
from shelftalker.catalogue.read import rows as catalogue_rows
from shelftalker.catalogue.read.columns import by_role, given, shown
from shelftalker.catalogue.read.row import cell_of
from shelftalker.catalogue.read.rows import Row, Shape
from shelftalker.errors import ShelftalkerError
from shelftalker.recipe.house import HouseSettings
from shelftalker.writing.job.output import NEW_TYPES, columns_of, neutral
from shelftalker.writing.job.window import Plan, plan

if TYPE_CHECKING:
    from shelftalker.recipe.recipe import Recipe

NEEDED = ("description", "findings", "route")
"""The columns of a job without which nothing can be reviewed."""
_SHOWN = (*NEEDED, "sources", "score", "problem")


@dataclass(frozen=True)
class Draft:
    """One row as an editor sees it.

    Attributes:
        number: its place in the file (0 is the first).
        key: what it is called: its id, or its title where there is none; a number behind it where that repeats.
        title: the product's title.
        old: the description that was there before; may be empty.
        text: the draft; empty where nobody wrote one.
        attributes: the other columns that the shop's file has, name to text.
        findings: what the checks found in the draft: check, text, start, end, why.
        route: edited, written or declined; empty where nobody was asked.
        sources: uid, title and similarity of each.
        similarity: of the nearest source; None: no source.
        score: mean log-probability of the draft's tokens.
        problem: what is wrong with the row, or why nobody wrote.
        asked: whether a draft was asked for (`generate.only`).
    """

    number: int
    key: str
    title: str
    old: str
    text: str
    attributes: dict[str, str]
    findings: list[dict[str, Any]]
    route: str
    sources: list[dict[str, Any]]
    similarity: float | None
    score: float | None
    problem: str
    asked: bool


@dataclass(frozen=True)
class Described:
    """A described catalogue, looked through.

    Attributes:
        path: the file.
        shape: how it is read.
        new: what the job calls its columns, and their names in the file.
        plan: the shop's columns: title, id, attributes that stood in the prompt.
        old: the shop's own column of descriptions; None: it has none.
        language: what the job was told that the texts are written in; None: nothing.
        house: the house rules that the job kept to, or those given now.
        spoken: the shop's column that says a row's language; None: none does.
    """

    path: Path
    shape: Shape
    new: dict[str, str]
    plan: Plan
    old: str | None
    language: str | None
    house: HouseSettings = field(default_factory=HouseSettings)
    spoken: str | None = None

    @property
    def own(self) -> list[str]:
        """The shop's columns, in their order."""
        added = set(self.new.values())
        return [name for name in self.shape.names if name not in added]

    @property
    def own_shape(self) -> Shape:
        """The file without the columns of the job."""
        added = set(self.new.values())
        labels = [label for label, name in zip(self.shape.labels, self.shape.names, strict=False) if name not in added]
        columns = {name: kinds for name, kinds in self.shape.columns.items() if name not in added}
        return replace(self.shape, labels=labels, columns=columns)

    def drafts(self) -> Iterator[Draft]:
        """Every row, in the file's order."""
        used: dict[str, int] = {}
        title, new = self.plan.title, {key: name for key, name in self.new.items() if key in _SHOWN}
        rest = [name for name in self.own if name not in (title, self.old)]
        guarded = self.shape.format == "table"
        for row in catalogue_rows.read(self.shape):
            cells = {key: self._cell(row, name, guarded) for key, name in new.items()}
            heading = cell_of(row.values.get(title)).strip()
            name = (cell_of(row.values.get(self.plan.id)).strip() if self.plan.id else "") or heading or "row"
            sources = _list(cells.get("sources", ""))
            near = [one["similarity"] for one in sources if isinstance(one.get("similarity"), int | float)]
            yield Draft(
                number=row.number,
                key=_unused(name, used),
                title=heading,
                old=cell_of(row.values.get(self.old)) if self.old else "",
                text=cells["description"],
                attributes={key: text for key in rest if (text := cell_of(row.values.get(key)))},
                findings=_list(cells["findings"]),
                route=cells["route"],
                sources=sources,
                similarity=max(near, default=None),
                score=_number(cells.get("score", "")),
                problem=cells.get("problem", "") or row.error or "",
                asked=bool(cells["description"] or cells["route"] or cells.get("problem") or row.error),
            )

    @staticmethod
    def _cell(row: Row, name: str, guarded: bool) -> str:
        """A cell of the job's, without the apostrophe that keeps spreadsheets from taking it for a formula."""
        text = cell_of(row.values.get(name))
        return text[1:] if guarded and text.startswith("'") and neutral(text[1:]) == text else text


def described(path: Path, recipe: Recipe) -> Described:
    """Look a described catalogue through.

    Args:
        path: what `generate --input` wrote.
        recipe: names of columns, where they cannot be found; the manifest beside the file wins.

    Raises:
        ShelftalkerError: it cannot be read, or no job described it.
    """
    if not path.is_file():
        raise ShelftalkerError("no such described catalogue", where=str(path), mend=_make(path))
    # The shape of what the job wrote: its columns are found by name, and no row of it is another product's variant.
    shape = catalogue_rows.inspect(path, recipe.prepare)
    shape.reading = None
    new = {key: name for key in NEW_TYPES if (name := _added(key, shape.names))}
    missing = [key for key in NEEDED if key not in new]
    if missing:
        raise ShelftalkerError(
            f"this is no described catalogue: there is no column {missing[0]}",
            where=f"{path}; columns: {shown(shape.names)}",
            mend=_make(path),
        )
    settings = _settings(path)
    columns = settings.get("columns", {})
    # Drafts of further fields are not the shop's columns; they wait in the described file.
    for key in columns_of(columns.get("asked", ())):
        if key not in new and (name := _added(key, shape.names)):
            new[key] = name
    own = [name for name in shape.names if name not in new.values()]
    if columns.get("title") in own:
        fields = {name: column for name, column in columns.get("fields", {}).items() if column in own}
        also = {name: column for name, column in columns.get("also", {}).items() if column in own}
        chosen = Plan(columns["title"], columns["id"] if columns.get("id") in own else None, fields, {}, also=also)
    else:
        chosen = plan(own, recipe, str(path))
    rest = [name for name in own if name != chosen.title]
    # A second look finds no error that the job has not met: the language was asked for then.
    old = given(recipe.prepare.description_column, own, str(path), "prepare.description_column")
    old = old or by_role("description", rest, recipe.prepare.locale, str(path))
    run_with = settings.get("run_with", {})
    language = recipe.language or run_with.get("language")
    kept = (
        recipe.house if "house" in recipe.model_fields_set else HouseSettings.model_validate(run_with.get("house", {}))
    )
    spoken = recipe.prepare.language_column or run_with.get("prepare", {}).get("language_column")
    spoken = {**chosen.also, **chosen.fields}.get(spoken, spoken)
    return Described(path, shape, new, chosen, old, language, kept, spoken)


def _make(path: Path) -> str:
    return f"shelftalker generate --input CATALOGUE --output {path.name}"


def _added(key: str, names: list[str]) -> str | None:
    """The column that a job added under ``key``: the one with the most "generated_" before it."""
    alike = [name for name in names if name.endswith(key) and not name.removesuffix(key).replace("generated_", "")]
    return max(alike, key=len, default=None)


def _settings(path: Path) -> dict[str, Any]:
    """What the manifest beside the file says of the job; nothing where there is none."""
    manifest = path.with_name(f"{path.name}.manifest.json")
    if not manifest.is_file():
        return {}
    found = files.read_json(manifest)
    settings = found.get("settings", {}) if isinstance(found, dict) else {}
    return settings if isinstance(settings, dict) else {}


def _unused(name: str, used: dict[str, int]) -> str:
    """A key that no row has yet: the name, with a number behind it where it repeats."""
    key = name
    while key in used:
        used[name] += 1
        key = f"{name} #{used[name]}"
    used[key] = 1
    return key


def _list(cell: str) -> list[dict[str, Any]]:
    """A list of objects as a cell has it; what is none (somebody's note) counts as nothing."""
    if not cell.startswith("["):
        return []
    try:
        found = json.loads(cell)
    except ValueError:
        return []
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _number(cell: str) -> float | None:
    try:
        return float(cell) if cell else None
    except ValueError:
        return None
