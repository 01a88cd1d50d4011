"""The page in a real browser, with a tiny real model: it writes, it warns, and it asks no other host for anything."""

from __future__ import annotations

import csv
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
from evaluation.test_report_browser import CONTRAST
from fakes import FakeEngine

from shelftalker.errors import ShelftalkerError
from shelftalker.playground.app import build, launch
from shelftalker.playground.desk import Desk
from shelftalker.playground.one import Tab
from shelftalker.recipe.recipe import Recipe
from shelftalker.writing.writer import Writer

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
    try:
        url = ""
        for line in process.stdout:
            assert not line.startswith("OUTSIDE"), line
            if line.startswith("URL"):
                url = line.split()[1]
                break
        assert url
        yield url, process
    finally:
        process.kill()
        process.wait(60)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("there is no Chromium on this machine")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as running:
        chromium = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def page(page_server: tuple[str, subprocess.Popen[str]], browser: Any) -> Iterator[Any]:
    """The page on a phone; afterwards nothing may have gone wrong, and nobody else been asked for anything."""
    url, _ = page_server
    assert url.startswith("http://127.0.0.1:")
    context = browser.new_context(viewport={"width": 390, "height": 844})
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    context.set_default_timeout(60_000)
    page = context.new_page()
    hosts: set[str] = set()
    faults: list[str] = []
    page.on("request", lambda request: hosts.add(re.sub(r"^\w+://([^/:]*).*", r"\1", request.url)))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(url)
    page.wait_for_selector("#st-write")
    yield page
    assert faults == []
    assert hosts - {""} <= {"127.0.0.1", "localhost"}, hosts  # a file that is downloaded has no host
    context.close()


def written(page: Any) -> str:
    """Wait until a description stands there whole, and give its text."""
    page.wait_for_selector("#st-mine .st-badge")
    page.wait_for_selector("#st-write:not([disabled])")
    text: str = page.inner_text("#st-mine .st-text")
    return text


@pytest.mark.browser
@pytest.mark.slow
class TestAShopPerson:
    def test_writes_copies_asks_for_another_and_keeps_what_was_written(self, page: Any) -> None:
        page.fill("#st-title textarea, #st-title input", "blue bottle 900 <b>x</b>")
        page.click("#st-write")
        first = written(page)
        assert re.search(r"\d+ tokens · [\d.]+ s", page.inner_text("#st-mine"))
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, "nothing is wider than the screen"
        page.click("#st-copy")
        page.wait_for_function("text => navigator.clipboard.readText().then((copied) => copied === text)", arg=first)

        page.click("#st-again")
        page.wait_for_selector("#st-mine h3:has-text('version')")
        assert written(page) != first
        page.wait_for_selector("text=Written before (2)")
        with page.expect_download() as waiting:
            page.click("#st-keep")
        rows = list(csv.DictReader(Path(waiting.value.path()).read_text("utf-8-sig").splitlines()))
        assert [row["title"] for row in rows] == ["blue bottle 900 x"] * 2, "cleaned, as the model read it"
        assert rows[0]["description"] == first

    def test_is_told_what_is_wrong_with_a_title(self, page: Any) -> None:
        page.fill("#st-title textarea, #st-title input", "  ")
        page.click("#st-write")
        page.wait_for_selector("[role=alert]:has-text('There is no title yet.')")
        page.fill("#st-title textarea, #st-title input", "bottle " * 400)
        page.click("#st-write")
        page.wait_for_selector("[role=alert]:has-text('The title has 2,800 characters')")
        page.fill("#st-title textarea, #st-title input", "bottle " * 200)
        page.click("#st-write")
        page.wait_for_selector("#st-mine .st-badge:has-text('the title lost its last words')")

    def test_sees_a_human_description_beside_an_example(self, page: Any) -> None:
        page.click(".st-titles button >> nth=0")
        page.wait_for_selector(".st-human .st-text:has-text('is soft and warm')")
        written(page)

    def test_describes_many_products_and_takes_the_file(self, page: Any, tmp_path: Path) -> None:
        page.click("button[role=tab]:has-text('Many products')")
        page.click("#st-all")
        page.wait_for_selector("[role=alert]:has-text('There are no titles yet.')")
        page.fill("#st-pasted textarea", "blue bottle\nred lamp\n\n")
        page.click("#st-all")
        page.wait_for_selector("#st-progress:has-text('2 of 2 written')")
        with page.expect_download() as waiting:
            page.click("#st-result")
        rows = list(csv.DictReader(Path(waiting.value.path()).read_text("utf-8-sig").splitlines()))
        assert [row["title"] for row in rows] == ["blue bottle", "red lamp"]
        assert all(row["description"] for row in rows)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.browser
@pytest.mark.slow
def test_a_tuner_unfolds_the_settings_and_is_told_what_they_mean(page: Any) -> None:
    assert not page.is_visible("text=Sampling")
    page.click("#st-advanced button")
    page.wait_for_selector(".st-settings:has-text('as in the recipe')")
    page.click("text=Sampling")
    page.wait_for_selector(".st-settings:has-text('--decoding.sample true')")
    page.wait_for_selector("input[aria-label*='Beams']:disabled")
    page.fill("label:has-text('Seed of sampling') input, input[aria-label*='Seed']", "")
    page.click("#st-write")
    page.wait_for_selector("#st-mine [role=alert]:has-text('The seed of sampling is empty.')")
    page.click("text=Back to the recipe's settings")
    page.wait_for_selector(".st-settings:has-text('as in the recipe')")
    page.click("#st-beside")
    page.click("#st-write")
    page.wait_for_selector("text=The chosen model is the base model itself.")


@pytest.mark.parametrize("knows", [True, False])
def test_a_field_and_its_length_are_asked_for_where_the_model_has_learnt_fields(knows: bool, data_dir: Path) -> None:
    import gradio as gr

    fields = {"meta_description": "SEO"} if knows else {}
    recipe = Recipe().with_flags(base_model="one", paths={"data": data_dir}, prepare={"fields": fields})
    engine = FakeEngine()
    desk = Desk(None, recipe, load=lambda model, recipe: Writer(engine, recipe))
    with gr.Blocks():
        tab = Tab(gr, desk)
    assert (tab.target.visible, tab.length.visible) == (knows, knows)
    if not knows:
        return
    assert [name for name, _ in tab.target.choices] == ["description", "meta_description"]
    controls = [getattr(recipe.decoding, name) for name in tab.tuned.controls]
    for target, length, line in (
        ("meta_description", " 6 words", "Write: meta description, 6 words"),
        ("description", "6 words", "Write: description, 6 words"),
        ("description", "", "Title: Oak chair"),
    ):
        given = (desk.base.label, False, [], "", target, length, *controls)
        shown = [update[tab.past] for update in tab.first("Oak chair", *given) if tab.past in update]
        assert shown[-1][0]["title"] == ("Oak chair (meta description)" if "meta" in target else "Oak chair")
        assert engine.calls[-1][0][0].split("\n")[-2] == line
    *_, refused = tab.first("Oak chair", desk.base.label, False, [], "", "description", "long", *controls)
    assert "is no length" in refused[tab.mine]


@pytest.mark.browser
@pytest.mark.slow
def test_a_second_person_waits_in_the_queue_and_stop_frees_the_page(browser: Any, data_dir: Path) -> None:
    engine = FakeEngine()
    recipe = Recipe().with_flags(base_model="slow", paths={"data": data_dir})
    desk = Desk(None, recipe, load=lambda model, recipe: Writer(engine, recipe))
    blocks = build(None, recipe, desk=desk)
    blocks.queue(max_size=32).launch(prevent_thread_lock=True, quiet=True, ssr_mode=False)
    try:
        engine.gate.clear()
        context = browser.new_context(viewport={"width": 390, "height": 844})
        context.set_default_timeout(60_000)
        first, second = context.new_page(), context.new_page()
        for page in (first, second):
            page.goto(blocks.local_url)
            page.wait_for_selector("#st-write")
        first.click("#st-write")
        first.wait_for_selector("#st-write[disabled]")
        first.wait_for_selector("#st-mine:has-text('then writing ...')")
        second.click("#st-write")
        second.wait_for_selector("#st-mine:has-text('queue: 1')")
        first.click("#st-stop")
        first.wait_for_selector("#st-mine:has-text('Stopped before the first word.')")
        first.wait_for_selector("#st-write:not([disabled])")
        engine.gate.set()
        assert "weighs 90 kg" in written(second)
        context.close()
    finally:
        engine.gate.set()
        blocks.close(verbose=False)


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize("dark", [False, True])
def test_text_has_contrast(page_server: tuple[str, subprocess.Popen[str]], browser: Any, dark: bool) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme="dark" if dark else "light")
    page = context.new_page()
    page.goto(page_server[0])
    page.wait_for_selector("#st-write")
    page.fill("#st-title textarea, #st-title input", "blue bottle 900")
    page.click("#st-write")
    written(page)
    page.click("#st-advanced button")
    page.wait_for_timeout(500)
    assert page.evaluate(CONTRAST) == []
    page.click("button[role=tab]:has-text('Many products')")
    page.wait_for_timeout(500)
    assert page.evaluate(CONTRAST) == []
    context.close()


@pytest.mark.browser
@pytest.mark.slow
def test_nothing_left_the_machine(page_server: tuple[str, subprocess.Popen[str]]) -> None:
    """Last of those that use the server: it is closed, and what it tried to reach is read."""
    _, process = page_server
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    assert "OUTSIDE" not in process.stdout.read()


def test_the_page_serves_no_files_of_the_machine(tiny_t5: Path, data_dir: Path) -> None:
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
