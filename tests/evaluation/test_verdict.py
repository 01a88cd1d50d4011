"""The ranking by its stated rule, and what the verdict owes its reader."""

from __future__ import annotations

import random

import pytest

from shelftalker.evaluation.entries import Entry, Protocol, ScoredRow
from shelftalker.evaluation.pairing import pairs
from shelftalker.evaluation.report.view import View
from shelftalker.evaluation.results import Data, Results, Role, System
from shelftalker.evaluation.scoring import score
from shelftalker.evaluation.tables import show
from shelftalker.evaluation.verdict import judge, rank

WORDS = "soft warm blue steel kettle lamp reading desk keeps drinks cold hours travel bag oak table light brush".split()


def compared(
    quality: dict[str, float], rows: int = 120, split: str = "val", cap: float = 0.0, independent: bool = False
) -> Results:
    """A comparison in which each system keeps a share of the reference's words.

    A larger share keeps the same words and more, unless the systems are ``independent``.
    """
    draw = random.Random(11)
    references = [" ".join(draw.choices(WORDS, k=20)) for _ in range(rows)]
    luck = [[(draw.random(), draw.choice(WORDS)) for _ in range(20)] for _ in range(rows)]
    products = [ScoredRow(f"P{number}", "blue lamp", reference) for number, reference in enumerate(references)]
    entries = []
    for name, share in quality.items():
        if independent:
            own = random.Random(name)
            luck = [[(own.random(), own.choice(WORDS)) for _ in range(20)] for _ in range(rows)]
        texts = [
            " ".join(word if chance < share else other for word, (chance, other) in zip(text.split(), row, strict=True))
            for text, row in zip(references, luck, strict=True)
        ]
        step = int(name.split("-")[1]) if name.startswith("checkpoint") else None
        role: Role = "checkpoint" if step else "baseline" if name == "zero-shot" else "reference_system"
        if name.startswith("model"):
            role = "model"
        system = System(id=name, label=name, role=role, step=step)
        entries.append(Entry(system, texts, hit_cap=[number < cap * rows for number in range(rows)]))
    data = Data(split=split, rows=rows, sha256="0", path=f"data/{split}.jsonl")
    return score(products, entries, Protocol(300, 1), kind="comparison", data=data)


def test_a_clear_winner_is_named_and_said_to_be_significantly_better() -> None:
    results = compared({"zero-shot": 0.1, "nearest-neighbour": 0.2, "checkpoint-100": 0.4, "checkpoint-200": 0.8})
    verdict = judge(results, "chrf")
    assert verdict.best == "checkpoint-200"
    assert "significantly better than the second, checkpoint-100" in verdict.sentence
    assert "significantly better than zero-shot" in verdict.sentence
    assert "nearest-neighbour" in verdict.sentence


def test_inside_the_interval_the_earlier_checkpoint_wins() -> None:
    results = compared(
        {"zero-shot": 0.1, "checkpoint-100": 0.3, "checkpoint-200": 0.6, "checkpoint-300": 0.63}, independent=True
    )
    names = [system.id for system in rank(results, "chrf")]
    top = max(results.systems, key=lambda system: system.scores["chrf"].value)
    assert top.id == "checkpoint-300", "the rule is only tested where the later one scores higher"
    assert names == ["checkpoint-200", "checkpoint-300", "checkpoint-100"]
    sentence = judge(results, "chrf").sentence
    assert "checkpoint-300" in sentence
    assert "not significantly better" in sentence


@pytest.mark.parametrize(
    ("losses", "best", "why"),
    [
        ((3.9, 3.75, 3.7), "checkpoint-300", "not significantly better than the second, checkpoint-200"),
        ((3.9, 3.7, 3.75), "checkpoint-200", "has the higher validation loss (3.750; 3.700)"),
        ((3.6, 3.75, 3.7), "checkpoint-300", "not significantly better"),  # the first is significantly worse
        ((3.9, None, 3.7), "checkpoint-200", "was trained longer"),
    ],
)
def test_where_scores_cannot_tell_checkpoints_apart_the_validation_loss_does(
    losses: tuple[float | None, ...], best: str, why: str
) -> None:
    results = compared(
        {"zero-shot": 0.1, "checkpoint-100": 0.3, "checkpoint-200": 0.6, "checkpoint-300": 0.63}, independent=True
    )
    for number, loss in enumerate(losses, 1):
        results.system(f"checkpoint-{number}00").loss = loss
    verdict = judge(results, "chrf")
    assert verdict.best == best
    assert why in verdict.sentence


def test_checkpoints_of_another_run_do_not_win_by_their_steps() -> None:
    results = compared({"checkpoint-100": 0.6, "checkpoint-300": 0.63}, independent=True)
    results.system("checkpoint-100").run, results.system("checkpoint-300").run = "one", "other"
    assert rank(results, "chrf")[0].id == "checkpoint-300"


def test_models_without_steps_rank_by_score_alone() -> None:
    results = compared({"model-b": 0.6, "model-a": 0.602})
    assert [system.id for system in rank(results, "chrf")] == ["model-a", "model-b"]


def test_losing_to_copying_the_neighbour_is_said() -> None:
    results = compared({"zero-shot": 0.1, "nearest-neighbour": 0.8, "checkpoint-100": 0.5})
    verdict = judge(results, "chrf")
    assert "worse than nearest-neighbour" in verdict.sentence
    assert any("nearest training title scores higher (significantly)" in warning for warning in verdict.warnings)


def test_a_gain_inside_the_noise_is_called_so() -> None:
    results = compared({"zero-shot": 0.5, "checkpoint-100": 0.503}, rows=60)
    verdict = judge(results, "chrf")
    assert "not significantly different from zero-shot" in verdict.sentence
    assert any("not significantly better than the untrained zero-shot" in warning for warning in verdict.warnings)
    assert any("likely to be missed" in warning for warning in verdict.warnings)


def test_worse_than_zero_shot_is_warned_of() -> None:
    verdict = judge(compared({"zero-shot": 0.8, "checkpoint-100": 0.3}), "chrf")
    assert "worse than zero-shot" in verdict.sentence
    assert any("worse than the untrained zero-shot" in warning for warning in verdict.warnings)


def test_outputs_that_were_cut_off_are_warned_of() -> None:
    verdict = judge(compared({"zero-shot": 0.1, "checkpoint-100": 0.6}, cap=0.2), "chrf")
    assert any("20% of the outputs hit the token limit" in warning for warning in verdict.warnings)


def test_nothing_is_chosen_by_test_rows() -> None:
    results = compared({"zero-shot": 0.1, "checkpoint-100": 0.4, "checkpoint-200": 0.8}, split="test")
    verdict = judge(results, "chrf", select=False)
    assert verdict.best is None
    assert "validation rows choose" in verdict.sentence


def test_without_models_there_is_nothing_to_judge() -> None:
    verdict = judge(compared({"zero-shot": 0.1, "copy-title": 0.2}), "chrf")
    assert verdict.best is None
    assert "no model to judge" in verdict.sentence


def test_holm_corrects_over_the_checkpoints_only() -> None:
    results = compared({"zero-shot": 0.5, "copy-title": 0.5, "checkpoint-1": 0.52, "checkpoint-2": 0.53})
    for test in results.tests:
        if test.a.startswith("checkpoint") and test.b == "zero-shot":
            assert test.p_holm is not None
            assert test.p_holm >= test.p_permutation
        if test.a == "copy-title" or test.b.startswith("checkpoint"):
            assert test.p_holm is None
    corrected = {test.p_holm for test in results.tests if test.b == "zero-shot" and test.metric == "chrf"}
    assert max(value for value in corrected if value is not None) <= 1


@pytest.fixture
def tried() -> Results:
    """Five checkpoints, of which the best is better than zero-shot before Holm's correction and not after it."""
    names = [f"checkpoint-{step}" for step in (1, 2, 3, 4, 5)]
    results = compared({"zero-shot": 0.5, **dict.fromkeys(names, 0.5)}, rows=30)
    for test in results.tests:
        test.p_permutation, test.p_holm = 0.6, 1.0 if test.b == "zero-shot" else None
        if (test.a, test.b) == ("checkpoint-5", "zero-shot"):
            test.p_permutation, test.p_holm, test.difference = 0.02, 0.1, 1.0
    for system in results.systems:
        system.scores["chrf"].value = 40.0 + (system.id == "checkpoint-5")
    results.systems = [system for system in results.systems if system.id in ("zero-shot", "checkpoint-5")]
    results.tests = [test for test in results.tests if {test.a, test.b} == {"zero-shot", "checkpoint-5"}]
    return results


def test_sentence_warnings_table_and_report_go_by_the_same_corrected_p(
    tried: Results, capsys: pytest.CaptureFixture[str]
) -> None:
    tried.verdict = judge(tried, "chrf")
    assert "not significantly different from zero-shot (+1.00, p = 0.100)" in tried.verdict.sentence
    assert "No better than before training" in tried.verdict.plain
    assert any("not significantly better than the untrained zero-shot" in one for one in tried.verdict.warnings)
    show(tried)
    assert "no difference shown, p = 0.100" in capsys.readouterr().out
    (line,) = View(tried).tests("chrf")[0]
    assert line["outcome"] == "no difference shown"


@pytest.mark.parametrize(
    ("quality", "rate", "plain"),
    [
        (
            {"zero-shot": 0.1, "checkpoint-100": 0.6},
            0.0,
            "Learnt the style; not publishable: 0 of 120 pass",
        ),
        ({"zero-shot": 0.1, "checkpoint-100": 0.6}, 0.6, "Learnt the style; partly publishable: 72 of 120 pass"),
        ({"zero-shot": 0.1, "checkpoint-100": 0.6}, 1.0, "Learnt the style; publishable: 120 of 120 pass"),
        ({"zero-shot": 0.8, "checkpoint-100": 0.3}, 0.0, "Writes worse than before training; not publishable"),
        ({"copy-title": 0.1, "model-a": 0.3}, 0.0, "Not publishable: 0 of 120 pass every check."),
    ],
)
def test_one_plain_line_says_whether_it_learnt_and_whether_it_can_be_published(
    quality: dict[str, float], rate: float, plain: str
) -> None:
    results = compared(quality)
    for system in results.systems:
        assert system.checks is not None
        system.checks.publishable_rate = rate
    assert judge(results, "chrf").plain.startswith(plain)


def test_with_many_checkpoints_only_the_pairs_that_matter_are_tested() -> None:
    quality = {"zero-shot": 0.1, "copy-title": 0.1} | {f"checkpoint-{step}": 0.1 + step / 50 for step in range(1, 15)}
    results = compared(quality, rows=30)
    tested = {(test.a, test.b) for test in results.tests if test.metric == "chrf"}
    for step in range(1, 15):
        assert (f"checkpoint-{step}", "zero-shot") in tested
        assert (f"checkpoint-{step}", "copy-title") in tested
    leader = max(results.systems, key=lambda system: system.scores["chrf"].value).id
    others = [pair for pair in tested if all(name.startswith("checkpoint") for name in pair)]
    assert len(others) == 13
    assert all(leader in pair for pair in others)
    assert len(pairs(results.systems, "chrf")) == 14 * 2 + 13


@pytest.mark.parametrize("metric", ["rouge1", "chrf", "bleu"])
def test_a_test_can_be_read_both_ways_round(metric: str) -> None:
    results = compared({"zero-shot": 0.2, "checkpoint-100": 0.5}, rows=30)
    one, other = (
        results.between("checkpoint-100", "zero-shot", metric),
        results.between("zero-shot", "checkpoint-100", metric),
    )
    assert one is not None
    assert other is not None
    assert (other.difference, other.low, other.high) == (-one.difference, -one.high, -one.low)
    assert other.p_permutation == one.p_permutation
