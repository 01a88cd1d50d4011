"""Claims that bind a seller: what the product works with, and who certified, approved or guarantees it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from shelftalker.evaluation.checking.form import Raw
from shelftalker.evaluation.checking.lexicon import TECHNOLOGIES
from shelftalker.evaluation.checking.source import WORD, Source
from shelftalker.evaluation.checking.words import SENTENCE_START

_TECHNOLOGY = re.compile(rf"\b(?:{TECHNOLOGIES})\b(?![- ]?free)", re.I)
_WORKS_WITH = re.compile(
    r"\b(?:compatible with|works (?:well )?with|work with|for use with|designed for use with|suitable for use with"
    r"|fits (?:all|any|most|every|both|standard|the)|replaces|interchangeable with|plugs into)\s"
    r"(?P<what>[^.,;:!?()\n]{3,60})",
    re.I,
)
_PLAIN = frozenset(
    "the a an all any most every both standard other and or of in with to for your its their other models model "
    "devices device brands products product types type sizes size".split()
)


def compatibility(source: Source, text: str) -> Iterator[Raw]:
    """What it is said to work with, and named technologies."""
    for match in _WORKS_WITH.finditer(text):
        words = [word.group() for word in WORD.finditer(match["what"])]
        content = [word for word in words if word.lower() not in _PLAIN][:4]
        known = sum(source.has(word) or source.has_code(word) for word in content)
        if not content or 2 * known < len(content):
            yield (
                "compatibility",
                match.start(),
                match.start("what") + len(match["what"].rstrip()),
                "The input does not say what it works with.",
            )
    for match in _TECHNOLOGY.finditer(text):
        word = match.group()
        if word.lower() in {
            "windows",
            "matter",
            "apple",
            "lightning",
            "macs",
            "mac",
            "zoom",
            "galaxy",
            "android",
            "qi",
            "aux",
        } and (not word[0].isupper() or SENTENCE_START.search(text[: match.start()])):
            continue
        if source.has_code(word):
            continue
        yield "compatibility", match.start(), match.end(), f"The input does not mention {word!r}."


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
    r"|(?:dermatologist|lab(?:oratory)?|vet|doctor|paediatrician|safety|drop|allergy)[- ]"
)
_PROMISED = (
    r"certified(?: organic)?|certificates?|certification|patented|patent[- ]pending|award[- ]winn(?:ing|er)"
    r"|prize[- ]winning|best[- ]?sell(?:er|ing)|(?:lifetime|limited|money[- ]back|satisfaction|manufacturer'?s?|full) "
    r"(?:warranty|guarantee)|warranty|guaranteed?"
)
_FREE_OF = (
    r"(?:BPA|phthalate|gluten|dairy|nut|lead|cruelty|paraben|latex)[- ]free|[Nn]on-?toxic|[Hh]ypoallergenic"
    r"|[Ff]ood[- ](?:grade|safe)|[Hh]alal|[Kk]osher|(?:flame|fire)[- ]retardant|bulletproof|[Cc]hild[- ]?safe"
    r"|(?:medical|military|hospital)[- ]grade"
)
_CERTIFICATE = re.compile(
    rf"\b(?:(?:{_MARKS})(?:{_MARKED})?|(?i:{_BY})(?i:certified|approved|tested|proven|recommended|licensed)"
    rf"|(?i:{_PROMISED})|{_FREE_OF})(?!\w)"
)


def certifications(source: Source, text: str) -> Iterator[Raw]:
    """Certificates, approvals, awards, guarantees."""
    for match in _CERTIFICATE.finditer(text):
        written = match.group()
        words = [word.group() for word in WORD.finditer(written)]
        if (
            source.has_code(written)
            or all(source.has(word) for word in words)
            or (source.has_code(words[0]) and len(words[0]) > 3)
        ):
            continue
        yield "certification", match.start(), match.end(), f"The input does not claim {written!r}."
