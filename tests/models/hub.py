"""A hub on loopback: serves one model folder under a name, in the hub's own API, and counts what is asked of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(ThreadingHTTPServer):
    """Serves ``folder`` as ``name``; while ``broken``, every answer is an error."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name
        self.requests: list[str] = []
        self.broken = False
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, *, body: bool) -> None:
        hub, path = self.server, urlsplit(self.path).path
        hub.requests.append(f"{self.command} {path}")
        api = f"/api/models/{hub.name}"
        if hub.broken:
            return self.send(503, b"down for maintenance", body)
        if path in (api, f"{api}/revision/main", f"{api}/revision/{COMMIT}"):
            siblings = [{"rfilename": file.name} for file in sorted(hub.folder.iterdir())]
            info = {"id": hub.name, "modelId": hub.name, "sha": COMMIT, "siblings": siblings, "tags": []}
            return self.send(200, json.dumps(info).encode(), body, {"Content-Type": "application/json"})
        if path.startswith(f"{api}/tree/"):
            tree = [self.entry(file) for file in sorted(hub.folder.iterdir())]
            return self.send(200, json.dumps(tree).encode(), body, {"Content-Type": "application/json"})
        for revision in ("main", COMMIT):
            start = f"/{hub.name}/resolve/{revision}/"
            if path.startswith(start) and (hub.folder / path.removeprefix(start)).is_file():
                content = (hub.folder / path.removeprefix(start)).read_bytes()
                headers = {"ETag": f'"{hashlib.sha1(content).hexdigest()}"', "X-Repo-Commit": COMMIT}
                return self.send(200, content, body, headers)
        code = "RepoNotFound" if hub.name not in path else "EntryNotFound"
        return self.send(404, b"{}", body, {"X-Error-Code": code, "X-Error-Message": "not found"})

    def entry(self, file: Path) -> dict[str, object]:
        digest = hashlib.sha1(file.read_bytes()).hexdigest()
        return {"type": "file", "path": file.name, "size": file.stat().st_size, "oid": digest}

    def send(self, status: int, content: bytes, body: bool, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            self.wfile.write(content)


@contextmanager
def serve(folder: Path, name: str) -> Iterator[Hub]:
    """A running hub."""
    hub = Hub(folder, name)
    thread = Thread(target=hub.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.shutdown()
        hub.server_close()
