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
    for name in (*SYSTEMS, "ROUGE-1", "ROUGE-2", "ROUGE-L", "BLEU", "chrF++", "publishable"):
        assert name in shown
    score = results.system("checkpoint-200").scores["chrf"]
    assert f"{score.value:.2f}" in shown
    assert f"[{score.low:.2f}, {score.high:.2f}]" in shown
    assert "p = 0.001" in shown
    assert "checkpoint-200 *" in shown
    assert results.verdict.sentence in " ".join(shown.split())


def test_under_json_stdout_is_left_to_the_result(capsys: pytest.CaptureFixture[str]) -> None:
    console.configure(as_json=True)
    try:
        show(sample_results())
        assert capsys.readouterr().out == ""
    finally:
        console.configure()
