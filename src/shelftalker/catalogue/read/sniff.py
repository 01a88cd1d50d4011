"""What a file is: its kind by its first bytes, then its encoding, then how its rows are found in it.

Columns come last: a file that is no catalogue is named for what it is, not blamed for its columns.
"""

from __future__ import annotations

import re
import unicodedata
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from shelftalker import console
from shelftalker.catalogue.read import columns, encoding, feed, parquet, unpack, workbook
from shelftalker.catalogue.read.header import header_row, with_header
from shelftalker.catalogue.read.readers import sampled
from shelftalker.catalogue.read.row import Row, object_row
from shelftalker.catalogue.read.shape import Shape
from shelftalker.catalogue.read.sniff_text import of_text
from shelftalker.catalogue.read.text import BLOCK, HEAD, decoded
from shelftalker.errors import ShelftalkerError
from shelftalker.recipe.catalogue import PrepareSettings

_HTML = re.compile(
    r"[\s\ufeff]*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype html|html|table|head|meta|body|div|style)\b",
    re.IGNORECASE | re.DOTALL,
)
_BREAKS = "\t\r\n\f\v\x1c\x1d\x1e\x1f\x85"
_AS_TABLE = "export it as CSV, JSON lines or Parquet"
_UNPACK = "unpack it, and name the file that is the catalogue"
_KINDS: tuple[tuple[bytes, str, str], ...] = (
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (b"Rar!\x1a\x07", "a RAR archive", _UNPACK),
    (b"\x1f\x9d", "a file packed by compress (.Z)", _UNPACK),
    (b"\x04\x22\x4d\x18", "a file packed by lz4", _UNPACK),
    (b"\xff\x06\0\0sNaPpY", "a file packed by snappy", _UNPACK),
    (b"LZIP", "a file packed by lzip", _UNPACK),
    (b"%PDF", "a PDF document", _AS_TABLE),
    (b"{\\rtf", "a text document (RTF)", _AS_TABLE),
    (b"SQLite format 3", "an SQLite database", "export its table as CSV: sqlite3 -header -csv FILE 'select ...'"),
    (b"ARROW1", "an Arrow (Feather) file", "write it as Parquet"),
    (b"\xff\xff\xff\xff", "an Arrow stream", "write it as Parquet"),
    (b"ORC", "an ORC file", "write it as Parquet"),
    (b"Obj\x01", "an Avro file", "write it as Parquet or JSON lines"),
    (b"\x89HDF", "an HDF5 file", "write it as Parquet"),
    (b"\x93NUMPY", "a NumPy array", "write it as CSV or Parquet"),
    (b"\x80\x04\x95", "a Python pickle, which is not safe to read", "write it as JSON lines or Parquet"),
    (b"\x80\x05\x95", "a Python pickle, which is not safe to read", "write it as JSON lines or Parquet"),
    (b"\x80\x03", "a Python pickle, which is not safe to read", "write it as JSON lines or Parquet"),
    (b"\x89PNG", "a picture", "name the catalogue's file"),
    (b"\xff\xd8\xff", "a picture", "name the catalogue's file"),
    (b"GIF8", "a picture", "name the catalogue's file"),
    (b"GGUF", "a model's weights (GGUF)", "name the catalogue's file"),
    (b"\x7fELF", "a program", "name the catalogue's file"),
    (b"MZ\x90", "a program", "name the catalogue's file"),
    (b"version https://git-lfs", "a Git LFS pointer; the file itself is not here", "fetch it: git lfs pull"),
)


def sniff(path: Path, name: str, settings: PrepareSettings, *, is_test: bool = False) -> tuple[Shape, list[Row]]:
    """How a file is read and its columns, and its first rows.

    Args:
        path: the file.
        name: what messages call it.
        settings: of the recipe; encoding and records say what is not to be found out.
        is_test: whether the test split is wanted, where an archive holds both.

    Raises:
        ShelftalkerError: it cannot be read, is empty, or is no catalogue: then what it is.
    """
    try:
        with path.open("rb") as raw:
            magic = raw.read(1024)
        if not magic:
            raise _empty(name)
        if magic[:4] == b"PAR1":
            return _of_names(Shape(path, "parquet", name), parquet.names(path, name))
        if magic[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" or _is_workbook(path, magic):
            return _workbook(path, name, settings)
        shape = Shape(path, "table", name, is_packed=unpack.is_packed(path))
        if magic[:4] == b"PK\x03\x04":
            shape.member = unpack.member_of(path, name, is_test=is_test)
            console.note(f"{name}: reading {shape.member}")
        with unpack.open_binary(path, shape.member, name) as file:
            head = unpack.read(file, HEAD, name)
            is_whole = not unpack.read(file, 1, name)
    except OSError as error:
        raise ShelftalkerError(
            f"cannot read the catalogue: {error.strerror or error}", where=name, mend="check the file"
        ) from None
    _refuse(head, name)
    if not head.strip():
        raise _empty(name)
    if head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<" and not settings.encoding:
        return _marked_up(shape, head, head[:4096].decode("utf-8", "replace"), settings)
    telling = head
    if head.isascii() and not is_whole and not _begins_as_lines(head):
        telling = _beyond_ascii(shape) or head
    shape.encoding = _encoding(telling, name, settings, is_whole=is_whole)
    text = decoded(head, shape.encoding)
    if not text.strip("\ufeff \t\r\n"):
        raise _empty(name)
    if text.lstrip("\ufeff \t\r\n")[:1] == "<":
        return _marked_up(shape, head, text[:4096], settings)
    if not _begins_as_lines(head):
        _refuse_binary(text, name)
    return of_text(shape, text, settings, is_whole=is_whole)


def announce(shape: Shape) -> None:
    """Say what was found out and could be wrong."""
    if shape.encoding not in ("utf-8", "utf-8-sig"):
        console.note(f"{shape.name}: read as {shape.encoding}, not UTF-8 (another: --prepare.encoding)")
    if shape.records and shape.format == "json":
        console.note(f"{shape.name}: the rows are nested under {'.'.join((*shape.records, *shape.inner))}")


def _encoding(head: bytes, name: str, settings: PrepareSettings, *, is_whole: bool) -> str:
    if settings.encoding:
        return encoding.known(settings.encoding, "prepare.encoding")
    try:
        return encoding.detect(head, name, whole=is_whole)
    except ShelftalkerError:
        if _begins_as_lines(head):
            # Broken lines among JSON lines: each line is read by itself, and those that are not UTF-8 are counted.
            return "utf-8"
        _refuse_binary(head.decode("ascii", "ignore"), name)
        raise


def _beyond_ascii(shape: Shape) -> bytes:
    """The first whole lines of a long file that hold more than ASCII; of JSON lines, whoever reads them counts."""
    with unpack.open_binary(shape.path, shape.member, shape.name) as file:
        while data := unpack.read(file, BLOCK, shape.name):
            if not data.isascii():
                return data[data.find(b"\n") + 1 : data.rfind(b"\n") + 1]
    return b""


def _begins_as_lines(head: bytes) -> bool:
    """Whether the first line is a JSON object in UTF-8."""
    begin = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    return begin[:1] == b"{" and object_row(0, begin.partition(b"\n")[0]).error is None


def _refuse(head: bytes, name: str) -> None:
    """Say what a file is that is no catalogue."""
    for magic, what, mend in _KINDS:
        if head.startswith(magic):
            raise ShelftalkerError(f"this is {what}", where=name, mend=mend)
    if head[257:262] == b"ustar":
        raise ShelftalkerError("this is a tar archive", where=name, mend=_UNPACK)
    if head[:4] in (b"PAR1", b"PK\x03\x04", b"\xd0\xcf\x11\xe0"):
        raise ShelftalkerError("this is a packed Parquet file, workbook or archive", where=name, mend=_UNPACK)


def _refuse_binary(text: str, name: str) -> None:
    some = text[:20_000]
    odd = sum(unicodedata.category(letter) in ("Cc", "Cn", "Co", "Cs") and letter not in _BREAKS for letter in some)
    if "\0" in some or (odd + some.count("\ufffd")) * 20 > len(some):
        raise ShelftalkerError("this is no text, and no kind of file that is known here", where=name, mend=_AS_TABLE)


def _is_workbook(path: Path, magic: bytes) -> bool:
    if magic[:4] != b"PK\x03\x04":
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            names = {PurePosixPath(entry).parts[:1] for entry in archive.namelist() if entry.strip("/")}
            if ("xl",) in names:
                return True
            for folder, what in (("word", "a Word document"), ("ppt", "a presentation")):
                if (folder,) in names and ("[Content_Types].xml",) in names:
                    raise ShelftalkerError(f"this is {what}", where=str(path), mend=_AS_TABLE)
            return ("mimetype",) in names and b"spreadsheet" in archive.read("mimetype")
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError, NotImplementedError):
        return False


def _workbook(path: Path, name: str, settings: PrepareSettings) -> tuple[Shape, list[Row]]:
    found = {sheet: [[workbook.label(cell) for cell in cells] for cells in some] for sheet, some in
             workbook.sheets(path, name).items()}  # fmt: skip
    if not found:
        raise ShelftalkerError("the workbook is empty", where=name, mend="give one with rows")
    sheet = settings.records or _sheet(found, settings)
    if sheet not in found:
        raise ShelftalkerError(
            f"the workbook has no sheet {sheet!r}", where=f"{name}: {', '.join(found)}", mend="name one of these"
        )
    if len(found) > 1:
        console.note(f"{name}: reading the sheet {sheet} of {', '.join(found)} (another: --prepare.records)")
    shape = with_header(Shape(path, "workbook", name, records=(sheet,)), found[sheet], settings)
    return sampled(shape)


def _sheet(found: dict[str, list[list[str]]], settings: PrepareSettings) -> str:
    """The first sheet whose header names columns, else the first."""
    for sheet, rows in found.items():
        if sum(columns.role_of(cell) is not None for cell in rows[header_row(rows, settings)]) >= 2:
            return sheet
    return next(iter(found))


def _marked_up(shape: Shape, head: bytes, begin: str, settings: PrepareSettings) -> tuple[Shape, list[Row]]:
    if _HTML.match(begin):
        raise ShelftalkerError(
            "this is an HTML page" + (", not a workbook" if shape.path.suffix.casefold().startswith(".xls") else ""),
            where=shape.name,
            mend="open it in a spreadsheet and save it as .xlsx or CSV",
        )
    if "urn:schemas-microsoft-com:office:spreadsheet" in begin:
        raise ShelftalkerError(
            "this is an XML spreadsheet of Excel 2003", where=shape.name, mend="open it, and save it as .xlsx or CSV"
        )
    found = feed.candidates(head)
    named = [one for one in found if one[0] == settings.records] if settings.records else found
    if settings.records and not named:
        # It may come later than the head.
        named = [(settings.records, 0, [])]
    titled = [one for one in named if any(columns.role_of(name) == "title" for name in one[2])] or named
    if not titled:
        raise ShelftalkerError(
            "this is XML in which no element repeats like a product",
            where=shape.name,
            mend="name the element that is a product: --prepare.records ELEMENT",
        )
    shape = replace(shape, format="xml", records=(titled[0][0],), encoding="utf-8")
    return sampled(shape)


def _of_names(shape: Shape, names: Sequence[str]) -> tuple[Shape, list[Row]]:
    return sampled(replace(shape, columns={name: set() for name in names}))


def _empty(name: str) -> ShelftalkerError:
    return ShelftalkerError("the catalogue is empty: it has no rows", where=name, mend="give a file with rows")
