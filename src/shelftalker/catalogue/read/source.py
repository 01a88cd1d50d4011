"""From what the user names (files, globs, URLs, `bundled`) to shards of raw rows."""

from __future__ import annotations

import codecs
import glob as globbing
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from shelftalker import bundled
from shelftalker.catalogue.clean.shard import REASON_KEY, Columns, Job
from shelftalker.catalogue.read import columns as named
from shelftalker.catalogue.read import nested, parquet, shops
from shelftalker.catalogue.read.fetch import fetch
from shelftalker.catalogue.read.readers import read
from shelftalker.catalogue.read.row import Row, text_of
from shelftalker.catalogue.read.shape import Shape
from shelftalker.catalogue.read.sniff import announce, sniff
from shelftalker.catalogue.read.text import BLOCK, blocks_of_lines
from shelftalker.errors import ShelftalkerError
from shelftalker.recipe.catalogue import PrepareSettings

SHARD_BYTES = 8 << 20


@dataclass(frozen=True)
class Source:
    """One input file: how it is read, which of its columns mean what, and which of its rows are products."""

    shape: Shape
    columns: Columns
    reading: shops.Reading
    is_test: bool

    @property
    def name(self) -> str:
        """Its name in messages and in rejected.jsonl."""
        return self.shape.name

    @property
    def path(self) -> Path:
        """Where its bytes are."""
        return self.shape.path

    @property
    def format(self) -> str:
        """Which reader reads it."""
        return self.shape.format


def locate(inputs: Sequence[str], scratch: Path | None, *, is_test: bool = False) -> list[tuple[str, Path]]:
    """The files that inputs name: (name, path) each, globs in alphabetical order, URLs fetched into ``scratch``.

    Raises:
        ShelftalkerError: a file that is not there, a folder, a URL that cannot be fetched.
    """
    found: list[tuple[str, Path]] = []
    for given in inputs:
        if given in bundled.CATALOGUES:
            found.append((given, bundled.sample_catalogue(given)))
        elif "://" in given:
            if scratch is None:
                continue
            target = scratch / f"fetched-{'test-' if is_test else ''}{len(found)}"
            found.append((given, fetch(given, target)))
        else:
            # Path.glob takes no absolute patterns.
            matches = [given] if Path(given).exists() else sorted(globbing.glob(given, recursive=True))  # noqa: PTH207
            if not matches:
                raise ShelftalkerError(
                    "no such catalogue file", where=given, mend="give a file, a glob, a URL, `bundled` or `bundled-pt`"
                )
            for match in matches:
                if Path(match).is_dir():
                    raise ShelftalkerError(
                        "this is a folder", where=match, mend=f"name the files in it: '{match.rstrip('/')}/*.jsonl'"
                    )
                found.append((match, Path(match)))
    return found


def inspect(name: str, path: Path, settings: PrepareSettings, keep: Sequence[str], *, is_test: bool) -> Source:
    """Find out how a file is to be read, from its first bytes and rows.

    Raises:
        ShelftalkerError: it cannot be read, is empty, or lacks a column.
    """
    shape, sample = sniff(path, name, settings, is_test=is_test)
    announce(shape)
    columns = named.find(shape.names, settings, keep, name)
    reading = shops.reading(shape.names, sample, columns.title, columns.id, settings, name)
    return Source(shape, columns, reading, is_test)


def jobs(source: Source, number: int, shard_bytes: int = SHARD_BYTES) -> Iterator[Job]:
    """Shards of a source, numbered from ``number``, in file order."""
    job = Job(0, source.name, source.columns, source.is_test)
    shape = source.shape
    if shape.format == "lines" and not shape.inner and source.reading.is_plain:
        # Workers read JSON lines themselves: of a plain file each its own part.
        if not shape.is_packed and shape.encoding in ("utf-8", "utf-8-sig"):
            for at, (start, end) in enumerate(_ranges(shape.path, shard_bytes)):
                yield replace(job, number=number + at, path=str(shape.path), start=start, end=end)
            return
        blocks = blocks_of_lines(shape)
    else:
        blocks = _blocks(source)
    for at, block in enumerate(blocks):
        yield replace(job, number=number + at, data=block)


def _blocks(source: Source) -> Iterator[bytes]:
    """Rows as JSON lines with the columns that are wanted, some megabytes at a time."""
    wanted = source.columns
    names = [wanted.title, wanted.description, *wanted.more, *([wanted.id] if wanted.id else [])]
    names = list(dict.fromkeys(names))
    encode = msgspec.json.Encoder().encode
    if source.format == "json" and not source.shape.inner and source.reading.is_plain:
        # Elements are lines already: workers find the columns in them.
        broken = encode({REASON_KEY: "broken_row"})
        yield from _joined(line or broken for line in nested.elements(source.shape))
        return
    if source.format == "parquet":
        reading = [getattr(source.reading, key) for key in ("handle", "kind", "view", "short")]
        rows = parquet.rows(source.shape, list(dict.fromkeys([*names, *filter(None, reading)])))
    else:
        rows = read(source.shape)
    yield from _joined(encode(_told(row, source, names)) for row in rows)


def _joined(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Lines as blocks of some megabytes."""
    found: list[bytes] = []
    size = 0
    for line in lines:
        found.append(line)
        size += len(line) + 1
        if size >= BLOCK:
            yield b"\n".join(found) + b"\n"
            found, size = [], 0
    if found:
        yield b"\n".join(found) + b"\n"


def _told(row: Row, source: Source, names: Sequence[str]) -> dict[str, Any]:
    """What a worker is told of a row: its values, or why it is rejected."""
    if row.error is not None:
        return {REASON_KEY: "broken_row"} | {
            name: text for name in names if (text := text_of(row.values.get(name))) is not None
        }
    told = {name: row.values[name] for name in names if name in row.values}
    reading = source.reading
    if reading.is_plain:
        return told
    for name in (source.columns.title, source.columns.description):
        text = reading.description(row, name) if name == source.columns.description else reading.text(row, name)
        if text is not None:
            told[name] = text
    if reason := reading.reason(row):
        told[REASON_KEY] = reason
    return told


def _ranges(path: Path, size: int) -> Iterator[tuple[int, int]]:
    """Byte ranges of about ``size`` that begin and end at line ends."""
    with path.open("rb") as file:
        start, total = 0, path.stat().st_size
        if file.read(3) == codecs.BOM_UTF8:
            start = 3
        while start < total:
            file.seek(min(start + size, total) - 1)
            file.readline()
            end = file.tell()
            yield start, end
            start = end
