"""Which encoding a text is in: by its mark, as UTF-8, else by which of the common ones makes words of its bytes.

The old encodings of one byte a letter decode nearly any bytes; what they make of another's is quotes, lines and
capitals in the middle of words. That is what is counted, and where two fit alike, the user is asked.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections import Counter

from shelftalker.catalogue.read.row import printable
from shelftalker.errors import ShelftalkerError

SAMPLE = 1 << 20
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
SINGLE = {
    "cp1252": 0.0, "cp850": 0.05, "cp1250": 0.05, "cp1251": 0.05, "cp1254": 0.05, "cp1253": 0.1, "koi8-r": 0.1,
    "cp866": 0.1, "mac-roman": 0.15,
}  # fmt: skip
"""Encodings of one byte a letter, with what is taken from their points: the rarer they are, the more."""
_DOUBLE = ("cp932", "euc-jp", "euc-kr", "gb18030", "big5")
_LANGUAGES = tuple(
    map(
        frozenset,
        (
            "äöüßé", "éèêëàâçîïôûùœæü", "áéíóúñü", "áâãàçéêíóôõúü", "àèéìíòóùú", "ëïéèöüóá", "åäöé", "æøåéöä",
            "þðáéíóúýæö", "ąćęłńóśźż", "áčďéěíňóřšťúůýžäĺľŕô", "áéíóöőúüű", "ăâîșțşţ", "čćđšž", "çğıöşüiâ",
        ),
    )
)  # fmt: skip
"""Letters beyond ASCII of one language (some share them): German, French, Spanish, ..., Polish, ..., Turkish."""
_COMMON = frozenset("оеаинтсрвлкαοιετςνησρ")
"""The letters that make up most of any Russian and Greek text."""
_WIDE = re.compile(r"[^\x00-\x7f]")
_KANA = re.compile(r"[぀-ヿ]")
_HANGUL = re.compile(r"[가-힣]")
_COMMON_HANZI = frozenset(
    "的一是不了在人有我他这中大来上个国到说们为子和你地出道也时年得就那要下以生会自着去之过家学对可里后小么心多天而"
    "能好都然没日于起还发成事只作当想看文无开手用主行方又如前所本见经头面公同三已老从动两长知民样现分将外但身些与"
    "高意进把法此实回二理美点月明其种声全工己话儿者向情部正名定女问力机给等几很業品商產質料適用色型號這個為們來時說"
    "對會後無國過發們還種樣現將與實點動長經開頭見從兩學沒麼裡"
)
_ODD = frozenset("¤¦¨¬¯´¸¶§¢¥ƒ†‡ˆ‰˜¹²³¼½¾ªº×÷ÞþÐð")


def detect(head: bytes, where: str, *, whole: bool) -> str:
    """The encoding of a text that begins with ``head`` (``whole``: and ends there too).

    Raises:
        ShelftalkerError: it is not UTF-8, and two encodings or none fit.
    """
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    wide = _without_mark(head)
    if wide:
        return wide
    if is_utf8(head, whole=whole):
        return "utf-8"
    return _guess(head, where, whole=whole)


def is_utf8(data: bytes, *, whole: bool) -> bool:
    """Whether bytes are UTF-8 (``whole``: not cut in the middle of a letter)."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data, final=whole)
    except UnicodeDecodeError:
        return False
    return True


def known(encoding: str, key: str) -> str:
    """The name of an encoding that was asked for.

    Raises:
        ShelftalkerError: there is no such one.
    """
    try:
        info = codecs.lookup(encoding)
        if not info._is_text_encoding:
            raise LookupError
    except (LookupError, ValueError):
        raise ShelftalkerError(
            f"there is no encoding {encoding!r}", where=key, mend="for example utf-8, utf-16, cp1252, cp850, cp932"
        ) from None
    return info.name


def _without_mark(head: bytes) -> str | None:
    """UTF-16 without its mark: the zero half of ASCII's letters falls on every other byte."""
    data = head[:4096]
    pairs = len(data) // 2
    if pairs < 2 or b"\0" not in data:
        return None
    even, odd = data[0 : 2 * pairs : 2].count(0), data[1 : 2 * pairs : 2].count(0)
    # A quarter is enough: Japanese text has few ASCII letters beside its separators.
    for zeros, others, name in ((odd, even, "utf-16-le"), (even, odd, "utf-16-be")):
        if zeros > pairs / 20 and others < zeros / 3:
            try:
                text = data[: 2 * pairs].decode(name, "strict" if len(head) <= 4096 else "ignore")
            except UnicodeDecodeError:
                continue
            odd = sum(unicodedata.category(letter) in ("Cc", "Cn", "Co") and letter not in "\t\r\n" for letter in text)
            if odd <= 0.01 * len(text):
                return name
    return None


def _guess(head: bytes, where: str, *, whole: bool) -> str:
    # Whole lines, and those with letters beyond ASCII: they alone tell.
    lines = (head if whole else head[: head.rfind(b"\n") + 1] or head).splitlines()
    telling = b"\n".join(line for line in lines if not line.isascii())[:200_000]
    mixed = [line for line in lines if not line.isascii() and is_utf8(line, whole=True)]
    if len(mixed) > len(lines) / 20 and len(mixed) * 4 >= sum(not line.isascii() for line in lines):
        # UTF-8 with some lines in another encoding: those are read line by line.
        return "utf-8"
    scores = {name: score for name in _DOUBLE if (score := _double(telling, name)) is not None}
    if scores and max(scores.values()) >= 0.8:
        return max(scores, key=lambda name: scores[name])
    scores = {name: score for name in SINGLE if (score := _single(telling, name)) is not None}
    best = sorted(scores, key=lambda name: -scores[name])
    if best and scores[best[0]] >= 0.5:
        rivals = [name for name in best[1:] if scores[name] > scores[best[0]] - 0.1]
        if best[0] == "cp1252" or len({telling.decode(name) for name in [best[0], *rivals]}) == 1:
            return best[0]
        best = [best[0], *rivals]
    shown = "; ".join(f"{name}: {_words(telling, name)}" for name in (best or list(SINGLE))[:3])
    raise ShelftalkerError(
        "the text is not UTF-8, and which encoding it is in cannot be told",
        where=f"{where} ({shown})",
        mend=f"say it: --prepare.encoding {best[0] if best else 'cp1252'} (or cp850, cp932, gb18030, ...)",
    )


def _double(data: bytes, name: str) -> float | None:
    """How much of a text reads like the language that an encoding is for (0 to 1); None: it cannot be decoded."""
    try:
        text = data.decode(name)
    except UnicodeDecodeError:
        return None
    beyond = _WIDE.findall(text)
    if not beyond:
        return None
    if name in ("cp932", "euc-jp"):
        # Japanese has kana in every sentence; half-width ones are what other encodings' bytes turn into.
        half = sum("｡" <= letter <= "ﾟ" for letter in beyond) / len(beyond)
        kana = len(_KANA.findall(text)) / len(beyond)
        return min(1.0, kana * 5) * (1 - half) if kana > 0.1 else kana
    if name == "euc-kr":
        hangul = len(_HANGUL.findall(text)) / len(beyond)
        return 1.1 if hangul > 0.9 else hangul / 2
    common = sum(letter in _COMMON_HANZI for letter in beyond) / len(beyond)
    return min(1.0, common * 5)


def _single(data: bytes, name: str) -> float | None:
    """How far the letters beyond ASCII stand as such letters do, and belong to one or two languages (1: wholly)."""
    try:
        text = data.decode(name)
    except UnicodeDecodeError:
        return None
    points: list[float] = []
    letters: Counter[str] = Counter()
    for found in _WIDE.finditer(text):
        at, letter = found.start(), found.group()
        points.append(_point(text[at - 1] if at else " ", letter, text[at + 1 : at + 2] or " "))
        if letter.isalpha():
            letters[letter.lower()[:1]] += 1
    if not points:
        return None
    return sum(points) / len(points) - 0.7 * (1 - _share_of_one_language(letters)) - SINGLE[name]


def _share_of_one_language(letters: Counter[str]) -> float:
    """The share of letters that one language has, or two together."""
    total = letters.total()
    if not total:
        return 1.0
    if sum(count for letter, count in letters.items() if letter >= "Ͱ") > total / 2:
        return min(1.0, 1.7 * sum(letters[letter] for letter in _COMMON) / total)
    had = [sum(letters[letter] for letter in language) for language in _LANGUAGES]
    first = max(range(len(had)), key=lambda at: had[at])
    left = {letter: count for letter, count in letters.items() if letter not in _LANGUAGES[first]}
    second = max(sum(left.get(letter, 0) for letter in language) for language in _LANGUAGES)
    return (had[first] + second * 0.8) / total


def _point(before: str, letter: str, after: str) -> float:
    """How well one letter or sign stands between its neighbours (1 to -1)."""
    touches = before.isalpha() or after.isalpha()
    inside = before.isalpha() and after.isalpha()
    kind = unicodedata.category(letter)
    if letter in _ODD:
        return -1.0 if touches else 0.0
    if kind == "Ll":
        if touches and _script(letter) not in (_script(before), _script(after)):
            return -0.5
        return -0.5 if after.isupper() else 1.0 if touches else 0.6
    if kind == "Lu":
        # A capital begins a word or stands among capitals.
        if before.islower():
            return -1.0
        return 1.0 if touches else 0.6
    if letter in "'’" and (before.isalnum() or inside):
        return 1.0
    if letter in "¿¡":
        return 0.7 if after.isalpha() and not before.isalpha() else -0.5
    if kind in ("Pi", "Pf", "Ps", "Pe"):
        if inside:
            return -1.0
        opens = letter in "“‘„‚(" and not before.isalnum() and not after.isspace()
        closes = letter in "”’“" and not before.isspace() and not after.isalnum()
        return 1.0 if opens or closes else 0.5 if letter in "«»‹›" else -0.5
    if letter in "®™©°":
        return 1.0 if not inside or letter != "°" else 0.0
    if letter == "\xa0" or (letter in "–—" and not inside):
        return 0.9
    if kind in ("Pd", "Po", "Sc", "Sm") and not inside:
        return 0.6
    return -1.0


def _script(letter: str) -> str:
    if letter.isascii():
        return "LATIN" if letter.isalpha() else ""
    return unicodedata.name(letter, "").split(" ")[0] if letter.isalpha() else ""


def _words(data: bytes, name: str) -> str:
    text = data.decode(name, "replace")
    found = re.findall(r"\w*[^\x00-\x7f\s]+\w*", text)
    return printable(" ".join(dict.fromkeys(found[:3])) or text[:20], 40)
