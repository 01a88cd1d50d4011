"""A server under load: clients that ask at the same time, on loopback, with 1, 8 and 16 titles a request.

    python benchmarks/serve.py [--model MODEL] [--workers 1] [--clients 64] [--seconds 60] [--requests 512] [--quick]

Starts `shelftalker serve` as a process of its own on a free port, asks it with keep-alive connections (one a client,
threads of this process), and stops it. Every load is bounded by time and by count, whichever comes first: at the end of
the time no new request starts. Titles are the bundled sample's, no two requests ask for the same. A request that is
refused (503 with Retry-After) is counted and not repeated; its client waits as long as it was told. Times are of
answered requests, from sending to the whole answer. It ends with exit status 1 where anything else came back, a
refusal without Retry-After included.
"""

from __future__ import annotations

import argparse
import gzip
import http.client
import json
import math
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from shelftalker.bundled import sample_catalogue

TITLES = (1, 8, 16)
START_SECONDS = 300


@dataclass
class Load:
    """What came back under one load."""

    answered: list[float] = field(default_factory=list)
    refused: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)


def sample_titles() -> Iterator[str]:
    """Titles without end, no two alike: the sample's, numbered anew on every round."""
    with gzip.open(sample_catalogue(), "rt", encoding="utf-8") as file:
        rows = [title for line in file if (title := json.loads(line)["title"].strip())]
    number = 0
    while True:
        for title in rows:
            yield f"{title} {number}" if number else title
        number += 1


def ask(port: int, bodies: Iterator[bytes], until: float, load: Load) -> None:
    """One client: a request after the other over one connection, until the time or the requests are over."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    while time.perf_counter() < until:
        with load.lock:
            body = next(bodies, None)
        if body is None:
            break
        start = time.perf_counter()
        try:
            line.request("POST", "/describe", body, {"Content-Type": "application/json"})
            answer = line.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            line.close()
            with load.lock:
                load.failed[type(error).__name__] += 1
            continue
        taken, wait = time.perf_counter() - start, answer.getheader("Retry-After")
        with load.lock:
            if answer.status == 200:
                load.answered.append(taken)
            elif answer.status == 503 and wait is not None:
                load.refused += 1
            else:
                load.failed[str(answer.status)] += 1
        if answer.status == 503:
            time.sleep(float(wait or 1))
    line.close()


def run(port: int, clients: int, titles: int, requests: int, seconds: float, source: Iterator[str]) -> Load:
    """One load, to its end."""
    bodies = iter([json.dumps({"titles": [next(source) for _ in range(titles)]}).encode() for _ in range(requests)])
    load = Load()
    start = time.perf_counter()
    threads = [
        threading.Thread(target=ask, args=(port, bodies, start + seconds, load), daemon=True) for _ in range(clients)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    load.seconds = time.perf_counter() - start
    return load


def quantile(values: list[float], share: float) -> float:
    """The nearest-rank quantile."""
    return sorted(values)[math.ceil(len(values) * share) - 1] if values else math.nan


def wait_for(process: subprocess.Popen[bytes], port: int) -> None:
    """Wait until the server is ready.

    Raises:
        SystemExit: it ended, or did not answer in time.
    """
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            line.request("GET", "/health/ready")
            if line.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.25)
        finally:
            line.close()
    raise SystemExit("the server did not start; what it said stands above")


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="bundled", help="MODEL to serve")
    parser.add_argument("--workers", type=int, default=1, help="engines of the server")
    parser.add_argument("--clients", type=int, default=64, help="clients at the same time")
    parser.add_argument("--seconds", type=float, default=60, help="seconds a load")
    parser.add_argument("--requests", type=int, default=512, help="requests a load at most")
    parser.add_argument("--quick", action="store_true", help="4 clients, 8 requests a load: whether it runs")
    asked = parser.parse_args()
    if asked.quick:
        asked.clients, asked.requests, asked.seconds = 4, 8, 30
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "shelftalker", "serve", asked.model, "--port", str(port)]
    process = subprocess.Popen([*command, "--workers", str(asked.workers), "--quiet"])
    failed = False
    try:
        wait_for(process, port)
        source = sample_titles()
        run(port, 1, 1, 2, 60, source)  # what is loaded on first need
        print(f"{asked.model}, workers {asked.workers}, clients {asked.clients}")
        print("| titles a request | answered | refused with Retry-After | failed | p50 s | p95 s | titles/s |")
        print("|---|---|---|---|---|---|---|")
        for titles in TITLES:
            load = run(port, asked.clients, titles, asked.requests, asked.seconds, source)
            done = len(load.answered)
            p50, p95 = (f"{quantile(load.answered, share):.2f}" for share in (0.5, 0.95))
            said = dict(load.failed) or 0
            rate = done * titles / load.seconds
            print(f"| {titles} | {done} | {load.refused} | {said} | {p50} | {p95} | {rate:.1f} |", flush=True)
            failed = failed or bool(load.failed) or not done
    finally:
        process.terminate()
        process.wait(60)
    if failed:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
