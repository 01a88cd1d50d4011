"""Checks on the form of a description: loops, cut-off endings, title copies, other languages, markup."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property, lru_cache

from shelftalker.checks.lexicon import Lexicon, lexicon, stop_words
from shelftalker.checks.quick import WORD, Sieve, words_in

Raw = tuple[str, int, int, str]
"""Check, start, end, why."""

_TOKEN = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_SENTENCE = re.compile(r"[^.!?\n]+(?:[.!?]+(?![\w])|[.!?]+(?=\w)|\n|$)+")


_STEM = 5
"""Letters by which words count as one."""


NO_PROSE = frozenset({"language", "repetition", "markup"})
"""Checks whose spans make no claims that word lists could judge."""


def faults_of_prose(text: str, words: Lexicon) -> Iterator[Raw]:
    """Loops, markup and sentences in another language."""
    return (fault for fault in findings("", text, words, hit_cap=False) if fault[0] in NO_PROSE)


def findings(title: str, description: str, words: Lexicon, *, hit_cap: bool) -> Iterator[Raw]:
    """All findings on form; ``words`` is the language that the description should be written in."""
    if not description.strip():
        yield "cut_off", 0, len(description), "The description is empty."
        return
    prose, marked, loops, foreign = _read(description, words)
    yield from marked
    yield from _cut_off(description, words, hit_cap)
    yield from loops
    copies = list(_title_copy(title, prose, description, words))
    yield from copies
    if not loops and not copies:
        yield from _thin(title, prose, description, words)
    yield from foreign


@lru_cache(maxsize=1024)
def _read(text: str, words: Lexicon) -> tuple[_Prose, list[Raw], list[Raw], list[Raw]]:
    """What does not depend on the title: a text's prose, markup, loops and sentences in another language."""
    marked = list(_markup(text))
    prose = _Prose(text, [(start, end) for _, start, end, _ in marked])
    loops = list(_repetition(prose)) or list(_drones(text, prose, words))
    return prose, marked, loops, [] if loops else list(_language(text, words))


class _Prose:
    """The words of a text in small letters, those inside of ``marked`` spans left out, and where they stand."""

    def __init__(self, text: str, marked: Sequence[tuple[int, int]]) -> None:
        self._text, self._marked = text, marked
        if marked:
            self.words = [text[start:end].lower() for start, end in self.spans]
        else:
            self.words = _words(text)

    @cached_property
    def spans(self) -> list[tuple[int, int]]:
        """Start and end of every word."""
        found = (match.span() for match in _TOKEN.finditer(self._text))
        return [span for span in found if not any(start <= span[0] < end for start, end in self._marked)]


class _Apart(dict[int, int]):
    """For `str.translate`: whatever is in no word and joins none becomes a space."""

    def __missing__(self, point: int) -> int:
        found = self[point] = point if chr(point).isalnum() or chr(point) in "'’-" else 32
        return found


_APART = _Apart()


def _words(text: str) -> list[str]:
    """A text's words in small letters, in order: what `_TOKEN` finds, in a fraction of its time."""
    runs = text.translate(_APART).split()
    return [word.lower() for run in runs for word in ((run,) if run.isalnum() else _TOKEN.findall(run))]


_MARKUP = re.compile(
    r"(?P<tag></?[a-zA-Z][a-zA-Z0-9]*(?:\s[^<>]*)?/?>|<!--.*?-->)"
    r"|(?P<special><extra_id_\d+>|<pad>|<unk>|</s>|<s>|<\|[a-z_]+\|>|\[(?:PAD|UNK|CLS|SEP|MASK)\]|▁|⁇)"
    r"|(?P<entity>&(?:#\d{1,6}|#x[0-9a-fA-F]{1,5}|[a-zA-Z]{2,8}\d?);)"
    r"|(?P<prompt>\b(?:Title|Description|Product (?:title|description)):|Given a product title|\{\w+\})"
    r"|(?P<markdown>\*\*[^*\n]+\*\*|(?:^|\n)#{1,4} |\[[^\]\n]+\]\(https?://[^)]*\)|```|__[^_\n]+__|https?://\S+)"
    r"|(?P<escape>\\[nrt](?![a-z])|\\u[0-9a-fA-F]{4})"
    r"|(?P<lost>�|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]|â€™|â€œ|Ã©|Â(?=[ £©®]))"
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


_SUSPECT = frozenset("<&{*#[`_\\▁⁇�âÃÂ") | {chr(point) for point in (*range(0x20), *range(0x7F, 0xA0))}
_SUSPECT_WORDS = ("://", "itle:", "escription:", "Given a product")


def _markup(text: str) -> Iterator[Raw]:
    if _SUSPECT.isdisjoint(text) and not any(map(text.__contains__, _SUSPECT_WORDS)):
        return
    for match in _MARKUP.finditer(text):
        kind = match.lastgroup or "tag"
        yield "markup", match.start(), match.end(), f"{_MARKUP_WHY[kind].capitalize()} was left in the text."


_ENDED = re.compile(r"(?:[.!?…。]|\.\.\.)[\"'”’»)\]*]*$")


def _cut_off(text: str, words: Lexicon, hit_cap: bool) -> Iterator[Raw]:
    body = text.rstrip()
    last = body.rsplit(maxsplit=1)[-1]
    start = len(body) - len(last)
    if hit_cap:
        yield "cut_off", start, len(body), "The length limit stopped the model here."
    elif not _ENDED.search(last):
        yield "cut_off", start, len(body), "The text ends without a full stop."
    elif start > 0 and last[-1] in ".…" and last.rstrip(".…").lower() in words.articles:
        yield "cut_off", start, len(body), "The last sentence breaks off."


def _repetition(prose: _Prose) -> Iterator[Raw]:
    words = prose.words
    if not _comes_again(words):
        return
    loops = _loops(words)
    for start, end in loops:
        yield "repetition", prose.spans[start][0], prose.spans[end - 1][1], "The same words come again and again."
    # Apart: eight words that came before, or five words for the third time.
    if not loops:
        for start, end in _echoes(words, 8, 2) or _echoes(words, 5, 3):
            yield "repetition", prose.spans[start][0], prose.spans[end - 1][1], "These words were said before."


def _comes_again(words: list[str]) -> bool:
    """Whether a word is said twice in a row, or any three are said twice: without that nothing loops or echoes."""
    following = words[1:]
    threes = list(zip(words, following, words[2:], strict=False))
    return len(set(threes)) < len(threes) or any(map(str.__eq__, words, following))


def _drones(text: str, prose: _Prose, words: Lexicon) -> Iterator[Raw]:
    """Sentences a third of whose words are one: "A small sniffed sniffed and sniffed with a sniff." Names may recur."""
    often = [word[:_STEM] for word in prose.words if len(word) >= _STEM - 1 and word not in words.stop]
    if len(often) - len(set(often)) < 2 or max(Counter(often).values()) < 3:
        return
    tokens = [(word, start, end) for word, (start, end) in zip(prose.words, prose.spans, strict=True)]
    for match in _SENTENCE.finditer(text):
        inside = [token for token in tokens if match.start() <= token[1] < match.end()]
        stems = Counter(
            word[:_STEM]
            for word, start, end in inside
            if len(word) >= _STEM - 1 and word not in words.stop and word.isalpha() and text[start:end].islower()
        )
        count = max(stems.values(), default=0)
        if count >= 3 and count * 3 >= len(inside) > 4:
            yield "repetition", inside[0][1], inside[-1][2], "The sentence says one word again and again."


def _loops(words: list[str]) -> list[tuple[int, int]]:
    """Back to back: one to three words three times, four or more words twice."""
    count = len(words)
    found: list[tuple[int, int]] = []
    places: dict[str, list[int]] = {}
    for index, word in enumerate(words):
        places.setdefault(word, []).append(index)
    index = 0
    while index < count:
        best = 0
        for other in places[words[index]]:
            size = other - index
            if not 0 < size <= 24:
                continue
            times = 1
            while words[index + times * size : index + (times + 1) * size] == words[index:other]:
                times += 1
            if times >= (2 if size >= 4 else 3):
                best = max(best, times * size)
        if best and found and index - found[-1][1] <= 3:
            found[-1] = (found[-1][0], index + best)  # a loop that stumbles is one loop
        elif best:
            found.append((index, index + best))
        index += best or 1
    return found


def _echoes(words: list[str], size: int, limit: int) -> list[tuple[int, int]]:
    """Stretches of ``size`` words or more that are said for the ``limit``-th time or later."""
    grams = [tuple(words[index : index + size]) for index in range(len(words) - size + 1)]
    if len(set(grams)) == len(grams):
        return []
    seen: dict[tuple[str, ...], int] = {}
    found: list[tuple[int, int]] = []
    for index, gram in enumerate(grams):
        seen[gram] = seen.get(gram, 0) + 1
        if seen[gram] < limit:
            continue
        if found and index <= found[-1][1]:
            found[-1] = (found[-1][0], index + size)
        else:
            found.append((index, index + size))
    return found


def _title_copy(title: str, prose: _Prose, text: str, lexicon_: Lexicon) -> Iterator[Raw]:
    wanted = _words(title)
    words = prose.words
    if not words or not wanted:
        return
    known = {word.rstrip("s") for word in wanted}
    added = (word for word in words if word.rstrip("s") not in known)
    if len(words) > 2 * len(wanted):
        copies = not _different(added, 2 if len(words) < 12 else 1)
    else:
        new = list(added)
        copies = len(set(new)) <= (1 if len(words) < 12 else 0) or len(new) / len(words) <= 0.15
    if copies:
        yield "title_copy", 0, len(text.rstrip()), "The text repeats the title and adds nothing."
        return
    # The whole title again as a sentence of its own, as data feeds write it.
    if len(wanted) >= 4 and words[: len(wanted)] == wanted:
        after = text[prose.spans[len(wanted) - 1][1] :]
        following = words[len(wanted)] if len(words) > len(wanted) else ""
        if not after.strip(" .!?") or (re.match(r"\s*[.!:|–-]|\s+[A-Z]", after) and following not in lexicon_.copulas):
            yield "title_copy", prose.spans[0][0], prose.spans[len(wanted) - 1][1], "The title is copied word for word."


def _different(items: Iterable[str], count: int) -> bool:
    """Whether there are so many different ones; no more of them are looked at than needed."""
    seen: set[str] = set()
    for item in items:
        seen.add(item)
        if len(seen) >= count:
            return True
    return False


def _thin(title: str, prose: _Prose, text: str, words: Lexicon) -> Iterator[Raw]:
    """Fewer than two words that the title does not have and that say something of this product and not of any."""
    stem = words.stem
    wanted = {stem(word) for whole in _words(title) for word in (whole, *whole.split("-"))}
    plain = (stem(word) for word in prose.words if word not in words.stop and word not in words.filler)
    if words.filler and wanted and not _different((word for word in plain if word not in wanted), 2):
        yield "thin", 0, len(text.rstrip()), "The text says hardly a word beyond the title."


@lru_cache(maxsize=32)
def _foreign(code: str) -> dict[str, tuple[str, ...]]:
    """Function word -> the languages that it belongs to, those of language ``code`` left out."""
    profiles = stop_words()
    own = profiles.get(code, frozenset())
    words = {word for profile in profiles.values() for word in profile} - own
    return {word: tuple(name for name, profile in profiles.items() if word in profile) for word in words}


_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")


@lru_cache(maxsize=32)
def _foreign_among(code: str) -> Sieve:
    """Which words may be such, or the beginning of one ("c'est")."""
    begins = {match.group() for word in _foreign(code) if (match := WORD.match(word))}
    return Sieve(lambda word: any(part.lower() in begins for part in WORD.findall(word)))


def _language(text: str, own: Lexicon) -> Iterator[Raw]:
    if not own.stop:
        return  # a language that cannot be told apart
    if not text.isascii():
        letters = sum(character.isalpha() for character in text)
        strange = sum(character.isalpha() and ord(character) > 0x370 for character in text)
        if letters >= 8 and strange > 0.3 * letters:
            yield "language", 0, len(text), "Most of the text is not in Latin letters."
            return
    foreign = _foreign(own.code)
    among = _foreign_among(own.code)(words_in(text))
    if not among or sum(map(text.count, among)) < 3:
        return  # too few for any language
    for match in _SENTENCE.finditer(text):
        words = [word.lower() for word in _WORD.findall(match.group())]
        known = [word for word in words if word in foreign]
        if len(words) < 5 or len(known) < 2:
            continue
        native = sum(word in own.stop for word in words)
        counts: dict[str, float] = {}
        # Each word counts, and its first time twice, so that one foreign name ("La La Land") does not suffice.
        for number, word in enumerate(known):
            for language in foreign[word]:
                counts[language] = counts.get(language, 0) + (1 if word in known[:number] else 2)
        best = max(counts, key=lambda language: counts[language])
        if counts[best] >= 5 and counts[best] / 2 > 1.5 * native:
            start = match.start() + len(match.group()) - len(match.group().lstrip())
            yield "language", start, match.end(), f"This reads as {lexicon(best).name}, not {own.name}."
