"""What whoever runs the server sees: probes, metrics, key, origins, log, slow and large requests."""

from __future__ import annotations

import json
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeEngine
from serve.running import Running, running

from shelftalker.errors import ShelftalkerError
from shelftalker.product import Product
from shelftalker.recipe.recipe import Recipe
from shelftalker.serve import app as app_module
from shelftalker.serve.app import create_app
from shelftalker.serve.options import Options
from shelftalker.writing.writer import Writer

pytest.importorskip("uvicorn", reason="the extra [serve] is not installed")
from fastapi.testclient import TestClient

RECIPE = Recipe()


def application(**options: Any) -> Any:
    return create_app("fake", RECIPE, writer=Writer(FakeEngine("fake", RECIPE), RECIPE), options=Options(**options))


def client_of(app: Any) -> TestClient:
    return TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False)


@pytest.fixture
def hasty() -> Iterator[Running]:
    """A server that waits half a second for headers and bodies."""
    app = application(header_seconds=0.5, body_seconds=0.5)
    with running(app, header_seconds=0.5) as server:
        yield server


def talk(server: Running, *pieces: bytes, pause: float = 0.0) -> tuple[bytes, float]:
    """Send pieces of a request, read until the server ends the connection; what it said, and in how many seconds."""
    start = time.monotonic()
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as line:
        for piece in pieces:
            line.sendall(piece)
            time.sleep(pause)
        said = b""
        while more := line.recv(65536):
            said += more
    return said, time.monotonic() - start


def error_of(said: bytes) -> dict[str, str]:
    return json.loads(said.partition(b"\r\n\r\n")[2])["error"]  # type: ignore[no-any-return]


def test_metrics_count_requests_titles_tokens_and_what_waits() -> None:
    with client_of(application()) as client:
        client.post("/describe", json={"titles": ["Oak chair", "Blue scarf"]})
        client.post("/describe", json={})
        for number in range(3):
            client.get(f"/stranger/{number}")
        answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    lines = answer.text.splitlines()
    for line in (
        'shelftalker_requests_total{path="/describe",status="200"} 1.0',
        'shelftalker_requests_total{path="/describe",status="422"} 1.0',
        'shelftalker_requests_total{path="other",status="404"} 3.0',
        'shelftalker_titles_total{route="written"} 2.0',
        "shelftalker_titles_publishable_total 0.0",
        'shelftalker_tokens_total{kind="written"} 14.0',
        'shelftalker_request_seconds_count{path="/describe"} 2.0',
        "shelftalker_titles_waiting 0.0",
        "shelftalker_titles_in_flight 0.0",
        "shelftalker_requests_in_flight 1.0",  # this one
    ):
        assert line in lines
    assert "stranger" not in answer.text
    prometheus = pytest.importorskip("prometheus_client.parser")
    assert len(list(prometheus.text_string_to_metric_families(answer.text))) >= 8


def test_a_fault_is_counted_and_logged_as_500(tmp_path: Path) -> None:
    log = tmp_path / "access.jsonl"
    with client_of(application(access_log=str(log))) as client:
        client.post("/describe", json={"title": "explode"})
        assert 'path="/describe",status="500"} 1.0' in client.get("/metrics").text
    assert json.loads(log.read_text().splitlines()[0])["status"] == 500


def test_liveness_and_readiness_differ_once_the_server_takes_no_more() -> None:
    app = application()
    with client_of(app) as client:
        assert client.get("/health/ready").json() == {"status": "ready"}
        app.state.batcher.close()
        refused = client.get("/health/ready")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert client.get("/health/live").json() == client.get("/health").json() == {"status": "ok"}
        late = client.post("/describe", json={"title": "Oak chair"})
        assert (late.status_code, late.json()["error"]["code"]) == (503, "closing")


def test_a_key_is_asked_for_everywhere_but_at_probes_and_the_page() -> None:
    with client_of(application(api_key="k-1")) as client:
        for path in ("/health", "/health/live", "/health/ready", "/", "/openapi.json"):
            assert client.get(path).status_code == 200
        assert 'type="password"' in client.get("/").text
        for wrong in ({}, {"Authorization": "Bearer k-2"}, {"Authorization": "k-1"}, {"Authorization": "Basic k-1"}):
            for path in ("/model", "/metrics", "/v1/models", "/nothing"):
                refused = client.get(path, headers=wrong)
                assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
                assert refused.json()["error"]["what"]
            assert client.post("/describe", json={"title": "a"}, headers=wrong).status_code == 401
        good = {"Authorization": "bearer k-1"}
        assert client.post("/describe", json={"title": "Oak chair"}, headers=good).status_code == 200


def test_only_a_named_origin_may_read_and_its_preflight_needs_no_key() -> None:
    asks = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
    with client_of(application(cors=("https://shop.example",), api_key="k-1")) as client:
        before = client.options("/describe", headers={**asks, "Access-Control-Request-Headers": "authorization"})
        assert before.status_code == 200
        assert before.headers["access-control-allow-origin"] == "https://shop.example"
        refused = client.post("/describe", json={}, headers=asks)
        assert refused.status_code == 401
        assert refused.headers["access-control-allow-origin"] == "https://shop.example"
        stranger = client.get("/health", headers={"Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in stranger.headers


def test_the_access_log_has_a_json_line_a_request_without_titles_or_keys(tmp_path: Path) -> None:
    log = tmp_path / "access.jsonl"
    with client_of(application(access_log=str(log), api_key="k-1")) as client:
        client.post("/describe", json={"title": "Oak chair"}, headers={"Authorization": "Bearer k-1"})
        client.get("/no-such%0Apath")
    text = log.read_text()
    described, lost = map(json.loads, text.splitlines())
    assert (described["method"], described["path"], described["status"]) == ("POST", "/describe", 200)
    assert described["seconds"] >= 0
    assert described["bytes"] > 100
    assert described["time"].endswith("+00:00")
    assert lost["status"] == 401
    assert "Oak" not in text
    assert "k-1" not in text


def test_head_is_get_without_its_body(hasty: Running) -> None:
    with client_of(application()) as client:
        for path in ("/health", "/", "/model"):
            head = client.head(path)
            assert (head.status_code, head.content) == (200, b"")
            assert int(head.headers["content-length"]) > 0
        assert client.head("/nothing").status_code == 404
    said, _ = talk(hasty, b"HEAD /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 200")
    assert said.endswith(b"\r\n\r\n")


def test_a_half_sent_body_is_cut_with_408(hasty: Running) -> None:
    said, seconds = talk(
        hasty,
        b"POST /describe HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{",
    )
    assert said.startswith(b"HTTP/1.1 408")
    assert "body" in error_of(said)["what"]
    assert seconds < 10


@pytest.mark.parametrize("begun", [b"", b"GET /health HTTP/1.1\r\nHost: 127."])
def test_headers_that_do_not_come_are_cut_with_408(hasty: Running, begun: bytes) -> None:
    said, seconds = talk(hasty, begun)
    assert said.startswith(b"HTTP/1.1 408")
    assert "headers" in error_of(said)["what"]
    assert seconds < 10


def test_headers_that_trickle_do_not_restart_the_clock(hasty: Running) -> None:
    start = time.monotonic()
    with pytest.raises(OSError), socket.create_connection(("127.0.0.1", hasty.port), timeout=30) as line:
        line.sendall(b"GET /health HTTP/1.1\r\n")
        for number in range(400):
            line.sendall(f"X-{number}: 1\r\n".encode())
            time.sleep(0.05)
    assert time.monotonic() - start < 15


def test_a_second_request_on_the_line_has_its_own_clock(hasty: Running) -> None:
    request = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    said, _ = talk(hasty, request, b"GET /health HT", pause=0.2)
    assert said.startswith(b"HTTP/1.1 200")
    assert b"HTTP/1.1 408" in said


def test_what_is_not_http_has_the_one_format_too(hasty: Running) -> None:
    said, _ = talk(hasty, b"\x16\x03\x01\x00 hello\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 400")
    assert error_of(said)["mend"]


def test_a_plain_client_that_sends_too_much_reads_its_413(hasty: Running) -> None:
    body = b'{"titles": ["' + b"x" * 8_000_000 + b'"]}'
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    ask = urllib.request.Request(f"{hasty.url}/describe", body, {"Content-Type": "application/json"})
    with pytest.raises(urllib.error.HTTPError) as caught:
        opener.open(ask, timeout=60)
    assert caught.value.code == 413
    assert "larger" in json.load(caught.value)["error"]["what"]


def test_a_client_that_asks_before_it_sends_is_told_at_once(hasty: Running) -> None:
    said, _ = talk(
        hasty,
        b"POST /describe HTTP/1.1\r\nHost: 127.0.0.1\r\nExpect: 100-continue\r\nContent-Length: 9000000\r\n\r\n",
    )
    assert said.startswith(b"HTTP/1.1 413"), "who waits for the body answers 408"


def test_an_ipv6_name_of_this_machine_is_known() -> None:
    with client_of(application()) as client:
        assert client.get("/health", headers={"Host": "[::1]:8000"}).status_code == 200
        refused = client.get("/health", headers={"Host": "[::2]:8000"})
        assert (refused.status_code, refused.json()["error"]["where"]) == (400, "header Host")


def test_who_leaves_before_the_answer_takes_its_titles_along(tmp_path: Path) -> None:
    writer, log = Writer(FakeEngine("fake", RECIPE), RECIPE), tmp_path / "access.jsonl"
    app = create_app("fake", RECIPE, writer=writer, options=Options(access_log=str(log)))
    body = json.dumps({"titles": ["Oak chair"] * 8}).encode()
    ask = b"POST /describe HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    batcher = app.state.batcher

    def until(holds: Callable[[], bool]) -> None:
        end = time.monotonic() + 30
        while not holds():
            assert time.monotonic() < end
            time.sleep(0.01)

    writer.engine.gate.clear()
    with running(app) as server:
        first = batcher.submit(writer.cleaned([Product("Blue scarf")]), RECIPE.decoding)
        until(lambda: batcher.writing == 1)
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as line:
            line.sendall(ask % len(body) + body)
            until(lambda: batcher.waiting == 8)
        until(lambda: batcher.waiting == 0)
        writer.engine.gate.set()
        assert len(first.result(30)) == 1
        assert len(batcher.submit(writer.cleaned([Product("Mug")]), RECIPE.decoding).result(30)) == 1
        until(lambda: log.read_text() != "")
    assert [len(prompts) for prompts, _ in writer.engine.calls] == [1, 1]
    assert json.loads(log.read_text())["status"] == 499


def test_workers_write_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    writers: list[Writer] = []

    def load(model: str, recipe: Recipe) -> Writer:
        writers.append(Writer(FakeEngine(model, recipe), recipe))
        return writers[-1]

    monkeypatch.setattr(app_module, "load", load)
    app = create_app("fake", RECIPE, options=Options(workers=3))
    assert len(writers) == 3
    assert all(writer.recipe.generate.threads >= 1 for writer in writers)  # the cores are shared
    for writer in writers:
        writer.engine.gate.clear()
    batcher = app.state.batcher
    products = writers[0].cleaned([Product(f"Chair {number}") for number in range(3)])
    futures = [batcher.submit([product], RECIPE.decoding) for product in products]
    until = time.monotonic() + 30
    while batcher.writing < 3 and time.monotonic() < until:
        time.sleep(0.01)
    assert batcher.writing == 3
    for writer in writers:
        writer.engine.gate.set()
    assert [future.result(30)[0].title for future in futures] == ["Chair 0", "Chair 1", "Chair 2"]
    assert batcher.close(30)


def test_workers_load_the_engine_that_stands_by_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    from shelftalker.generation import auto_engine, torch_engine

    loading: list[int] = [0]
    most: list[int] = []

    class Slow:
        def __init__(self, *_: Any) -> None:
            loading[0] += 1
            most.append(loading[0])
            time.sleep(0.1)
            loading[0] -= 1

    monkeypatch.setattr(torch_engine, "TorchEngine", Slow)
    engines = [object.__new__(auto_engine.AutoEngine) for _ in range(4)]
    for engine in engines:
        engine.model, engine._recipe, engine._reference = None, RECIPE, None  # type: ignore[assignment]
    sampling = RECIPE.decoding.over({"sample": True})
    threads = [threading.Thread(target=engine.for_decoding, args=(sampling,)) for engine in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert most == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("options", "where"),
    [
        ({"api_key": ""}, "--api-key"),
        ({"api_key": "two words"}, "--api-key"),
        ({"cors": ("shop.example",)}, "--cors"),
        ({"cors": ("https://shop.example/",)}, "--cors"),
        ({"workers": 0}, "--workers"),
        ({"access_log": "--quiet"}, "--access-log"),
        ({"access_log": "/no/such/folder/log"}, "--access-log"),
    ],
)
def test_an_option_that_cannot_be_meant_is_said_with_its_flag(options: dict[str, Any], where: str) -> None:
    with pytest.raises(ShelftalkerError) as caught:
        application(**options)
    assert where in str(caught.value)


def test_the_flags_and_the_variable_reach_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    from shelftalker.cli import main

    got: dict[str, Any] = {}
    monkeypatch.setattr(app_module, "serve", lambda model, recipe, **more: got.update(more))
    monkeypatch.setenv("SHELFTALKER_API_KEY", "from-the-variable")
    assert (
        main(
            [
                "serve",
                "bundled",
                "--workers",
                "2",
                "--cors",
                "https://a.example",
                "--cors",
                "http://b:1",
                "--access-log",
                "-",
            ]
        )
        == 0
    )
    assert got["options"] == Options(
        api_key="from-the-variable", cors=("https://a.example", "http://b:1"), workers=2, access_log="-"
    )
