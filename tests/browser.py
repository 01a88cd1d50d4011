"""A headless Chromium for tests that look at a page; on a machine without one they skip and say so.

Use: ``from browser import chromium, open_page`` in a test module, mark the tests with ``browser``.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A running browser (Playwright's), one for a module's tests."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: the page was not looked at")
    api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: the page was not looked at")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


def open_page(
    browser: Any, address: str | Path, *, width: int = 1280, height: int = 900, dark: bool = False, scale: float = 1
) -> tuple[Any, list[str]]:
    """Open a file or URL in a fresh context and close the one before.

    Returns:
        the page, and the list that its errors are added to.
    """
    for old in browser.contexts:
        old.close()
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if dark else "light",
        device_scale_factor=scale,
    )
    page = context.new_page()
    page.set_default_timeout(180_000)  # a busy machine is slow, not wrong
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("dialog", lambda dialog: (errors.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    page.goto(address.resolve().as_uri() if isinstance(address, Path) else address)
    return page, errors
