"""Checks on the form of a description: loops, cut-off endings, title copies, other languages, markup."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from shelftalker.evaluation.checking.lexicon import ENGLISH, FOREIGN

Raw = tuple[str, int, int, str]
"""Check, start, end, why."""

_TOKEN = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_SENTENCE = re.compile(r"[^.!?\n]+(?:[.!?]+(?![\w])|[.!?]+(?=\w)|\n|$)+")


def findings(title: str, description: str, *, hit_cap: bool) -> Iterator[Raw]:
    """All findings on form."""
    if not description.strip():
        yield "cut_off", 0, len(description), "The description is empty."
        return
    yield from _markup(description)
    yield from _cut_off(description, hit_cap)
    tokens = [(match.group().lower(), match.start(), match.end()) for match in _TOKEN.finditer(description)]
    loops = list(_repetition(tokens))
    yield from loops
    yield from _title_copy(title, tokens, description)
    if not loops:
        yield from _language(description)


_MARKUP = re.compile(
    r"(?P<tag></?[a-zA-Z][a-zA-Z0-9]*(?:\s[^<>]*)?/?>|<!--.*?-->)"
    r"|(?P<special><extra_id_\d+>|<pad>|<unk>|</s>|<s>|<\|[a-z_]+\|>|\[(?:PAD|UNK|CLS|SEP|MASK)\]|▁|⁇)"
    r"|(?P<entity>&(?:#\d{1,6}|#x[0-9a-fA-F]{1,5}|[a-zA-Z]{2,8}\d?);)"
    r"|(?P<prompt>\b(?:Title|Description|Product (?:title|description)):|Given a product title|\{\w+\})"
    r"|(?P<markdown>\*\*[^*\n]+\*\*|(?:^|\n)#{1,4} |\[[^\]\n]+\]\(https?://[^)]*\)|```|__[^_\n]+__)"
    r"|(?P<escape>\\[nrt](?![a-z])|\\u[0-9a-fA-F]{4})"
    r"|(?P<lost>�|[\x00-\x08\x0b-\x1f\x7f-\x9f]|â€™|â€œ|Ã©|Â(?=[ £©®]))"
)
_MARKUP_WHY = {
    "tag": "an HTML tag",
    "special": "a token of the model",
    "entity": "an HTML entity",
    "prompt": "a piece of the prompt",
    "markdown": "Markdown",
    "escape": "an escape sequence",
    "lost": "a broken character",
}


def _markup(text: str) -> Iterator[Raw]:
    for match in _MARKUP.finditer(text):
        kind = match.lastgroup or "tag"
        yield "markup", match.start(), match.end(), f"{_MARKUP_WHY[kind].capitalize()} was left in the text."


_ENDED = re.compile(r"(?:[.!?…。]|\.\.\.)[\"'”’»)\]*]*$")
_DANGLING = re.compile(r"\b(?:the|a|an|and|or|your|its|their|our)[.…]?$", re.IGNORECASE)


def _cut_off(text: str, hit_cap: bool) -> Iterator[Raw]:
    body = text.rstrip()
    words = list(re.finditer(r"\S+", body))
    start = words[-1].start() if words else 0
    if hit_cap:
        yield "cut_off", start, len(body), "The length limit stopped the model here."
    elif not _ENDED.search(body):
        yield "cut_off", start, len(body), "The text ends without a full stop."
    elif _DANGLING.search(body.rstrip(".")) and not body.endswith(("!", "?", '"', "”")) and len(words) > 1:
        yield "cut_off", start, len(body), "The last sentence breaks off."


def _repetition(tokens: list[tuple[str, int, int]]) -> Iterator[Raw]:
    words = [word for word, _, _ in tokens]
    count = len(words)
    covered = 0
    index = 0
    # Back to back: one word three times, two or three words three times, four or more words twice.
    while index < count:
        best = 0
        for size in range(1, min(24, (count - index) // 2) + 1):
            times = 1
            while words[index + times * size : index + (times + 1) * size] == words[index : index + size]:
                times += 1
            if times >= (2 if size >= 4 else 3) and times * size > best:
                best = times * size
        if best:
            yield (
                "repetition",
                tokens[index][1],
                tokens[index + best - 1][2],
                "The same words come again and again.",
            )
            covered = index = index + best
        else:
            index += 1
    if covered:
        return
    # Apart: eight words that came before, or five words for the third time.
    for size, limit in ((8, 2), (5, 3)):
        seen: dict[tuple[str, ...], int] = {}
        index = 0
        while index + size <= count:
            gram = tuple(words[index : index + size])
            seen[gram] = seen.get(gram, 0) + 1
            if seen[gram] >= limit:
                end = index + size
                first = next(other for other in range(index) if tuple(words[other : other + size]) == gram)
                while end < count and words[first + end - index] == words[end] and first + end - index < index:
                    end += 1
                yield "repetition", tokens[index][1], tokens[end - 1][2], "These words were said before."
                return
            index += 1


def _title_copy(title: str, tokens: list[tuple[str, int, int]], text: str) -> Iterator[Raw]:
    wanted = [match.group().lower() for match in _TOKEN.finditer(title)]
    words = [word for word, _, _ in tokens]
    if not words or not wanted:
        return
    known = set(wanted)
    new = sum(word not in known for word in words)
    if new <= 1 or (new / len(words) <= 0.15 and len(words) <= 2 * len(wanted)):
        yield "title_copy", 0, len(text.rstrip()), "The text repeats the title and adds nothing."
        return
    # The whole title again as a sentence of its own, as data feeds write it.
    if len(wanted) >= 4 and words[: len(wanted)] == wanted:
        after = text[tokens[len(wanted) - 1][2] :]
        following = words[len(wanted)] if len(words) > len(wanted) else ""
        if not after.strip(" .!?") or (
            re.match(r"\s*[.!:|–-]|\s+[A-Z]", after) and following not in {"is", "are", "has", "was", "by"}
        ):
            yield "title_copy", tokens[0][1], tokens[len(wanted) - 1][2], "The title is copied word for word."


@lru_cache(maxsize=1)
def _profiles() -> dict[str, frozenset[str]]:
    return {language: words - ENGLISH for language, words in FOREIGN.items()}


_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")


def _language(text: str) -> Iterator[Raw]:
    letters = sum(character.isalpha() for character in text)
    other = list(re.finditer(r"[^\W\d_a-zA-Z\u00aa-\u024f\u1e00-\u1eff]+", text))
    strange = sum(match.end() - match.start() for match in other if ord(match.group()[0]) > 0x370)
    if letters >= 8 and strange > 0.3 * letters:
        yield "language", 0, len(text), "Most of the text is not in Latin letters."
        return
    for match in _SENTENCE.finditer(text):
        words = [word.group().lower() for word in _WORD.finditer(match.group())]
        if len(words) < 5:
            continue
        english = sum(word in ENGLISH for word in words)
        best, hits = "", 0
        for language, profile in _profiles().items():
            count = len({word for word in words if word in profile}) + sum(word in profile for word in words)
            if count > hits:
                best, hits = language, count
        # Distinct words and all of them are added up, so that one foreign name ("La La Land") does not suffice.
        if hits >= 5 and hits / 2 > 1.5 * english:
            start = match.start() + len(match.group()) - len(match.group().lstrip())
            yield "language", start, match.end(), f"This reads as {best}, not English."
