"""What was accepted goes into the shop: its columns with descriptions filled in, nothing overwritten unasked."""

from __future__ import annotations

import html
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from shelftalker import console
from shelftalker.catalogue.read import parquet as parquet_reader
from shelftalker.catalogue.read import rows as catalogue_rows
from shelftalker.catalogue.read.row import cell_of
from shelftalker.errors import ShelftalkerError
from shelftalker.files import disk_error
from shelftalker.review.diff import SHOWN, Change
from shelftalker.review.diff import write as write_diff
from shelftalker.writing.job import output as job_output
from shelftalker.writing.job import workbook

if TYPE_CHECKING:
    from shelftalker.review.described import Described
    from shelftalker.review.desk import Desk

Into = Literal["new", "empty", "all"]
DISCLOSURE = "structured_description"
"""Google Merchant's attribute for texts of a model."""
_PARAGRAPHS = re.compile(r"\n\s*\n")
_BULLET = re.compile(r"\s*[-*•–]\s+")


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        output: the file.
        rows: rows in it.
        filled: rows that got an accepted text.
        replaced: of these, rows whose own description it stands in place of.
        kept: accepted texts that were left out, because the row has a description of its own.
        waiting: rows that nobody has decided.
    """

    output: Path
    rows: int
    filled: int
    replaced: int
    kept: int
    waiting: int


def export(
    desk: Desk,
    output: Path,
    *,
    into: Into = "new",
    only_changed: bool = False,
    as_html: bool = False,
    disclosure: bool = False,
    diff: Path | None = None,
) -> Exported:
    """Write the shop's file with the accepted and mended texts.

    Args:
        desk: a catalogue and its decisions.
        output: its name says the format: .jsonl, .csv, .tsv (each also .gz), .parquet or .xlsx.
        into: new: a column `reviewed_description` of its own; empty: the description column, where it is empty; all:
            the description column, whatever it holds.
        only_changed: only rows that get a text.
        as_html: texts as HTML: paragraphs, and lists where lines begin with a dash.
        disclosure: also a column `structured_description` that says that a model wrote the text, as Google Merchant
            wants it.
        diff: also a page of old and new texts.

    Raises:
        ShelftalkerError: the output or the page is there already, its name says no format, or the disk is full.
    """
    catalogue = desk.catalogue
    kind, _ = job_output.format_of(output)
    for path in filter(None, (output, diff)):
        if path.exists() or diff == output:
            raise ShelftalkerError(
                "there is a file of that name", where=str(path), mend="name another, or move it away"
            )
    target = None if into == "new" else catalogue.old
    column = "reviewed_description" if into == "new" else "description"
    added = ({} if target else {column: "VARCHAR"}) | ({DISCLOSURE: "VARCHAR"} if disclosure else {})
    shape = catalogue.own_shape
    if kind == "xlsx":
        workbook.check(output, shape, len(added))
    texts = {
        row["number"]: row
        for row in desk.store.all(
            "select r.number, r.key, r.title, r.old, r.verdict, d.text from rows r "
            "join decisions d on d.id = r.decision where r.verdict in ('accepted', 'mended')"
        )
    }
    counts = dict.fromkeys(("rows", "filled", "replaced", "kept"), 0)
    changes = list[Change]()

    def rows() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        for row in catalogue_rows.read(catalogue.shape):
            own = {name: row.values[name] for name in catalogue.own if name in row.values}
            decided = texts.get(row.number)
            text = decided["text"] if decided is not None else None
            before = cell_of(own.get(target)).strip() if target and target in own else ""
            if text is not None and before and into == "empty":
                counts["kept"] += 1
                text = None
            if text is None and only_changed:
                continue
            counts["rows"] += 1
            new: dict[str, Any] = dict.fromkeys(added)
            if text is not None:
                counts["filled"] += 1
                counts["replaced"] += bool(before)
                shown = paragraphs(text) if as_html else text
                if decided is not None and len(changes) < SHOWN:
                    changes.append(_change(desk, decided, is_replaced=bool(before)))
                if target:
                    own[target] = job_output.neutral(shown) if kind in ("csv", "tsv") else shown
                else:
                    new[column] = shown
                if disclosure:
                    new[DISCLOSURE] = disclosed(text)
            yield own, new

    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{output.name}.", dir=output.parent) as folder:
            part, whole = Path(folder) / "part.jsonl", Path(folder) / "whole"
            _keep(part, rows())
            types = _types(catalogue)
            job_output.assemble([part], whole, output, replace(shape, format="lines"), added=added, own_types=types)
            if diff is not None:
                write_diff(diff, output.name, changes, counts["filled"])
            whole.replace(output)
    except OSError as error:
        raise disk_error(error, output) from error
    if counts["kept"]:
        console.note(f"{counts['kept']:,} accepted texts were left out: their rows have a description (--into all)")
    return Exported(output, **counts, waiting=desk.queue.progress()["waiting"])


def paragraphs(text: str) -> str:
    """A text as HTML: a paragraph for each, a list where lines begin with a dash, all else escaped."""
    blocks = []
    for block in filter(None, map(str.strip, _PARAGRAPHS.split(text))):
        lines = block.splitlines()
        if all(_BULLET.match(line) for line in lines):
            items = "".join(f"<li>{html.escape(_BULLET.sub('', line, count=1), quote=False)}</li>" for line in lines)
            blocks.append(f"<ul>{items}</ul>")
        else:
            blocks.append(f"<p>{'<br>'.join(html.escape(line, quote=False) for line in lines)}</p>")
    return "\n".join(blocks)


def disclosed(text: str) -> str:
    """A text as Google Merchant's `structured_description` in text feeds: source and content, parted by a colon."""
    return 'trained_algorithmic_media:"' + " ".join(text.split()).replace('"', '""') + '"'


def _change(desk: Desk, decided: Any, *, is_replaced: bool) -> Change:
    old, new = (desk.plain(decided[key]) for key in ("old", "text"))
    return Change(decided["key"], decided["title"], old, new, decided["verdict"], is_replaced)


def _keep(part: Path, rows: Iterator[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    import msgspec

    encode = msgspec.json.Encoder().encode
    with part.open("wb") as file:
        for own, new in rows:
            file.write(encode([own, new]) + b"\n")


def _types(catalogue: Described) -> dict[str, str]:
    """The types of a Parquet file's columns, so that dates stay dates; nothing for other formats."""
    if catalogue.shape.format != "parquet":
        return {}
    return parquet_reader.types(catalogue.path)
