"""Each reader, on files as they come and on broken ones: the rows that are there, or one clear refusal."""

from __future__ import annotations

import bz2
import codecs
import csv
import gzip
import io
import json
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import duckdb
import xlsxwriter
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from shelftalker import console
from shelftalker.catalogue.read import rows, source
from shelftalker.catalogue.read.row import plain
from shelftalker.catalogue.read.shape import Shape
from shelftalker.errors import ShelftalkerError
from shelftalker.recipe.catalogue import PrepareSettings

console.configure(quiet=True)
FUZZ = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
LETTERS = st.characters(
    codec="utf-8", exclude_categories=["Cc", "Cs", "Cn", "Co"], exclude_characters="\ufeff\u2028\u2029"
)
TEXT = st.text(LETTERS, max_size=12)
CELL = st.one_of(
    TEXT,
    st.sampled_from(
        ["Oak stool, 40 cm", 'The "best" mug', "Größe;M|x\ty", "two\nlines", "踏み台", "-5", "=A1", "'", '"', ""]
    ),
)
NAME = st.sampled_from(
    [
        "title",
        "Name",
        "description",
        "Beschreibung",
        "SKU",
        "id",
        "商品名",
        "Цвет",
        "Stück/Preis",
        "a b",
        "size",
        "Title",
    ]
)
PACK: dict[str, Callable[[bytes], bytes]] = {
    "plain": lambda data: data,
    "gzip": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zip": lambda data: _zip(data),
    "gzip in zip": lambda data: _zip(gzip.compress(data)),
}
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"]


def _zip(data: bytes) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("shop/catalogue.bin", data)
        archive.writestr("__MACOSX/shop/._catalogue.bin", b"x")
    return held.getvalue()


def encoded(text: str, encoding: str) -> bytes:
    return text.encode(encoding)


def values_of(shape: Shape) -> list[dict[str, Any]]:
    found = list(rows.read(shape))
    assert [row.number for row in found] == list(range(len(found)))
    assert all(row.error is None for row in found), [row.error for row in found]
    return [{name: plain(value) for name, value in row.values.items()} for row in found]


def inspected(path: Path, data: bytes, **keys: Any) -> Shape:
    path.write_bytes(data)
    return rows.inspect(path, PrepareSettings(**keys))


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[list[str]]]:
    labels = ["title", *draw(st.lists(NAME, min_size=1, max_size=5))]
    labels = draw(st.permutations(labels))
    body = draw(st.lists(st.lists(CELL, min_size=len(labels), max_size=len(labels)), min_size=1, max_size=8))
    # An empty record is no row, in any table.
    return labels, [[cell or "-" if at == 0 else cell for at, cell in enumerate(row)] for row in body]


@FUZZ
@given(
    tables(), st.sampled_from(",;\t|"), st.booleans(), st.sampled_from(["\r\n", "\n"]), st.sampled_from(ENCODINGS),
    st.sampled_from(list(PACK)), st.booleans(),
)  # fmt: skip
def test_tables(
    tmp_path: Path,
    made: tuple[list[str], list[list[str]]],
    delimiter: str,
    quoted: bool,
    ending: str,
    encoding: str,
    pack: str,
    has_line: bool,
) -> None:
    labels, body = made
    text = io.StringIO(newline="")
    quoting = csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL
    csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator=ending).writerows([labels, *body])
    written = f"sep={delimiter}{ending}" * has_line + text.getvalue()
    shape = inspected(tmp_path / "c", PACK[pack](encoded(written, encoding)))
    assert shape.labels == labels
    assert len(set(shape.names)) == len(labels)
    assert values_of(shape) == [dict(zip(shape.names, row, strict=True)) for row in body]
    assert shape.rows == len(body)


VALUE = st.one_of(CELL, st.integers(-(10**9), 10**9), st.booleans(), st.none(), st.lists(TEXT, max_size=2))
KEY = st.sampled_from(["title", "name", "description", "sku", "商品名", "größe", "", "a.b", "Title", "x y"])
ROW = st.dictionaries(KEY, VALUE, max_size=5).map(lambda row: {"title": "Mug"} | row)
RECORDS = st.lists(ROW, min_size=1, max_size=6)


@FUZZ
@given(
    RECORDS,
    st.sampled_from(ENCODINGS),
    st.sampled_from(list(PACK)),
    st.booleans(),
    st.sampled_from(["\n", "\r\n", "\n\n"]),
)
def test_json_lines(
    tmp_path: Path, records: list[dict[str, Any]], encoding: str, pack: str, ascii_only: bool, ending: str
) -> None:
    # One object with lists in it may be a whole table by columns, which is refused in so many words.
    assume(len(records) > 1 or not any(isinstance(value, list) for value in records[0].values()))
    text = "".join(json.dumps(record, ensure_ascii=ascii_only) + ending for record in records)
    shape = inspected(tmp_path / "c.jsonl", PACK[pack](encoded(text, encoding)))
    assert shape.rows == len(records)
    assert values_of(shape) == records
    assert shape.names == list(dict.fromkeys(key for record in records for key in record))


@FUZZ
@given(
    RECORDS,
    st.sampled_from(["utf-8", "utf-16"]),
    st.sampled_from([None, 1, "\t"]),
    st.lists(st.sampled_from(["data", "products", "results", "items", "a b", "größe"]), max_size=3),
    st.booleans(),
    st.booleans(),
)
def test_nested_json(
    tmp_path: Path,
    records: list[dict[str, Any]],
    encoding: str,
    indent: int | str | None,
    keys: list[str],
    in_nodes: bool,
    named: bool,
) -> None:
    nodes = in_nodes and len(keys) > 0
    held: Any = [{"node": record} for record in records] if nodes else records
    for key in reversed(keys):
        held = {"count": len(records), "of": {"n": [1, 2]}, key: held, "next": None}
    wanted = {"records": ".".join([*keys, *["node"] * nodes])} if named and keys else {}
    shape = inspected(tmp_path / "c", encoded(json.dumps(held, indent=indent), encoding), **wanted)
    assert values_of(shape) == records


@FUZZ
@given(RECORDS)
def test_python_lines(tmp_path: Path, records: list[dict[str, Any]]) -> None:
    text = "".join(repr({"asin": "A1"} | record) + "\n" for record in records)
    shape = inspected(tmp_path / "c.json", text.encode())
    assert values_of(shape) == [{"asin": "A1"} | record for record in records]


XML_NAME = st.sampled_from(["title", "g:title", "description", "price", "sku", "größe"])


@FUZZ
@given(
    st.lists(st.dictionaries(XML_NAME, CELL, min_size=1), min_size=1, max_size=5),
    st.sampled_from(["item", "entry", "product", "SHOPITEM"]),
    st.sampled_from(["utf-8", "utf-16", "iso-8859-1"]),
    st.booleans(),
)
def test_xml_feeds(
    tmp_path: Path, records: list[dict[str, str]], element: str, encoding: str, has_attribute: bool
) -> None:
    records = [{"title": "Mug"} | record for record in records]
    for record in records:
        for name, text in record.items():
            # XML itself takes line ends so, and has no place for other controls.
            record[name] = text.replace("\r\n", "\n").replace("\r", "\n")
    items = "".join(
        f"<{element}{' id=' + quoteattr(str(at)) if has_attribute else ''}>"
        + "".join(f"<{name}>{escape(text)}</{name}>" for name, text in record.items())
        + f"</{element}>\n"
        for at, record in enumerate(records)
    )
    text = f'<?xml version="1.0" encoding="{encoding}"?>\n<rss xmlns:g="http://x.test/ns"><channel>'
    text += f"<title>S</title>{items}</channel></rss>"
    shape = inspected(tmp_path / "c", text.encode(encoding, "xmlcharrefreplace"))
    ids = [{"id": str(at)} if has_attribute else {} for at in range(len(records))]
    assert values_of(shape) == [number | record for number, record in zip(ids, records, strict=True)]


@FUZZ
@given(tables(), st.integers(0, 2))
def test_workbooks(tmp_path: Path, made: tuple[list[str], list[list[str]]], above: int) -> None:
    labels, body = made
    path = tmp_path / "c.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        book.add_worksheet("Empty")
        sheet = book.add_worksheet("Products")
        lines = [["Our list", ""], ["of today"]][:above] if {"SKU", "id"} & set(labels) else []
        for at, cells in enumerate([*lines, labels, *body]):
            for place, cell in enumerate(cells):
                if cell:
                    sheet.write_string(at, place, cell)
    shape = rows.inspect(path)
    assert shape.labels == labels
    assert values_of(shape) == [dict(zip(shape.names, row, strict=True)) for row in body]


@FUZZ
@given(RECORDS)
def test_parquet(tmp_path: Path, records: list[dict[str, Any]]) -> None:
    names = ["title", "größe", "x y"]
    with duckdb.connect() as connection:
        connection.execute('create table t ("title" varchar, "größe" varchar, "x y" bigint)')
        for record in records:
            cells = [None if record.get(name) is None else str(record[name]) for name in names[:2]]
            connection.execute("insert into t values (?, ?, ?)", [*cells, len(record)])
        held = connection.execute("select * from t").fetchall()
        (tmp_path / "c").unlink(missing_ok=True)
        connection.execute(f"copy t to '{tmp_path / 'c'}' (format parquet)")
    shape = rows.inspect(tmp_path / "c")
    assert shape.names == names
    assert values_of(shape) == [dict(zip(names, row, strict=True)) for row in held]


SEEDS = [
    b"SKU,Name,Description\nA1,Oak stool,A stool of oak.\n", b'{"title": "Mug", "content": "A mug."}\n',
    b'[{"title": "Mug", "content": "A mug."}]', b'{"results": [{"title": "Mug"}]}', b"{'title': 'Mug'}\n",
    b"<rss><channel><item><title>Mug</title></item></channel></rss>", gzip.compress(b"title,b\nMug,c\n"),
    _zip(b"title,b\nMug,c\n"), bz2.compress(b"title,b\nMug,c\n"), lzma.compress(b"title,b\nMug,c\n"),
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"PAR1", b"PK\x03\x04", codecs.BOM_UTF16_LE, b'"title', b"title\n",
    "title;größe\nKüche;Öl\n".encode("cp850"), "商品名,説明\n踏み台,丈夫な\n".encode("cp932"), b"\x00" * 40,
]  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(st.sampled_from(SEEDS), st.binary(max_size=30)), min_size=1, max_size=4), st.integers(0, 400),
       st.sampled_from(["c", "c.csv", "c.jsonl", "c.json", "c.xlsx", "c.tsv"]))  # fmt: skip
def test_any_bytes_are_read_or_refused_in_words(tmp_path: Path, pieces: list[bytes], cut: int, name: str) -> None:
    data = b"".join(pieces)
    path = tmp_path / name
    path.write_bytes(data[: max(1, len(data) - cut)] if cut < 40 else data)
    wanted = PrepareSettings(description_column=None)
    try:
        shape = rows.inspect(path)
        assert shape.rows == sum(1 for _ in rows.read(shape))
        found = source.inspect(str(path), path, wanted, [], is_test=False)
        lines = sum(job.data.count(b"\n") for job in source.jobs(found, 0) if job.path is None)
        assert found.format == shape.format
        assert found.format == "lines" or lines == shape.rows
    except ShelftalkerError as error:
        assert str(error).replace("\n", "").isprintable(), repr(str(error))
        assert len(str(error)) < 3000
