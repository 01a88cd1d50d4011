"""The page under /, in a browser."""

from __future__ import annotations

from typing import Any

import pytest
from browser import chromium, open_page
from fakes import FakeEngine
from serve.running import running

from shelftalker.recipe.recipe import Recipe
from shelftalker.serve.app import create_app
from shelftalker.serve.options import Options
from shelftalker.writing.writer import Writer

pytest.importorskip("uvicorn", reason="the extra [serve] is not installed")

pytestmark = [pytest.mark.browser]
__all__ = ["chromium"]


def test_a_title_is_described_and_what_was_found_stands_below(chromium: Any) -> None:
    recipe = Recipe(prompt="Brand: {brand}\nTitle: {title}\n")
    writer = Writer(FakeEngine("<b>fake</b>", recipe), recipe)
    with running(create_app("fake", recipe, writer=writer, options=Options(api_key="k-1"))) as server:
        page, errors = open_page(chromium, server.url, width=390)
        assert f"{server.url}/v1" in page.inner_text("main")
        assert page.locator("h1 b").count() == 0  # a model's name is text
        page.fill("input[name=title]", "Oak chair")
        page.fill("input[name=brand]", "Holm")
        page.fill("input[name=key]", "wrong")
        page.click("button")
        page.locator("#found", has_text="API key").wait_for()
        page.fill("input[name=key]", "k-1")
        page.click("button")
        page.locator("#said", has_text="90 kg").wait_for()
        assert "90" in page.inner_text("#found")
        assert writer.engine.calls[-1][0] == ["Brand: Holm\nTitle: Oak chair\n"]
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert [error for error in errors if "401" not in error] == []
