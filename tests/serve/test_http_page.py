"""What docs/http.md shows works as it stands there."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import FakeEngine
from serve.running import Running, running

from shelftalker.recipe.recipe import Recipe
from shelftalker.serve.app import create_app
from shelftalker.serve.messages import Limits
from shelftalker.writing.writer import Writer

pytest.importorskip("uvicorn", reason="the extra [serve] is not installed")

PAGE = (Path(__file__).parents[2] / "docs/http.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    recipe = Recipe()
    with running(create_app("bundled", recipe, writer=Writer(FakeEngine("bundled", recipe), recipe))) as server:
        yield server


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)


def test_every_curl_command_of_the_page_is_answered(server: Running) -> None:
    if shutil.which("curl") is None:
        pytest.skip("no curl on this machine: the page's commands were not tried")
    describe, batch = (
        subprocess.run(
            block.replace("http://127.0.0.1:8000", server.url),
            shell=True,
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        ).stdout
        for block in blocks("sh")
    )
    assert json.loads(describe)["descriptions"][0]["description"].startswith("The Nespresso Vertuo")
    lines = [json.loads(line) for line in batch.splitlines()]
    assert [("error" in line, line["index"]) for line in lines] == [(False, 0), (False, 1), (True, 2)]


def test_the_page_s_openai_client_works(server: Running) -> None:
    pytest.importorskip("openai")
    [program] = blocks("py")
    done = subprocess.run(
        [sys.executable, "-c", program.replace("http://127.0.0.1:8000", server.url)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "The Nespresso Vertuo Next Coffee Machine weighs 90 kg." in done.stdout
    assert "The Oak chair weighs 90 kg." in done.stdout
    assert "False" in done.stdout  # not publishable: the weight was given by nobody


def test_the_page_s_limits_are_the_server_s() -> None:
    limits = Limits()
    for said in (f"up to {limits.titles},", f"{limits.batch_titles:,} titles", f"{limits.body_bytes:,} bytes"):
        assert said in PAGE
    assert f"more than {limits.pending_titles} titles wait" in PAGE
    assert f"({limits.max_new_tokens}, or" in PAGE
