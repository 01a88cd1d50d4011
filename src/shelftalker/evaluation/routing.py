"""From which similarity a sibling's text is edited: chosen on the rows of a comparison, by the score that ranks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from shelftalker.evaluation.metrics.metric import Outputs, Targets
from shelftalker.evaluation.metrics.registry import METRICS
from shelftalker.evaluation.predict import Predictions
from shelftalker.product import Product
from shelftalker.writing.route import choose_threshold


def chosen(predictions: Predictions, examples: Sequence[Product], rank_by: str) -> tuple[Predictions, float | None]:
    """What a model wrote, with edited texts in the place of its own where they score better, and from where on.

    Args:
        predictions: what the model wrote, and what the editor would make of each row.
        examples: the same rows, with their references.
        rank_by: the metric whose row scores decide.
    """
    edits = predictions.edits
    if edits is None:
        return predictions, None
    able = [place for place, edit in enumerate(edits) if edit is not None]
    ours, theirs = _row_scores(
        [examples[place] for place in able],
        [edit.text for edit in edits if edit is not None],
        [predictions.texts[place] for place in able],
        rank_by,
    )
    similarity = [edit.similarity for edit in edits if edit is not None]
    threshold = choose_threshold(similarity, ours, theirs)
    if threshold is None:
        return predictions, None
    texts, tokens = list(predictions.texts), list(predictions.tokens)
    hit_cap, routes, sources = list(predictions.hit_cap), list(predictions.routes), list(predictions.sources)
    for place, edit in enumerate(edits):
        if edit is not None and edit.similarity >= threshold and routes[place] != "declined":
            texts[place], tokens[place], hit_cap[place] = edit.text, 0, False
            routes[place], sources[place] = "edited", edit.sources
    return replace(
        predictions, texts=texts, tokens=tokens, hit_cap=hit_cap, routes=routes, sources=sources, edits=None
    ), threshold


def _row_scores(
    examples: Sequence[Product], ours: Sequence[str], theirs: Sequence[str], rank_by: str
) -> tuple[list[float], list[float]]:
    if not examples:
        return [], []
    targets = Targets([row.title for row in examples], [row.description for row in examples])
    metric = METRICS[rank_by]
    first, second = metric.count([Outputs(targets, ours), Outputs(targets, theirs)])
    assert first is not None and second is not None
    return metric.row_scores(first).tolist(), metric.row_scores(second).tolist()
