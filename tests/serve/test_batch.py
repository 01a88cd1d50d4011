"""POST /describe/batch: a line of JSON a title, as they are written."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from fakes import FakeEngine
from serve.running import Running, running

from shelftalker.product import Product
from shelftalker.recipe.recipe import Recipe
from shelftalker.serve.app import create_app
from shelftalker.writing.writer import Writer

pytest.importorskip("uvicorn", reason="the extra [serve] is not installed")
httpx = pytest.importorskip("httpx")

RECIPE = Recipe().with_flags(generate={"batch_size": 4})


@pytest.fixture
def writer() -> Writer:
    return Writer(FakeEngine("fake", RECIPE), RECIPE)


@pytest.fixture
def app(writer: Writer) -> Any:
    return create_app("fake", RECIPE, writer=writer)


@pytest.fixture
def server(app: Any) -> Iterator[Running]:
    with running(app) as server:
        yield server


def ask(server: Running, titles: list[str], **more: Any) -> Any:
    return httpx.post(f"{server.url}/describe/batch", json={"titles": titles, **more}, timeout=60, trust_env=False)


def test_every_title_has_a_line_in_its_order(server: Running, writer: Writer) -> None:
    titles = [f"Chair {number}" for number in range(11)]
    answer = ask(server, titles)
    assert answer.headers["content-type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [line["index"] for line in lines] == list(range(11))
    assert [line["title"] for line in lines] == titles
    assert lines[3]["description"] == "The Chair 3 weighs 90 kg."
    assert lines[3]["findings"]
    assert max(len(prompts) for prompts, _ in writer.engine.calls) == 4


def test_one_title_that_cannot_be_described_costs_no_other(server: Running) -> None:
    lines = [json.loads(line) for line in ask(server, ["Oak", "", "explode", " <br> ", "Ash", "Elm"]).text.splitlines()]
    assert [line["index"] for line in lines] == list(range(6))
    assert [line.get("description") for line in lines] == [
        "The Oak weighs 90 kg.",
        None,
        None,
        None,
        "The Ash weighs 90 kg.",
        "The Elm weighs 90 kg.",
    ]
    assert "empty" in lines[1]["error"]["what"]
    assert lines[2]["error"]["type"] == "server_error"
    assert "secret" not in lines[2]["error"]["message"]


def test_lines_come_while_the_rest_is_being_written(server: Running, writer: Writer) -> None:
    engine = writer.engine
    wrote = engine.generate
    first = threading.Event()

    def generate(prompts: Any, decoding: Any, **more: Any) -> Any:
        if first.is_set():
            assert engine.gate.wait(60)
        first.set()
        return wrote(prompts, decoding)

    engine.generate = generate  # type: ignore[method-assign]
    engine.gate.set()
    with httpx.Client(trust_env=False, timeout=60) as client:
        body = {"titles": [f"Chair {number}" for number in range(8)]}
        started = threading.Event()

        def hold() -> None:
            first.wait(60)
            engine.gate.clear()
            started.set()

        threading.Thread(target=hold).start()
        with client.stream("POST", f"{server.url}/describe/batch", json=body) as answer:
            lines = answer.iter_lines()
            assert json.loads(next(lines))["index"] == 0
            assert started.wait(60)
            engine.gate.set()
            assert len(list(lines)) == 7


def test_a_client_that_leaves_takes_its_waiting_titles_along(server: Running, writer: Writer, app: Any) -> None:
    with httpx.Client(trust_env=False, timeout=60) as client:
        body = {"titles": [f"Chair {number}" for number in range(4000)]}
        with client.stream("POST", f"{server.url}/describe/batch", json=body) as answer:
            next(answer.iter_lines())
    assert ask(server, ["Oak"]).status_code == 200
    pause = threading.Event()
    for _ in range(3000):
        if not app.state.batcher.waiting:
            break
        pause.wait(0.01)
    assert sum(len(prompts) for prompts, _ in writer.engine.calls) < 4000


def test_a_full_queue_is_503_before_the_first_line_and_bad_requests_are_422(
    server: Running, writer: Writer, app: Any
) -> None:
    writer.engine.gate.clear()
    product = writer.cleaned([Product("Chair")])
    futures = [app.state.batcher.submit(product, RECIPE.decoding)]
    until = time.monotonic() + 60
    while app.state.batcher.writing < 1:
        assert time.monotonic() < until
        time.sleep(0.01)
    futures += [app.state.batcher.submit(product * 512, RECIPE.decoding)]
    try:
        full = ask(server, ["Oak"])
        assert (full.status_code, full.headers["retry-after"]) == (503, "1")
        assert full.json()["error"]["code"] == "busy"
        assert httpx.get(f"{server.url}/health/ready", timeout=60, trust_env=False).status_code == 503
    finally:
        writer.engine.gate.set()
    assert len(futures[1].result(60)) == 512
    assert ask(server, []).status_code == 422
    assert ask(server, ["x"] * 10_001).status_code == 422
    assert ask(server, ["Oak"], decoding={"beams": 99}).status_code == 422
