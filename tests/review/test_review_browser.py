"""The page in a real browser: two hundred rows by keyboard alone, with the server killed twice; and on a phone."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import chromium, open_page
from evaluation.test_report_browser import CONTRAST
from review.conftest import Describe

from shelftalker.review.app import store_of

pytest.importorskip("uvicorn", reason="the extra [serve] is not installed")
__all__ = ["chromium"]

pytestmark = [pytest.mark.browser, pytest.mark.slow]


class Server:
    """`shelftalker review` as a process of its own, always on the same port."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/"
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "shelftalker", "review", str(self.path), "--port", str(self.port)]
        environment = {key: value for key, value in os.environ.items() if "proxy" not in key.lower()}
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL, env={**environment, "OMP_NUM_THREADS": "1"})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        for _ in range(600):
            assert self.process.poll() is None
            try:
                opener.open(self.url, timeout=5).close()
                return
            except OSError:
                time.sleep(0.1)
        raise AssertionError("the server did not come up")

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)


@pytest.fixture
def serving() -> Iterator[Any]:
    servers: list[Server] = []

    def start(path: Path) -> Server:
        servers.append(Server(path))
        return servers[-1]

    yield start
    for server in servers:
        server.kill()


def decided(path: Path) -> list[tuple[str, str, str]]:
    with sqlite3.connect(store_of(path)) as base:
        return base.execute("select key, verdict, text from decisions where not undone order by id").fetchall()


def until(page: Any, condition: str, *, seconds: float = 120) -> None:
    """Wait for a condition on the page; Playwright's own waiting would need eval, which the page's policy forbids."""
    end = time.monotonic() + seconds
    while not page.evaluate(condition):
        assert time.monotonic() < end, condition
        time.sleep(0.02)


def shown(page: Any) -> str:
    """The row that is on the page, once it is there."""
    page.wait_for_selector("body:not([data-busy]) #row:not([hidden])")
    return str(page.evaluate("document.getElementById('row').dataset.number"))


def press(page: Any, *keys: str) -> None:
    """Press keys that decide a row, and wait until the next one (or none) is there."""
    before = page.evaluate("document.getElementById('row').dataset.number")
    for key in keys:
        page.keyboard.press(key)
    until(
        page,
        "!document.body.dataset.busy && (document.getElementById('row').hidden || "
        f"document.getElementById('row').dataset.number !== '{before}')",
    )


def test_two_hundred_rows_by_keyboard_with_two_kills(chromium: Any, describe: Describe, serving: Any) -> None:
    path = describe(200)
    server = serving(path)
    page, errors = open_page(chromium, server.url)
    texts = {}
    for number in range(200):
        row = shown(page)
        if number in (60, 130):
            # The kill comes while a text is being written; it is typed to its end with the server away.
            page.keyboard.press("e")
            page.keyboard.press("End")
            page.keyboard.type(" Half of")
            server.kill()
            page.keyboard.type(" it was typed without a server.")
            page.keyboard.press("Control+Enter")
            page.wait_for_selector("#said:has-text('does not answer')")
            server.start()
            until(page, f"!document.body.dataset.busy && document.getElementById('row').dataset.number !== '{row}'")
            texts[row] = "Half of it was typed without a server."
        elif number % 10 == 3:
            press(page, "r", "2", "Enter")
        elif number % 10 == 5:
            page.keyboard.press("e")
            page.keyboard.press("Control+a")
            page.keyboard.type(f"A lamp, mended as row {row}.")
            texts[row] = f"A lamp, mended as row {row}."
            press(page, "Control+Enter")
        else:
            press(page, "a")
    page.wait_for_selector("#empty:has-text('Every row is decided.')")
    found = decided(path)
    assert len({key for key, _, _ in found}) == len(found) == 200
    assert Counter(verdict for _, verdict, _ in found) == {"accepted": 158, "mended": 22, "rejected": 20}
    by_key = {key: text for key, _, text in found}
    assert all(by_key[f"S{int(row):03d}"].endswith(text) for row, text in texts.items())
    assert page.inner_text("#progress").startswith("200 of 200 decided")
    assert [error for error in errors if "ERR_CONNECTION" not in error] == []


def test_findings_follow_what_is_typed_and_everything_has_a_key(
    chromium: Any, describe: Describe, serving: Any
) -> None:
    path = describe(30)
    page, errors = open_page(chromium, serving(path).url)
    page.set_default_timeout(30_000)
    first = shown(page)
    assert "128" in page.inner_text("#draft-text mark.invented")
    page.keyboard.press("e")
    page.keyboard.press("Control+a")
    page.keyboard.type("A blue lamp for reading, a<b.")
    page.wait_for_selector("#preview:has-text('a<b')")
    until(page, "document.querySelectorAll('#findings li').length === 0")
    page.keyboard.type(" It weighs 90 kg.")
    page.wait_for_selector("#findings li:has-text('90 kg')")
    page.keyboard.press("Escape")
    page.wait_for_selector("#findings li:has-text('128')")
    press(page, "s")
    press(page, "n")
    page.keyboard.press("r")
    page.keyboard.press("Enter")
    page.wait_for_selector("#said:has-text('needs its reason')")
    page.keyboard.press("Escape")
    page.keyboard.press("u")
    page.wait_for_selector("#said:has-text('Taken back.')")
    assert shown(page) == first
    page.keyboard.press("/")
    page.keyboard.type("lamp 13")
    page.keyboard.press("Enter")
    page.wait_for_selector("#title:has-text('lamp</b> 13')")
    page.keyboard.press("/")
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    page.keyboard.press("Enter")
    page.wait_for_selector(f"body:not([data-busy]) #row[data-number='{first}']")
    page.keyboard.press("l")
    page.wait_for_selector("#list-count:has-text('30 rows')")
    page.keyboard.press("b")
    page.keyboard.press("Enter")
    page.wait_for_selector("#rule-count:has-text('15 drafts')")
    page.focus("#rule-accept")
    page.keyboard.press("Enter")
    page.wait_for_selector("#said:has-text('15 drafts accepted by the rule')")
    assert "15 unread by rule" in page.inner_text("#progress")
    page.keyboard.press("t")
    page.wait_for_selector("#sum-rows th:has-text('unread, by a rule') + td:has-text('15')")
    usual = page.inner_text("#sum-said")
    assert "The 15 accepted texts by hand: " in usual and "19" not in usual.split("by hand")[0]
    page.fill("#sum-look", "60")
    assert page.inner_text("#sum-said") != usual, "the calculator follows its assumptions"
    page.focus("#sum-button")
    page.keyboard.press("?")
    page.wait_for_selector("#help:not([hidden])")
    page.keyboard.press("Escape")
    assert [error for error in errors if "422" not in error] == []


@pytest.mark.parametrize("dark", [False, True])
def test_on_a_phone(chromium: Any, describe: Describe, serving: Any, dark: bool) -> None:
    path = describe(3)
    page, errors = open_page(chromium, serving(path).url, width=390, height=844, dark=dark)
    shown(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate(CONTRAST) == []
    page.click("#edit")
    page.fill("#text", "A blue lamp.")
    page.click("#accept")
    until(page, "document.getElementById('progress').textContent.startsWith('1 of 3')")
    page.click("#refuse")
    page.click("#reasons button:has-text('style')")
    until(page, "document.getElementById('progress').textContent.startsWith('2 of 3')")
    shown(page)
    for section in ("#list", "#rule", "#sum", "#help"):
        page.click(f"{section}-button")
        page.wait_for_selector(f"{section}:not([hidden])")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert page.evaluate(CONTRAST) == []
        assert not page.is_visible("#accept"), "nobody decides a row that is not seen"
    assert [(verdict, text) for _, verdict, text in decided(path)] == [("mended", "A blue lamp."), ("rejected", "")]
    assert errors == []


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_the_page_of_old_and_new_texts(chromium: Any, tmp_path: Path, width: int, dark: bool) -> None:
    from shelftalker.review import diff

    changes = [
        diff.Change("S1", "Blue <b>mug</b>", "A blue mug for tea.", "A blue mug for tea & coffee.", "mended", True),
        diff.Change("S2", "Lamp", "", "A lamp.", "accepted", False),
    ]
    diff.write(tmp_path / "diff.html", "shop.csv", changes, 2)
    page, errors = open_page(chromium, tmp_path / "diff.html", width=width, dark=dark)
    assert page.inner_text("h1") == "2 new texts"
    assert page.inner_text("section ins >> nth=0").strip() == "& coffee"
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(CONTRAST) == []
    assert errors == []
