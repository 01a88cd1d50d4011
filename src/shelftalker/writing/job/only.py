"""Which rows of a catalogue a job writes: all, those without a description, or those of a list."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from shelftalker.catalogue.read.columns import by_role, given
from shelftalker.catalogue.read.rows import Row, text_of
from shelftalker.errors import ShelftalkerError

if TYPE_CHECKING:
    from shelftalker.recipe.recipe import Recipe


@dataclass(frozen=True)
class Only:
    """The rows that are written; the others keep their place, and nothing is added to them.

    Attributes:
        kind: all, empty or listed.
        column: for `empty`, the column with the descriptions that are there; for `listed`, the one with the ids.
        ids: for `listed`, the ids.
    """

    kind: Literal["all", "empty", "listed"] = "all"
    column: str = ""
    ids: frozenset[str] = frozenset()

    def wants(self, row: Row, clean: Callable[[str], str]) -> bool:
        """Whether a row is written.

        Args:
            row: the row.
            clean: takes markup and spaces out of a text: `<p>&nbsp;</p>` is no description.
        """
        if self.kind == "all":
            return True
        text = text_of(row.values.get(self.column)) or ""
        return text.strip() in self.ids if self.kind == "listed" else not clean(text)


def only(names: Sequence[str], title: str, identity: str | None, recipe: Recipe, where: str) -> Only:
    """The rows that a recipe asks for.

    Raises:
        ShelftalkerError: no column with descriptions or ids, or a list that is missing, empty or not asked for.
    """
    asked, path = recipe.generate.only, recipe.generate.listed
    if (asked == "listed") != (path is not None):
        raise ShelftalkerError(
            "--only listed and --listed FILE go together",
            where="recipe keys generate.only and generate.listed",
            mend="--only listed --listed ids.txt, a file with one id a line",
        )
    if asked == "empty":
        column = given(recipe.prepare.description_column, names, where, "prepare.description_column")
        column = column or by_role(
            "description", [name for name in names if name != title], recipe.prepare.locale, where
        )
        if column is None:
            raise ShelftalkerError(
                "--only empty, but no column is named like a description",
                where=f"{where}: {', '.join(names[:30])}",
                mend="name it with --prepare.description_column, or leave --only out: every row is written",
            )
        return Only("empty", column)
    if asked == "listed":
        if identity is None:
            raise ShelftalkerError(
                "--only listed, but no column is named like an id",
                where=f"{where}: {', '.join(names[:30])}",
                mend="name it with --prepare.id_column",
            )
        return Only("listed", identity, _ids(Path(str(path))))
    return Only()


def missing(ids: frozenset[str], column: str, rows: Iterable[Row]) -> list[str]:
    """The listed ids that no row has, in order."""
    left = set(ids)
    for row in rows:
        left.discard((text_of(row.values.get(column)) or "").strip())
        if not left:
            break
    return sorted(left)


def _ids(path: Path) -> frozenset[str]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ShelftalkerError(
            f"cannot read the list of ids: {getattr(error, 'strerror', None) or 'it is no UTF-8 text'}",
            where=str(path),
            mend="give --listed a text file with one id a line",
        ) from None
    found = frozenset(line.strip() for line in text.splitlines() if line.strip())
    if not found:
        raise ShelftalkerError("the list of ids is empty", where=str(path), mend="write one id a line")
    return found
