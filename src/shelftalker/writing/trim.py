"""One sentence without one of its claims: the ways of cutting it out that leave English behind."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from shelftalker.checks.lexicon import Lexicon, lexicon

_BRACKETS = re.compile(r"\s?\([^()]*\)")
_CLAUSE = re.compile(r";\s+")
_COMMA = re.compile(r",\s+|\s[–—]\s")
_LINK = re.compile(r"\s(?:and|or)\s")
# What a phrase before the main clause begins with, and what a main clause after it begins with.
_OPENING = re.compile(
    r"(?:in|of|with|at|for|from|after|before|since|made|cut|built|printed|set|under|by|on|over|using|weighing|measuring|to"
    r"|when|if|as|while|once|although|though|because|whether|unlike|like|between|during|until|where|wherever"
    r"|\w+ (?:year|month|week|day|hour|minute)s? (?:after|before|later|ago))\b",
    re.I,
)
_MAIN = re.compile(r"(?i:the|a|an|it|its|this|you|they|each|every|no|we|he|she|there|your|these|all)\b|[A-Z]")
_ADDED = re.compile(r"(?:and|or|with|which|who|for|in|on|a|an|the|one|no|to|from|by|at)\b|\d")
_MADE = re.compile(r"(?:made|cut|built|printed|set)\b", re.I)
_FINITE = re.compile(r"\b(?:is|are|was|were|has|have|had|does|do)\b|:|\b(?:and|or)$")
_RESUMED = re.compile(r"(?:which|who|whose|that)\b", re.I)
_SUBJECT = re.compile(r"(?:it|this|you|they|we|he|she|there)\b", re.I)
_VERB = re.compile(r"(?:is|are|was|were|has|have|can|will|[a-z]+[^s\W]s)\s")
_ASIDE = re.compile(
    r"(?:which|who|whose|made|with|cut|built|set|once|like|and|or|but|so|including|without|when)\b", re.I
)
_TAIL = re.compile(
    r"\s(?:and|or|with|in|from|by|for|on|at|over|under|across|around|made|plus|using|where|which"
    r"|weighing|measuring|thanks)\s",
    re.I,
)
_RELATIVE = re.compile(r"\b(?:who|which|that|what|where|when|if|because|between|both)\b", re.I)
_PLAIN = re.compile(r"(?:\w|[-'’])+(?: (?:\w|[-'’])+){0,2}")
_JOINTS = frozenset("in of with for from by at on to is are was that which who a an the its your".split())
_HANGS = re.compile(
    r"(?:\b(?:a|an|the|of|to|in|with|from|by|for|on|at|and|or|made|is|are|was|were|be|been|comes?|has|have|had|holds?"
    r"|measures?|weighs?|covers?|fits?|takes?|gives?|includes?|contains?|needs?|set|packed|than|as|up|only|about|just"
    r"|so|all|enough|each|both|between|its|your|their|that|which|since|runs?|lasts?|stands?|sits?|works?|plus|over|under|no|not|features?|offers?"
    r"|uses?|makes?|brings?|adds?|keeps?|lets?|helps?|provides?|suits?|supports?)"
    r"|\b(?:is|are|was|were|comes?|be) \w+(?:ed|en|nt|pt|wn|und|ut)|\b(?:rated|signed|suitable|good|better))[.!?]?$",
    re.I,
)
_NOUN = re.compile(r" ([a-z]{3,})")
# Nouns that say nothing once the word before them is gone.
_BARE = frozenset(
    "sort kind type one ones version finish tone colour color cast trim shade hue look style option options "
    "effect".split()
)
# "stranded cotton wound on cards": the claim is the noun; "no plastic parts": without it that says another thing.
_DONE = re.compile(r"\w+(?:ed|ing)$|(?:wound|worn|cut|hung|sewn|spun|woven|set|built|left|kept|sits|comes)$")
_PLURAL = re.compile(r"[^s]s$")
_DENIED = re.compile(r"\b(?:no|not|never|without|instead|than|like|rather|end to|nor|neither)\b", re.I)
_QUOTES = re.compile(r"[\"“”()]")
_NEARBY = re.compile(r"(?:[ -][^\W_]+){0,2}(?: (?:of|by|for|with|in|from|at|on|to)\b.*)?")
_VOWEL = re.compile(r"[aeio]|u(?!ni|se|k\b)", re.I)
_ARTICLE = re.compile(r"\b([Aa])n?\s$")
MIN_WORDS = 4
"""Shorter than this a remainder is no sentence any more."""


_ROUNDS = 4


def spared(sentence: str, wrong: Callable[[str], Sequence[tuple[int, int, str]]], words: Lexicon) -> str | None:
    """A sentence without what is wrong in it, cut out phrase by phrase; None where no English would be left.

    Args:
        sentence: one sentence; of another language than English it stands or goes whole.
        wrong: what is wrong in a text: where it begins, where it ends, and its kind.
        words: the sentence's language.
    """
    for _ in range(_ROUNDS):
        found = wrong(sentence)
        if not found:
            return sentence
        if words.code != "en":
            return None
        shorter = next((text for text in trimmed(sentence, *found[0]) if len(wrong(text)) < len(found)), None)
        if shorter is None:
            return None
        sentence = shorter
    return None


def hangs(text: str) -> bool:
    """Whether English text ends at a word that wants another behind it."""
    return _HANGS.search(text) is not None


def trimmed(sentence: str, start: int, end: int, kind: str) -> Iterator[str]:
    """Versions of ``sentence`` without the claim at ``start:end``, the ones that keep most of it first.

    Args:
        sentence: one sentence, with its full stop.
        start: where the claim begins.
        end: where it ends.
        kind: the claim's kind: colours and materials can be taken from before a noun.
    """
    body, stop = _stop(sentence)
    for version in _versions(body, start, min(end, len(body)), kind):
        text = _tidy(version) + stop
        text = text[:1].upper() + text[1:] if sentence[:1].isupper() else text
        if len(text.split()) >= MIN_WORDS and not hangs(text) and _stands(text, sentence):
            yield text


def _stands(text: str, sentence: str) -> bool:
    """Whether a remainder has its main clause, its quotation marks in pairs, and leans on nothing that is gone."""
    marks = _QUOTES.findall(text)
    if len(marks) % 2 and len(_QUOTES.findall(sentence)) % 2 == 0:
        return False
    english = lexicon()
    first, began = (re.match(r"\W*(\w*)", whole) for whole in (text, sentence))
    word = first[1].lower() if first else ""
    opened = bool(_OPENING.match(sentence))
    if (
        began
        and word in english.leaning | english.connectives
        and word != began[1].lower()
        and not (opened and word in {"it", "its"})
    ):
        return False
    if not _OPENING.match(text) or _MADE.match(text) or not _COMMA.search(sentence):
        return True
    return any(_MAIN.match(part) for part in _COMMA.split(text)[1:])  # not only what comes before a main clause


def _versions(body: str, start: int, end: int, kind: str) -> Iterator[str]:
    for match in _BRACKETS.finditer(body):
        if match.start() <= start and end <= match.end():
            yield body[: match.start()] + body[match.end() :]
    if kind in {"colour", "material"}:
        yield from _adjective(body, start, end)
    clauses = _parts(_CLAUSE, body)
    low, high = next(((low, high) for low, high in clauses if low <= start and end <= high), (0, 0))
    for version in _clause(body[low:high], start - low, end - low, kind) if high else ():
        if len(version.split()) < 2:
            continue
        yield body[:low] + version + body[high:]
    if len(clauses) > 1 and high:
        yield "; ".join(body[one:other] for one, other in clauses if one != low)


def _parts(cut: re.Pattern[str], text: str) -> list[tuple[int, int]]:
    places = [(0, 0), *(match.span() for match in cut.finditer(text)), (len(text), len(text))]
    return [(places[number][1], places[number + 1][0]) for number in range(len(places) - 1)]


def _adjective(body: str, start: int, end: int) -> Iterator[str]:
    """Taken from "a soft red jacket": the jacket stays."""
    after, english = _NOUN.match(body, end), lexicon()
    before = body[:start].rsplit(None, 1)[-1].lower() if body[:start].strip() else ""
    if after is None or after[1] in _BARE | english.prepositions | english.auxiliaries or _DONE.match(after[1]):
        return
    if before in {"and", "or", "in", "of", "is", "are", "from"} or before.endswith((",", "-")):
        return
    if _PLURAL.search(body, start, end) or (start == 0 and after[1].endswith("s")):
        return  # "acrylics take well", "Blue makes things thin": the claim is the noun
    if _DENIED.search(body, max(0, start - 24), start):
        return
    head, rest = body[:start], body[end + 1 :]
    article = _ARTICLE.search(head)
    if article:
        head = head[: article.start()] + article[1] + ("n " if _VOWEL.match(rest) else " ")
    yield head + rest


def _clause(clause: str, start: int, end: int, kind: str) -> Iterator[str]:
    """A part between commas: one of a list, the last, or an opening before the main clause; or the clause's tail."""
    parts = _parts(_COMMA, clause)
    place = next((number for number, (low, high) in enumerate(parts) if low <= start and end <= high), None)
    if place is None:
        return
    low = parts[place][0]
    texts = [clause[one:other] for one, other in parts]
    last = place == len(parts) - 1
    if last and place:
        yield from _last_two(clause, low, start, end)
    if last:
        yield from _tails(clause, low, start, end)
    if len(parts) == 1 or (place and _RESUMED.match(texts[place - 1])):
        return
    if last:
        if _VERB.match(texts[-1] + " ") and not _VERB.match(texts[-2]):
            return  # "Brother Anselm, beekeeper, has until noon": the main clause
        left = texts[:-1]
        listed = re.match(r"(?:and|or)\b", texts[-1])
        short = len(left[-1].split()) < 6 and not (_ASIDE.match(left[-1]) or _OPENING.match(left[-1]))
        yield (
            f"{', '.join(left[:-1])} {listed.group()} {left[-1]}" if listed and left[1:] and short else ", ".join(left)
        )
    elif place == 0:
        if _OPENING.match(clause) and _MAIN.match(texts[1]) and (len(parts) == 2 or _SUBJECT.match(texts[1])):
            yield ", ".join(texts[1:])
    elif kind == "name" and len(parts) == 3 and texts[1] == clause[start:end]:
        yield f"{texts[0]} {texts[2]}"  # "the author, Ada Venn, lives": an apposition
    elif place == 1 and (_OPENING.match(clause) or len(texts[0].split()) < 3 or not _ADDED.match(texts[2])):
        return
    elif place > 1 and (_ASIDE.match(texts[place - 1]) or _OPENING.match(texts[place - 1])):
        return  # after an aside the main clause goes on
    elif not _ASIDE.match(texts[place]) and not _FINITE.search(texts[place]):
        yield ", ".join(texts[:place] + texts[place + 1 :])


def _last_two(clause: str, low: int, start: int, end: int) -> Iterator[str]:
    """The end of a list, "x, brass pins and cloth": the pins or the cloth."""
    for link in _LINK.finditer(clause, low):
        item, other = clause[low : link.start()], clause[link.end() :]
        if not _PLAIN.fullmatch(item) or _JOINTS & set(item.lower().split()) or item.split()[0].endswith("ing"):
            return
        earlier = clause[:low].rstrip(" ,")
        if end <= link.start():
            yield earlier + link.group() + other
        elif start >= link.end():
            yield earlier + (", " if item.endswith("ed") else link.group()) + item
        return


def _tails(clause: str, low: int, start: int, end: int) -> Iterator[str]:
    """From a preposition before the claim to the end, the nearest first; what follows the claim must belong to it."""
    if not _NEARBY.fullmatch(clause, end):
        return
    for match in reversed(list(_TAIL.finditer(clause, low, start + 1))):
        left = clause[: match.start()]
        if match.end() > start + 1 or _RELATIVE.search(left) or left.endswith(("ly", ",")):
            continue
        if match.group().strip().lower() in {"and", "or"} and low:
            earlier, _, item = left.rpartition(", ")
            if _PLAIN.fullmatch(item):
                yield earlier + match.group() + item  # "by plane, ferry and ...": "by plane and ferry"
            continue
        yield left


def _stop(sentence: str) -> tuple[str, str]:
    body = sentence.rstrip('.!?…"”’')
    return body, sentence[len(body) :] or "."


def _tidy(text: str) -> str:
    text = re.sub(r"\s+([,;:])", r"\1", text)
    return re.sub(r"\s{2,}", " ", text).strip(" ,;:–—")
