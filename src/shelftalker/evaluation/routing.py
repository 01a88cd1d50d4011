"""From which similarity a sibling's text is edited: chosen by the score that ranks, never on rows that are scored last.

The rows of a comparison say what the model writes; what editing is worth, they and the training split say, whose
products are described from one another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from shelftalker.evaluation.metrics.metric import Outputs, Targets
from shelftalker.evaluation.metrics.registry import METRICS
from shelftalker.evaluation.predict import Predictions, Rehearsal
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
    near = [edit.similarity for edit in edits if edit is not None]
    ours, theirs = _row_scores(
        [examples[place] for place in able],
        [edit.text for edit in edits if edit is not None],
        [predictions.texts[place] for place in able],
        rank_by,
    )
    more, gained = _rehearsed(predictions.rehearsals, near, theirs, rank_by)
    threshold = choose_threshold(
        near + more, [*(one - other for one, other in zip(ours, theirs, strict=True)), *gained]
    )
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


def _rehearsed(
    rehearsals: Sequence[Rehearsal], near: Sequence[float], written: Sequence[float], rank_by: str
) -> tuple[list[float], list[float]]:
    """Training products' similarities, and what editing gains there.

    The model has read their descriptions, so it is not asked: against the edited text stands what it scores, by a
    straight line, on validation rows with siblings as near.
    """
    import numpy as np

    if not rehearsals or len(set(near)) < 2:
        return [], []
    products = [Product(one.title, description=one.reference) for one in rehearsals]
    texts = [one.text for one in rehearsals]
    scores, _ = _row_scores(products, texts, texts, rank_by)
    slope, start = np.polyfit(near, written, 1)
    similarity = [one.similarity for one in rehearsals]
    return similarity, [score - float(start + slope * one) for score, one in zip(scores, similarity, strict=True)]


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
