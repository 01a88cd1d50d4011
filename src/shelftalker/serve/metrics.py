"""What a server counts, as Prometheus reads it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from shelftalker.extras import need
from shelftalker.writing.written import Written

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class Metrics:
    """Counters of one server, in a registry of their own.

    Args:
        waiting: how many titles wait now.
        writing: how many titles are being written now.
    """

    def __init__(self, waiting: Callable[[], float], writing: Callable[[], float]) -> None:
        need("serve", "prometheus_client")
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = registry = CollectorRegistry()
        self._requests = Counter("shelftalker_requests", "Requests answered.", ["path", "status"], registry=registry)
        self._seconds = Histogram(
            "shelftalker_request_seconds",
            "Seconds from a request's headers to its answer's end.",
            ["path"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.in_flight = Gauge("shelftalker_requests_in_flight", "Requests not yet answered.", registry=registry)
        self._titles = Counter("shelftalker_titles", "Titles described, by route.", ["route"], registry=registry)
        self._clean = Counter("shelftalker_titles_publishable", "Descriptions without a finding.", registry=registry)
        self._tokens = Counter("shelftalker_tokens", "Tokens read and written.", ["kind"], registry=registry)
        self._writing = Counter(
            "shelftalker_writing_seconds", "Seconds that engines were at work, summed over workers.", registry=registry
        )
        queue = Gauge("shelftalker_titles_waiting", "Titles that wait for an engine.", registry=registry)
        queue.set_function(waiting)
        now = Gauge("shelftalker_titles_in_flight", "Titles that are being written.", registry=registry)
        now.set_function(writing)

    def answered(self, path: str, status: int, seconds: float) -> None:
        """Count one request."""
        self._requests.labels(path, str(status)).inc()
        self._seconds.labels(path).observe(seconds)

    def wrote(self, written: Sequence[Written], seconds: float) -> None:
        """Count one batch of an engine."""
        self._writing.inc(seconds)
        for one in written:
            self._titles.labels(one.route).inc()
            self._clean.inc(one.publishable)
            self._tokens.labels("read").inc(one.prompt_tokens)
            self._tokens.labels("written").inc(one.tokens)

    def text(self) -> tuple[bytes, str]:
        """All of it in Prometheus' text format, and that format's content type."""
        from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

        return generate_latest(self._registry), CONTENT_TYPE_LATEST
