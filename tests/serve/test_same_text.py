"""What is scored is what is shipped: the three-liner, the server and the playground write the same text."""

from __future__ import annotations

from pathlib import Path

import pytest

from shelftalker.playground.desk import Desk
from shelftalker.recipe.decoding import Decoding
from shelftalker.recipe.recipe import Recipe
from shelftalker.serve.app import create_app
from shelftalker.writing.writer import load

pytest.importorskip("fastapi", reason="the extra [serve] is not installed")
from fastapi.testclient import TestClient

TITLES = ["blue bottle 500 ml", "red cotton shirt", "oak  lamp\twarm"]
SAMPLING = Decoding(sample=True, top_p=0.9, temperature=0.8, max_new_tokens=16, seed=3)


@pytest.mark.parametrize("decoding", [Decoding(max_new_tokens=16), SAMPLING], ids=["greedy", "sampled"])
def test_the_same_title_gets_the_same_description_everywhere(tiny_t5: Path, decoding: Decoding) -> None:
    recipe = Recipe().with_flags(
        base_model=str(tiny_t5), decoding=decoding.model_dump(), generate={"engine": "transformers", "batch_size": 1}
    )
    written = load(tiny_t5, recipe).describe_many(TITLES)
    assert len(set(written)) > 1
    with TestClient(create_app(str(tiny_t5), recipe), base_url="http://127.0.0.1") as client:
        answer = client.post("/describe", json={"titles": TITLES}).json()
    assert [one["description"] for one in answer["descriptions"]] == written
    assert answer["as_scored"]
    desk = Desk(str(tiny_t5), recipe)
    for title, text in zip(TITLES, written, strict=True):
        assert desk.write(desk.choices[0].label, title, recipe.decoding).text == text
