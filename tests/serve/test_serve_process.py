"""The server as a process of its own: it starts, answers on loopback only, and finishes what it writes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from shelftalker.errors import ShelftalkerError
from shelftalker.recipe.recipe import Recipe
from shelftalker.serve.app import serve

pytest.importorskip("uvicorn", reason="the extra [serve] is not installed")

PROGRAM = """
import sys, time
sys.path.insert(0, {tests!r})
from fakes import FakeEngine
from shelftalker.recipe.recipe import Recipe
from shelftalker.serve import app
from shelftalker.writing import writer

class Slow(FakeEngine):
    def generate(self, *arguments, **more):
        print("writing", file=sys.stderr, flush=True)
        time.sleep(1.5)
        return super().generate(*arguments, **more)

app.load = lambda model, recipe: writer.Writer(Slow(model, recipe), recipe)
app.serve("fake", Recipe(), port=0)
print("ended well", file=sys.stderr, flush=True)
"""


@pytest.fixture
def server() -> Iterator[tuple[subprocess.Popen[str], str]]:
    program = PROGRAM.format(tests=str(Path(__file__).parents[1]))
    process = subprocess.Popen(
        [sys.executable, "-c", program], stderr=subprocess.PIPE, text=True, env={**os.environ, "COLUMNS": "300"}
    )
    assert process.stderr is not None
    deadline = threading.Timer(240, process.kill)  # whatever goes wrong, no read below waits for longer
    deadline.start()
    try:
        url = ""
        for line in process.stderr:
            if "http://" in line:
                url = line.split("(")[0].strip()
                break
        assert url, "the server said no address"
        yield process, url
    finally:
        deadline.cancel()
        process.kill()
        process.wait(120)


def ask(url: str, body: object) -> dict[str, object]:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=120) as answer:
        return json.load(answer)  # type: ignore[no-any-return]


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_it_answers_on_loopback_and_a_stop_waits_for_what_is_being_written(
    server: tuple[subprocess.Popen[str], str], stop: signal.Signals
) -> None:
    process, url = server
    assert url.startswith("http://127.0.0.1:")
    answers: list[dict[str, object]] = []
    thread = threading.Thread(target=lambda: answers.append(ask(f"{url}/describe", {"title": "Oak chair"})))
    thread.start()
    assert process.stderr is not None
    for line in process.stderr:
        if "writing" in line:
            break
    process.send_signal(stop)
    thread.join(120)
    assert answers[0]["descriptions"][0]["description"] == "The Oak chair weighs 90 kg."  # type: ignore[index]
    rest = process.stderr.read()
    process.wait(120)
    assert "Traceback" not in rest
    if stop == signal.SIGINT:  # after SIGTERM the process ends by that signal, once it has cleaned up
        assert "ended well" in rest
        assert process.returncode == 0


def test_a_taken_port_is_an_error_before_any_model_is_loaded() -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ShelftalkerError, match="--port"):
            serve("no-such-model", Recipe(), port=taken.getsockname()[1])


@pytest.mark.parametrize(("host", "port"), [("no.such.host.invalid", 8000), ("127.0.0.1", 99_999), ("203.0.113.1", 0)])
def test_an_address_that_cannot_be_bound_is_an_error(host: str, port: int) -> None:
    with pytest.raises(ShelftalkerError, match="mend"):
        serve("no-such-model", Recipe(), host=host, port=port)
