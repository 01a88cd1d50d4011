"""Words and numbers that may not come, as token sequences, and what keeps an engine from writing them."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from shelftalker.checks.figures import numbers as numbers_in
from shelftalker.checks.given import Given, Known
from shelftalker.checks.lexicon import lexicon
from shelftalker.product import Product

if TYPE_CHECKING:
    from torch import Tensor

_FRACTIONS = "¼½¾⅓⅔⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞⅐⅑⅒"  # may be written in several tokens
_BEFORE = "a"  # stands before a word, so that its tokens are those of the middle of a sentence


def sequences(banned: Iterable[str], encode: Callable[[str], Sequence[int]]) -> list[list[int]]:
    """The ways in which a tokenizer writes some words: in every usual letter case, at the start of a text and inside.

    A word may be spelt in pieces that no tokenizer would choose, and lower-case letters right behind others ("cart"
    for "art") are left alone: what is written all the same, the checks find.

    Args:
        banned: words and phrases; a `*` at the end is cut off, which bans the longer words that begin so.
        encode: text to token ids, without special tokens.
    """
    head = list(encode(_BEFORE))
    found: dict[tuple[int, ...], None] = {}
    for phrase in banned:
        words = phrase.replace("*", " ").replace("-", " ").split()
        for spaced in dict.fromkeys([" ".join(words), "-".join(words), phrase.replace("*", "").strip()]):
            for form in dict.fromkeys(
                [spaced, spaced.lower(), spaced.upper(), spaced.title(), spaced[:1].upper() + spaced[1:]]
            ):
                inside = list(encode(f"{_BEFORE} {form}"))
                if inside[: len(head)] == head:
                    found[tuple(inside[len(head) :])] = None
                if not form[0].islower():
                    found[tuple(encode(form))] = None
    return [list(ids) for ids in found if ids]


def numbers(language: str, tokens: Sequence[str], encode: Callable[[str], Sequence[int]]) -> list[list[int]]:
    """All ways of writing a number above one: every token with a figure in it, and a language's words for numbers.

    Args:
        language: two letters.
        tokens: by id, each token's text.
        encode: text to token ids, without special tokens.
    """
    known = lexicon(language)
    words = [word for word, value in {**known.number_words, **known.ordinals}.items() if value > 1]
    words += known.table("numbers", "multipliers")
    shown = [
        [number]
        for number, text in enumerate(tokens)
        if any(unicodedata.category(letter) in ("Nd", "No") for letter in text)
    ]
    return shown + _gaps(tokens, encode) + sequences([*words, *_FRACTIONS], encode)


def _gaps(tokens: Sequence[str], encode: Callable[[str], Sequence[int]]) -> list[list[int]]:
    """The token of a space that stands before figures alone: left free, texts would have gaps instead of numbers."""
    head = list(encode(_BEFORE))
    behind = [list(encode(f"{_BEFORE} {figure}"))[len(head) :] for figure in range(10)]
    found = {ids[0] for ids in behind if len(ids) > 1 and not tokens[ids[0]].strip()}
    return [[number] for number in sorted(found)]


def known_of(product: Product, language: str) -> Known:
    """What a product's title, attributes and facts say."""
    return Given(product.title, product.attributes, product.facts, language).known


def tells_number(told: Known) -> bool:
    """Whether an input has a number above one, in figures or in words."""
    return any(value > 1 for value in told.figures.values)


def invents_number(text: str, told: Known) -> bool:
    """Whether a text has a number or a measure that its input does not give."""
    return any(question(told) is not None for question in numbers_in(text, told.words))


class Bans:
    """Token sequences that may not come, for a text that is written token by token.

    Args:
        banned: token sequences.
    """

    def __init__(self, banned: Sequence[Sequence[int]]) -> None:
        self.never = sorted({row[0] for row in banned if len(row) == 1})
        self._after: dict[tuple[int, ...], list[int]] = {}
        for row in banned:
            if len(row) > 1:
                self._after.setdefault(tuple(row[:-1]), []).append(row[-1])
        self._lengths = sorted({len(before) for before in self._after})

    def __bool__(self) -> bool:
        return bool(self.never or self._after)

    def next(self, written: Sequence[int]) -> list[int]:
        """Tokens that would complete a banned sequence behind ``written``, those banned everywhere left out."""
        return [
            token
            for length in self._lengths
            if len(written) >= length
            for token in self._after.get(tuple(written[-length:]), ())
        ]

    def processor(self, start: int) -> Callable[[Tensor, Tensor], Tensor]:
        """What takes the banned tokens out of a batch's scores.

        Args:
            start: where the written tokens begin; what stands before them is the prompt.

        Returns:
            a function of token ids (rows, length) and scores (rows, vocabulary), as transformers' processors are.
        """
        import torch

        reach = self._lengths[-1] if self._lengths else 0

        def ban(ids: Tensor, scores: Tensor) -> Tensor:
            scores = scores.clone()
            if self.never:
                scores[:, self.never] = -torch.inf
            if reach:
                rows: list[list[int]] = ids[:, max(start, ids.shape[1] - reach) :].tolist()
                for row, written in enumerate(rows):
                    if after := self.next(written):
                        scores[row, after] = -torch.inf
            return scores

        return ban


def mark(banned: Sequence[Any]) -> str:
    """What an engine's signature says of banned sequences; empty where there are none."""
    return f"|banned:{len(banned)}" if banned else ""
