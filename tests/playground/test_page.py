"""The page in a real browser, with a tiny real model: it writes, it warns, and it asks no other host for anything."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shelftalker.errors import ShelftalkerError
from shelftalker.playground.app import build, launch
from shelftalker.recipe.recipe import Recipe

pytest.importorskip("gradio", reason="the extra [playground] is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

# Every connection and name look-up of the server's process that is not loopback is reported, and refused.
PROGRAM = """
import ipaddress, json, socket, sys
def watch(event, arguments):
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        if not ipaddress.ip_address(arguments[1][0]).is_loopback:
            print("OUTSIDE", arguments[1], flush=True)
            raise OSError("refused by the test")
    if event == "socket.getaddrinfo" and arguments[0] not in (None, "127.0.0.1", "localhost", "::1"):
        print("OUTSIDE", arguments[0], flush=True)
        raise OSError("refused by the test")
sys.addaudithook(watch)
from shelftalker.playground.app import launch
from shelftalker.recipe.recipe import Recipe
model, data = sys.argv[1:]
recipe = Recipe().with_flags(base_model=model, paths={"data": data}, decoding={"max_new_tokens": 12})
page = launch(model, recipe, port=0, block=False)
print("URL", page.local_url, flush=True)
sys.stdin.readline()
page.close(verbose=False)
"""


@pytest.fixture(scope="module")
def page_server(tiny_t5: Path, data_dir: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    environment = {key: value for key, value in os.environ.items() if "proxy" not in key.lower()}
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tiny_t5), str(data_dir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**environment, "OMP_NUM_THREADS": "1"},
    )
    assert process.stdout is not None
    url = ""
    for line in process.stdout:
        assert not line.startswith("OUTSIDE"), line
        if line.startswith("URL"):
            url = line.split()[1]
            break
    assert url
    yield url, process
    process.kill()
    process.wait(30)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("there is no Chromium on this machine")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as running:
        chromium = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.mark.browser
@pytest.mark.slow
def test_a_title_is_described_beside_the_base_model_and_nothing_leaves_the_machine(
    page_server: tuple[str, subprocess.Popen[str]], browser: Any
) -> None:
    url, process = page_server
    assert url.startswith("http://127.0.0.1:")
    context = browser.new_context(viewport={"width": 390, "height": 844})
    context.set_default_timeout(180_000)
    page = context.new_page()
    hosts: set[str] = set()
    faults: list[str] = []
    page.on("request", lambda request: hosts.add(re.sub(r"^\w+://([^/:]*).*", r"\1", request.url)))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(url)
    page.wait_for_selector("#st-write")
    page.fill("#st-title textarea, #st-title input", "blue bottle 900 <b>x</b>")
    page.click("#st-write")
    page.wait_for_selector(".st-card .st-text")
    page.wait_for_selector("text=The chosen model is the base model itself.")
    assert re.search(r"\d+ tokens · [\d.]+ s", page.inner_text("body"))
    # On a phone nothing is wider than the screen.
    assert page.evaluate("document.documentElement.scrollWidth") <= 390

    # A changed control is said; sampling greys beams out; the button goes back to what was scored.
    assert "as in the recipe" in page.inner_text(".st-settings")
    page.click("text=Sampling")
    page.wait_for_selector(".st-settings:has-text('--decoding.sample true')")
    page.wait_for_selector("input[aria-label*='Beams']:disabled")
    page.click("text=Back to the recipe's settings")
    page.wait_for_selector(".st-settings:has-text('as in the recipe')")

    # An empty title is answered by a sentence; an example of the validation split brings its reference.
    page.fill("#st-title textarea, #st-title input", "  ")
    page.click("#st-write")
    page.wait_for_selector("[role=alert]:has-text('There is no title yet.')")
    page.click(".st-titles button >> nth=0")
    page.wait_for_selector(".st-human .st-text:has-text('is soft and warm')")

    assert faults == []
    assert hosts <= {"127.0.0.1", "localhost"}, hosts
    context.close()
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    assert "OUTSIDE" not in process.stdout.read()


def test_the_page_serves_no_files_and_takes_no_uploads(tiny_t5: Path, data_dir: Path) -> None:
    recipe = Recipe().with_flags(base_model=str(tiny_t5), paths={"data": str(data_dir)})
    page = launch(None, recipe, port=0, block=False)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    base = page.local_url.rstrip("/")
    try:
        for path in (f"/gradio_api/file={data_dir}/val.jsonl", "/gradio_api/file=pyproject.toml", "/file=/etc/passwd"):
            with pytest.raises(urllib.error.HTTPError) as refused:
                opener.open(base + path, timeout=30)
            assert refused.value.code in (403, 404)
        with opener.open(f"{base}/gradio_api/info", timeout=30) as answer:
            assert b'"named_endpoints":{}' in answer.read().replace(b" ", b"")
        with pytest.raises(ShelftalkerError, match="--port"):
            launch(None, recipe, port=int(base.rpartition(":")[2]), block=False)
    finally:
        page.close(verbose=False)


def test_a_missing_extra_is_an_error_with_its_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gradio", None)
    with pytest.raises(ShelftalkerError, match=r"pip install 'shelftalker\[playground\]'"):
        build(None, Recipe())
