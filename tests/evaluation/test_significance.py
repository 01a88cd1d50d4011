"""Intervals and tests: sacrebleu's own numbers, the right error rate, and the arithmetic of small cases."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from shelftalker.evaluation.metrics import ngrams
from shelftalker.evaluation.metrics.metric import ratio
from shelftalker.evaluation.significance import Resampler, bootstrap_weights, holm, p_value, swaps

BLEU, CHRF = slice(0, 10), slice(10, 34)
METRICS = {"bleu": (BLEU, ngrams.bleu), "chrf": (CHRF, ngrams.chrf)}
SEED, TRIALS = 12345, 1000


def _corpora(rows: int = 120) -> tuple[list[str], dict[str, list[str]]]:
    random.seed(5)
    vocabulary = "soft warm blue steel kettle lamp reading desk for the a of and keeps drinks cold hours bag".split()

    def text() -> str:
        return " ".join(random.choices(vocabulary, k=random.randint(5, 25)))

    references = [text() for _ in range(rows)]

    def noisy(share: float) -> list[str]:
        return [
            " ".join(word if random.random() > share else random.choice(vocabulary) for word in line.split())
            for line in references
        ]

    return references, {"baseline": noisy(0.5), "same": noisy(0.5), "better": noisy(0.45), "worse": noisy(0.6)}


@pytest.fixture(scope="module")
def resampler() -> Resampler:
    references, systems = _corpora()
    counts = zip(*(metric.tables(references, list(systems.values())) for metric in ngrams.METRICS), strict=True)
    table = {name: np.concatenate(one, axis=1) for name, one in zip(systems, counts, strict=True)}
    return Resampler(table, TRIALS, SEED)


def _theirs(kind: str) -> dict[str, Any]:
    from sacrebleu import metrics
    from sacrebleu.significance import PairedTest

    references, systems = _corpora()
    test = PairedTest(
        list(systems.items()),
        {
            "bleu": metrics.BLEU(references=[references], force=True),
            "chrf": metrics.CHRF(word_order=2, references=[references]),
        },
        None,
        test_type=kind,
        n_samples=TRIALS,
    )
    _, scores = test()
    return {"names": scores["System"], "bleu": scores["BLEU"], "chrf": scores["chrF2++"]}


@pytest.mark.parametrize("metric", ["bleu", "chrf"])
def test_approximate_randomisation_gives_sacrebleus_p_values(resampler: Resampler, metric: str) -> None:
    theirs = _theirs("ar")
    columns, formula = METRICS[metric]
    for name, result in list(zip(theirs["names"], theirs[metric], strict=True))[1:]:
        ours = resampler.compare(name, "baseline", columns, formula)
        assert ours.p_permutation == pytest.approx(result.p_value, abs=1e-12), name
        assert ours.difference == pytest.approx(result.score - theirs[metric][0].score, abs=1e-9)


@pytest.mark.parametrize("metric", ["bleu", "chrf"])
def test_bootstrap_resamples_are_sacrebleus(resampler: Resampler, metric: str) -> None:
    """The same resamples give its interval and, by its formula, its p-value.

    Its formula compares |difference| - mean|difference| with the difference seen, which is a one-sided test; ours is
    two-sided, so that p is about twice as large for a clear difference.
    """
    theirs = _theirs("bs")
    columns, formula = METRICS[metric]
    base = resampler.resampled("baseline", columns, formula)
    for name, result in list(zip(theirs["names"], theirs[metric], strict=True))[1:]:
        drawn = resampler.resampled(name, columns, formula)
        assert float(drawn.mean()) == pytest.approx(float(result.mean), abs=1e-3)
        distance = np.abs(drawn - base)
        ours = resampler.compare(name, "baseline", columns, formula)
        by_their_formula = (np.sum(distance - distance.mean() > abs(ours.difference)) + 1) / (TRIALS + 1)
        # They add up in single precision, so that a resample on the edge may fall on the other side.
        assert by_their_formula == pytest.approx(result.p_value, abs=2 / TRIALS), name
        assert ours.p_bootstrap >= by_their_formula


def _null_trials(kind: str, trials: int, rows: int) -> np.ndarray:
    """p-values of both tests for pairs of systems that do not differ; shape (trials, 2)."""
    generator = np.random.default_rng(99)
    found = []
    for trial in range(trials):
        # Both outputs of a row share its difficulty and are exchangeable.
        difficulty = generator.normal(size=(rows, 1))
        if kind == "mean":
            values = 0.3 + 0.1 * difficulty + 0.1 * generator.standard_t(4, size=(rows, 2))
            table = np.stack([values, np.ones_like(values)], axis=2)
            columns, formula = slice(0, 2), ratio
        else:
            length = generator.integers(20, 80, size=(rows, 2))
            chance = 1 / (1 + np.exp(-(difficulty * 0.5 - np.arange(4))))
            totals = np.maximum(length[:, :, None] - np.arange(4), 0)
            matches = generator.binomial(totals, chance[:, None, :])
            reference = np.repeat(length.mean(axis=1, keepdims=True).round(), 2, axis=1)
            table = np.concatenate([length[:, :, None], reference[:, :, None], matches, totals], axis=2)
            columns, formula = BLEU, ngrams.bleu
        pair = Resampler({"a": table[:, 0].astype(float), "b": table[:, 1].astype(float)}, 400, seed=trial)
        result = pair.compare("a", "b", columns, formula)
        found.append((result.p_bootstrap, result.p_permutation))
    return np.array(found)


@pytest.mark.parametrize("kind", ["mean", "bleu"])
def test_without_a_difference_one_trial_in_twenty_is_significant(kind: str) -> None:
    share = (_null_trials(kind, trials=1000, rows=100) < 0.05).mean(axis=0)
    assert 0.03 <= share[0] <= 0.07, f"paired bootstrap: {share[0]:.3f}"
    assert 0.03 <= share[1] <= 0.07, f"approximate randomisation: {share[1]:.3f}"


def test_the_smallest_detectable_difference_is_detected_in_four_of_five_tries() -> None:
    generator = np.random.default_rng(4)
    rows, found = 150, []
    noise = 0.1
    size = 2.802 * noise * 2**0.5 / rows**0.5
    for trial in range(300):
        base = generator.normal(0.4, 0.1, size=rows)
        a, b = base + generator.normal(size, noise, rows), base + generator.normal(0, noise, rows)
        ones = np.ones(rows)
        pair = Resampler({"a": np.stack([a, ones], 1), "b": np.stack([b, ones], 1)}, 300, seed=trial)
        found.append(pair.compare("a", "b", slice(0, 2), ratio))
    assert np.mean([result.smallest_detectable for result in found]) == pytest.approx(size, rel=0.05)
    assert 0.73 <= np.mean([result.p_permutation < 0.05 for result in found]) <= 0.87


def test_intervals_hold_the_truth_nineteen_times_in_twenty() -> None:
    generator = np.random.default_rng(8)
    inside = 0
    for trial in range(400):
        values = generator.exponential(0.3, size=200)
        pair = Resampler({"a": np.stack([values, np.ones(200)], 1)}, 400, seed=trial)
        low, high = pair.interval("a", slice(0, 2), ratio)
        inside += low <= 0.3 <= high
    assert 0.91 <= inside / 400 <= 0.98


def test_a_system_against_itself_has_p_one(resampler: Resampler) -> None:
    result = resampler.compare("better", "better", CHRF, ngrams.chrf)
    assert (result.difference, result.p_bootstrap, result.p_permutation) == (0, 1, 1)


def test_no_p_value_is_zero() -> None:
    assert p_value(np.zeros(999), 1.0) == 1 / 1000


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others() -> None:
    generator = np.random.default_rng(0)
    table = {name: np.stack([generator.random(50), np.ones(50)], 1) for name in "ab"}
    first, again, other = (Resampler(table, 300, seed).compare("a", "b", slice(0, 2), ratio) for seed in (1, 1, 2))
    assert first == again != other


def test_chunks_draw_what_one_call_would_draw() -> None:
    whole = np.random.default_rng(3).choice(70, size=(600, 70), replace=True)
    counts = np.stack([np.bincount(row, minlength=70) for row in whole])
    assert (np.concatenate(list(bootstrap_weights(70, 600, 3))) == counts).all()
    bits = np.random.default_rng(3).integers(2, size=(600, 70), dtype=bool)
    assert (np.concatenate(list(swaps(70, 600, 3))) == bits).all()


def test_holm_multiplies_the_smallest_most_and_never_reorders() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([0.02]) == [0.02]


def test_systems_with_other_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="different numbers of rows"):
        Resampler({"a": np.ones((3, 2)), "b": np.ones((4, 2))}, 100, 0)
