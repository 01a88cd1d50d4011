"""House rules through the writer, a whole catalogue, the server's door and the review desk."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeEngine

from shelftalker.errors import ShelftalkerError
from shelftalker.generation.engine import Generation
from shelftalker.product import Product
from shelftalker.prompt import Prepared
from shelftalker.recipe.decoding import Decoding
from shelftalker.recipe.recipe import Recipe
from shelftalker.retrieve.ground import Sources
from shelftalker.writing.writer import Writer

RULES: dict[str, Any] = {
    "banned": ["bargain*"],
    "required": [{"phrase": "Keep it away from children.", "where": {"category": "Candles"}, "add": True}],
    "proof": {"ecological": {"proved_by": ["RSPO"], "columns": ["certificate"]}},
}


class Drawn(FakeEngine):
    """Writes what it is told to, the same texts for every prompt."""

    texts: tuple[str, ...] = ()

    def generate(
        self, prompts: Sequence[Prepared], decoding: Decoding, *, advance: Callable[[int], None] | None = None
    ) -> list[list[Generation]]:
        self.calls.append(([prompt.text for prompt in prompts], decoding))
        return [[Generation(text, 9, False, -0.5) for text in self.texts] for _ in prompts]


def writer(*texts: str, rules: dict[str, Any] = RULES, sources: Sources | None = None, **sections: Any) -> Writer:
    recipe = Recipe().with_flags(house=rules, **sections)
    engine = Drawn("fake", recipe)
    engine.texts = texts
    return Writer(engine, recipe, sources)


PLAIN = "A candle that burns down slowly on the sill and smells of very little."
WAX = "A sustainable candle that burns down slowly on the sill."


def test_what_breaks_a_rule_is_not_publishable() -> None:
    candle = Product("Candle", attributes={"category": "Candles", "certificate": ""})
    (one,) = writer(WAX).write([candle])
    assert one.text == f"{WAX} Keep it away from children."
    assert [(found.check, found.text) for found in one.findings] == [("proof", "sustainable")]
    assert not one.publishable and one.summary()["findings"][0]["check"] == "proof"
    (proved,) = writer(WAX).write([Product("Candle", attributes={"certificate": "RSPO 7-001"})])
    assert proved.publishable and proved.text == WAX


def test_columns_of_the_rules_never_reach_the_prompt() -> None:
    here = writer(PLAIN, prompt="{attributes}\nTitle: {title}\nDescription:")
    (one,) = here.write([Product("Candle", attributes={"category": "Candles", "colour": "ivory"})])
    assert here.engine.calls[0][0] == ["colour: ivory\nTitle: Candle\nDescription:"]
    assert one.given.attributes == {"colour": "ivory"} and one.text.endswith("children.")
    kept = writer(PLAIN, prompt="{attributes}\nTitle: {title}\nDescription:", prepare={"keep_columns": ["category"]})
    kept.write([Product("Candle", attributes={"category": "Candles"})])
    assert kept.engine.calls[0][0] == ["category: Candles\nTitle: Candle\nDescription:"], "the model learnt with it"
    writer(PLAIN).expect({"category": "Candles"})
    with pytest.raises(ShelftalkerError, match="no field scent"):
        writer(PLAIN).expect({"scent": "none"})


def test_among_candidates_the_one_that_keeps_the_rules_is_taken() -> None:
    drawn = ("A bargain of a candle that burns slowly on the sill.", "A bargain of a candle that burns.", PLAIN)
    asked = {"sample": True, "candidates": 3}
    (one,) = writer(*drawn, decoding=asked).write([Product("Candle")])
    assert one.text == PLAIN
    (free,) = writer(*drawn, rules={}, decoding=asked).write([Product("Candle")])
    assert free.text != PLAIN, "without rules another one is nearest to the rest"
    faulty = (
        "A bargain of 7 candles that burn slowly.",
        "A bargain of 7 candles that burn.",
        "Seven candles of 12 cm.",
    )
    (least,) = writer(*faulty, decoding=asked).write([Product("Candle")])
    assert least.text == faulty[2], "none can be published; this one breaks no rule of the house"


def test_among_candidates_the_tone_counts() -> None:
    loud = (
        "Buy this candle NOW! You will love it!",
        "Buy this candle NOW! You will love it so!",
        PLAIN,
        PLAIN + " Yes.",
    )
    asked = {"sample": True, "candidates": 4}
    tone = {"tone": {"like": ["A bowl that stands on the table and asks for nothing."], "unlike": ["BUY IT NOW! Wow!"]}}
    (one,) = writer(*loud, rules=tone, decoding=asked).write([Product("Candle")])
    assert one.text in loud[2:]


def test_under_a_policy_the_sentence_goes() -> None:
    text = f"{PLAIN} It is a bargain. It is sustainable and comes from far away."
    (one,) = writer(text, generate={"facts": "given"}).write([Product("Candle")])
    assert one.text == PLAIN and one.publishable


def test_a_siblings_text_that_breaks_a_rule_is_left_to_the_model(tmp_path: Path) -> None:
    split = [Product("Candle, Ivory", "1", description="An ivory candle and a bargain that burns down very slowly.")]
    index = Sources.build(split, tmp_path / "sources", "abc", "row")
    (one,) = writer(PLAIN, sources=index, route={"edit_from": 0.3}).write([Product("Candle, Green")])
    assert one.route == "written" and "ban" in one.why


def test_a_job_reads_the_rules_columns_and_keeps_the_rules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from shelftalker.writing.job.job import generate

    recipe = Recipe().with_flags(house=RULES)
    engine = Drawn("fake", recipe)
    engine.texts = (WAX,)
    monkeypatch.setattr("shelftalker.generation.load.load_engine", lambda *_: engine)
    monkeypatch.setattr("shelftalker.models.open.resolve", lambda *_: engine.model)
    source = tmp_path / "shop.csv"
    source.write_text("sku,title,Category\n1,Candle,candles\n2,Lamp,Lamps\n")
    done = generate(source, tmp_path / "out.jsonl", "fake", recipe)
    rows = [json.loads(line) for line in done.output.read_text().splitlines()]
    assert [row["description"].endswith("children.") for row in rows] == [True, False]
    assert {one["check"] for row in rows for one in row["findings"]} == {"proof"}
    assert "certificate" in capsys.readouterr().err, "the catalogue has no such column, which is said"
    assert "Category" in (tmp_path / "out.jsonl.manifest.json").read_text()


def test_the_review_desk_knows_the_rules_of_the_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("fastapi", reason="the extra [serve] is not installed")
    from shelftalker.review.app import open_desk
    from shelftalker.writing.job.job import generate

    recipe = Recipe().with_flags(house=RULES)
    engine = Drawn("fake", recipe)
    engine.texts = (PLAIN,)
    monkeypatch.setattr("shelftalker.generation.load.load_engine", lambda *_: engine)
    monkeypatch.setattr("shelftalker.models.open.resolve", lambda *_: engine.model)
    source = tmp_path / "shop.csv"
    source.write_text("sku,title,category,certificate\n1,Candle,Candles,\n2,Candle in tin,Lamps,RSPO 1\n")
    desk = open_desk(generate(source, tmp_path / "out.csv", "fake", recipe).output, Recipe())
    try:
        text = f"A bargain. {WAX}"
        assert [one["check"] for one in desk.judged(0, text)["findings"]] == ["banned", "proof", "required"]
        assert [one["check"] for one in desk.judged(1, text)["findings"]] == ["banned"]
    finally:
        desk.store.close()


def test_the_server_keeps_the_rules_by_the_columns_it_is_sent() -> None:
    pytest.importorskip("fastapi", reason="the extra [serve] is not installed")
    from fastapi.testclient import TestClient

    from shelftalker.serve.app import create_app

    here = writer(WAX)
    with TestClient(create_app("fake", here.recipe, writer=here), base_url="http://127.0.0.1") as client:
        body = {"titles": ["Candle", "Lamp"], "columns": [{"category": "Candles"}, {"certificate": "RSPO 1"}]}
        first, second = client.post("/describe", json=body).json()["descriptions"]
    assert first["description"].endswith("children.") and [one["check"] for one in first["findings"]] == ["proof"]
    assert second["description"] == WAX and second["publishable"]


def test_evaluation_scores_by_the_rules_and_its_report_shows_them(tmp_path: Path) -> None:
    from shelftalker.evaluation.entries import Entry, Protocol
    from shelftalker.evaluation.report.report import render
    from shelftalker.evaluation.results import Data, System
    from shelftalker.evaluation.rows import Rows
    from shelftalker.evaluation.scoring import score

    lines = [
        {
            "uid": str(number),
            "title": f"Candle {number}",
            "input_text": "x",
            "target_text": f"{PLAIN} For {number} evenings.",
            "columns": {"category": ("Candles", "Lamps")[number % 2]},
        }
        for number in range(4)
    ]
    (tmp_path / "val.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    recipe = Recipe().with_flags(house=RULES, paths={"data": str(tmp_path)})
    entry = Entry(System(id="m", label="m", role="model"), [PLAIN, PLAIN, f"{PLAIN} A bargain.", PLAIN])
    rows = Rows(recipe, "val", None).products
    found = score(rows, [entry], Protocol(100, 1), kind="evaluation", data=Data(split="val", rows=4, sha256="0"))
    checks = found.systems[0].checks
    assert checks is not None
    assert (checks.by_check["required"], checks.by_check["banned"], checks.publishable_rate) == (0.5, 0.25, 0.5)
    html = render(found)
    assert "a word that the house rules ban" in html
    assert found.reference_checks is not None and found.reference_checks.by_check["required"] == 0.5


def test_a_report_of_a_shop_without_rules_does_not_speak_of_them() -> None:
    from shelftalker.evaluation.entries import Entry, Protocol, ScoredRow
    from shelftalker.evaluation.report.report import render
    from shelftalker.evaluation.results import Data, System
    from shelftalker.evaluation.scoring import score

    entry = Entry(System(id="m", label="m", role="model"), [PLAIN])
    data = Data(split="val", rows=1, sha256="0")
    found = score([ScoredRow("1", "Candle", PLAIN)], [entry], Protocol(100, 1), kind="evaluation", data=data)
    assert "banned" not in render(found)


def test_other_rules_are_another_evaluation() -> None:
    from shelftalker.evaluation.lineup import settings

    assert settings(Recipe()) != settings(Recipe().with_flags(house=RULES))
    assert "house" not in settings(Recipe())
