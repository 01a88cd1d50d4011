"""How long a text is to be: what a row or a recipe asks for, as the phrase that stands in the prompt."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

from shelftalker.errors import ShelftalkerError

Unit = Literal["words", "characters"]
NEAR = 0.1
"""A length is kept where the text is no further off than this share of it."""

_CHARACTERS = 6
"""Of a word, with the space behind it."""
BETWEEN = " • "
"""What stands between the points of a list, a text of which may be wanted as well."""

_PHRASE = re.compile(r"(?P<most>at most\s+)?(?P<count>[1-9]\d{0,5})\s+(?P<unit>words|characters)", re.IGNORECASE)


@dataclass(frozen=True)
class Length:
    """A length that is asked for; its text ("60 words", "at most 155 characters") is what the prompt says.

    Attributes:
        count: how many.
        unit: of what: words parted by white space, or characters.
        at_most: whether less is as good.
    """

    count: int
    unit: Unit
    at_most: bool = False

    def __str__(self) -> str:
        return f"{'at most ' if self.at_most else ''}{self.count} {self.unit}"

    @property
    def otherwise(self) -> list[Length]:
        """About the same in other words: as a limit or not, in the other unit."""
        in_words = self.unit == "words"
        count = self.count * _CHARACTERS if in_words else max(1, round(self.count / _CHARACTERS))
        unit: Unit = "characters" if in_words else "words"
        return [replace(self, at_most=not self.at_most), Length(count, unit), Length(count, unit, at_most=True)]

    @property
    def longest(self) -> int:
        """What a text that keeps it has at most."""
        return self.count if self.at_most else int(self.count * (1 + NEAR))

    def of(self, text: str) -> int:
        """How long a text is, in this unit."""
        return measured(text, self.unit)

    def off(self, text: str) -> float:
        """How far off a text is, as a share of what was asked for; 0 where less is as good and it is not longer."""
        by = self.of(text) - self.count
        return max(by, 0) / self.count if self.at_most else abs(by) / self.count

    def is_kept(self, text: str) -> bool:
        """Whether a text keeps it: within a tenth, or not longer."""
        return self.of(text) <= self.count if self.at_most else self.off(text) <= NEAR


def measured(text: str, unit: Unit) -> int:
    """A text's words or characters."""
    return len(text.split()) if unit == "words" else len(text)


def length(phrase: str, where: str = "length") -> Length:
    """Read a phrase such as "60 words" or "at most 155 characters".

    Raises:
        ShelftalkerError: it is none.
    """
    found = _PHRASE.fullmatch(phrase.strip())
    if found is None:
        raise ShelftalkerError(
            f"{phrase!r} is no length",
            where=where,
            mend='write "60 words", "155 characters", or either with "at most" before it',
        )
    unit: Unit = "words" if found["unit"].lower() == "words" else "characters"
    return Length(int(found["count"]), unit, found["most"] is not None)
