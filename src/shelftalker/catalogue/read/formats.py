"""Readers of every format but plain JSON lines: each turns a file into blocks of JSON lines, one a record."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from shelftalker.catalogue.clean.shard import REASON_KEY
from shelftalker.catalogue.read.columns import normal, shop_of
from shelftalker.errors import ShelftalkerError

BLOCK = 8 << 20
HEAD = 1 << 20
LONGEST_ELEMENT = 64 << 20
_WRAPPER = re.compile(r'\s*\{\s*"(?:products|items|data|results|rows)"\s*:\s*(?=\[)')


def open_binary(path: Path) -> IO[bytes]:
    """A file's bytes, decompressed where it begins like gzip or Zstandard."""
    with path.open("rb") as file:
        magic = file.read(4)
    if magic[:2] == b"\x1f\x8b":
        from isal import igzip_threaded

        return igzip_threaded.open(str(path), "rb", threads=1)  # type: ignore[no-any-return]
    if magic == b"\x28\xb5\x2f\xfd":
        from backports import zstd

        return zstd.open(path, "rb")  # type: ignore[return-value]
    return path.open("rb")


def read(file: IO[bytes], size: int, where: str) -> bytes:
    """Read from a file that may be compressed.

    Raises:
        ShelftalkerError: the compressed file is cut short or broken.
    """
    try:
        return file.read(size)
    except (EOFError, ValueError, OSError) as error:
        raise broken(where, error) from None
    except Exception as error:
        if type(error).__name__ in ("ZstdError", "IsalError", "error", "BadGzipFile"):
            raise broken(where, error) from None
        raise


def broken(where: str, error: Exception) -> ShelftalkerError:
    """The error for a file whose bytes cannot be had."""
    return ShelftalkerError(
        f"the file is cut short or broken: {error}", where=where, mend="download or make the file again"
    )


def blocks_of_lines(file: IO[bytes], where: str) -> Iterator[bytes]:
    """Whole lines of JSON lines, some megabytes at a time."""
    rest = b""
    while data := read(file, BLOCK, where):
        cut = data.rfind(b"\n") + 1
        if cut == 0:
            rest += data
            continue
        yield rest + data[:cut]
        rest = data[cut:]
    if rest:
        yield rest


def blocks_of_rows(rows: Iterator[bytes]) -> Iterator[bytes]:
    """Records, one JSON line each, as blocks."""
    found: list[bytes] = []
    size = 0
    for row in rows:
        found.append(row)
        size += len(row) + 1
        if size >= BLOCK:
            yield b"\n".join(found) + b"\n"
            found, size = [], 0
    if found:
        yield b"\n".join(found) + b"\n"


# --- text that may be in any encoding --------------------------------------------------------------------------


def _as_cp1252(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    bad = error.object[error.start : error.end]
    return bad.decode("cp1252", "replace"), error.end


codecs.register_error("shelftalker-cp1252", _as_cp1252)


def open_text(file: IO[bytes], head: bytes) -> io.TextIOWrapper:
    """Text of a binary file: UTF-16 by its mark, else UTF-8, and byte by byte Windows-1252 where it is not UTF-8."""
    encoding = "utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    return io.TextIOWrapper(_Bytes(file), encoding=encoding, errors="shelftalker-cp1252", newline="")  # type: ignore[arg-type]


class _Bytes(io.RawIOBase):
    """A plain binary stream around one of the decompressors, whose own interfaces differ."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    read1 = io.RawIOBase.read


# --- a JSON array ----------------------------------------------------------------------------------------------


def is_array(head: str) -> bool:
    """Whether a text begins like a JSON array, or like an object that wraps one ({"products": [...]})."""
    return head.lstrip("\ufeff \t\r\n")[:1] == "[" or _WRAPPER.match(head) is not None


def array_rows(text: IO[str]) -> Iterator[bytes]:
    """The elements of a JSON array, read piece by piece; what follows a fault is one broken row."""
    decode = json.JSONDecoder().raw_decode
    buffer = text.read(HEAD)
    wrapper = _WRAPPER.match(buffer)
    at = wrapper.end() if wrapper else buffer.index("[")
    at += 1
    pending = HEAD
    while True:
        while at < len(buffer) and buffer[at] in " \t\r\n,":
            at += 1
        if at < len(buffer):
            if buffer[at] == "]":
                return
            try:
                _, end = decode(buffer, at)
                # A number at the very end may go on in the next piece; objects cannot.
                if buffer[at] in "{[" or end < len(buffer):
                    yield buffer[at:end].replace("\n", " ").replace("\r", " ").encode("utf-8", "replace")
                    at = end
                    continue
            except (ValueError, RecursionError):
                if len(buffer) - at > LONGEST_ELEMENT:
                    break
        more = text.read(pending)
        if not more:
            if at >= len(buffer):
                return
            break
        buffer = buffer[at:] + more
        at = 0
        # Reading ever more keeps a long element's cost linear.
        pending = max(HEAD, len(buffer))
    while text.read(BLOCK):
        pass
    yield json.dumps({REASON_KEY: "broken_row"}).encode()


# --- tables ----------------------------------------------------------------------------------------------------


def sniff_table(head: str) -> dict[str, Any]:
    """Delimiter and quoting of a table, by how well its first lines come out as records of one width."""
    best: tuple[float, dict[str, Any]] = (-1.0, {"delimiter": ","})
    lines = head[: 256 << 10]
    escaped = lines.count('\\"') > lines.count('""') + lines.count(',"",') * 2
    for delimiter in ",;\t|":
        dialect: dict[str, Any] = {"delimiter": delimiter}
        if escaped:
            dialect |= {"escapechar": "\\", "doublequote": False}
        try:
            rows = [row for row in csv.reader(io.StringIO(lines, newline=""), **dialect) if row][:200]
        except csv.Error:
            continue
        if not rows or len(rows[0]) < 2:
            continue
        width = len(rows[0])
        body = rows[1:-1] or rows[1:]
        steady = sum(len(row) == width for row in body) / len(body) if body else 1.0
        if steady + min(width, 20) / 1000 > best[0]:
            best = (steady + min(width, 20) / 1000, dialect)
    return best[1]


def table_names(head: str, dialect: dict[str, Any]) -> list[str]:
    """The names in a table's header."""
    for row in csv.reader(io.StringIO(head, newline=""), **dialect):
        if row:
            return [name.strip() for name in row]
    return []


def table_rows(text: IO[str], dialect: dict[str, Any], where: str) -> Iterator[bytes]:
    """Records of a table as JSON lines; a record with more cells than the header is a broken row."""
    csv.field_size_limit(sys.maxsize)
    reader = csv.reader(text, **dialect)
    names: list[str] | None = None
    shop = None
    try:
        for cells in reader:
            if not cells:
                continue
            if names is None:
                names = [name.strip() for name in cells]
                shop = shop_of(names)
                continue
            if len(cells) > len(names) and any(cells[len(names) :]):
                yield json.dumps({REASON_KEY: "broken_row"}).encode()
                continue
            row = dict(zip(names, cells, strict=False))
            if shop:
                row = _shop_row(row, shop)
            yield json.dumps(row).encode()
    except csv.Error as error:
        raise ShelftalkerError(
            f"the table cannot be read: {error}", where=f"{where}, line {reader.line_num}", mend="mend that line"
        ) from None


def _shop_row(row: dict[str, str], shop: str) -> dict[str, str]:
    """A record of a shop's export: variants marked, descriptions as the shop shows them."""
    by_normal = {normal(name): name for name in row}
    if shop == "shopify":
        # A product's first row has all; its further variants and pictures repeat the handle alone.
        if not row[by_normal["title"]].strip():
            row[REASON_KEY] = "variant"
        return row
    kinds = row.get(by_normal["type"], "").casefold().split(",")  # "variation, virtual"
    if "variation" in map(str.strip, kinds):
        row[REASON_KEY] = "variant"
    title, description = by_normal["name"], by_normal["description"]
    short = by_normal.get("short_description")
    if short and not row.get(description, "").strip():
        row[description] = row.get(short, "")
    # As WooCommerce's own importer reads: \n is a line break, \\n is \n, and a quote before = + - @ keeps spreadsheets
    # from calculating.
    parts = row.get(description, "").replace("\\r\\n", "\\n").split("\\\\n")
    row[description] = "\\n".join(part.replace("\\n", "\n") for part in parts)
    for name in (title, description):
        if row.get(name, "")[:2] in ("'=", "'+", "'-", "'@"):
            row[name] = row[name][1:]
    return row


# --- Parquet ---------------------------------------------------------------------------------------------------


def parquet_names(path: Path, where: str) -> list[str]:
    """The columns of a Parquet file."""
    import duckdb

    try:
        with duckdb.connect() as connection:
            found = connection.execute("describe select * from read_parquet(?)", [str(path)]).fetchall()
    except duckdb.Error as error:
        raise broken(where, error) from None
    return [str(row[0]) for row in found]


def parquet_rows(path: Path, names: Sequence[str], where: str) -> Iterator[bytes]:
    """Records of a Parquet file as JSON lines, in file order."""
    import duckdb
    import msgspec

    encode = msgspec.json.Encoder(enc_hook=str).encode
    quoted = ", ".join('"' + name.replace('"', '""') + '"' for name in names)
    try:
        with duckdb.connect(config={"memory_limit": "512MB", "threads": 1}) as connection:
            found = connection.execute(f"select {quoted} from read_parquet(?)", [str(path)])
            while rows := found.fetchmany(2048):
                for row in rows:
                    yield encode(dict(zip(names, row, strict=True)))
    except duckdb.Error as error:
        raise broken(where, error) from None
