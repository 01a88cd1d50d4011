"""Prompts made to fit an engine: too long a title loses its last words, never the prompt its end."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache

from shelftalker import prompt
from shelftalker.errors import ShelftalkerError

Encode = Callable[[Sequence[str]], list[list[int]]]
"""Texts to token ids, with the special tokens that the model expects."""

# More characters than a tokeniser packs into a token over a whole prompt. It only bounds the work spent on absurd
# titles (a whole description pasted into the title column).
_CHARACTERS_A_TOKEN = 40
_CUE_CHARACTERS = 400  # of the last line of a prompt that is not of the template


def parse(template: str, text: str) -> dict[str, str] | None:
    """Read the fields back out of a rendered prompt; None where ``text`` was not rendered from ``template``."""
    pattern, names = _pattern(template)
    match = pattern.fullmatch(text)
    return dict(zip(names, match.groups(), strict=True)) if match else None


@lru_cache(maxsize=16)
def _pattern(template: str) -> tuple[re.Pattern[str], list[str]]:
    names: list[str] = []
    pattern = ""
    for number, part in enumerate(re.split(r"\{([^{}]*)\}", template)):
        if number % 2 == 0:
            pattern += re.escape(part)
        elif part in names:
            pattern += "(?:.*?)"
        else:
            names.append(part)
            pattern += "(.*?)"
    return re.compile(pattern, re.DOTALL), names


def fit(
    texts: Sequence[str], encode: Encode, limit: int, template: str = prompt.TEMPLATE
) -> tuple[list[list[int]], list[bool]]:
    """Encode prompts into at most ``limit`` tokens each, and say which had to be cut.

    A cut prompt loses words from the end of its title, then of its other fields; what the template puts after them
    ("Description:") stays, because that is the model's cue to write.

    Raises:
        ShelftalkerError: the template alone is longer than ``limit``.
    """
    longest = limit * _CHARACTERS_A_TOKEN
    ids = encode([text if len(text) <= longest else "" for text in texts])
    cut = [len(text) > longest or len(row) > limit for text, row in zip(texts, ids, strict=True)]
    for position, text in enumerate(texts):
        if cut[position]:
            ids[position] = _shorten(text, encode, limit, template)
    return ids, cut


def _shorten(text: str, encode: Encode, limit: int, template: str) -> list[int]:
    parsed = parse(template, text)
    if parsed is None:
        # A prompt of someone else's making: its last line is the cue, what stands before it gives way.
        head, line_break, cue = text.rpartition("\n")
        template, parsed = "{title}{cue}", {"title": head, "cue": (line_break + cue)[-_CUE_CHARACTERS:]}
    longest = limit * _CHARACTERS_A_TOKEN
    values = {name: value[:longest] for name, value in parsed.items()}
    order = ["title", *sorted(values.keys() - {"title"}, key=lambda name: (-len(values[name]), name))]
    ids: list[int] = []
    for name in order:
        words = re.findall(r"\s*\S+", values[name])
        pieces = words if len(words) > 1 else list(values[name])

        def encoded(kept: int, name: str = name, pieces: list[str] = pieces) -> list[int]:
            values[name] = "".join(pieces[:kept])
            return encode([prompt.render(values["title"], values, template)])[0]

        low, high = 0, len(pieces)
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if len(encoded(middle)) <= limit else (low, middle - 1)
        ids = encoded(low)
        if len(ids) <= limit:
            return ids
    raise ShelftalkerError(
        f"the prompt template alone needs {len(ids)} tokens, more than the {limit} that a prompt may have",
        where="recipe keys prompt and prompt_tokens",
        mend=f"set prompt_tokens to {len(ids) + 32} or more, or shorten the template",
    )
