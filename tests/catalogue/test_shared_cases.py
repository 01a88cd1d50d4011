"""Small files that lie beside a checkout on machines where this project is worked on; elsewhere this skips."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shelftalker.catalogue.read import rows
from shelftalker.catalogue.read.columns import title_and_id
from shelftalker.catalogue.read.row import plain
from shelftalker.errors import ShelftalkerError
from shelftalker.recipe.catalogue import PrepareSettings
from tests.catalogue.conftest import Prepare, everything, rejected

CASES = Path(__file__).parents[2].parent / "shared" / "cases"
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="there is no folder shared/cases beside the checkout")

READ: dict[str, tuple[int, int, dict[str, Any]]] = {
    "01-nonlatin-column-typo.csv": (6, 6, {}),
    "02-jsonl-bom.jsonl": (6, 6, {}),
    "03-duplicate-header.csv": (3, 3, {}),
    "04-woo-ptbr.csv": (7, 6, {}),
    "04b-woo-de.csv": (7, 6, {}),
    "05-list-text-csv.csv": (8, 5, {}),
    "10-parquet-case-collision.csv": (16, 8, {}),
    "11-zip-amazontitles.raw.zip": (8, 8, {}),
    "12-xlsx.xlsx": (8, 8, {}),
    "12d-bz2.csv.bz2": (6, 6, {}),
    "12e-xz.csv.xz": (6, 6, {}),
    "12f-csv-zip.csv.zip": (6, 6, {}),
    "13-gmc-xml.xml": (8, 8, {}),
    "14-python-dicts.json": (8, 8, {}),
    "15-utf16-lines.jsonl": (6, 6, {}),
    "15b-utf16-nobom.csv": (6, 6, {}),
    "16-cp932.csv": (6, 6, {}),
    "17-sep-line.csv": (8, 8, {}),
    "18-amazon-flatfile.txt": (8, 8, {}),
    "18b-title-row.csv": (8, 8, {}),
    "19-japanese-words.csv": (6, 6, {}),
    "20-count-first.json": (8, 8, {}),
    "20d-edges.json": (8, 8, {}),
    "22-akeneo.csv": (6, 6, {"locale": "en_US"}),
    "22b-odoo.csv": (8, 8, {}),
}
"""By file: rows, usable rows, and what the recipe must say."""
REFUSED = {
    "12b-xls.xls": "workbook that cannot be read",
    "12c-html-xls.xls": "HTML page, not a workbook",
    "22-akeneo.csv": "each of several languages",
}


@pytest.mark.parametrize("name", READ)
def test_it_is_read_alike_by_both_commands(run: Prepare, name: str) -> None:
    count, usable, keys = READ[name]
    done = run(CASES / name, split__by="row", **{f"prepare__{key}": value for key, value in keys.items()})
    kept = [row for split in everything(done).values() for row in split]
    assert (done.counts["raw"], len(kept)) == (count, usable), rejected(done)
    assert not any("['" in row.description or "\\n" in row.description for row in kept)
    settings = PrepareSettings(**keys)
    shape = rows.inspect(CASES / name, settings)
    title, _ = title_and_id(shape.names, settings, name)
    assert shape.rows == count
    assert {row.title for row in kept} <= {plain(row.values.get(title)) for row in rows.read(shape)}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_in_words(run: Prepare, name: str) -> None:
    with pytest.raises(ShelftalkerError, match=REFUSED[name]) as caught:
        run(CASES / name)
    assert caught.value.mend


def test_a_mistyped_japanese_column(run: Prepare) -> None:
    with pytest.raises(ShelftalkerError, match="there is no column '製品名X'") as caught:
        run(CASES / "01-nonlatin-column-typo.csv", prepare__title_column="製品名X")
    assert "商品コード, 商品名, 商品説明" in str(caught.value)
