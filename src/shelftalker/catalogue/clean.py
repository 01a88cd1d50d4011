"""The cleaner: runs the rules that a recipe has on, counts what they did, and says which rows cannot be used.

One Aho-Corasick pass finds which rules' triggers occur in a text; most texts need no rule at all, and this is what
makes plain Python functions fast enough for millions of rows.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

from shelftalker.catalogue.rules import RULES, spaces
from shelftalker.catalogue.settings import CleanSettings

REASONS: dict[str, str] = {
    "broken_row": "the row is not a JSON object, or not a record with the table's columns",
    "not_text": "the title or the description is a nested value, not text",
    "variant": "a variant or image row of a shop export; its product has a row of its own",
    "empty_title": "no title",
    "empty_description": "no description",
    "short_title": "fewer title words than clean.min_title_words",
    "long_title": "more title words than clean.max_title_words",
    "short_description": "fewer description words than clean.min_description_words",
    "long_description": "more description words or tokens than clean.max_description_words or _tokens",
    "only_format": "the description only names a format",
    "repeats_title": "the description only repeats the title",
    "cut_off": "the description breaks off",
    "not_prose": "the description is a list of specifications, not sentences",
    "duplicate_title": "another row, which is kept, has the same title",
    "duplicate_description": "another row, which is kept, has the same description",
    "sibling_of_test": "near-duplicate of a row in the test file (split.by: group)",
    "over_cap": "above the cap of its split (split.train_rows, ...)",
}
"""Why a row is rejected: every name that rejected.jsonl uses."""

_WORD = re.compile(r"[^\W_]+")
_FORMATS = frozenset(
    "audio cd cds dvd dvds vhs tape cassette book books paperback hardcover hardback edition mass market board vinyl "
    "lp blu ray bluray kindle ebook audiobook mp3 download pdf disc discs disk format new used a in and of 1 2 3 "
    "unabridged abridged software pc mac windows import english spanish german french large print library "
    "binding".split()
)
_LAST_WORD = re.compile(
    r"(?:^|\s)(?:and|or|the|a|an|of|with|to|for|from|by|in|at|its|your|this|that|is|are)$", re.IGNORECASE
)
_MORE = re.compile(r"(?:\[|\(|\.\.\.? ?|… ?)(?:read |see )?more(?:\]|\)|\.\.\.|…)?$", re.IGNORECASE)


def repeats_title(title: str, description: str) -> bool:
    """Whether hardly a word of the description (one in ten) is not the title's."""
    if len(description) > 2 * len(title) + 20:
        return False
    known = set(_WORD.findall(title.casefold()))
    words = _WORD.findall(description.casefold())
    return bool(words) and sum(word not in known for word in words) <= len(words) * 0.1


def only_format(description: str) -> bool:
    """Whether the description is no more than the name of a format ("Audio CD")."""
    if len(description) > 80:
        return False
    words = _WORD.findall(description.casefold())
    return bool(words) and all(word in _FORMATS for word in words)


def cut_off(description: str) -> bool:
    """Whether the description breaks off: an ellipsis, a comma, or a last word that needs another."""
    last = description[-1:]
    if last in ".!?":
        return description.endswith(("...", "...."))
    if last.isalpha():
        tail = description[-12:]
        return _LAST_WORD.search(tail) is not None or _MORE.search(tail) is not None
    return last in ",…" or _MORE.search(description[-14:]) is not None


class Cleaner:
    """The rules that a recipe has on, and how often each did something.

    ``counts`` holds, for each rule, the texts (titles and descriptions) that it changed. ``tokenizer`` is the
    tokenizer.json that ``max_description_tokens`` is counted with.
    """

    def __init__(self, settings: CleanSettings, tokenizer: str | None = None) -> None:
        self.settings = settings
        self.counts: Counter[str] = Counter()
        self.changed_by: list[str] = []
        self._tokens = None if tokenizer is None else _token_counter(tokenizer)
        self._rules = [rule for rule in RULES.values() if getattr(settings, rule.name)]
        triggers = [(trigger, bit) for bit, rule in enumerate(self._rules) for trigger in rule.triggers]
        self._bits = [1 << bit for _, bit in triggers]
        self._find = _automaton([trigger for trigger, _ in triggers])
        self._beyond_ascii = sum(1 << bit for bit, rule in enumerate(self._rules) if rule.beyond_ascii)
        self._edges = sum(1 << bit for bit, rule in enumerate(self._rules) if rule.at_edges)
        self._spaces = sum(1 << bit for bit, rule in enumerate(self._rules) if rule.name == "spaces")
        self._titles = sum(1 << bit for bit, rule in enumerate(self._rules) if rule.for_titles)
        self._all = (1 << len(self._rules)) - 1

    def title(self, text: str) -> str:
        """The cleaned title."""
        return self._run(text, self._titles)

    def description(self, text: str) -> str:
        """The cleaned description."""
        return self._run(text, self._all)

    def row(self, title: str, description: str) -> tuple[str, str] | str:
        """The cleaned title and description, or the reason (a key of REASONS) for which the row is rejected.

        ``changed_by`` then holds the names of the rules that changed either text.
        """
        self.changed_by.clear()
        if not title or title.isspace():
            return "empty_title"
        if not description or description.isspace():
            return "empty_description"
        title = self._run(title, self._titles)
        description = self._run(description, self._all)
        if not title or title.isspace():
            return "empty_title"
        if not description or description.isspace():
            return "empty_description"
        return self._unusable(title, description) or (title, description)

    def _run(self, text: str, allowed: int) -> str:
        needed = self._needed(text) & allowed
        if not needed:
            return text
        bit = 0
        while needed >> bit:
            if needed >> bit & 1:
                rule = self._rules[bit]
                changed = rule.apply(text)
                if changed != text:
                    self.counts[rule.name] += 1
                    self.changed_by.append(rule.name)
                    text = changed
                    # A decoded entity may be a tag, a cut line may bring words together: look again.
                    needed = self._needed(text) & allowed
            bit += 1
        # Lines that were cut out leave their spaces behind.
        return spaces(text) if needed & self._spaces else text

    def _needed(self, text: str) -> int:
        """Which rules have work in ``text``, one bit a rule."""
        needed = 0
        if text.isascii():
            data = text.encode()
        else:
            data = text.encode("utf-8", "replace")
            needed = self._beyond_ascii
        found = self._find(data)
        if found:
            bits = self._bits
            for match in found:
                needed |= bits[match[0]]
        if text.startswith(" ") or text.endswith(" "):
            needed |= self._edges
        return needed

    def _unusable(self, title: str, description: str) -> str | None:
        settings = self.settings
        title_words = title.count(" ") + 1
        words = description.count(" ") + 1
        if title_words < settings.min_title_words:
            return "short_title"
        if title_words > settings.max_title_words:
            return "long_title"
        if len(description) <= 2 * len(title) + 80:
            # Longer ones are neither, as the functions themselves would say.
            if settings.only_format and only_format(description):
                return "only_format"
            if settings.repeats_title and repeats_title(title, description):
                return "repeats_title"
        if words < settings.min_description_words:
            return "short_description"
        if words > settings.max_description_words or self._has_too_many_tokens(description):
            return "long_description"
        if settings.cut_off and cut_off(description):
            return "cut_off"
        return None

    def _has_too_many_tokens(self, description: str) -> bool:
        limit = self.settings.max_description_tokens
        # A token stands for at least one byte.
        if limit is None or self._tokens is None or len(description.encode()) <= limit:
            return False
        return self._tokens(description) > limit


def _token_counter(path: str) -> Callable[[str], int]:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(path)
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)


def _automaton(triggers: list[str]) -> Any:
    """A function from bytes to the (trigger, start, end) of all triggers in them."""
    if not triggers:
        return lambda _: ()
    from ahocorasick_rs import BytesAhoCorasick, Implementation

    patterns = [trigger.encode() for trigger in triggers]
    find = BytesAhoCorasick(patterns, implementation=Implementation.DFA).find_matches_as_indexes
    return partial(find, overlapping=True)
