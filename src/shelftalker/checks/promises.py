"""Claims that bind a seller: what the product works with, and who certified, approved or guarantees it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from shelftalker.checks.form import Raw
from shelftalker.checks.given import WORD, Known
from shelftalker.checks.lexicon import ORDINALS, TECHNOLOGIES
from shelftalker.checks.words import SENTENCE_START

_TECHNOLOGY = re.compile(rf"\b(?:{TECHNOLOGIES})\b(?![- ]?free)", re.I)
# One cheap look before the long patterns.
_USES = ("with ", "works on", "work on", "fit", "replaces", "plugs into")
_DEVICES = (
    "usb bluetooth wi-fi wifi hdmi display thunderbolt nfc zigbee z-wave matter airplay chromecast alexa google siri "
    "homekit iphone ipad ipod ios android windows mac linux chromebook playstation ps3 ps4 ps5 xbox nintendo samsung "
    "galaxy kindle magsafe qi lightning sd ethernet aux vesa fire apple nespresso dolce lego gopro garmin fitbit "
    "whatsapp spotify netflix"
).split()
_WORKS_WITH = re.compile(
    r"\b(?:compatible with|works? (?:well )?with|for use with|designed for use with|suitable for use with"
    r"|works? on(?= (?:all|any|most|both|every|computers?|phones?|tablets?|pcs?)\b)"
    r"|fits? (?:all|any|most|every|both)|replaces|interchangeable with|plugs into)\s"
    r"(?P<what>[^.,;:!?()\n]{3,60})",
    re.I,
)
_PLAIN = frozenset(
    "the a an all any most every both standard other and or of in with to for your its their other models model "
    "devices device brands products product types type sizes size".split()
)


_INDUCTION = re.compile(r"\binduction (?:suitable|ready|compatible|safe)|suitable for (?:all hobs|induction)", re.I)


# Names of technologies that are plain words too: only with a capital, and not because a sentence begins.
_PLAIN_NAMES = frozenset("windows matter apple lightning macs mac galaxy android qi aux".split())


def compatibility(known: Known, text: str) -> Iterator[Raw]:
    """What it is said to work with, and named technologies."""
    lower = text.lower()
    said: list[tuple[int, int]] = []
    for match in _WORKS_WITH.finditer(text) if any(hint in lower for hint in _USES) else ():
        content = [word for word in WORD.findall(match["what"]) if word.lower() not in _PLAIN][:4]
        supported = sum(known.has(word) or known.has_code(word) for word in content)
        if not content or 2 * supported < len(content):
            said.append((match.start(), match.start("what") + len(match["what"].rstrip())))
            yield "compatibility", *said[-1], "The input does not say what it works with."
    for match in _INDUCTION.finditer(text) if "induction" in lower or "all hobs" in lower else ():
        if not known.has("induction"):
            yield "compatibility", match.start(), match.end(), "The input does not mention induction."
    for match in _TECHNOLOGY.finditer(text) if any(hint in lower for hint in _DEVICES) else ():
        word, start = match.group(), match.start()
        if known.has_code(word) or any(begin <= start < end for begin, end in said):
            continue
        opens = SENTENCE_START.search(text[max(0, start - 8) : start]) or start == 0
        if word.lower() in _PLAIN_NAMES and (opens or not word[0].isupper()):
            continue
        yield "compatibility", start, match.end(), f"The input does not mention {word!r}."


_MARKS = (
    r"CE|UL|ETL|FDA|FCC|TÜV|TUV|GS|RoHS|REACH|ISO(?: ?\d{3,5}(?:-\d+)?)?|EN(?: ISO)? ?\d{2,5}(?:-\d+)*"
    r"|ASTM(?: ?[A-Z]\d+)?|MIL-STD(?:-\d+\w*)?|BS(?: EN)? ?\d{3,5}|ANSI|DIN ?\d+|OEKO-TEX\w*|GOTS|FSC|PEFC|GMP|USDA"
    r"|NSF|EPA|CPSIA|HACCP"
    r"|Energy Star|Fair ?trade|Leaping Bunny|Woolmark|Soil Association|Red Tractor|MSC|UKCA|Kitemark|IP[X0-6][0-9K]"
    r"|UPF ?\d+\+?|Vegan Society"
)
_MARKED = r"[- ](?:certified|approved|listed|registered|compliant|rated|certification|mark(?:ed)?|tested|organic)"
_BY = (
    r"(?:officially|independently|fully|medically|clinically|dermatologically) "
    r"|(?:\w+ologist|lab(?:oratory)?|vet|doctor|paediatrician|safety|drop|allergy|damp|wet|bench)[- ]"
)
_PROMISED = (
    r"certified(?: organic)?|certification|patented|patent[- ]pending|award[- ]winn(?:ing|er)"
    r"|prize[- ]winning|best[- ]?sell(?:er|ing)|(?:lifetime|limited|money[- ]back|satisfaction|manufacturer'?s?|full) "
    r"(?:warranty|guarantee)|warranty|guaranteed?"
)
_SUBSTANCE = (
    r"(?:BPA|phthalate|gluten|dairy|lactose|nut|wheat|lead|cruelty|paraben|latex|sugar|caffeine|ammonia|sulphate|sulfate"
    r"|fragrance|acid|chlorine|nickel|preservative)s?"
)
_FREE_OF = (
    rf"{_SUBSTANCE}[- ]free|free (?:of|from) (?:\w+ )?{_SUBSTANCE}(?:(?:,| and| or) \w+)?"
    r"|non-?toxic|non-?gmo|hypo-?allergenic|food[- ](?:grade|safe)|halal|kosher|vegan"
    r"|organic(?= (?:cotton|\w+ certified)|[.,])|organically grown"
    r"|(?:flame|fire)[- ]retardant|bulletproof|child[- ]?safe|(?:medical|military|hospital)[- ]grade|dolphin[- ]safe"
)
# "WRAS approved", "Sold Secure Silver rated", "Great Taste Award winner": whoever says so.
_BODY = r"(?:[A-Z][\w-]+ )+(?:approved|certified|accredited|rated|listed|[Aa]ward(?:s|(?: winner)?))"
_CERTIFICATE = re.compile(
    rf"\b(?:{_BODY}|(?:{_MARKS})(?:{_MARKED})?"
    rf"|(?i:{_BY})(?i:certified|approved|tested|proven|recommended|licensed|reviewed|rated)"
    rf"|(?i:{_PROMISED})|(?i:{_FREE_OF})(?i: certified)?)(?!\w)"
)
# One cheap look: most texts promise nothing, and then the long pattern need not be tried at every word.
_PROMISING = (
    "gmo certif approved tested proven recommend licensed reviewed rated listed accredit award patent prize "
    "sell warrant guarant free toxic allergenic food halal kosher vegan organic retardant proof safe grade "
    "rohs fair energy leaping woolmark soil red tractor kitemark"
).split()
_CAPITALS = re.compile(r"[A-Z]{2}")


_NTH = {**ORDINALS, "first": 1.0, "second": 2.0}
_EDITION_WORDS = frozenset({"edition", "editions", "and"})
_BOUND = ("edition", "abridged", "back", "hardcover", "softcover", "bound", "board book", "audiobook", "large")
_EDITION = re.compile(
    rf"\b(?:(?:{'|'.join(_NTH)}|\d+(?:st|nd|rd|th)|revised|limited|large[- ]print|collector'?s"
    r"|anniversary|numbered|deluxe|gift|illustrated"
    r"|unabridged|abridged|expanded|updated|special|signed|annotated|bilingual|pocket)(?: and \w+)? editions?"
    r"|unabridged|abridged|(?<!for a )(?<!of a )(?<!any )(?:hardback|hardcover|paperback|softcover|flexibound"
    r"|board book|audiobook|spiral[- ]bound|large[- ]print)(?! covers?))(?!\w)",
    re.I,
)


def editions(known: Known, text: str) -> Iterator[Raw]:
    """Editions and bindings."""
    lower = text.lower()
    for match in _EDITION.finditer(text) if any(hint in lower for hint in _BOUND) else ():
        words = [word.lower() for word in WORD.findall(match.group())]
        numbers = {_NTH.get(word) or float(word[:-2] if word[0].isdigit() else 0) for word in words} - {0.0}
        plain = [word for word in words if word not in _NTH and not word[0].isdigit()]
        if numbers <= known.figures.values and all(known.has(word) for word in plain if word not in _EDITION_WORDS):
            continue
        yield "edition", match.start(), match.end(), f"The input does not give the edition {match.group()!r}."


def certifications(known: Known, text: str) -> Iterator[Raw]:
    """Certificates, approvals, awards, guarantees."""
    lower = text.lower()
    if not _CAPITALS.search(text) and not any(hint in lower for hint in _PROMISING):
        return
    for match in _CERTIFICATE.finditer(text):
        written = match.group()
        words = [word.group() for word in WORD.finditer(written)]
        if (
            known.has_code(written)
            or all(known.has(word) for word in words)
            or (known.has_code(words[0]) and len(words[0]) > 3)
        ):
            continue
        yield "certification", match.start(), match.end(), f"The input does not claim {written!r}."
