"""Text that does not hang together, judged by how much a reference language model is surprised by its words."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence

from shelftalker.checks.form import Raw
from shelftalker.checks.prose import sentences

Surprise = Callable[[str, str], Sequence[tuple[int, int, float, float]]]
"""Of a context and a text: for every word of the text its start, end, surprise in its place and surprise anywhere.

Surprise is minus the log likelihood in nats; "anywhere" is in no context, so that rare words count for no more than
common ones.
"""

LIMIT = 0.63
"""Surprise in place over surprise anywhere, summed over a sentence of `_USUAL` words: above it the words might stand in
any order."""
_SPREAD, _USUAL = 0.5, 15
"""A sentence's ratio strays the more, the fewer words it has: by this over the root of their number."""
SHORTEST = 6
"""Sentences of fewer words are not judged: a measure or a name surprises by itself."""
_FEWEST = 4
"""Nor are those with fewer words that stand neither in the title nor before."""
_STEM = 5
_LETTERS = re.compile(r"\W")


def nonsense(title: str, text: str, surprise: Surprise) -> list[Raw]:
    """The sentences of ``text`` that do not hang together, as findings of form.

    A sentence hangs together when its words are expected where they stand. Their surprise is set against that of the
    same words in no context, as acceptability is measured from language models (SLOR; Pauls and Klein 2012, Lau,
    Clark and Lappin 2017). Words of the title and words said before are left out: they are expected anywhere.

    Args:
        title: the product's title, which the reference reads first.
        text: the description.
        surprise: a reference language model's judgement, word by word.
    """
    words = surprise(f"{title}\n", text)
    known = {_stem(word) for word in title.split()}
    found = []
    for sentence in sentences(text):
        inside = [word for word in words if sentence.start <= word[0] and word[1] <= sentence.end]
        new = []
        for start, end, placed, anywhere in inside:
            stem = _stem(text[start:end])
            if stem not in known:
                new.append((placed, anywhere))
            if len(stem) > 3:  # short words join others and may come again
                known.add(stem)
        if len(inside) < SHORTEST or len(new) < _FEWEST:
            continue
        limit = LIMIT + _SPREAD * (len(new) ** -0.5 - _USUAL**-0.5)
        if math.fsum(placed for placed, _ in new) > limit * math.fsum(anywhere for _, anywhere in new):
            found.append(("nonsense", sentence.start, sentence.end, "The words of this sentence do not hang together."))
    return found


def _stem(word: str) -> str:
    return _LETTERS.sub("", word.lower())[:_STEM]
