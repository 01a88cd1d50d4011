"""From what the user names (files, globs, URLs, `bundled`) to shards of raw rows."""

from __future__ import annotations

import glob as globbing
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from shelftalker import console
from shelftalker.catalogue.clean.shard import Columns, Job
from shelftalker.catalogue.read import columns as named
from shelftalker.catalogue.read import formats
from shelftalker.errors import ShelftalkerError
from shelftalker.recipe.catalogue import PrepareSettings

Format = Literal["lines", "array", "table", "parquet"]
SHARD_BYTES = 8 << 20


@dataclass(frozen=True)
class Source:
    """One input file: where its bytes are, how they are read, and its name in messages and in rejected.jsonl."""

    name: str
    path: Path
    is_test: bool
    format: Format
    columns: Columns
    is_plain: bool
    dialect: dict[str, Any] = field(default_factory=dict)


def locate(inputs: Sequence[str], scratch: Path | None, *, is_test: bool = False) -> list[tuple[str, Path]]:
    """The files that inputs name: (name, path) each, globs in alphabetical order, URLs fetched into ``scratch``.

    Raises:
        ShelftalkerError: a file that is not there, a folder, a URL that cannot be fetched.
    """
    found: list[tuple[str, Path]] = []
    for given in inputs:
        if given == "bundled":
            from shelftalker.bundled import sample_catalogue

            found.append(("bundled", sample_catalogue()))
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
                    "no such catalogue file", where=given, mend="give a file, a glob, a URL, or `bundled`"
                )
            for match in matches:
                if Path(match).is_dir():
                    raise ShelftalkerError(
                        "this is a folder", where=match, mend=f"name the files in it: '{match.rstrip('/')}/*.jsonl'"
                    )
                found.append((match, Path(match)))
    return found


def fetch(url: str, target: Path) -> Path:
    """Copy what a URL names into ``target``.

    http, https and file are read here; every other scheme (s3, gs, hf, ...) by DuckDB, with its own extension and
    credentials; that one holds a file that is not Parquet in memory.

    Raises:
        ShelftalkerError: it cannot be had.
    """
    scheme = urllib.parse.urlsplit(url).scheme
    try:
        if scheme in ("http", "https", "file"):
            with urllib.request.urlopen(url, timeout=60) as reply, target.open("wb") as file:
                total = int(reply.headers.get("Content-Length") or 0) or None
                came = 0
                with console.progress(f"fetch {url}", total, unit="bytes") as bar:
                    while data := reply.read(1 << 20):
                        came += file.write(data)
                        bar.update(came)
                if total and came < total:
                    raise OSError(f"{came:,} of {total:,} bytes came")
        else:
            copy_with_duckdb(url, target)
    except (OSError, ValueError) as error:
        raise ShelftalkerError(f"cannot fetch: {error}", where=url, mend="check the address, or download it") from None
    return target


def copy_with_duckdb(url: str, target: Path) -> None:
    """Copy a file that DuckDB can read (any of its file systems) into ``target``.

    Raises:
        OSError: DuckDB cannot read it.
    """
    import duckdb

    try:
        with duckdb.connect() as connection:
            if urllib.parse.urlsplit(url).path.endswith((".parquet", ".pq")):
                quoted = str(target).replace("'", "''")
                connection.execute(f"copy (from read_parquet(?)) to '{quoted}' (format parquet)", [url])
            else:
                row = connection.execute("select content from read_blob(?)", [url]).fetchone()
                target.write_bytes(row[0] if row else b"")
    except duckdb.Error as error:
        raise OSError(str(error)) from None


def inspect(name: str, path: Path, settings: PrepareSettings, keep: Sequence[str], *, is_test: bool) -> Source:
    """Find out how a file is to be read, from its first bytes and rows.

    Raises:
        ShelftalkerError: it cannot be read, is empty, or lacks a column.
    """
    try:
        with path.open("rb") as raw:
            magic = raw.read(4)
        if magic == b"PAR1":
            names = formats.parquet_names(path, name)
            return Source(name, path, is_test, "parquet", named.find(names, settings, keep, name), is_plain=False)
        with formats.open_binary(path) as file:
            head = formats.read(file, formats.HEAD, name)
    except OSError as error:
        raise ShelftalkerError(
            f"cannot read the catalogue: {error.strerror or error}", where=name, mend="check the file"
        ) from None
    is_plain = magic[:2] != b"\x1f\x8b" and magic != b"\x28\xb5\x2f\xfd"
    if not head.strip():
        raise ShelftalkerError("the catalogue is empty", where=name, mend="give a file with rows")
    text = _head_text(head)
    suffixes = {suffix.casefold() for suffix in Path(urllib.parse.urlsplit(name).path).suffixes}
    if formats.is_array(text):
        names = _keys(formats.array_rows(_once(text)))
        return Source(name, path, is_test, "array", named.find(names, settings, keep, name), is_plain=False)
    names = _keys(iter(head.splitlines()))
    if (names and text.lstrip("\ufeff \t\r\n")[:1] == "{") or suffixes & {".jsonl", ".ndjson", ".json"}:
        return Source(name, path, is_test, "lines", named.find(names, settings, keep, name), is_plain=is_plain)
    dialect = formats.sniff_table(text)
    names = formats.table_names(text, dialect)
    return Source(
        name, path, is_test, "table", named.find(names, settings, keep, name), is_plain=False, dialect=dialect
    )


def jobs(source: Source, number: int, shard_bytes: int = SHARD_BYTES) -> Iterator[Job]:
    """Shards of a source, numbered from ``number``, in file order."""
    job = Job(0, source.name, source.columns, source.is_test)
    if source.format == "lines" and source.is_plain:
        for at, (start, end) in enumerate(_ranges(source.path, shard_bytes)):
            yield replace(job, number=number + at, path=str(source.path), start=start, end=end)
        return
    if source.format == "parquet":
        wanted = [source.columns.title, source.columns.description, *source.columns.keep]
        wanted += [source.columns.id] if source.columns.id else []
        rows = formats.parquet_rows(source.path, list(dict.fromkeys(wanted)), source.name)
        for at, data in enumerate(formats.blocks_of_rows(rows)):
            yield replace(job, number=number + at, data=data)
        return
    with formats.open_binary(source.path) as file:
        if source.format == "lines":
            blocks = formats.blocks_of_lines(file, source.name)
        else:
            try:
                with formats.open_binary(source.path) as again:
                    text = formats.open_text(file, formats.read(again, 4, source.name))
                rows = (
                    formats.array_rows(text)
                    if source.format == "array"
                    else formats.table_rows(text, source.dialect, source.name)
                )
                blocks = formats.blocks_of_rows(rows)
            except (EOFError, OSError) as error:
                raise formats.broken(source.name, error) from None
        at = 0
        while True:
            try:
                block = next(blocks, None)
            except (EOFError, OSError) as error:
                raise formats.broken(source.name, error) from None
            if block is None:
                return
            yield replace(job, number=number + at, data=block)
            at += 1


def _ranges(path: Path, size: int) -> Iterator[tuple[int, int]]:
    """Byte ranges of about ``size`` that begin and end at line ends."""
    with path.open("rb") as file:
        start, total = 0, path.stat().st_size
        while start < total:
            file.seek(min(start + size, total) - 1)
            file.readline()
            end = file.tell()
            yield start, end
            start = end


def _head_text(head: bytes) -> str:
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return head[: len(head) // 2 * 2].decode("utf-16", "replace")
    return head.decode("utf-8-sig", "shelftalker-cp1252")


def _once(text: str) -> Any:
    import io

    return io.StringIO(text)


def _keys(rows: Iterator[bytes]) -> list[str]:
    """The keys of the first thousand objects, in order of appearance."""
    names: dict[str, None] = {}
    for _, line in zip(range(1000), rows, strict=False):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(row, dict):
            names.update(dict.fromkeys(map(str, row)))
    names.pop("__reason__", None)
    return list(names)
