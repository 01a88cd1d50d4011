"""Drafts passed by an editor: doubtful first, nothing lost, nothing decided twice, nobody else let in."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeEngine
from review.conftest import RECIPE, Describe, Page, products

from shelftalker import ShelftalkerError
from shelftalker.cli import main
from shelftalker.review.app import open_desk, store_of
from shelftalker.review.desk import Desk
from shelftalker.review.store import ConflictError
from shelftalker.writing.writer import Writer

pytest.importorskip("fastapi", reason="the extra [serve] is not installed")
Open = Callable[..., Desk]


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet", ".xlsx", ".csv.gz"])
def test_every_format_shows_drafts_beside_what_was_there(describe: Describe, opened: Open, suffix: str) -> None:
    desk = opened(describe(suffix=suffix))
    row = desk.row(0)
    assert row["title"] == "Blue <b>lamp</b> 0" and row["key"] == "S000"
    assert row["draft"] == "Fine Blue lamp 0, 128 tokens." and row["old"] == "Somebody's own text."
    assert row["attributes"] == {"sku": "S000", "brand": "Holm"}
    assert [one["text"] for one in row["findings"]] == ["128"]
    assert row["route"] == "written" and row["score"] == -0.25
    assert '<mark class="invented"' in row["html"]


def test_doubtful_rows_come_first_and_skipped_ones_last(describe: Describe, opened: Open) -> None:
    page = Page(opened(describe(6)))
    seen = []
    while (row := page.next()) and len(seen) < 8:
        seen.append((row["number"], len(row["findings"])))
        page.decide(
            row, "skipped" if row["verdict"] == "open" and row["number"] == 0 else "accepted", text=row["draft"]
        )
    assert seen == [(0, 1), (2, 1), (4, 1), (1, 0), (3, 0), (5, 0), (0, 1)]


def test_what_a_draft_says_is_never_markup(describe: Describe, opened: Open) -> None:
    page = Page(opened(describe(1)))
    text = "<img src=x onerror=alert(1)> weighs 90 kg"
    found = page.post("check", {"number": 0, "text": text})
    assert "<img" not in found["html"] and "&lt;img" in found["html"]
    html = page.client.get("/").text
    assert "default-src 'none'" in html and "connect-src 'self'" in html
    assert "http" not in html.split("<script>")[1].replace("http-equiv", "")


def test_a_text_is_checked_against_what_the_writer_was_given(describe: Describe, opened: Open) -> None:
    """The brand stood in the prompt, as the manifest says; the shop's number did not."""
    page = Page(opened(describe(1)))
    found = page.post("check", {"number": 0, "text": "A blue lamp by Holm, sold as S000, for 12 V."})
    assert {one["text"] for one in found["findings"]} >= {"S000", "12 V"}
    assert "Holm" not in {one["text"] for one in found["findings"]}


def test_a_decision_is_on_the_disk_when_it_is_answered(describe: Describe, opened: Open) -> None:
    path = describe(4)
    page = Page(opened(path))
    first = page.next()
    assert first is not None
    page.decide(first, "accepted", text="A lamp.", seconds=3.5)
    with sqlite3.connect(store_of(path)) as other:
        kept = other.execute("select key, verdict, text, seconds from decisions").fetchall()
    assert kept == [(first["key"], "mended", "A lamp.", 3.5)]


def test_a_decision_must_hold_water(describe: Describe, opened: Open) -> None:
    page = Page(opened(describe(2)))
    row = page.next()
    assert row is not None
    assert "needs its reason" in page.decide(row, "rejected", 422)["error"]["what"]
    assert "no text" in page.decide(row, "accepted", 422, text=" ")["error"]["what"]
    assert "no such row" in page.decide(row | {"number": 99}, "skipped", 422)["error"]["what"]
    page.decide(row | {"number": -1}, "skipped", 422)
    page.decide(row, "published", 422)
    assert page.client.get("/api/rows", params={"state": "nothing"}).status_code == 422
    assert (again := page.next()) and again["decision"] == 0


def test_two_tabs_get_different_rows_and_never_decide_one_twice(describe: Describe, opened: Open) -> None:
    desk = opened(describe(3))
    one, two = Page(desk, "one"), Page(desk, "two")
    first, second = one.next(), two.next()
    assert first and second and first["number"] != second["number"]
    two.decide(first, "accepted", text=first["draft"])
    assert "another tab was quicker" in one.decide(first, "rejected", 409, reason="style")["error"]["what"]
    assert desk.row(first["number"])["verdict"] == "accepted"


def test_a_decision_whose_answer_was_lost_may_be_sent_again(describe: Describe, opened: Open) -> None:
    desk = opened(describe(2))
    page = Page(desk)
    row = page.next()
    assert row is not None
    for _ in range(2):
        page.decide(row, "accepted", text="A lamp.")
    page.decide(row, "accepted", 409, text="Another lamp.")
    assert len(desk.store.all("select * from decisions")) == 1


def test_two_servers_on_one_file_decide_every_row_once(describe: Describe, opened: Open) -> None:
    path = describe(40)
    desks = [opened(path), opened(path)]
    refused = []

    def decide(desk: Desk, tab: str) -> None:
        for number in range(40):
            try:
                desk.store.decide(number, "rejected", reason="style", tab=tab)
            except ConflictError:
                refused.append(number)

    threads = [threading.Thread(target=decide, args=(desk, str(at))) for at, desk in enumerate(desks)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    keys = [row["key"] for row in desks[0].store.all("select key from decisions")]
    assert len(keys) == len(set(keys)) == 40 and sorted(refused) == list(range(40))


def test_undo_takes_back_a_tabs_own_steps_one_by_one(describe: Describe, opened: Open) -> None:
    desk = opened(describe(4))
    one, two = Page(desk, "one"), Page(desk, "two")
    for page in (one, two, one):
        row = page.next()
        assert row is not None
        page.decide(row, "rejected", reason="style")
    taken = [one.post("undo", {"tab": "one"})["row"]["number"] for _ in range(2)]
    assert "nothing to take back" in one.post("undo", {"tab": "one"}, 422)["error"]["what"]
    states = {row["number"]: row["verdict"] for row in desk.store.all("select number, verdict from rows")}
    assert [states[number] for number in taken] == ["open", "open"] and list(states.values()).count("rejected") == 1


def test_an_undone_mend_gives_the_earlier_decision_back(describe: Describe, opened: Open) -> None:
    desk = opened(describe(1))
    page = Page(desk)
    page.decide(desk.row(0), "accepted", text="A lamp.")
    page.decide(desk.row(0), "accepted", text="A blue lamp.")
    page.post("undo", {"tab": "one"})
    assert (desk.row(0)["verdict"], desk.row(0)["text"]) == ("mended", "A lamp.")


def test_a_rule_says_how_many_and_is_taken_back_whole(describe: Describe, opened: Open) -> None:
    desk = opened(describe(60))
    page = Page(desk)
    rule = {"routes": ["edited", "written"], "findings": 0, "score": -1.0}
    named = page.post("rule", rule)
    assert named["count"] == 30 and len(named["rows"]) == 20
    page.decide(desk.row(1), "rejected", reason="style")
    assert "quicker" in page.post("accept", rule | {"expected": 30, "tab": "one"}, 409)["error"]["what"]
    assert page.post("accept", rule | {"expected": 29, "tab": "one"})["accepted"] == 29
    progress = desk.queue.progress()
    assert (progress["done"], progress["by_rule"], progress["accepted"]) == (30, 29, 29)
    page.post("undo", {"tab": "one"})
    assert desk.queue.progress()["done"] == 1
    assert desk.row(1)["verdict"] == "rejected"


@pytest.mark.parametrize(
    ("rule", "message"),
    [({"score": 0.5}, "never above 0"), ({"similarity": 2}, "never above 1"), ({"routes": []}, "names no route")],
)
def test_a_rule_that_nothing_meets_is_told(
    describe: Describe, opened: Open, rule: dict[str, Any], message: str
) -> None:
    assert message in Page(opened(describe(1))).post("rule", rule, 422)["error"]["what"]


def test_rows_are_filtered_and_searched(describe: Describe, opened: Open) -> None:
    page = Page(opened(describe(20)))

    def count(**chosen: Any) -> int:
        return page.client.get("/api/rows", params=chosen).json()["count"]  # type: ignore[no-any-return]

    assert (count(), count(check="any"), count(check="none"), count(check="number")) == (20, 10, 10, 10)
    assert (count(search="s007"), count(search="LAMP s01"), count(search="' or 1"), count(route="edited")) == (
        1,
        10,
        0,
        0,
    )


def test_rows_that_nobody_was_asked_for_do_not_wait(describe: Describe, opened: Open) -> None:
    desk = opened(describe(10, recipe=RECIPE.with_flags(generate={"only": "empty"})))
    progress = desk.queue.progress()
    assert (progress["total"], progress["left"]) == (8, 2)


class TestOthers:
    def test_only_the_page_may_decide(self, describe: Describe, opened: Open) -> None:
        desk = opened(describe(2))
        page = Page(desk, token="guessed")
        row = page.next()
        assert row is not None
        page.decide(row, "skipped", 403)
        page = Page(desk)
        page.client.headers["Origin"] = "http://evil.example"
        page.decide(row, "skipped", 403)
        page.client.headers["Origin"] = "http://127.0.0.1"
        page.decide(row, "skipped")

    def test_another_name_is_refused(self, describe: Describe, opened: Open) -> None:
        page = Page(opened(describe(1)))
        for path in ("/", "/api/next"):
            assert page.client.get(path, headers={"Host": "evil.example"}).status_code == 400

    def test_no_path_leads_to_a_file(self, describe: Describe, opened: Open) -> None:
        page = Page(opened(describe(1)))
        for path in ("/described.csv", "/api/../described.csv", "/api/row/..%2Fx", "/openapi.json", "/review.js"):
            assert page.client.get(path).status_code in (404, 422)

    def test_a_request_has_bounds(self, describe: Describe, opened: Open) -> None:
        page = Page(opened(describe(1)))
        page.post("check", {"number": 0, "text": "x" * 1_000_001}, 413)
        page.post("check", {"number": 0, "text": "x" * 100_001}, 422)


class TestACatalogueThatChanged:
    def test_decisions_stay_with_their_rows(
        self, describe: Describe, opened: Open, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = describe(6)
        desk = opened(path)
        for number in range(4):
            Page(desk).decide(desk.row(number), "rejected", reason=f"reason {number}")
        rows = products(6)
        rows[1]["title"] = "Another lamp"
        describe([*reversed(rows[3:]), rows[1], {"sku": "new", "title": "New mug", "brand": ""}, rows[0]])
        again = opened(path)
        told = " ".join(capsys.readouterr().err.split())
        assert "1 decided rows have another title or draft now" in told
        assert "1 decided rows are gone" in told
        found = {row["key"]: row["verdict"] for row in again.store.all("select key, verdict from rows")}
        assert found == {
            "S005": "open", "S004": "open", "S003": "rejected", "S001": "open", "new": "open", "S000": "rejected",
        }  # fmt: skip
        describe(6)
        assert opened(path).queue.progress()["rejected"] == 4

    def test_another_catalogues_decisions_are_refused(self, describe: Describe, opened: Open) -> None:
        path = describe(3)
        desk = opened(path)
        Page(desk).decide(desk.row(0), "rejected", reason="style")
        desk.store.close()
        describe([{"sku": "X", "title": "Mug", "brand": ""}])
        with pytest.raises(ShelftalkerError, match="another catalogue's"):
            opened(path)
        describe(3)
        assert opened(path).row(0)["verdict"] == "rejected", "nothing of it was touched"

    def test_the_same_file_is_not_read_again(
        self, describe: Describe, opened: Open, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = describe(3)
        opened(path)
        monkeypatch.setattr("shelftalker.review.described.Described.drafts", lambda _: 1 / 0)
        assert opened(path).queue.progress()["total"] == 3

    def test_ids_and_titles_may_repeat(self, describe: Describe, opened: Open) -> None:
        rows = [{"sku": sku, "title": "Mug"} for sku in ("A", "A", "A #2", "", "", "A")]
        desk = opened(describe(rows, recipe=RECIPE.with_flags(prompt="Title: {title}\n")))
        assert [row["key"] for row in desk.store.all("select key from rows order by number")] == [
            "A", "A #2", "A #2 #2", "Mug", "Mug #2", "A #3",
        ]  # fmt: skip


def test_what_is_no_described_catalogue_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain = tmp_path / "plain.csv"
    plain.write_text("sku,title,description\n1,Mug,A mug.\n")
    for path, message in ((plain, "no described catalogue"), (tmp_path / "none.csv", "no such described catalogue")):
        assert main(["review", str(path)]) == 2
        said = " ".join(capsys.readouterr().err.split())
        assert message in said and "generate --input" in said


def test_a_folder_that_cannot_be_written_is_told(describe: Describe, tmp_path: Path) -> None:
    path = describe(1)
    with pytest.raises(ShelftalkerError, match="--decisions") as refused:
        open_desk(path, RECIPE, decisions=Path("/proc/review.sqlite"))
    assert "cannot be kept here" in refused.value.what
    (tmp_path / "notes").write_text("not a database, but long enough to be looked at " * 30)
    with pytest.raises(ShelftalkerError, match="no file of decisions"):
        open_desk(path, RECIPE, decisions=tmp_path / "notes")
    assert (tmp_path / "notes").read_text().startswith("not a database")


def test_a_model_writes_another_version(describe: Describe, opened: Open) -> None:
    desk = opened(describe(1))
    page = Page(desk)
    assert "--model MODEL" in page.post("another", {"number": 0, "seed": 1}, 422)["error"]["mend"]
    engine = FakeEngine()
    desk.writer = Writer(engine, RECIPE)
    found = page.post("another", {"number": 0, "seed": 3})
    assert found["text"] == "The Blue lamp 0 weighs 90 kg." and [one["text"] for one in found["findings"]] == ["90 kg"]
    [(prompts, decoding)] = engine.calls
    assert prompts[0].startswith("Brand: Holm\n") and (decoding.sample, decoding.seed) == (True, 3)


def test_cells_guarded_for_spreadsheets_are_shown_as_they_were_written(tmp_path: Path, opened: Open) -> None:
    path = tmp_path / "described.csv"
    path.write_text("title,description,findings,route\nMug,'=Mug,[],written\n'Mug,'Mug,,written\n")
    desk = opened(path)
    assert [desk.row(number)["draft"] for number in range(2)] == ["=Mug", "'Mug"]
    assert json.loads(json.dumps(desk.row(0)))["findings"] == []


def test_a_file_of_one_row_with_findings_is_reviewed(describe: Describe, opened: Open) -> None:
    """One line of JSON that holds lists could be a list of products inside an object; it is one product."""
    desk = opened(describe(1, ".jsonl"))
    row = desk.row(0)
    assert row["key"] == "S000" and row["draft"].startswith("Fine Blue lamp") and row["findings"]


def test_the_summary_counts_what_the_queue_has_cost(describe: Describe, opened: Open) -> None:
    desk = opened(describe(6))
    page = Page(desk)
    empty = page.client.get("/api/summary").json()
    assert (empty["minutes"], empty["minutes_left"], empty["texts"], empty["words"]) == (0, None, 0, 6.0)
    page.decide(desk.row(0), "accepted", text="A lamp.", seconds=60)
    page.decide(desk.row(2), "rejected", reason="style", seconds=30)
    rule = page.post("rule", {"findings": 0})
    page.post("accept", {"findings": 0, "expected": rule["count"], "tab": "one"})
    found = page.client.get("/api/summary").json()
    assert (found["mended"], found["rejected"], found["by_rule"], found["texts"]) == (1, 1, 3, 4)
    assert found["minutes"] == 1.5 and found["minutes_left"] == 0.8, "one row waits, at 45 s"
