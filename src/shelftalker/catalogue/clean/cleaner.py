"""The cleaner: runs the rules that a recipe has on, counts what they did, and says which rows cannot be used.

One Aho-Corasick pass finds which rules' triggers occur in a text; most texts need no rule at all, and this is what
makes plain Python functions fast enough for millions of rows.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace

from shelftalker.catalogue.clean.rules import RULES, Rule, spaces
from shelftalker.recipe.catalogue import CleanSettings

REASONS: dict[str, str] = {
    "broken_row": "the row is not a JSON object, or not a record with the table's columns",
    "not_text": "the title or the description is a nested value, not text",
    "variant": "a variant or image row of a shop export; its product has a row of its own",
    "other_language": "the row is for another language or store view of a product that has a row of its own",
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
    "held_out": "an editor passed it, but its product or a sibling of it is in val or test",
    "gone": "an editor passed it, but the catalogue has no such product",
    "retitled": "an editor passed it, but its product has another title by now",
}
"""Why a row is rejected: every name that rejected.jsonl uses."""
KEYS_OF: dict[str, str] = {
    "short_title": "clean.min_title_words",
    "long_title": "clean.max_title_words",
    "short_description": "clean.min_description_words",
    "long_description": "clean.max_description_words",
    "only_format": "clean.only_format",
    "repeats_title": "clean.repeats_title",
    "cut_off": "clean.cut_off",
    "not_prose": "clean.not_prose",
    "other_language": "prepare.locale",
}
"""The recipe keys that decide some of these."""

_WORD = re.compile(r"[^\W_]+")
_ONLY_WORDS = bytes(code if chr(code).isalnum() else 32 for code in range(128)) + bytes(range(128, 256))
_TWO_A_WORD = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_FOUR_A_WORD = re.compile("[\u0e00-\u0eff\u0f40-\u0fff\u1000-\u109f\u1780-\u17ff]")
_FORMATS = frozenset(
    b"audio cd cds dvd dvds vhs tape cassette book books paperback hardcover hardback edition mass market board vinyl "
    b"lp blu ray bluray kindle ebook audiobook mp3 download pdf disc discs disk format new used a in and of 1 2 3 "
    b"unabridged abridged software pc mac windows import english spanish german french large print library "
    b"binding".split()
)
_LAST_WORD = re.compile(
    r"(?:^|\s)(?:and|or|the|a|an|of|with|to|for|from|by|in|at|its|your|this|that|is|are)$", re.IGNORECASE
)
_MORE = re.compile(r"(?:\[|\(|\.\.\.? ?|… ?)(?:read |see )?more(?:\]|\)|\.\.\.|…)?$", re.IGNORECASE)


def words_of(text: str) -> list[bytes]:
    """Runs of letters and digits, without letter case."""
    if text.isascii():
        # The same as below in a fraction of the time, and nearly all texts are ASCII.
        return text.lower().encode().translate(_ONLY_WORDS).split()
    return [word.encode() for word in _WORD.findall(text.casefold())]


def unspaced(text: str) -> int:
    """How many words a text has beside those that spaces part: Chinese, Japanese, Thai, Khmer, ... write none.

    Their words are two letters long on average, or four where letters are an alphabet's.
    """
    if text.isascii():
        return 0
    return len(_TWO_A_WORD.findall(text)) // 2 + len(_FOUR_A_WORD.findall(text)) // 4


def repeats_title(title: str, description: str) -> bool:
    """Whether hardly a word of the description (one in ten) is not the title's."""
    if len(description) > 2 * len(title) + 20:
        return False
    known = frozenset(words_of(title))
    words = words_of(description)
    return bool(words) and len(words) - sum(map(known.__contains__, words)) <= len(words) * 0.1


def only_format(description: str) -> bool:
    """Whether the description is no more than the name of a format ("Audio CD")."""
    if len(description) > 80:
        return False
    words = words_of(description)
    return bool(words) and _FORMATS.issuperset(words)


def cut_off(description: str) -> bool:
    """Whether the description breaks off: an ellipsis, a comma, or a last word that needs another."""
    last = description[-1:]
    if last in ".!?":
        return description.endswith("...")
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
        # A model's attributes cost several times as much as plain ones.
        self._settings = SimpleNamespace(**settings.model_dump())
        self.counts: Counter[str] = Counter()
        self.changed_by: list[str] = []
        self._tokens = None if tokenizer is None else _token_counter(tokenizer)
        rules = [rule for rule in RULES.values() if getattr(settings, rule.name)]
        self._rules = {1 << place: (rule.name, rule.apply) for place, rule in enumerate(rules)}
        triggers = [(trigger, 1 << place) for place, rule in enumerate(rules) for trigger in rule.triggers]
        self._find = _search(triggers)
        self._find_spaced = _search([(trigger, bit) for trigger, bit in triggers if " " in trigger and trigger.strip()])

        def bits(wanted: Callable[[Rule], bool]) -> int:
            return sum(1 << place for place, rule in enumerate(rules) if wanted(rule))

        self._beyond_ascii = bits(lambda rule: rule.beyond_ascii)
        self._edges = bits(lambda rule: rule.at_edges)
        self._entities = bits(lambda rule: rule.name == "entities")
        self._spaces = bits(lambda rule: rule.name == "spaces")
        self._titles = bits(lambda rule: rule.for_titles)
        self._all = bits(lambda _: True)

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
        if self._entities and "&" in text:
            # They come first, and may stand for what any other rule looks for.
            text = self._apply(self._entities, text)
        needed = self._needed(text) & allowed & ~self._entities
        todo = needed
        while todo:
            bit = todo & -todo
            todo ^= bit
            changed = self._apply(bit, text)
            if changed == text:
                continue
            if bit == self._spaces:
                # Nothing is new but what has a space in it.
                needed = (needed ^ bit) | self._find_spaced(changed) & allowed
                todo = needed & -bit
            elif todo or not text.startswith(changed) or changed.endswith(" "):
                # A removed tag may bring words together: look again.
                needed = self._needed(changed) & allowed
                todo = needed & -(bit << 1)
            text = changed
        # Lines that were cut out leave their spaces behind.
        return spaces(text) if needed & self._spaces else text

    def _apply(self, bit: int, text: str) -> str:
        """``text`` after one rule, which is counted if it changed it."""
        name, apply = self._rules[bit]
        changed = apply(text)
        if changed != text:
            self.counts[name] += 1
            self.changed_by.append(name)
        return changed

    def _needed(self, text: str) -> int:
        """Which rules have work in ``text``, one bit a rule."""
        try:
            needed = self._find(text)
        except UnicodeEncodeError:
            return self._all
        if not text.isascii():
            needed |= self._beyond_ascii
        if text[:1] == " " or text[-1:] == " ":
            needed |= self._edges
        return needed

    def _unusable(self, title: str, description: str) -> str | None:
        settings = self._settings
        title_words = title.count(" ") + 1 + unspaced(title)
        if title_words < settings.min_title_words:
            return "short_title"
        if title_words > settings.max_title_words:
            return "long_title"
        if settings.only_format and only_format(description):
            return "only_format"
        if settings.repeats_title and repeats_title(title, description):
            return "repeats_title"
        # There is a space less than words; mostly the first letters, or the length, tell without counting them all.
        few, many = settings.min_description_words - 1, settings.max_description_words
        if description.count(" ", 0, 100) < few and description.count(" ") + unspaced(description) < few:
            return "short_description"
        if len(description) >= many and description.count(" ") + unspaced(description) >= many:
            return "long_description"
        if self._has_too_many_tokens(description):
            return "long_description"
        if settings.cut_off and cut_off(description):
            return "cut_off"
        return None

    def _has_too_many_tokens(self, description: str) -> bool:
        limit: int | None = self._settings.max_description_tokens
        # A token stands for at least one byte.
        if limit is None or self._tokens is None or len(description.encode()) <= limit:
            return False
        return self._tokens(description) > limit


def _token_counter(path: str) -> Callable[[str], int]:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(path)
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)


def _search(triggers: list[tuple[str, int]]) -> Callable[[str], int]:
    """A function from a text to the bits of all triggers in it; it raises UnicodeEncodeError on surrogates."""
    if not triggers:
        return lambda _: 0
    from ahocorasick_rs import BytesAhoCorasick, Implementation

    automaton = BytesAhoCorasick([trigger.encode() for trigger, _ in triggers], implementation=Implementation.DFA)
    find, bits = automaton.find_matches_as_indexes, [bit for _, bit in triggers]

    def search(text: str) -> int:
        found = 0
        for trigger, _, _ in find(text.encode(), overlapping=True):
            found |= bits[trigger]
        return found

    return search
