"""What is scored: the rows that all systems described, each system's predictions for them, and how numbers are made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shelftalker.checks.house import NO_RULES, House
from shelftalker.checks.sense import Surprise
from shelftalker.evaluation import results as schema
from shelftalker.evaluation.metrics.metric import Scores


@dataclass
class ScoredRow:
    """One row that all systems described."""

    uid: str
    title: str
    reference: str
    columns: Mapping[str, str] = field(default_factory=dict)
    given: Mapping[str, str] = field(default_factory=dict)
    """The columns that the prompt carries: what a description may rely on besides the title."""
    facts: tuple[str, ...] = ()
    """Facts that were given beside them."""
    similarity: schema.Similarity | None = None
    nearest: str | None = None
    house: House = NO_RULES
    """The house rules that hold for the product."""
    language: str | None = None
    """What it is to be described in; none: what most references are in."""


@dataclass
class Entry:
    """One system's predictions before they are scored; ``system`` has everything but scores."""

    system: schema.System
    texts: Sequence[str]
    tokens: Sequence[int] | None = None
    hit_cap: Sequence[bool] | None = None
    nll: Sequence[tuple[float, int] | None] | None = None
    copied: Sequence[int] | None = None
    """Per row the longest run of words copied from a training description, where that is known already."""
    findings: list[list[schema.Finding]] | None = None
    """Per row what the checks found, where that is known already."""
    bertscore: Scores | None = None
    routes: Sequence[str] | None = None
    """Per row who wrote it: edited, written or declined; none: the system has no routes."""
    sources: Sequence[Sequence[str]] | None = None
    """Per row the texts of other products that the writer saw; none: it sees no sources."""


@dataclass(frozen=True)
class Protocol:
    """How the numbers are made."""

    resamples: int
    seed: int
    rank_by: str = "chrf"
    surprise: Surprise | None = None
    """Judges whether texts hang together; None: nobody does."""
