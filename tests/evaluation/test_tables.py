"""The table that a terminal shows."""

from __future__ import annotations

import pytest

from shelftalker import console
from shelftalker.evaluation.tables import show
from tests.evaluation.samples import SYSTEMS, sample_results


def test_every_system_stands_in_the_table_with_interval_and_p_value(capsys: pytest.CaptureFixture[str]) -> None:
    results = sample_results()
    show(results)
    shown = capsys.readouterr().out
    for name in (*SYSTEMS, "chrF++", "against zero-shot"):
        assert name in shown
    score = results.system("checkpoint-200").scores["chrf"]
    assert f"{score.value:.2f} [{score.low:.2f}, {score.high:.2f}]" in shown
    assert "better, p = 0.002" in shown, "corrected, as everywhere"
    assert "checkpoint-200 *" in shown
    assert results.verdict.sentence in shown


def test_the_table_fits_80_columns_whatever_systems_are_called(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    results = sample_results()
    results.systems[-1].label = "outputs/a-run-with-a-long-name/checkpoint-12000 (beams of four, no repeats)"
    show(results)
    table = [line for line in capsys.readouterr().out.splitlines() if line.startswith(("┃", "│", "┏", "├", "└"))]
    assert len(table) > 10
    assert max(map(len, table)) <= 80


def test_the_plain_line_comes_first(capsys: pytest.CaptureFixture[str]) -> None:
    results = sample_results()
    results.verdict.plain = "Learnt the style; not publishable: 0 of 60 pass every check."
    show(results)
    assert capsys.readouterr().out.splitlines()[0] == results.verdict.plain


def test_under_json_stdout_is_left_to_the_result(capsys: pytest.CaptureFixture[str]) -> None:
    console.configure(as_json=True)
    try:
        show(sample_results())
        assert capsys.readouterr().out == ""
    finally:
        console.configure()
