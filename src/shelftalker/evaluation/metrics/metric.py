"""What a metric is, and what it looks at."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from shelftalker.retrieve.index import words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from shelftalker.checks.given import Given
    from shelftalker.checks.measures import Faith

    Array = NDArray[np.float64]


_SPACELESS = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")


@dataclass(frozen=True)
class Scores:
    """One system's scores a row that were made beforehand, by a model, and the signature of what gave them."""

    rows: list[float]
    signature: str


@dataclass(frozen=True)
class Targets:
    """What all systems are measured against, one a row; references are used whole."""

    titles: Sequence[str]
    references: Sequence[str]
    given: Sequence[Given] | None = None
    """What every writer was told of a row; none: faith is not measured."""

    @cached_property
    def title_words(self) -> list[list[str]]:
        """Words of every title."""
        return [words(text) for text in self.titles]

    @cached_property
    def reference_words(self) -> list[int]:
        """Number of words of every reference."""
        return [len(words(text)) for text in self.references]

    @cached_property
    def other_scripts(self) -> list[bool]:
        """Whether a reference is in another script than Latin."""
        return [is_other_script(text) for text in self.references]

    @cached_property
    def spaceless(self) -> list[bool]:
        """Whether a reference is in a script that sets no space between words."""
        return [is_spaceless(text) for text in self.references]


@dataclass(frozen=True)
class Outputs:
    """One system's descriptions, and what is known of them beside their text.

    Args:
        targets: titles and references of the same rows.
        texts: one description a row.
        hit_cap: whether decoding cut the row off; none for systems that do not decode.
        nll: per row the summed negative log-likelihood of the reference and its tokens.
        copied: per row the longest run of words that a training description has too.
        bertscore: what an encoder gave.
        sources: per row the texts of other products that the writer saw; none: it sees no sources.
    """

    targets: Targets
    texts: Sequence[str]
    hit_cap: Sequence[bool] | None = None
    nll: Sequence[tuple[float, int] | None] | None = None
    copied: Sequence[int] | None = None
    bertscore: Scores | None = None
    sources: Sequence[Sequence[str]] | None = None

    @cached_property
    def faith(self) -> list[Faith] | None:
        """Counts of claims and facts of every row; None where it is not known what was given."""
        from shelftalker.checks.measures import faith

        if self.targets.given is None:
            return None
        sources = self.sources or [()] * len(self.texts)
        return [faith(*row) for row in zip(self.texts, self.targets.given, sources, strict=True)]

    @cached_property
    def words(self) -> list[list[str]]:
        """Words of every description."""
        return [words(text) for text in self.texts]


class Metric(ABC):
    """A score over rows: what it counts in a row, how a score follows from sums of that, and what it is called.

    Intervals, paired tests, breakdowns, tables and the report need nothing else of it.
    """

    name: str
    label: str
    """What people read."""
    what: str
    """One line for people: definition, unit, source."""
    place: int
    """Where it stands in tables and files, from left to right."""
    higher_is_better: bool | None = True
    """Direction; None: neither."""
    width: int = 2
    """Columns of a row's statistics."""
    decimals: int = 4
    kind: Literal["quality", "faith", "writing"] = "writing"
    """How near to the reference, how true to what was given, or how it writes. Systems are tested against each other
    in quality."""
    is_sliced: bool = False
    """Whether breakdowns show it."""

    @abstractmethod
    def count(self, systems: Sequence[Outputs]) -> list[Array | None]:
        """Statistics of every system, each of shape (rows, width); None where a system has none.

        Args:
            systems: on the same rows, so that what they share is counted once.
        """

    def score(self, sums: Array) -> Array:
        """The score from sums of statistics, shape (..., width) to (...): by default a mean of (value, weight)."""
        return ratio(sums)

    def row_scores(self, table: Array) -> Array:
        """Every row's own score, shape (rows, width) to (rows,)."""
        return self.score(table)

    def whole(self, outputs: Outputs) -> tuple[float, float, float] | None:
        """Value and interval of a metric that is no function of row sums; None: it is one."""
        return None

    @abstractmethod
    def definition(self, outputs: Outputs) -> str:
        """Everything that the number depends on beside the texts, fields set apart by |, the name first."""

    def signature(self, outputs: Outputs, **facts: Any) -> str:
        """The definition with whatever ``facts`` add (none is left out) and the number of rows."""
        added = [f"{key}:{value}" for key, value in facts.items() if value is not None]
        return "|".join([self.definition(outputs), *added, f"n:{len(outputs.texts)}"])

    def is_comparable(self, a: Array, b: Array) -> bool:
        """Whether two systems' statistics measure the same thing."""
        return True


def is_other_script(text: str) -> bool:
    """Whether a to z are the minority of the letters of a text."""
    if text.isascii():
        return False
    letters = [char for char in text if char.isalpha()]
    return 2 * sum(char.isascii() for char in letters) < len(letters)


def is_spaceless(text: str) -> bool:
    """Whether most letters of a text are of a script without spaces: Chinese, Japanese, Thai, Lao, Burmese, Khmer."""
    return not text.isascii() and 2 * len(_SPACELESS.findall(text)) > sum(char.isalpha() for char in text)


def spaced(text: str) -> str:
    """The text with each character of such a script a word of its own."""
    return _SPACELESS.sub(r" \g<0> ", text)


def ratio(sums: Array) -> Array:
    """First column over second; 0 where there is nothing to divide by. A mean is (value, 1) summed over rows."""
    import numpy as np

    return np.divide(sums[..., 0], sums[..., 1], out=np.zeros(sums.shape[:-1]), where=sums[..., 1] != 0)


def means(values: Sequence[float]) -> Array:
    """Statistics of a plain mean over rows: (value, 1)."""
    import numpy as np

    table = np.ones((len(values), 2))
    table[:, 0] = values
    return table
