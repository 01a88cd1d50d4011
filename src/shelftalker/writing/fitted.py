"""Texts at the length asked for: they end with a sentence there, or where the model itself might have ended.

The end is chosen by the model itself: of the words behind which a sentence can be over, the one after which it finds a
full stop and the end of the text most probable.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from shelftalker.checks.check import Finding
from shelftalker.checks.lexicon import Lexicon
from shelftalker.length import BETWEEN, Length
from shelftalker.writing.ending import CLOSED, closed_early, ends

if TYPE_CHECKING:
    from shelftalker.generation.engine import Advance, Engine, Generation
    from shelftalker.prompt import Prepared
    from shelftalker.recipe.decoding import Decoding

_NATURAL, _POOR = -4.0, -9.0
"""Log-probability of full stop and end from which an early end is taken at once, and below which none is taken."""
_TOKENS_EACH = {"words": 1.25, "characters": 0.22}
"""What English takes with the vocabularies of small models; other languages show in the first text what they take."""
_ENOUGH = {"words": 8, "characters": 40}
"""From so long a text one reads how many tokens the model needs."""
_SPARE, _STEP, _MOST = 1.2, 32, 512
"""Tokens that are written on: a fifth more than it should take, in steps that leave few kinds of batches; at most."""
_OTHERWISE, _OTHERS = 0.15, 3
"""What repeating costs more in a further draft, so that it becomes another text; how many there are of each kind."""


def held(text: str, asked: Length, words: Lexicon, *, hit_cap: bool = False) -> str:
    """The beginning of a text that comes nearest to the length, up to the end of a sentence or of a point of a list.

    What is longer than asked for is only taken where nothing shorter is there.

    Args:
        text: what was written.
        asked: the length.
        words: the text's language, for its abbreviations.
        hit_cap: its last sentence was broken off.
    """
    places = ends(text, words)
    if hit_cap and len(places) > 1 and not CLOSED.search(text):
        places.pop()
    starts = [text[:end] for end in places] or [text]
    fitting = [start for start in starts if asked.of(start) <= asked.longest]
    if not fitting:
        return starts[0]
    return max(fitting, key=len) if asked.at_most else min(fitting, key=lambda start: (asked.off(start), -len(start)))


def fitted(
    engine: Engine,
    prompts: Sequence[Prepared],
    wanted: Sequence[tuple[Length, Lexicon] | None],
    decoding: Decoding,
    *,
    asked_otherwise: Callable[[int, Length], Prepared] | None = None,
    advance: Advance | None = None,
) -> list[list[Generation]]:
    """Texts at the lengths that are wanted, a list a prompt: all candidates that keep theirs, or the one nearest to it.

    Where a text is to have a length, the model's own end is held back until it has, for it ends there by chance only;
    under "at most" the model ends where it likes. Without an end of a sentence at the length a sentence is closed
    early, there where the model might have ended. Where that would be far from natural, further drafts are looked at.

    Args:
        engine: what writes.
        prompts: what it reads.
        wanted: length and language of each prompt's text; None: any length.
        decoding: how text is drawn.
        asked_otherwise: the prompt at a place with another length in it; None: the model knows no lengths.
        advance: called with the number of prompts just finished.
    """
    free = [place for place, one in enumerate(wanted) if one is None or one[0].at_most]
    written = engine.generate([prompts[place] for place in free], decoding, advance=advance) if free else []
    drawn = dict(zip(free, written, strict=True))
    rows = {
        place: _Row(prompts[place], *one, drawn.get(place, [])) for place, one in enumerate(wanted) if one is not None
    }
    if asked_otherwise is not None:
        for place, row in rows.items():
            row.others = [partial(asked_otherwise, place, other) for other in row.asked.otherwise]
    missed = [row for row in rows.values() if not row.keeps]
    for draft, number in _drafts(decoding, others=asked_otherwise is not None):
        able = [row for row in missed if number or row.can_grow]
        _write_on(engine.for_decoding(draft), able, draft, number, advance)
        _close(engine, [row for row in missed if not row.keeps])
        missed, advance = [row for row in missed if not row.is_done], None
    return [rows[place].chosen() if place in rows else drawn[place] for place in range(len(prompts))]


@dataclass
class _Row:
    """One product's texts on their way to their length; ``closed`` are those closed early, with how natural it is."""

    prompt: Prepared
    asked: Length
    words: Lexicon
    drawn: list[Generation]
    closed: dict[str, tuple[float, Generation]] = field(default_factory=dict)
    written: int = 0
    others: list[Callable[[], Prepared]] = field(default_factory=list)

    @property
    def held(self) -> list[Generation]:
        found = []
        for one in self.drawn:
            text = held(one.text, self.asked, self.words, hit_cap=one.hit_cap)
            found.append(replace(one, text=text, hit_cap=one.hit_cap and text == one.text))
        return found

    @property
    def keeps(self) -> bool:
        return any(self.asked.is_kept(one.text) for one in self.held)

    @property
    def can_grow(self) -> bool:
        """It ends before the length, and there may be more of it."""
        return all(self.asked.of(one.text) <= self.asked.longest for one in self.drawn) and self.tokens > self.written

    @property
    def is_done(self) -> bool:
        return self.keeps or any(score >= _NATURAL for score, _ in self.closed.values())

    def chosen(self) -> list[Generation]:
        """What keeps the length, else the most natural early end, else what is nearest."""
        found = self.held
        if kept := [one for one in found if self.asked.is_kept(one.text)]:
            return kept
        if fair := [(score, one) for score, one in self.closed.values() if score >= _POOR]:
            return [max(fair, key=lambda one: (one[0], -self.asked.off(one[1].text)))[1]]
        return [min(found, key=lambda one: self.asked.off(one.text))]

    @property
    def tokens(self) -> int:
        """How many tokens it takes to get past the length, as far as can be told."""
        longest = max(self.drawn, key=lambda one: one.tokens, default=None)
        size, unit = self.asked.of(longest.text) if longest else 0, self.asked.unit
        each = longest.tokens / size if longest and size >= _ENOUGH[unit] else _TOKENS_EACH[unit]
        return min(math.ceil(self.asked.longest * each * _SPARE / _STEP) * _STEP, _MOST)


def _drafts(decoding: Decoding, *, others: bool) -> Iterator[tuple[Decoding, int]]:
    """How the drafts are drawn, and the number of what makes it another text; 0: the first, twice if it fell short."""
    yield decoding, 0
    yield decoding, 0
    for number in range(1, _OTHERS + 1) if others else ():
        yield decoding, number
    for number in range(1, _OTHERS + 1) if decoding.beams == 1 else ():
        penalty = round(decoding.repetition_penalty + number * _OTHERWISE, 4)
        yield decoding.over({"repetition_penalty": penalty}), -number


def _write_on(engine: Engine, rows: Sequence[_Row], draft: Decoding, number: int, advance: Advance | None) -> None:
    """Texts without an end, of a number of tokens that only their own rows decide."""
    alike = defaultdict(list)
    for row in rows:
        alike[row.tokens].append(row)
    for tokens, some in sorted(alike.items()):
        endless = draft.over({"min_new_tokens": tokens, "max_new_tokens": tokens})
        prompts = [row.others[number - 1]() if number > 0 else row.prompt for row in some]
        found = engine.generate(prompts, endless, advance=advance)
        for row, texts in zip(some, found, strict=True):
            # Where a model wanted to end it often breaks the line.
            row.drawn += [replace(one, text=" ".join(one.text.split())) for one in texts]
            row.written = max(row.written, tokens)


def _close(engine: Engine, rows: Sequence[_Row]) -> None:
    """Early ends of the texts that have not been looked at, each with what the model thinks of it."""
    tried = []
    for row in rows:
        fresh = {text: one for one in row.drawn for text in closed_early(one.text, row.asked, row.words)}
        tried += [(row, one, text) for text, one in fresh.items() if text not in row.closed]
    if not tried:
        return
    logs = engine.token_log_probs([row.prompt for row, _, _ in tried], [text for _, _, text in tried])
    for (row, one, text), known in zip(tried, logs, strict=True):
        behind = 1 if BETWEEN in one.text else 2  # the end of the text, and the full stop before it
        row.closed[text] = (sum(known[-behind:]), replace(one, text=text, hit_cap=False))


def off_length(text: str, asked: Length) -> list[Finding]:
    """What is to be said of a text that does not keep the length."""
    if not text or asked.is_kept(text):
        return []
    return [Finding("length", text, 0, len(text), f"{asked.of(text)} {asked.unit}; asked for were {asked}")]
