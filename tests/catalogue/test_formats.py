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

from shelftalker.catalogue.read import nested
from shelftalker.catalogue.read.fetch import copy_with_duckdb
from shelftalker.catalogue.read.row import plain
from shelftalker.catalogue.read.shape import Shape
from shelftalker.catalogue.read.text import HEAD
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
    assert found["Q1"].description == 'A "quoted", comma-ridden, multi-line text; it\'s fine.'
    assert found["Q2"].description.startswith("Crème wool — woven")


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
    assert found["L"].description == "Two lines make one text of seven words."
    assert {(row["uid"], row["reason"]) for row in rejected(done)} == {
        ("N", "empty_title"), ("D", "not_text"), ("B", "not_text"),
    }  # fmt: skip


# Headers as the shops write them: https://help.shopify.com/en/manual/products/import-export/using-csv (and the one
# before 2025), https://github.com/woocommerce/woocommerce/wiki/Product-CSV-Import-Schema.
GOOGLE = (
    "Google Product Category,Gender,Age Group,MPN,Condition,Custom Product,Custom Label 0,Custom Label 1,"
    "Custom Label 2,Custom Label 3,Custom Label 4"
)
SHOPIFY = [
    *"Handle,Title,Body (HTML),Vendor,Product Category,Type,Tags,Published".split(","),
    *(f"Option{number} {part}" for number in (1, 2, 3) for part in ("Name", "Value", "Linked To")),
    *(
        "Variant SKU,Variant Grams,Variant Inventory Tracker,Variant Inventory Qty,Variant Inventory Policy,"
        "Variant Fulfillment Service,Variant Price,Variant Compare At Price,Variant Requires Shipping,Variant Taxable,"
        "Variant Barcode,Image Src,Image Position,Image Alt Text,Gift Card,SEO Title,SEO Description"
    ).split(","),
    *(f"Google Shopping / {name}" for name in GOOGLE.split(",")),
    *"Variant Image,Variant Weight Unit,Variant Tax Code,Cost per item".split(","),
    *"Included / United States,Price / United States,Compare At Price / United States,Status".split(","),
]
SHOPIFY_NEW = [
    *"Title,URL handle,Description,Vendor,Product category,Type,Tags,Published on online store,Status,SKU".split(","),
    "Barcode",
    *(f"Option{number} {part}" for number in (1, 2, 3) for part in ("name", "value", "Linked To")),
    *(
        "Price,Compare-at price,Cost per item,Charge tax,Tax code,Unit price total measure,"
        "Unit price total measure unit,Unit price base measure,Unit price base measure unit,Inventory tracker,"
        "Inventory quantity,Continue selling when out of stock,Weight value (grams),Weight unit for display,"
        "Requires shipping,Fulfillment service,Product image URL,Image position,Image alt text,Variant image URL,"
        "Gift card,SEO title,SEO description,Color (product.metafields.shopify.color-pattern)"
    ).split(","),
    *(f"Google Shopping / {name}" for name in GOOGLE.split(",")),
]
WOOCOMMERCE = [
    *"ID,Type,SKU".split(","),
    "GTIN, UPC, EAN, or ISBN",
    *(
        "Name,Published,Is featured?,Visibility in catalog,Short description,Description,Date sale price starts,"
        "Date sale price ends,Tax status,Tax class,In stock?,Stock,Low stock amount,Backorders allowed?,"
        "Sold individually?,Weight (kg),Length (cm),Width (cm),Height (cm),Allow customer reviews?,Purchase note,"
        "Sale price,Regular price,Categories,Tags,Shipping class,Images,Download limit,Download expiry days,Parent,"
        "Grouped products,Upsells,Cross-sells,External URL,Button text,Position,Brands,Attribute 1 name,"
        "Attribute 1 value(s),Attribute 1 visible,Attribute 1 global"
    ).split(","),
]
SOCKS = "<p>Warm socks of <b>merino</b> wool.</p>\n<ul>\n<li>Knitted in Wales</li>\n</ul>"
STOOL = "A three-legged stool of oiled oak, made to be sat on."
SHOPIFY_ROWS: list[dict[str, str]] = [
    {
        "Handle": "wool-socks", "Title": "Wool Socks", "Body (HTML)": SOCKS, "Option1 Name": "Size",
        "Option1 Value": "S", "Variant SKU": "WS-S", "SEO Title": "Socks | Acme", "SEO Description": "Buy socks.",
    },
    {"Handle": "wool-socks", "Option1 Value": "M", "Variant SKU": "WS-M"},
    {"Handle": "wool-socks", "Image Src": "https://cdn.test/2.jpg", "Image Position": "2"},
    {"Handle": "oak-stool", "Title": "Oak Stool", "Body (HTML)": STOOL, "Option1 Name": "Title"},
    {"Handle": "gift-card", "Title": "Gift Card", "Gift Card": "true"},
]  # fmt: skip
NEW_NAMES = {
    "Handle": "URL handle", "Title": "Title", "Body (HTML)": "Description", "Option1 Name": "Option1 name",
    "Option1 Value": "Option1 value", "Variant SKU": "SKU", "SEO Title": "SEO title",
    "SEO Description": "SEO description", "Image Src": "Product image URL", "Image Position": "Image position",
    "Gift Card": "Gift card",
}  # fmt: skip
WOOCOMMERCE_ROWS: list[dict[str, str]] = [
    {
        "ID": "41", "Type": "variable", "SKU": "WS", "Name": "Wool Socks", "Short description": "Short words.",
        "Description": SOCKS.replace("\n", "\\n"), "Attribute 1 name": "Size", "Attribute 1 value(s)": "S, M",
    },
    {"ID": "42", "Type": "variation", "Name": "Wool Socks - S", "Description": "The small one.", "Parent": "WS"},
    {"ID": "43", "Type": "simple", "Name": "Oak Stool", "Short description": STOOL},
    {"ID": "44", "Type": "variation, virtual", "Name": "Pattern - PDF", "Description": "To print.", "Parent": "P"},
    {
        "ID": "45", "Type": "simple, virtual", "Name": "Path Guide",
        "Description": "'- How to write C:\\\\new paths, in many words and one line.",
    },
]  # fmt: skip
SHOPIFY_EXAMPLES = {
    "wool-socks": ("Wool Socks", "Warm socks of merino wool. Knitted in Wales"),
    "oak-stool": ("Oak Stool", STOOL),
}
SHOPIFY_REASONS = {2: "variant", 3: "variant", 5: "empty_description"}


@pytest.mark.parametrize(
    ("header", "rows", "examples", "reasons"),
    [
        (SHOPIFY, SHOPIFY_ROWS, SHOPIFY_EXAMPLES, SHOPIFY_REASONS),
        (
            SHOPIFY_NEW,
            [{NEW_NAMES[name]: value for name, value in row.items()} for row in SHOPIFY_ROWS],
            SHOPIFY_EXAMPLES,
            SHOPIFY_REASONS,
        ),
        (
            WOOCOMMERCE,
            WOOCOMMERCE_ROWS,
            {
                "41": ("Wool Socks", "Warm socks of merino wool. Knitted in Wales"),
                "43": ("Oak Stool", STOOL),
                "45": ("Path Guide", "- How to write C:\\new paths, in many words and one line."),
            },
            {2: "variant", 4: "variant"},
        ),
    ],
    ids=["shopify, before 2025", "shopify", "woocommerce"],
)
def test_shop_exports_work_as_they_come(
    run: Prepare,
    tmp_path: Path,
    header: list[str],
    rows: list[dict[str, str]],
    examples: dict[str, tuple[str, str]],
    reasons: dict[int, str],
) -> None:
    path = tmp_path / "products_export.csv"
    done = run(table(path, [dict.fromkeys(header, "") | row for row in rows], encoding="utf-8-sig"))
    found = {row.uid: (row.title, row.description) for rows in everything(done).values() for row in rows}
    assert found == examples
    assert {row["line"]: row["reason"] for row in rejected(done)} == reasons


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
    copy_with_duckdb(str(path), tmp_path / "copy")
    assert len(placement(run(tmp_path / "copy"))) == len(ROWS)
    with pytest.raises(OSError, match="missing"):
        copy_with_duckdb(str(tmp_path / "missing.parquet"), tmp_path / "copy")


def test_elements_across_pieces_of_an_array(tmp_path: Path) -> None:
    """Elements longer and shorter than what is read at once."""
    rows = [{"n": at, "text": "x" * (at * 7 % 5000)} for at in range(600)]
    text = json.dumps(rows, indent=1)
    assert len(text) > HEAD
    (tmp_path / "c.json").write_text(text)
    found = nested.rows(Shape(tmp_path / "c.json", "json"))
    assert [{name: plain(value) for name, value in row.values.items()} for row in found] == rows
