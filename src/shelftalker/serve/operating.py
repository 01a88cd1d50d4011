"""What whoever runs the server asks: GET /health, /health/live, /health/ready and /metrics, and the page under /."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shelftalker.pages.page import render
from shelftalker.serve.refusals import refusal
from shelftalker.serve.service import Service

if TYPE_CHECKING:
    from fastapi import FastAPI, Request, Response

OPEN_PATHS = ("/", "/docs", "/openapi.json", "/health", "/health/live", "/health/ready")
"""What is answered without an API key: probes carry none, and a browser sends none with a page's address."""


def add_routes(app: FastAPI, service: Service, *, has_key: bool) -> None:
    """Add the paths to an application."""
    from fastapi import Response
    from fastapi.responses import HTMLResponse

    @app.get("/health")
    @app.get("/health/live")
    async def live() -> dict[str, str]:
        """Answers while the server lives."""
        return {"status": "ok"}

    @app.get("/health/ready", response_model=None)
    async def ready() -> Response | dict[str, str]:
        """Whether a title would be taken now: not while the queue is full or the server is shutting down."""
        if not service.batcher.is_ready:
            return refusal(503, "the queue is full, or the server is shutting down", mend="try again in a moment")
        return {"status": "ready"}

    @app.get("/metrics", response_model=None)
    async def metrics() -> Response:
        """Requests, titles, tokens, seconds, queue and what is in flight, in Prometheus' text format."""
        text, kind = service.metrics.text()
        return Response(text, headers={"Content-Type": kind})

    async def page(request: Request) -> Response:
        paths = [
            (method.upper(), path, action.get("description", ""))
            for path, actions in app.openapi()["paths"].items()
            for method, action in actions.items()
        ]
        prompt = service.writer.prompt
        html = render(
            "shelftalker.serve",
            "page.html.j2",
            style="page.css",
            script="page.js",
            model=service.about["id"],
            columns=[] if prompt.takes_all else prompt.names,
            address=str(request.base_url).rstrip("/"),
            paths=paths,
            has_key=has_key,
        )
        return HTMLResponse(html)

    for path in ("/", "/docs"):
        app.add_route(path, page, include_in_schema=False)
