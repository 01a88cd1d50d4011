"""The data card as a person sees it: on a phone, in the dark, on paper."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from browser import chromium, open_page  # noqa: F401
from evaluation.test_report_browser import CONTRAST

from shelftalker.catalogue.prepare import prepare
from shelftalker.recipe.recipe import Recipe

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("card")
    prepare(Recipe.load(flags={"prepare.inputs": ["bundled"], "paths.data": str(data)}))
    return data / "card.html"


def test_no_table_is_cut_on_a_phone(chromium: Any, card: Path) -> None:  # noqa: F811
    page, errors = open_page(chromium, card, width=360, height=740)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.evaluate(
        "[...document.querySelectorAll('td, th')].every((cell) => cell.scrollWidth <= cell.clientWidth + 1)"
    )
    assert page.evaluate("[...document.querySelectorAll('table')].every((t) => t.getBoundingClientRect().right <= 360)")
    assert errors == []


@pytest.mark.parametrize("dark", [False, True])
def test_every_text_can_be_read(chromium: Any, card: Path, dark: bool) -> None:  # noqa: F811
    page, _ = open_page(chromium, card, dark=dark)
    assert page.evaluate(CONTRAST) == []


def test_the_link_leads_to_the_rejected_rows(chromium: Any, card: Path) -> None:  # noqa: F811
    page, _ = open_page(chromium, card)
    link = page.locator("a", has_text="rejected.jsonl").evaluate("(link) => link.href")
    assert link == (card.parent / "rejected.jsonl").resolve().as_uri()
    assert (card.parent / "rejected.jsonl").stat().st_size > 0
