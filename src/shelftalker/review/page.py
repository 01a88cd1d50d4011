"""The review page: one self-contained HTML file, its script and style inside."""

from __future__ import annotations

from typing import Any

from shelftalker.pages.page import render


def page(facts: dict[str, Any]) -> str:
    """The page as HTML.

    Args:
        facts: what its script reads: token, name of the catalogue, whether a model is there, checks, routes.
    """
    return render(
        "shelftalker.review",
        "review.html.j2",
        style="review.css",
        script="review.js",
        data=facts,
        asks=True,
        name=facts["name"],
        model=facts["model"],
    )
