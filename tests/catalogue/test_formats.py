"""Any catalogue file: the same products in every format give the same splits."""

from __future__ import annotations

import csv
import gzip
import http.server
import io
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shelftalker.catalogue import formats, source
from shelftalker.errors import ShelftalkerError
from tests.catalogue.conftest import Prepare, everything, placement, products, rejected, write_lines

ROWS = [
    *products(30),
    {
        "uid": "Q1",
        "title": 'Café "Zürich" cup; 8 oz, white',
        "content": 'A "quoted", comma-ridden,\nmulti-line text; it\'s fine.',
    },
    {
        "uid": "Q2",
        "title": "Ñandú rug | tab\tinside",
        "content": "Crème wool — woven by hand; one of a kind, naturally.",
    },
]


def table(path: Path, rows: list[dict[str, Any]] = ROWS, encoding: str = "utf-8", **dialect: Any) -> Path:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), **dialect)
    writer.writeheader()
    writer.writerows(rows)
    path.write_bytes(text.getvalue().encode(encoding))
    return path


def parquet(path: Path, rows: list[dict[str, Any]] = ROWS) -> Path:
    import duckdb

    write_lines(path.with_suffix(".tmp"), rows)
    duckdb.execute(f"copy (from read_json('{path.with_suffix('.tmp')}')) to '{path}' (format parquet)")
    return path


def zstandard(data: bytes) -> bytes:
    from backports import zstd

    return zstd.compress(data)


LINES = "".join(json.dumps(row) + "\n" for row in ROWS).encode()
FORMATS = {
    "lines, gzip": lambda path: path.write_bytes(gzip.compress(LINES)),
    "lines, two gzip members": lambda path: path.write_bytes(gzip.compress(LINES[:99]) + gzip.compress(LINES[99:])),
    "lines, zstd": lambda path: path.write_bytes(zstandard(LINES)),
    "lines, CRLF, no last line end": lambda path: path.write_bytes(LINES.replace(b"\n", b"\r\n").rstrip()),
    "lines, UTF-8 unescaped": lambda path: path.write_text(
        "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS), encoding="utf-8"
    ),
    "lines, Windows-1252": lambda path: path.write_text(
        "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS), encoding="cp1252"
    ),
    "array": lambda path: path.write_text(json.dumps(ROWS)),
    "array, indented, gzip": lambda path: path.write_bytes(gzip.compress(json.dumps(ROWS, indent=4).encode())),
    "array in an object": lambda path: path.write_text(json.dumps({"products": ROWS}, indent=1)),
    "comma": table,
    "comma, all quoted": lambda path: table(path, quoting=csv.QUOTE_ALL),
    "comma, UTF-8 mark": lambda path: table(path, encoding="utf-8-sig"),
    "semicolon, Windows-1252": lambda path: table(path, encoding="cp1252", delimiter=";"),
    "tab": lambda path: table(path, delimiter="\t"),
    "tab, UTF-16": lambda path: table(path, encoding="utf-16", delimiter="\t"),
    "pipe": lambda path: table(path, delimiter="|"),
    "backslash quotes": lambda path: table(path, doublequote=False, escapechar="\\", quoting=csv.QUOTE_ALL),
    "comma, zstd": lambda path: path.write_bytes(zstandard(table(path).read_bytes())),
    "parquet": parquet,
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_examples(run: Prepare, tmp_path: Path, name: str) -> None:
    plain = everything(run(write_lines(tmp_path / "plain.jsonl", ROWS), out="plain"))
    # No suffix: the content tells.
    path = tmp_path / "catalogue"
    FORMATS[name](path)
    done = run(path)
    assert everything(done) == plain
    assert done.counts["raw"] == len(ROWS)


def test_examples_hold_the_characters(run: Prepare, tmp_path: Path) -> None:
    done = run(table(tmp_path / "c.csv", encoding="cp1252", delimiter=";"))
    found = {row.uid: row for rows in everything(done).values() for row in rows}
    assert found["Q1"].title == 'Café "Zürich" cup; 8 oz, white'
    assert found["Q1"].target_text == 'A "quoted", comma-ridden, multi-line text; it\'s fine.'
    assert found["Q2"].target_text.startswith("Crème wool — woven")


@pytest.mark.parametrize(
    ("title", "description", "identity"),
    [
        ("name", "description", "id"),
        ("Product Name", "Long Description", "SKU"),
        ("product_title", "body_html", "asin"),
        ("item_name", "product_description", "item_id"),
        ("Título do anúncio", "Descrição longa", "Código"),
    ],
)
def test_columns_are_found_by_name_or_given(
    run: Prepare, tmp_path: Path, title: str, description: str, identity: str
) -> None:
    rows = [{"x": 1, identity: row["uid"], title: row["title"], description: row["content"]} for row in products(20)]
    given = {}
    if title.startswith("Tít"):
        given = {
            "prepare__title_column": title,
            "prepare__description_column": "descrição longa",
            "prepare__id_column": identity,
        }
    done = run(table(tmp_path / "c.csv", rows), **given)
    assert set(placement(done)) == {row["uid"] for row in products(20)}


def test_values_that_are_not_text(run: Prepare, tmp_path: Path) -> None:
    text = "A novel of a year in which clocks struck thirteen."
    rows: list[dict[str, Any]] = [
        *products(20),
        {"uid": 7, "title": 1984, "content": text},
        {"uid": "L", "title": "A list", "content": ["Two lines make", "one text of seven words."]},
        {"uid": "N", "title": None, "content": text},
        {"uid": "D", "title": "Nested", "content": {"en": text}},
        {"uid": "B", "title": True, "content": text + " Really."},
    ]
    done = run(write_lines(tmp_path / "c.jsonl", rows))
    found = {row.uid: row for examples in everything(done).values() for row in examples}
    assert found["7"].title == "1984"
    assert found["L"].target_text == "Two lines make one text of seven words."
    assert {(row["uid"], row["reason"]) for row in rejected(done)} == {
        ("N", "empty_title"), ("D", "not_text"), ("B", "not_text"),
    }  # fmt: skip


# The headers are those that the shops document for their product exports.
SHOPIFY = (
    "Handle,Title,Body (HTML),Vendor,Product Category,Type,Tags,Published,Option1 Name,Option1 Value,Variant SKU,"
    "Variant Price,Image Src,Image Position,Status\n"
    'wool-socks,Wool Socks,"<p>Warm socks of <b>merino</b> wool.</p><ul><li>Grey</li><li>Knitted in Wales</li></ul>",'
    "Acme,Socks,Apparel,warm,true,Size,S,WS-S,9.00,https://cdn.test/1.jpg,1,active\n"
    "wool-socks,,,,,,,,,M,WS-M,9.00,,,\n"
    "wool-socks,,,,,,,,,L,WS-L,9.00,https://cdn.test/2.jpg,2,\n"
    'oak-stool,Oak Stool,"A three-legged stool of oiled oak, made to be sat on.",Acme,Stools,Furniture,,true,Title,'
    "Default Title,OS,80.00,,,active\n"
    "gift-card,Gift Card,,Acme,,,,true,Denominations,10,,10.00,,,active\n"
)
SHOPIFY_NEW = (
    "Title,URL handle,Description,Vendor,Product category,Type,Tags,Published on online store,Status,SKU,Option1 name,"
    "Option1 value,Price\n"
    'Wool Socks,wool-socks,"<p>Warm socks of merino wool.</p><p>Knitted in Wales.</p>",Acme,,,,TRUE,Active,'
    "WS-S,Size,S,9\n"
    ",wool-socks,,,,,,,,WS-M,,M,9\n"
)
WOOCOMMERCE = (
    "ID,Type,SKU,Name,Published,Is featured?,Visibility in catalog,Short description,Description,Tax status,"
    "In stock?,Stock,Regular price,Categories,Tags,Images,Parent,Position,Attribute 1 name,Attribute 1 value(s)\n"
    "41,variable,WS,Wool Socks,1,0,visible,Short words.,"
    '"<p>Warm socks of <em>merino</em> wool.</p>\\n<ul>\\n<li>Knitted in Wales</li>\\n</ul>",taxable,1,,,'
    'Socks,,,,0,Size,"S, M"\n'
    "42,variation,WS-S,Wool Socks - S,1,0,visible,,The small one of the two sizes.,taxable,1,5,9,,,,WS,1,Size,S\n"
    '43,simple,OS,Oak Stool,1,0,visible,"A three-legged stool of oiled oak, made to be sat on.",,taxable,1,3,'
    "80,Stools,,,,0,,\n"
)


@pytest.mark.parametrize(
    ("export", "examples", "reasons"),
    [
        (
            SHOPIFY,
            {
                "wool-socks": ("Wool Socks", "Warm socks of merino wool. Grey Knitted in Wales"),
                "oak-stool": ("Oak Stool", "A three-legged stool of oiled oak, made to be sat on."),
            },
            {3: "variant", 4: "variant", 6: "empty_description"},
        ),
        (SHOPIFY_NEW, {"wool-socks": ("Wool Socks", "Warm socks of merino wool. Knitted in Wales.")}, {2: "variant"}),
        (
            WOOCOMMERCE,
            {
                "41": ("Wool Socks", "Warm socks of merino wool. Knitted in Wales"),
                "43": ("Oak Stool", "A three-legged stool of oiled oak, made to be sat on."),
            },
            {2: "variant"},
        ),
    ],
    ids=["shopify", "shopify, 2025 header", "woocommerce"],
)
def test_shop_exports_work_as_they_come(
    run: Prepare, tmp_path: Path, export: str, examples: dict[str, tuple[str, str]], reasons: dict[int, str]
) -> None:
    path = tmp_path / "products_export.csv"
    path.write_text(export, encoding="utf-8")
    done = run(path)
    found = {row.uid: (row.title, row.target_text) for rows in everything(done).values() for row in rows}
    assert found == examples
    assert {row["line"]: row["reason"] for row in rejected(done)} == {
        (number - 1 if export is SHOPIFY else number): reason for number, reason in reasons.items()
    }


def test_a_record_with_too_many_cells_is_rejected_not_lost(run: Prepare, tmp_path: Path) -> None:
    path = table(tmp_path / "c.csv", products(20))
    with path.open("a") as file:
        file.write("A,b,c d e f g h,d,e\nP1,only a title\n")
    done = run(path)
    assert done.counts["raw"] == 22
    assert [(row["line"], row["reason"]) for row in rejected(done)] == [(21, "broken_row"), (22, "empty_description")]


def test_a_broken_array_loses_only_what_follows(run: Prepare, tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text(json.dumps(products(20))[:-30])
    done = run(path)
    assert len(placement(done)) == 19
    assert [(row["line"], row["reason"]) for row in rejected(done)] == [(20, "broken_row")]


def test_files_globs_and_several_columns_at_once(run: Prepare, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    write_lines(tmp_path / "in" / "b.jsonl", products(10))
    table(
        tmp_path / "in" / "a.csv",
        [{"name": row["title"], "body": row["content"], "sku": row["uid"]} for row in products(10, 50)],
    )
    (tmp_path / "in" / "c.jsonl.gz").write_bytes(gzip.compress(json.dumps(products(1, 99)[0]).encode()))
    done = run(tmp_path / "in" / "*")
    assert set(placement(done)) == {row["uid"] for row in [*products(10), *products(10, 50), *products(1, 99)]}
    assert [entry["rows"] for entry in done.card["sources"]] == [10, 10, 1]


def test_a_folder_is_not_a_file(run: Prepare, tmp_path: Path) -> None:
    with pytest.raises(ShelftalkerError, match="folder"):
        run(tmp_path)


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    """A web server on loopback that serves tmp_path/web."""
    folder = tmp_path / "web"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, directory=str(folder), **named)

        def log_message(self, *arguments: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_a_url_is_fetched(run: Prepare, tmp_path: Path, web: str) -> None:
    (tmp_path / "web" / "c.jsonl.gz").write_bytes(gzip.compress(LINES))
    done = run(f"{web}/c.jsonl.gz")
    assert len(placement(done)) == len(ROWS)
    assert done.card["sources"][0]["name"] == f"{web}/c.jsonl.gz"
    assert run((tmp_path / "web" / "c.jsonl.gz").as_uri(), out="file").counts == done.counts
    with pytest.raises(ShelftalkerError, match="cannot fetch"):
        run(f"{web}/missing.jsonl", out="missing")


@pytest.mark.parametrize("name", ["c.parquet", "c.csv.gz"])
def test_other_addresses_go_through_duckdb(run: Prepare, tmp_path: Path, name: str) -> None:
    """What s3:// and the like do, on a file that DuckDB reaches without a network."""
    path = tmp_path / name
    if name == "c.parquet":
        parquet(path)
    else:
        path.write_bytes(gzip.compress(table(tmp_path / "c.csv").read_bytes()))
    source.copy_with_duckdb(str(path), tmp_path / "copy")
    assert len(placement(run(tmp_path / "copy"))) == len(ROWS)
    with pytest.raises(OSError, match="missing"):
        source.copy_with_duckdb(str(tmp_path / "missing.parquet"), tmp_path / "copy")


def test_elements_across_pieces_of_an_array() -> None:
    """Elements longer and shorter than what is read at once."""
    rows = [{"n": at, "text": "x" * (at * 7 % 5000)} for at in range(600)]
    text = json.dumps(rows, indent=1)
    assert len(text) > formats.HEAD
    assert [json.loads(row) for row in formats.array_rows(io.StringIO(text))] == rows
