"""Text that does not hang together, judged by how much a reference language model is surprised by its words."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from shelftalker.checks.form import Raw
from shelftalker.checks.prose import sentences

Surprise = Callable[[str, str], Sequence[tuple[int, int, float, float]]]
"""Of a context and a text: for every word of the text its start, end, surprise in its place and surprise anywhere.

Surprise is minus the log likelihood in nats; "anywhere" is in no context, so that rare words count for no more than
common ones.
"""

LIMIT = 0.57
"""Surprise in place over surprise anywhere, summed over a sentence: above it the words might stand in any order."""
SHORTEST = 6
"""Sentences of fewer words are not judged: a measure or a name surprises by itself."""


def nonsense(title: str, text: str, surprise: Surprise) -> list[Raw]:
    """The sentences of ``text`` that do not hang together, as findings of form.

    A sentence hangs together when its words are expected where they stand. Their surprise is set against that of the
    same words in no context, as acceptability is measured from language models (SLOR; Pauls and Klein 2012, Lau,
    Clark and Lappin 2017).

    Args:
        title: the product's title, which the reference reads first.
        text: the description.
        surprise: a reference language model's judgement, word by word.
    """
    words = surprise(f"{title}\n", text)
    found = []
    for sentence in sentences(text):
        inside = [
            (placed, anywhere)
            for start, end, placed, anywhere in words
            if sentence.start <= start and end <= sentence.end
        ]
        total = sum(anywhere for _, anywhere in inside)
        if len(inside) >= SHORTEST and sum(placed for placed, _ in inside) > LIMIT * total:
            found.append(("nonsense", sentence.start, sentence.end, "The words of this sentence do not hang together."))
    return found
