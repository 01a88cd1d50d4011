"""Files as shops, spreadsheets and scrapers leave them: what is in them is found, or said."""

from __future__ import annotations

import csv
import io
import json
import pickle
import sqlite3
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from shelftalker.catalogue.read import rows
from shelftalker.catalogue.read.columns import find, normal, title_and_id
from shelftalker.catalogue.read.row import plain
from shelftalker.errors import ShelftalkerError
from shelftalker.recipe.catalogue import PrepareSettings
from tests.catalogue.conftest import Prepare, everything, rejected

TEXTS = {
    "Ahornbrett": "Ein glattes Brett aus Ahorn für Käse, Brot und alles, was größer als ein Teller ist.",
    "Wollmütze": "Eine weiche Mütze aus Wolle, die über beide Ohren reicht und nicht kratzt.",
    "Gießkanne": "Die Gießkanne aus Zink fasst fünf Liter und gießt auch hängende Körbe ohne Tropfen.",
    "Öllampe": "Eine kleine Öllampe aus Messing, deren Docht sich mit einem Rädchen höher drehen lässt.",
}


def table(
    path: Path, header: list[str], body: list[list[str]], *, encoding: str = "utf-8", delimiter: str = ","
) -> Path:

    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows([header, *body])
    path.write_bytes(text.getvalue().encode(encoding))
    return path


def german(path: Path, header: tuple[str, str, str] = ("Nr", "Titel", "Beschreibung"), **how: Any) -> Path:
    return table(path, list(header), [[f"G{at}", *pair] for at, pair in enumerate(TEXTS.items())], **how)


def titles(path: Path, **keys: Any) -> list[Any]:
    """What `generate` reads as titles."""
    chosen = PrepareSettings(**keys)
    shape = rows.inspect(path, chosen)
    title, _ = title_and_id(shape.names, chosen, str(path))
    return [plain(row.values.get(title)) for row in rows.read(shape)]


def examples(done: Any) -> dict[str, str]:
    return {row.title: row.description for split in everything(done).values() for row in split}


# --- columns -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "typo"),
    [
        (["番号", "商品名", "説明"], "品名称"),
        (["رقم", "اسم المنتج", "وصف"], "اسم"),
        (["Артикул", "Название", "Описание"], "Имя"),
        (["Código", "Título", "Descrição"], "Titulos"),
        (["№", "!!!", "???"], "%%%"),
    ],
)
def test_a_column_that_is_not_there_is_never_another_one(
    run: Prepare, tmp_path: Path, header: list[str], typo: str
) -> None:
    path = table(tmp_path / "c.csv", header, [["1", "a b", "c d e f g h"]])
    for call in (
        lambda: titles(path, title_column=typo),
        lambda: run(path, prepare__title_column=typo, prepare__description_column=header[2]),
    ):
        with pytest.raises(ShelftalkerError, match="there is no column") as caught:
            call()
        assert all(name in str(caught.value) for name in header)
    assert titles(path, title_column=header[1]) == ["a b"]


@pytest.mark.parametrize("given", ["titulo", "TÍTULO", "Título", "Ti\u0301tulo"])
def test_accents_and_letter_case_do_not_hide_a_column(tmp_path: Path, given: str) -> None:
    path = table(tmp_path / "c.csv", ["Título", "Descrição"], [["Banco", "Um banco."]])
    assert titles(path, title_column=given) == ["Banco"]


def test_a_name_that_may_be_two_columns_is_asked_for(tmp_path: Path) -> None:
    path = table(tmp_path / "c.csv", ["Product-Name", "product name", "x"], [["a", "b", "c"]])
    with pytest.raises(ShelftalkerError, match="may be any of several"):
        titles(path, title_column="Product_Name")
    assert titles(path, title_column="product name") == ["b"]


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Body (HTML)", "body_html"), ("productName", "product_name"), ("bodyHTML", "body_html"), ("Título", "titulo"),
        ("商品 名", "商品_名"), ("Größe", "grosse"), ("Ціна", "ціна"), ("???", "???"), (" ", ""), ("ガ", "ガ"),
    ],
)  # fmt: skip
def test_names_as_they_are_compared(name: str, key: str) -> None:
    assert normal(name) == key
    assert normal("カ") != normal("ガ") and normal("и") != normal("й")


SHOPS = {
    "WooCommerce, French": (["ID", "Type", "UGS", "Nom", "Description courte", "Description", "Parent"], 3, 5, 0),
    "WooCommerce, Spanish": (["ID", "Tipo", "SKU", "Nombre", "Descripción corta", "Descripción", "Superior"], 3, 5, 0),
    "WooCommerce, Italian": (["ID", "Tipo", "COD", "Nome", "Breve descrizione", "Descrizione", "Genitore"], 3, 5, 0),
    "WooCommerce, Dutch": (["ID", "Type", "SKU", "Naam", "Korte beschrijving", "Beschrijving", "Hoofd"], 3, 5, 0),
    "WooCommerce, Japanese": (["ID", "タイプ", "SKU", "名前", "簡単な説明", "説明", "親"], 3, 5, 0),
    "PrestaShop": (["Product ID", "Active (0/1)", "Name *", "Summary", "Description", "Reference #"], 2, 4, 0),
    "PrestaShop, French": (["ID", "Nom", "Récapitulatif", "Description", "Référence"], 1, 3, 0),
    "Magento": (["sku", "product_type", "name", "description", "short_description"], 2, 3, 0),
    "Odoo, German": (["Externe ID", "Interne Referenz", "Name", "Verkaufsbeschreibung"], 2, 3, 1),
    "Odoo, Spanish": (["Referencia interna", "Nombre", "Descripción de venta"], 1, 2, 0),
    "Akeneo, one locale": (["sku", "family", "name-fr_FR", "description-fr_FR-ecommerce"], 2, 3, 0),
    "Google, Dutch": (["id", "titel", "beschrijving", "link"], 1, 2, 0),
    "Amazon, German": (["SKU", "Produktname", "Produktbeschreibung", "Preis"], 1, 2, 0),
    "Amazon, Japanese": (["出品者SKU", "商品名", "商品の説明", "価格"], 1, 2, 0),
    "Amazon, listings": (["item-name", "item-description", "listing-id", "seller-sku", "asin1"], 0, 1, None),
    "run together": (["ITEM_ID", "PRODUCTNAME", "DESCRIPTION"], 1, 2, 0),
    "camel case": (["productId", "productName", "productDescription", "unitPrice"], 1, 2, 0),
    "Rakuten": (["商品管理番号", "商品番号", "商品名", "PC用商品説明文"], 2, 3, None),
}


@pytest.mark.parametrize(("header", "title", "description", "identity"), SHOPS.values(), ids=SHOPS)
def test_headers_of_shops(header: list[str], title: int, description: int, identity: int | None) -> None:
    found = find(header, PrepareSettings(), [], "c.csv")
    assert (found.title, found.description) == (header[title], header[description])
    assert identity is None or found.id == header[identity] or header[identity] in ("ID", "Externe ID")
    assert found.id is not None


def test_of_several_locales_one_is_asked_for(run: Prepare, tmp_path: Path) -> None:
    header = ["sku", "name-it_IT", "name-nl_NL", "description-it_IT-web", "description-nl_NL-web"]
    path = table(
        tmp_path / "c.csv", header, [["1", "Sgabello", "Kruk", "Uno sgabello di quercia per la casa.", "Een kruk."]]
    )
    with pytest.raises(ShelftalkerError, match=r"--prepare.locale it_it"):
        run(path)
    assert titles(path, locale="nl") == ["Kruk"]
    done = run(path, prepare__locale="it_IT")
    assert examples(done) == {"Sgabello": "Uno sgabello di quercia per la casa."}
    # The title's locale is the description's, too.
    assert examples(run(path, out="b", prepare__title_column="name-it_IT")) == examples(done)


# --- rows that are no products -------------------------------------------------------------------------------------


def test_store_views_are_not_trained_on(run: Prepare, tmp_path: Path) -> None:
    header = ["sku", "store_view_code", "name", "description"]
    body = [[f"M{at}", "", f"Mug {at}", f"A mug of clay number {at} with a thick round handle."] for at in range(4)]
    body += [[f"M{at}", "de", f"Becher {at}", f"Ein Becher aus Ton Nummer {at} mit dickem Henkel."] for at in range(4)]
    path = table(tmp_path / "c.csv", header, body)
    done = run(path)
    assert set(examples(done)) == {f"Mug {at}" for at in range(4)}
    assert [row["reason"] for row in rejected(done)] == ["other_language"] * 4
    assert set(examples(run(path, out="de", prepare__locale="de"))) == {f"Becher {at}" for at in range(4)}
    problems = [row.error for row in rows.read(rows.inspect(path))]
    assert problems[:4] == [None] * 4 and all("store view" in str(text) for text in problems[4:])


def test_products_in_several_languages_are_asked_about_and_books_are_not(run: Prepare, tmp_path: Path) -> None:
    body = [[f"M{at}", language, f"{language} mug {at}", f"A mug of clay number {at} in {language}, with a handle."]
            for at in range(3) for language in ("en", "fr")]  # fmt: skip
    path = table(tmp_path / "c.csv", ["id", "language", "title", "description"], body)
    with pytest.raises(ShelftalkerError, match=r"--prepare.locale en"):
        run(path)
    assert len(examples(run(path, prepare__locale="fr"))) == 3
    books = [[f"B{at}", *row[1:]] for at, row in enumerate(body)]
    assert (
        len(examples(run(table(tmp_path / "b.csv", ["id", "language", "title", "description"], books), out="b"))) == 6
    )


def test_woocommerce_in_another_language(run: Prepare, tmp_path: Path) -> None:
    header = ["ID", "Tipo", "SKU", "Nome", "Breve descrizione", "Descrizione", "Genitore"]
    long = "<p>Uno sgabello di quercia oliata che regge cento chili.</p>\\n<p>Fatto a mano.</p>"
    body = [
        ["1", "variable", "S", "Sgabello", "Breve.", long, ""],
        ["2", "variation", "S-1", "Sgabello - Chiaro", "", "La versione chiara dello sgabello di quercia.", "S"],
        ["3", "simple, virtual", "G", "Guida", "Una guida breve ai legni di casa nostra.", "", ""],
    ]
    done = run(table(tmp_path / "c.csv", header, body, encoding="utf-8-sig"))
    assert examples(done) == {
        "Sgabello": "Uno sgabello di quercia oliata che regge cento chili. Fatto a mano.",
        "Guida": "Una guida breve ai legni di casa nostra.",
    }
    assert [row["reason"] for row in rejected(done)] == ["variant"]


# --- encodings -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "cp850", "mac-roman"])
def test_german_in_old_and_new_encodings(
    run: Prepare, tmp_path: Path, encoding: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = german(tmp_path / "c.csv", encoding=encoding, delimiter=";")
    assert titles(path) == list(TEXTS)
    if not encoding.startswith("utf-8"):
        assert f"read as {encoding}" in capsys.readouterr().err
    assert examples(run(path)) == TEXTS


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp932", "商品名,説明\n急須,益子で焼かれた小さな急須です。\n"),
        ("euc-jp", "商品名,説明\n急須,益子で焼かれた小さな急須です。\n"),
        ("gb18030", "title,说明\n茶壶,这是一把紫砂茶壶，适合两个人使用。\n"),
        ("euc-kr", "title,설명\n찻주전자,두 사람이 쓰기 좋은 작은 찻주전자입니다.\n"),
        ("cp1251", "title,Описание\nЧайник,Чайник из глины на две чашки.\n"),
        ("koi8-r", "title,Описание\nЧайник,Чайник из глины на две чашки.\n"),
        ("cp1250", "title,Opis\nDzbanek,Mały dzbanek z gliny na dwie filiżanki, ręcznie zdobiony.\n"),
        ("cp1253", "title,Περιγραφή\nΤσαγιέρα,Μικρή τσαγιέρα από πηλό για δύο.\n"),
    ],
)
def test_other_scripts_in_old_encodings(tmp_path: Path, encoding: str, text: str) -> None:
    path = tmp_path / "c.csv"
    path.write_bytes(text.encode(encoding))
    assert titles(path) == [text.splitlines()[1].split(",")[0]]


def test_what_cannot_be_told_is_asked_and_the_answer_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_bytes("title,b\nÇay,1\n".encode("cp850"))
    with pytest.raises(ShelftalkerError, match=r"--prepare.encoding"):
        titles(path)
    assert titles(path, encoding="cp850") == ["Çay"]
    with pytest.raises(ShelftalkerError, match="no encoding 'cp85o'"):
        titles(path, encoding="cp85o")


def test_letters_far_behind_the_beginning_tell_too(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    body = "".join(f"Mug {at},A plain mug.\n" for at in range(60_000)) + "Kanne,Größe für müde Küchen, schön.\n"
    path.write_bytes(("title,text\n" + body).encode("cp850"))
    assert path.stat().st_size > 1 << 20
    assert rows.inspect(path).encoding == "cp850"


def test_stray_bytes_are_said(run: Prepare, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = german(tmp_path / "c.csv")
    path.write_bytes(path.read_bytes() + "G9,Café,Ein Café für müde Füße.\n".encode("cp1252"))
    assert titles(path)[-1] == "Café"
    assert "6 bytes are not utf-8; read as Windows-1252" in capsys.readouterr().err
    path = tmp_path / "c.jsonl"
    lines = [json.dumps({"title": f"Café {at}", "content": TEXTS["Öllampe"]}, ensure_ascii=False) for at in range(5)]
    path.write_bytes("\n".join(lines).encode() + b'\n{"title": "Caf\xe9", "content": "x"}')
    run(path)
    assert "1 rows are not UTF-8" in capsys.readouterr().err


def test_a_locale_that_is_not_there_is_said(run: Prepare, tmp_path: Path) -> None:
    path = table(tmp_path / "c.csv", ["sku", "name-it", "name-nl", "description-it"], [["1", "a", "b", "c d e f g"]])
    with pytest.raises(ShelftalkerError, match="each of several languages"):
        run(path, prepare__locale="fr")
    body = [["M1", "", "Mug", "A mug of clay for tea."], ["M1", "de", "Becher", "Ein Becher aus Ton für Tee."]]
    path = table(tmp_path / "m.csv", ["sku", "store_view_code", "name", "description"], body)
    with pytest.raises(ShelftalkerError, match="other_language 2") as caught:
        run(path, prepare__locale="fr")
    assert "prepare.locale" in str(caught.value.mend)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp932", "utf-16-be"])
def test_no_row_of_json_lines_is_lost_to_its_encoding(run: Prepare, tmp_path: Path, encoding: str) -> None:
    texts = [f"深い青の釉薬をかけた{at}番目の小さな急須です。毎日のお茶に使えます。" for at in range(4)]
    lines = [json.dumps({"title": f"急須 {at}", "content": text}, ensure_ascii=False) for at, text in enumerate(texts)]
    path = tmp_path / "c.jsonl"
    path.write_bytes("\n".join(lines).encode(encoding))
    assert titles(path) == [f"急須 {at}" for at in range(4)]
    done = run(path)
    assert (done.counts["raw"], done.counts["rejected"]) == (4, 0)


# --- where rows are ------------------------------------------------------------------------------------------------


def test_rows_below_a_title_and_a_note(run: Prepare, tmp_path: Path) -> None:
    path = german(tmp_path / "c.csv")
    path.write_text("Unsere Liste vom 3. Mai,,\n\n,,\n" + path.read_text(), encoding="utf-8")
    assert titles(path) == list(TEXTS)
    assert run(path).counts["raw"] == len(TEXTS)


@pytest.mark.parametrize(
    ("nested", "records"),
    [
        (lambda rows: {"meta": {"tags": [{"a": 1}]}, "page": {"items": rows}}, None),
        (lambda rows: {"shop": {"products": {"edges": [{"cursor": "x", "node": row} for row in rows]}}}, None),
        (lambda rows: {"a": rows, "b": rows[:1]}, "a"),
        (lambda rows: {"hits": [{"_source": row} for row in rows]}, "hits._source"),
        (lambda rows: [{"product": row} for row in rows], "product"),
    ],
)
def test_rows_nested_in_json(run: Prepare, tmp_path: Path, nested: Any, records: str | None) -> None:
    held = [{"name": title, "description": text} for title, text in TEXTS.items()]
    path = tmp_path / "c.json"
    path.write_text(json.dumps(nested(held), indent=1))
    assert titles(path, records=records) == list(TEXTS)
    assert examples(run(path, prepare__records=records)) == TEXTS


def test_lists_that_could_both_be_meant_and_keys_that_lead_nowhere_are_said(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text(json.dumps({"old": [{"title": "a", "text": "b"}], "new": [{"title": "c", "text": "d"}]}))
    with pytest.raises(ShelftalkerError, match="several lists") as caught:
        titles(path)
    assert "old, new" in str(caught.value) and "--prepare.records" in str(caught.value)
    assert titles(path, records="new") == ["c"]
    with pytest.raises(ShelftalkerError, match="'next'"):
        titles(path, records="next")


def test_lines_that_hold_the_product_in_one_key(run: Prepare, tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    lines = [
        {"_id": at, "_source": {"title": title, "content": text}} for at, (title, text) in enumerate(TEXTS.items())
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(ShelftalkerError, match="nested under '_source'"):
        run(path)
    assert examples(run(path, prepare__records="_source")) == TEXTS


def test_objects_one_after_the_other_over_many_lines(run: Prepare, tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text("\n".join(json.dumps({"title": title, "content": text}, indent=2) for title, text in TEXTS.items()))
    assert examples(run(path)) == TEXTS


def test_lines_with_commas_between(run: Prepare, tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text(",\n".join(json.dumps({"title": title, "content": text}) for title, text in TEXTS.items()))
    assert examples(run(path)) == TEXTS


def test_a_workbook_with_a_cover_and_numbers(run: Prepare, tmp_path: Path) -> None:
    path = tmp_path / "c.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        book.add_worksheet("Cover").write_string(0, 0, "Spring list")
        sheet = book.add_worksheet("List")
        lines: list[list[Any]] = [["as of May"], ["Article no.", "Title", "Text", "Price"]]
        lines += [[1000 + at, title, text, 9.5] for at, (title, text) in enumerate(TEXTS.items())]
        for at, line in enumerate(lines):
            sheet.write_row(at, 0, line)
    assert titles(path) == list(TEXTS)
    done = run(path, prepare__id_column="Article no.")
    assert examples(done) == TEXTS
    assert {row.uid for split in everything(done).values() for row in split} == {"1000", "1001", "1002", "1003"}
    with pytest.raises(ShelftalkerError, match="no sheet 'Lost'"):
        titles(path, records="Lost")


def test_an_open_document_sheet(run: Prepare, tmp_path: Path) -> None:
    lines = [["Nr", "Titel", "Beschreibung"], *([str(at), *pair] for at, pair in enumerate(TEXTS.items()))]
    cell = '<table:table-cell office:value-type="string"><text:p>{}</text:p></table:table-cell>'
    body = "".join(
        f"<table:table-row>{''.join(cell.format(text) for text in line)}</table:table-row>" for line in lines
    )
    space = "urn:oasis:names:tc:opendocument:xmlns:"
    content = (
        f'<office:document-content xmlns:office="{space}office:1.0" xmlns:table="{space}table:1.0" '
        f'xmlns:text="{space}text:1.0"><office:body><office:spreadsheet><table:table table:name="Liste">{body}'
        "</table:table></office:spreadsheet></office:body></office:document-content>"
    )
    with zipfile.ZipFile(tmp_path / "c.ods", "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", f'<manifest:manifest xmlns:manifest="{space}manifest:1.0"/>')
        archive.writestr("content.xml", content)
    assert titles(tmp_path / "c.ods") == list(TEXTS)
    assert examples(run(tmp_path / "c.ods")) == TEXTS


def test_an_archive_of_train_and_test(run: Prepare, tmp_path: Path) -> None:
    pairs = list(TEXTS.items())
    path = tmp_path / "c.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, some in (("trn", pairs[:3]), ("tst", pairs[3:]), ("lbl", pairs)):
            lines = [json.dumps({"uid": title, "title": title, "content": text}) for title, text in some]
            archive.writestr(f"set/{name}.json", "\n".join(lines))
    done = run(path, prepare__test=[str(path)])
    assert {row.title for row in everything(done)["test"]} == {"Öllampe"}
    assert done.counts["raw"] == 4


def test_an_archive_of_several_tables_is_said(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.writestr("a.csv", "title,b\n")
        archive.writestr("b.csv", "title,b\n")
    with pytest.raises(ShelftalkerError, match=r"ZIP archive with several files") as caught:
        titles(tmp_path / "c.zip")
    assert "a.csv, b.csv" in str(caught.value)


def test_a_feed_with_languages_and_markup(run: Prepare, tmp_path: Path) -> None:
    items = "".join(
        f"<offer id='{at}'><title xml:lang='de'>{title}</title><title xml:lang='en'>x</title>"
        f"<description xml:lang='de'><p>{text}</p></description><param name='Farbe'>rot</param><image>1</image>"
        f"<image>2</image><size><w>1</w></size></offer>"
        for at, (title, text) in enumerate(TEXTS.items())
    )
    path = tmp_path / "c.xml"
    path.write_text(f"<shop><name>S</name><offers>{items}</offers></shop>", encoding="utf-8")
    assert rows.inspect(path, PrepareSettings(locale="de")).names == [
        "id", "title-de", "title-en", "description-de", "param-Farbe", "image", "size.w",
    ]  # fmt: skip
    assert examples(run(path, prepare__locale="de")) == TEXTS


def test_xml_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.xml"
    path.write_text('<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><rss><item><title>&b;</title></item></rss>')
    with pytest.raises(ShelftalkerError, match="entities of its own"):
        titles(path)


# --- tables that are not quite well-formed --------------------------------------------------------------------------


def test_a_quote_that_is_not_closed_swallows_no_rows(run: Prepare, tmp_path: Path) -> None:
    lines = [f"P{at},Lamp {at},A lamp of brass that number {at} of us made." for at in range(6)]
    lines[2] = 'P2,"Lamp 2,A lamp of brass.'
    lines[4] = 'P4,"Lamp, small",A lamp of brass that number four of us made.'
    path = tmp_path / "c.csv"
    path.write_text("sku,title,description\n" + "\n".join(lines) + "\n")
    found = list(rows.read(rows.inspect(path)))
    assert len(found) == 6
    assert [at for at, row in enumerate(found) if row.error] == [2]
    assert "line 4 is not closed" in str(found[2].error)
    done = run(path)
    assert [(row["line"], row["reason"]) for row in rejected(done)] == [(3, "broken_row")]


def test_inches_are_no_quotes(tmp_path: Path) -> None:
    path = tmp_path / "c.tsv"
    path.write_text('sku\ttitle\n1\t"Big" 10" shelf\n2\t"Wide board\n3\t12" lamp\n')
    assert titles(path) == ['"Big" 10" shelf', '"Wide board', '12" lamp']


def test_one_column_with_commas(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text("title\nLamp, brass\nStool, oak, low\nMug\n")
    assert titles(path) == ["Lamp, brass", "Stool, oak, low", "Mug"]


# --- what is no catalogue ------------------------------------------------------------------------------------------


def _sqlite(path: Path) -> None:
    with sqlite3.connect(path) as base:
        base.execute("create table products (title text)")


def _tar(path: Path) -> None:
    with tarfile.open(path, "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("c.csv"))


def _word(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("[Content_Types].xml", "x")
        archive.writestr("word/document.xml", "x")


REFUSED: dict[str, tuple[Any, str]] = {
    "SQLite": (_sqlite, "SQLite database"),
    "tar": (_tar, "tar archive"),
    "Word": (_word, "Word document"),
    "PDF": (lambda path: path.write_bytes(b"%PDF-1.7\n\xe2\xe3"), "PDF"),
    "7z": (lambda path: path.write_bytes(b"7z\xbc\xaf\x27\x1c\0\4"), "7z archive"),
    "pickle": (lambda path: path.write_bytes(pickle.dumps([{"title": "x"}])), "pickle"),
    "old workbook": (lambda path: path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(900)), "workbook"),
    "HTML": (lambda path: path.write_text("<!DOCTYPE html>\n<p>404</p>"), "HTML page"),
    "noise": (lambda path: path.write_bytes(bytes(range(256)) * 20), "no text"),
    "SQL": (lambda path: path.write_text("-- MySQL dump 10\nINSERT INTO p VALUES (1,'a');\n"), "SQL dump"),
    "YAML": (lambda path: path.write_text("- title: Mug\n- title: Lamp\n"), "YAML"),
    "one object": (lambda path: path.write_text('{\n "title": "Mug"\n}'), "one JSON object"),
    "columns": (lambda path: path.write_text('{"title": {"0": "Mug"}, "text": {"0": "A mug."}}'), "under each name"),
    "products by name": (lambda path: path.write_text('{"all": {"B1": {"title": "Mug"}}}'), "one JSON object"),
    "JavaScript": (lambda path: path.write_text("[{title: 'Mug', text: 'A mug.'}]"), "neither JSON nor"),
    "Python list": (lambda path: path.write_text("[{'title': 'Mug'}]"), "Python dicts"),
    "array of arrays": (lambda path: path.write_text('[["title"], ["Mug"]]'), "without objects"),
    "cut gzip": (lambda path: path.write_bytes(b"\x1f\x8b\x08\0\0\0\0\0\0\3abc"), "cut short or broken"),
    "empty": (lambda path: path.write_bytes(b""), "empty"),
    "Git LFS": (lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\noid x\n"), "Git LFS"),
}


@pytest.mark.parametrize(("make", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_catalogue_is_named(run: Prepare, tmp_path: Path, make: Any, words: str) -> None:
    path = tmp_path / "c"
    make(path)
    for call in (lambda: titles(path), lambda: run(path)):
        with pytest.raises(ShelftalkerError, match=words) as caught:
            call()
        assert caught.value.mend
        assert str(caught.value).replace("\n", "").isprintable()


def test_parquet_names_that_differ_in_case_alone_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pyarrow.table({"Title": ["Mug"], "title": ["x"], "text": ["A mug."]}), tmp_path / "c")
    assert titles(tmp_path / "c") == ["Mug"]
    assert "have a number: title_1" in capsys.readouterr().err
