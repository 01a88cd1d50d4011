"""What a comparison comes to: the ranking by its stated rule, one sentence, and warnings."""

from __future__ import annotations

from collections.abc import Sequence

from shelftalker.evaluation.metrics.registry import METRICS
from shelftalker.evaluation.pairing import CANDIDATES
from shelftalker.evaluation.results import PairedTest, Results, System, Verdict

CAP_SHARE = 0.05
"""More outputs than this share cut off by the token limit: a warning."""
PUBLISHABLE, PARTLY = 0.95, 0.5
"""Shares of descriptions that pass every check, from which a model is called publishable, or partly so."""


def rank(results: Results, rank_by: str) -> list[System]:
    """Checkpoints and models, best first.

    The highest score leads; of the checkpoints of its run that are not significantly worse than the leader (see
    results.PairedTest.is_shown) the one with the lowest validation loss wins, or, where one's loss is not known, the
    earliest, because it was trained less for the same. The rest follow by score.
    """
    candidates = [system for system in results.systems if system.role in CANDIDATES]
    ordered = sorted(candidates, key=lambda system: -_value(system, rank_by))
    if not ordered:
        return []
    leader = ordered[0]
    if leader.step is not None:
        level = [system for system in _run(ordered, leader) if _level(results, leader, system, rank_by)]
        losses = {system.id: system.loss for system in level if system.loss is not None}
        if len(losses) < len(level):
            losses = {}
        leader = min(level, key=lambda one: (losses.get(one.id, 0.0), one.step or 0, -_value(one, rank_by)))
    return [leader, *(system for system in ordered if system is not leader)]


def _run(systems: Sequence[System], leader: System) -> list[System]:
    """The checkpoints of the leader's run: losses and steps of others are counted otherwise."""
    return [system for system in systems if system.step is not None and system.run == leader.run]


def judge(results: Results, rank_by: str, *, select: bool = True) -> Verdict:
    """The verdict on a comparison.

    Args:
        results: with scores and tests.
        rank_by: the score that ranks.
        select: whether a best system may be named (never on test rows).
    """
    ranking = rank(results, rank_by)
    warnings = _warnings(results, ranking, rank_by)
    if not ranking:
        sentence = "There is no model to judge: only baselines and reference systems."
        return Verdict(plain=sentence, sentence=sentence, warnings=warnings)
    if not select and len(ranking) > 1:
        sentence = "No system is chosen: these are test rows, and validation rows choose."
        return Verdict(plain=sentence, sentence=sentence, warnings=warnings)
    best = ranking[0]
    parts = [_headline(results, ranking, rank_by)]
    rivals = [system for system in results.systems if system.role not in CANDIDATES]
    parts += _against(results, best, rivals, rank_by)
    sentence = "; ".join(parts) + "."
    if len(ranking) > 1 and any(results.between(best.id, rival.id, rank_by) for rival in rivals):
        sentence += f" Against these p is corrected for {len(ranking)} tries (Holm)."
    return Verdict(best=best.id, plain=_plain(results, best, rank_by), sentence=sentence, warnings=warnings)


def _plain(results: Results, best: System, rank_by: str) -> str:
    """What a person wants to know first: did it learn the style, and can its texts be published?"""
    untrained = next((system for system in results.systems if system.role == "baseline"), None)
    test = results.between(best.id, untrained.id, rank_by) if untrained else None
    learnt = {
        "better": "Learnt the style",
        "worse": "Writes worse than before training",
        "no difference shown": "No better than before training, as far as these rows show",
    }
    parts = [learnt[outcome(test)]] if test else []
    if best.checks is not None:
        rate, rows = best.checks.publishable_rate, results.data.rows
        word = "publishable" if rate >= PUBLISHABLE else "partly publishable" if rate >= PARTLY else "not publishable"
        parts.append(f"{word}: {round(rate * rows):,} of {rows:,} pass every check")
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _headline(results: Results, ranking: Sequence[System], rank_by: str) -> str:
    best = ranking[0]
    score = best.scores[rank_by]
    interval = f" [{_number(score.low, rank_by)}, {_number(score.high, rank_by)}]" if score.low is not None else ""
    text = f"{best.label}: {METRICS[rank_by].label} {_number(score.value, rank_by)}{interval}"
    if len(ranking) == 1:
        return text
    top = max(ranking, key=lambda system: _value(system, rank_by))
    if top is not best:
        losses = [one.loss for one in (best, top) if one.loss is not None]
        why = "was trained longer"
        if len(losses) == 2 and losses[0] < losses[1]:
            why = f"has the higher validation loss ({losses[1]:.3f}; {losses[0]:.3f})"
        return (
            f"{text}, chosen because {top.label} ({_number(_value(top, rank_by), rank_by)}) is not significantly"
            f" better{_p(results, top, best, rank_by)} and {why}"
        )
    second = ranking[1]
    how = "best, but not significantly better" if _level(results, best, second, rank_by) else "significantly better"
    return f"{text}, {how} than the second, {second.label}{_p(results, best, second, rank_by)}"


def _against(results: Results, best: System, rivals: Sequence[System], rank_by: str) -> list[str]:
    """How the best stands to the baseline and the reference systems, in groups: better than, level with, worse than."""
    groups: dict[str, list[str]] = {
        "significantly better than": [],
        "not significantly different from": [],
        "worse than": [],
    }
    for rival in rivals:
        difference = _value(best, rank_by) - _value(rival, rank_by)
        shown = f"{rival.label} ({difference:+.{_decimals(rank_by)}f}{_p(results, best, rival, rank_by, bare=True)})"
        if _level(results, best, rival, rank_by):
            groups["not significantly different from"].append(shown)
        else:
            groups["significantly better than" if difference > 0 else "worse than"].append(shown)
    return [f"{how} {_list(names)}" for how, names in groups.items() if names]


_WITHOUT_MODEL = {
    "nearest-edited": "Editing the description of the most similar training title, without any model,",
    "nearest-neighbour": "Copying the description of the nearest training title",
}
_INSTEAD = "copying and editing beats this model"


def _warnings(results: Results, ranking: Sequence[System], rank_by: str) -> list[str]:
    warnings: list[str] = []
    if not ranking:
        return warnings
    best = ranking[0]
    for id, what in _WITHOUT_MODEL.items():
        rival = next((system for system in results.systems if system.id == id), None)
        if rival is not None and _value(rival, rank_by) > _value(best, rank_by):
            how = "not significantly" if _level(results, best, rival, rank_by) else "significantly"
            warnings.append(f"{what} scores higher ({how}): for products with a sibling in the catalogue, {_INSTEAD}.")
            break
    for system in results.systems:
        if system.role != "baseline":
            continue
        if _level(results, best, system, rank_by):
            warnings.append(f"{best.label} is not significantly better than the untrained {system.label}.")
        elif _value(best, rank_by) < _value(system, rank_by):
            warnings.append(f"{best.label} is worse than the untrained {system.label}.")
    test = next((test for test in results.tests if test.a == best.id and test.metric == rank_by), None)
    if test is not None and test.smallest_detectable > 0:
        warnings.append(
            f"With {results.data.rows} rows a difference in {METRICS[rank_by].label} under about"
            f" {_number(test.smallest_detectable, rank_by)} is likely to be missed."
        )
    cut = best.scores.get("cap_share")
    if cut is not None and cut.value > CAP_SHARE:
        warnings.append(
            f"{best.label}: {cut.value:.0%} of the outputs hit the token limit; raise decoding.max_new_tokens."
        )
    if best.checks is not None and results.reference_checks is not None:
        rate, human = best.checks.publishable_rate, results.reference_checks.publishable_rate
        if rate < human:
            warnings.append(
                f"{rate:.0%} of {best.label}'s descriptions pass every check (of the references: {human:.0%}); the"
                " others claim something that the title does not support, or are malformed."
            )
    if results.data.split == "test":
        warnings.append("These are test rows: report them, do not choose by them.")
    return warnings


def _level(results: Results, a: System, b: System, metric: str) -> bool:
    """Whether two systems do not differ significantly; a system is level with itself."""
    if a.id == b.id:
        return True
    test = results.between(a.id, b.id, metric)
    return test is None or not test.is_shown


def _p(results: Results, a: System, b: System, metric: str, *, bare: bool = False) -> str:
    test = results.between(a.id, b.id, metric)
    if test is None:
        return ""
    text = p_text(test.p)
    return f", {text}" if bare else f" ({text})"


def p_text(p: float) -> str:
    """A p-value as journals print it."""
    return "p < 0.001" if p < 0.0005 else f"p = {p:.3f}"


def outcome(test: PairedTest) -> str:
    """What a test says of its system a: better, worse, or no difference shown."""
    if not test.is_shown:
        return "no difference shown"
    is_better = test.difference > 0 if METRICS[test.metric].higher_is_better is not False else test.difference < 0
    return "better" if is_better else "worse"


def _value(system: System, metric: str) -> float:
    return system.scores[metric].value


def _decimals(metric: str) -> int:
    return METRICS[metric].decimals


def _number(value: float | None, metric: str) -> str:
    return "" if value is None else f"{value:.{_decimals(metric)}f}"


def _list(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
