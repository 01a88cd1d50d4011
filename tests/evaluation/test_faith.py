"""What evaluation says of faith: claims, facts, contradictions, and who wrote a row."""

from __future__ import annotations

import json
from pathlib import Path

from shelftalker.evaluation import results as schema
from shelftalker.evaluation.entries import Entry, Protocol, ScoredRow
from shelftalker.evaluation.merge import merged
from shelftalker.evaluation.report.report import render
from shelftalker.evaluation.results import Data, Results, System
from shelftalker.evaluation.scoring import score

PRODUCTS = [
    ScoredRow("1", "Blue Steel Bottle 500 ml", "A blue bottle of steel.", {"brand": "Harbour"}, {"brand": "Harbour"}),
    ScoredRow("2", "Red Oak Stool", "An oak stool.", facts=("carries 120 kg",)),
    ScoredRow("3", "Kettle 1.7 litre", "A kettle.", {"stock": "16"}),
]
TEXTS = [
    "A blue steel bottle by Harbour that holds 500 ml and lasts 30 years.",
    "A green oak stool that carries 120 kg.",
    "",
]
SOURCES = [[], ["Oak Stool. A green oak stool that carries many."], []]


def scored(**more: object) -> Results:
    """One system of three rows: an invented measure, a colour against the title, a row without a text."""
    system = System(id="model", label="model", role="model")
    data = Data(split="val", rows=3, sha256="0")
    return score(PRODUCTS, [Entry(system, TEXTS, **more)], Protocol(100, 1), kind="evaluation", data=data)  # type: ignore[arg-type]


def value(results: Results, metric: str) -> float:
    return round(results.systems[0].scores[metric].value, 4)


def test_claims_facts_and_contradictions_are_counted_over_all_rows() -> None:
    results = scored()
    # Given: blue, steel, Harbour, 500 ml; 120 kg. Not given: 30 years; green, which takes its wood with it.
    assert value(results, "claim_precision") == round(5 / 7, 4)
    assert value(results, "fact_recall") == 1, "Harbour and the 120 kg"
    assert value(results, "contradicted") == round(1 / 3, 4)
    assert value(results, "described") == round(2 / 3, 4)
    low, high = results.systems[0].scores["claim_precision"].low, results.systems[0].scores["claim_precision"].high
    assert low is not None and high is not None and low < 5 / 7 < high


def test_what_the_prompt_does_not_carry_supports_nothing_and_is_not_asked_for() -> None:
    results = scored()
    assert results.rows[2].given == {}, "stock is a column, and was not given"
    assert results.rows[1].facts == ["carries 120 kg"]


def test_without_sources_nothing_is_said_of_them() -> None:
    assert not {"source_copy", "claim_shared"} & set(scored().systems[0].scores)
    with_sources = scored(sources=SOURCES)
    assert 0 < value(with_sources, "source_copy") < 1
    assert with_sources.rows[1].predictions["model"].sources == SOURCES[1]


def test_scores_are_broken_down_by_who_wrote_the_row() -> None:
    results = scored(routes=["edited", "written", "declined"])
    parts = results.systems[0].by_route
    assert {name: part.n for name, part in parts.items()} == {"edited": 1, "written": 1, "declined": 1}
    assert parts["edited"].scores["claim_precision"] == 4 / 5
    assert results.rows[2].predictions["model"].route == "declined"
    page = render(results)
    assert "By route" in page
    assert "edited from a sibling" in page
    assert "How true it is to what was given" in page


def test_results_files_alone_give_the_same_numbers(tmp_path: Path) -> None:
    results = scored(routes=["edited", "written", "declined"], sources=SOURCES)
    schema.write(results, tmp_path / "results.json")
    again = merged([tmp_path / "results.json"], Protocol(100, 1))
    assert again.systems[0].scores == results.systems[0].scores
    assert again.systems[0].by_route == results.systems[0].by_route
    assert json.loads((tmp_path / "results.json").read_text())["rows"][0]["given"] == {"brand": "Harbour"}
