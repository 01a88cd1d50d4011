"""What the review tests share: a catalogue that the played engine described, and a client of the page."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from generation.played import MODEL, PlayedEngine

from shelftalker.recipe.recipe import Recipe
from shelftalker.review.app import create_app, open_desk
from shelftalker.review.desk import Desk
from shelftalker.writing.job.job import generate

RECIPE = Recipe().with_flags(prompt="Brand: {brand}\nTitle: {title}\n", language="en")


def products(count: int) -> list[dict[str, Any]]:
    """Half of them support what the engine writes, the others do not."""
    return [
        {
            "sku": f"S{number:03d}",
            "title": f"Blue <b>lamp</b> {number}",
            "brand": "Holm" + (" 128 tokens" if number % 2 else ""),
            "Description": "Somebody's own text." if number % 5 == 0 else "",
        }
        for number in range(count)
    ]


Describe = Callable[..., Path]


@pytest.fixture
def describe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Describe:
    monkeypatch.setattr("shelftalker.generation.load.load_engine", lambda *_: PlayedEngine())
    monkeypatch.setattr("shelftalker.models.open.resolve", lambda *_: MODEL)

    def made(rows: int | list[dict[str, Any]] = 10, suffix: str = ".csv", recipe: Recipe = RECIPE) -> Path:
        source, target = tmp_path / "shop.jsonl", tmp_path / f"described{suffix}"
        given = products(rows) if isinstance(rows, int) else rows
        source.write_text("".join(json.dumps(row) + "\n" for row in given))
        return generate(source, target, "played", recipe).output

    return made


@pytest.fixture
def opened() -> Iterator[Callable[..., Desk]]:
    """Opens desks, and closes their files afterwards."""
    desks: list[Desk] = []

    def one(path: Path, **more: Any) -> Desk:
        desks.append(open_desk(path, Recipe(), **more))
        return desks[-1]

    yield one
    for desk in desks:
        desk.store.close()


class Page:
    """The page's script, without a browser."""

    def __init__(self, desk: Desk, tab: str = "one", token: str | None = None) -> None:
        from fastapi.testclient import TestClient

        self.client = TestClient(create_app(desk), base_url="http://127.0.0.1", raise_server_exceptions=False)
        self.tab = tab
        self.client.headers["X-Shelftalker-Token"] = token or desk.store.meta("token") or ""

    def next(self, **chosen: Any) -> dict[str, Any] | None:
        answer = self.client.get("/api/next", params={"tab": self.tab, **chosen})
        assert answer.status_code == 200, answer.text
        return answer.json()["row"]  # type: ignore[no-any-return]

    def post(self, path: str, body: dict[str, Any], status: int = 200) -> dict[str, Any]:
        answer = self.client.post(f"/api/{path}", json=body)
        assert answer.status_code == status, answer.text
        return answer.json()  # type: ignore[no-any-return]

    def decide(self, row: dict[str, Any], verdict: str, status: int = 200, **more: Any) -> dict[str, Any]:
        body = {"number": row["number"], "verdict": verdict, "seen": row["decision"], "tab": self.tab, **more}
        return self.post("decide", body, status)
