"""Attributes that say something else than the title: both cannot be true of one product."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from shelftalker.checks.contradiction import contradictions
from shelftalker.checks.given import Given
from shelftalker.checks.rules import unsupported


def conflicts(title: str, attributes: Mapping[str, str], language: str = "en") -> Iterator[str]:
    """For every attribute that contradicts the title a sentence for people; the attribute is kept as it is.

    Compared are colours, sizes, volumes and masses, and counts in a pack, as in descriptions.

    Args:
        title: the product's title.
        attributes: name to value.
        language: what both are written in.
    """
    given = Given(title, language=language)
    for name, value in attributes.items():
        text = f"{name}: {value}"
        found = contradictions(given, text, unsupported(given.known, text, []))
        why = next((why for _, _, end, why in found if end > len(name) + 1), None)
        if why is not None:
            yield f"the attribute {name} ({value}) contradicts the title: {why[0].lower()}{why[1:]}"
