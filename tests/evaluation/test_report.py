"""report.html: self-contained, escaped, and says what results.json says."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from evaluation.hostile import HOSTILE, hostile_results
from evaluation.samples import sample_results

from shelftalker.evaluation.report.labels import MAX_ROWS, p_value
from shelftalker.evaluation.report.report import render, write_report
from shelftalker.evaluation.report.rows import samples
from shelftalker.evaluation.report.view import View
from shelftalker.evaluation.results import Checks, Results
from shelftalker.pages import charts
from shelftalker.pages.page import embedded


class _Page(HTMLParser):
    """Elements, and addresses that a browser would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.fetched: list[str] = []
        self.handlers: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attributes:
            if name in {"src", "srcset", "data", "poster"} or (name == "href" and not (value or "").startswith("#")):
                self.fetched.append(f"{tag} {name}={value}")
            if name.startswith("on"):
                self.handlers.append(name)


def parsed(html: str) -> _Page:
    page = _Page()
    page.feed(html)
    return page


def data_of(html: str) -> dict[str, object]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)
    assert found
    value: dict[str, object] = json.loads(found[1])
    return value


def test_the_report_is_one_file_that_fetches_nothing(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_report(sample_results(), path)
    page = parsed(path.read_text(encoding="utf-8"))
    assert page.fetched == []
    assert [item.name for item in tmp_path.iterdir()] == ["report.html"]


def test_verdict_scores_intervals_and_p_values_are_on_the_page() -> None:
    results = sample_results()
    html = render(results)
    assert f"<h1>{results.verdict.sentence}</h1>" in html.replace("\u00a0", " ")
    chrf = results.system("checkpoint-200").scores["chrf"]
    assert f"{chrf.value:.2f}" in html
    assert f"{chrf.low:.2f} to {chrf.high:.2f}" in html
    assert results.verdict.warnings[0] in html
    assert "60 validation rows of sample" in html
    for signature in results.signatures:
        assert signature in html
    assert results.data.sha256 in html


def test_a_long_verdict_is_set_in_two_parts_and_loses_nothing() -> None:
    results = sample_results(6)
    clause = (
        "checkpoint-200: chrF++ 38.10 [36.00, 40.20], significantly better than the second, checkpoint-100 (p = 0.002)"
    )
    results.verdict.sentence = f"{clause}; worse than nearest-neighbour (-3.45, p < 0.001)."
    first, rest = View(results).headline
    assert first.replace("\u00a0", " ") == f"{clause}."
    assert rest.replace("\u00a0", " ") == "Worse than nearest-neighbour (-3.45, p < 0.001)."


def test_the_references_own_rate_stands_beside_the_systems() -> None:
    results = sample_results(6)
    assert "references" not in View(results).checks()["names"]
    results.reference_checks = Checks(publishable_rate=0.07, by_check={"number": 0.6})
    checks = View(results).checks()
    assert checks["names"][-1] == "references"
    assert checks["rates"][-1]["text"] == "7.0 %"
    assert [line["shares"][-1]["text"] for line in checks["lines"] if line["name"] == "number"] == ["60 %"]


def test_hostile_texts_stay_text() -> None:
    clean, hostile = parsed(render(sample_results(12))), parsed(render(hostile_results()))
    assert hostile.handlers == []
    assert hostile.fetched == []
    assert set(hostile.tags) == {*clean.tags, "mark"}
    assert hostile.tags.count("script") == clean.tags.count("script") == 2


def test_the_embedded_data_survives_whatever_the_texts_hold() -> None:
    results = hostile_results()
    data = data_of(render(results))
    rows = data["rows"]
    assert isinstance(rows, list)
    assert [row["title"] for row in rows] == [row.title for row in results.rows]
    assert not set("<>&\u2028\u2029") & set(embedded(HOSTILE))


def test_a_lone_surrogate_and_a_missing_score_cost_nothing(tmp_path: Path) -> None:
    results = sample_results(6)
    results.rows[0].title = "broken \ud800 title"
    results.rows[0].predictions["checkpoint-200"].scores = {"chrf": float("nan")}
    write_report(results, tmp_path / "report.html")
    assert "broken" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "NaN" not in json.dumps(data_of(render(results)))


def test_results_read_back_from_the_file_give_the_same_page() -> None:
    results = sample_results()
    again = msgspec.json.decode(msgspec.json.encode(results), type=Results)
    assert render(again) == render(results)


def test_a_single_evaluation_without_tests_rows_or_verdict_still_makes_a_page() -> None:
    full = sample_results(6)
    bare = Results(kind="evaluation", data=full.data, systems=full.systems[-1:], rows=[])
    bare.data.rows = 0
    html = render(bare)
    assert 'id="differences"' not in html
    assert "checkpoint-200: chrF++ 37" in html
    empty = Results(kind="evaluation", data=full.data, systems=[], rows=[])
    assert "No system was scored." in render(empty)


def test_many_rows_are_sampled_evenly_and_the_page_says_so() -> None:
    results = sample_results(MAX_ROWS + 100)
    data = data_of(render(results))
    rows = data["rows"]
    assert isinstance(rows, list)
    assert len(rows) == MAX_ROWS
    assert data["total"] == MAX_ROWS + 100
    order = [row.uid for row in results.rows]
    positions = [order.index(row["uid"]) for row in rows]
    assert positions == sorted(positions)
    assert sum(position < len(order) // 2 for position in positions) == pytest.approx(MAX_ROWS / 2, rel=0.05)


def test_samples_are_the_best_and_worst_rows_of_the_best_system() -> None:
    view = View(sample_results())
    groups = {group["name"]: group["rows"] for group in samples(view)}
    scores = sorted(row.predictions["checkpoint-200"].scores["chrf"] for row in view.results.rows)
    best = [sample["row"].predictions["checkpoint-200"].scores["chrf"] for sample in groups["Best"]]
    worst = [sample["row"].predictions["checkpoint-200"].scores["chrf"] for sample in groups["Worst"]]
    assert sorted(best) == scores[-3:]
    assert sorted(worst) == scores[:3]
    assert [sample["row"].uid for sample in groups["Random"]] == [
        sample["row"].uid for sample in samples(View(sample_results()))[-1]["rows"]
    ]


def test_a_worse_loss_is_not_called_better() -> None:
    results = sample_results()
    test = next(test for test in results.tests if test.a == "checkpoint-200")
    test.metric, test.difference, test.p_holm = "nll", 0.5, 0.001
    best, _ = View(results).tests("nll")
    assert best[0]["outcome"] == "worse"
    test.difference = -0.5
    assert View(results).tests("nll")[0][0]["outcome"] == "better"
    test.p_holm = 0.2
    assert View(results).tests("nll")[0][0]["outcome"] == "no difference shown"


def test_p_values_are_rounded_as_the_verdict_rounds_them() -> None:
    assert [p_value(p) for p in (None, 0.0001, 1 / 1001, 0.0495)] == ["–", "< 0.001", "0.001", "0.050"]


def test_ticks_are_round_and_cover_the_data() -> None:
    assert charts.ticks(0, 41) == [0, 20, 40, 60]
    assert charts.ticks(0.11, 0.26)[0] <= 0.11
    assert charts.ticks(3, 3)[-1] > 3


def test_labels_of_a_chart_do_not_cover_each_other() -> None:
    labels = charts.apart([charts.Label(at, str(at), "c0") for at in (98, 97, 96, 10, 10)])
    places = [label.at for label in labels]
    assert all(later - earlier >= 6.99 for earlier, later in pairwise(places))
    assert max(places) <= 100
