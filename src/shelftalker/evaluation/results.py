"""The result schema: what `evaluate` and `compare` write, so that two files can be compared years later.

docs/evaluation.md describes every field. The file carries whole references and predictions, so that every
number in it can be computed again from the file alone. Readers ignore fields that they do not know; a change
that would make an old reader wrong raises the number in ``SCHEMA``.
"""

from __future__ import annotations

import datetime
from collections import Counter
from pathlib import Path
from typing import Any, Literal

import msgspec

from shelftalker import files
from shelftalker.errors import ShelftalkerError
from shelftalker.evaluation.significance import ALPHA

SCHEMA = "shelftalker.results/1"
RANK_BY = "chrf"
"""What ranks where a file does not say."""

Role = Literal["baseline", "checkpoint", "model", "reference_system"]
Similarity = Literal["none", "distant", "near", "sibling"]


class Data(msgspec.Struct, kw_only=True):
    """Which examples were described."""

    split: str
    """val or test."""
    split_by: str | None = None
    """group (new lines) or row (new products of known lines); none: not known."""
    rows: int
    """Number of examples."""
    sha256: str
    """Hash of the examples' ids, prompts and references, in order: equal means the same rows."""
    path: str = ""
    """The file they came from."""
    name: str = ""
    """Name of the recipe."""


class Score(msgspec.Struct, kw_only=True):
    """One metric of one system."""

    value: float
    """The score over all rows, in the metric's own unit."""
    low: float | None = None
    """Lower end of the 95 % bootstrap interval; none where there is none."""
    high: float | None = None
    """Upper end of the 95 % bootstrap interval."""
    n: int
    """Rows that were scored."""
    higher_is_better: bool | None = None
    """Direction; none: neither is better (as with length_ratio, which is best near 1)."""
    signature: str = ""
    """Everything that the number depends on."""


class Slice(msgspec.Struct, kw_only=True):
    """A system's scores on some of the rows."""

    n: int
    """Rows in this part."""
    scores: dict[str, float]
    """Metric to value."""


class Checks(msgspec.Struct, kw_only=True):
    """What the checks found, over all rows."""

    publishable_rate: float
    """Share of descriptions without any finding (0 to 1)."""
    by_check: dict[str, float] = {}
    """Check to the share of descriptions in which it found something (0 to 1)."""


class Model(msgspec.Struct, kw_only=True):
    """What wrote the predictions."""

    given: str
    """What the user named."""
    path: str = ""
    """Folder or hub name."""
    hash: str = ""
    """SHA-256 over the weights."""
    base: str | None = None
    """Base model of an adapter."""


class System(msgspec.Struct, kw_only=True):
    """One system: a baseline, a checkpoint, a model or a reference system, with all its scores."""

    id: str
    """Unique within the file: zero-shot, copy-title, checkpoint-300, ..."""
    label: str
    """What people read."""
    role: Role
    step: int | None = None
    """Optimiser step of a checkpoint."""
    loss: float | None = None
    """Validation loss that training took at a checkpoint (nats a token); none: not known."""
    run: str | None = None
    """Name of the run that a checkpoint belongs to: one learning curve a run."""
    edit_from: float | None = None
    """Similarity from which siblings' texts are edited, where that was chosen on these rows."""
    model: Model | None = None
    engine: str | None = None
    """Signature of the engine."""
    decoding: str | None = None
    """Signature of the decoding."""
    scores: dict[str, Score] = {}
    checks: Checks | None = None
    by_similarity: dict[str, Slice] = {}
    """none, distant, near, sibling: by the nearest training title."""
    by_route: dict[str, Slice] = {}
    """edited, written, declined: by who wrote the row."""
    by_length: dict[str, Slice] = {}
    """short, medium, long: thirds of the references by words."""
    by_column: dict[str, dict[str, Slice]] = {}
    """Column to value to scores."""


class PairedTest(msgspec.Struct, kw_only=True):
    """Whether system ``a`` differs from system ``b`` in one metric, on the same rows."""

    a: str
    b: str
    metric: str
    difference: float
    """Score of a minus score of b."""
    low: float
    """Lower end of the difference's 95 % bootstrap interval."""
    high: float
    """Upper end."""
    p_bootstrap: float
    """Paired bootstrap (Koehn 2004), two-sided, (c + 1) / (n + 1)."""
    p_permutation: float
    """Paired approximate randomisation (Riezler and Maxwell 2005), two-sided, (c + 1) / (n + 1)."""
    p_holm: float | None = None
    """p_permutation after Holm's correction over the checkpoints tested against b; none: not one of several."""
    smallest_detectable: float
    """The smallest difference that this number of rows shows in four of five tries at p < 0.05."""

    @property
    def p(self) -> float:
        """The p-value to go by: paired approximate randomisation, corrected where a was one of several tries."""
        return self.p_permutation if self.p_holm is None else self.p_holm

    @property
    def is_shown(self) -> bool:
        """Whether these rows show a difference: the one rule for sentence, warnings, tables and report."""
        return self.p < ALPHA and self.difference != 0


class Verdict(msgspec.Struct, kw_only=True):
    """What it comes to."""

    plain: str = ""
    """One line without numbers to interpret."""
    best: str | None = None
    """Id of the system that ranks first among models and checkpoints; none: there is none."""
    sentence: str = ""
    warnings: list[str] = []


class Finding(msgspec.Struct, kw_only=True):
    """One finding of a check: a span of the description, in characters."""

    check: str
    text: str
    start: int
    end: int
    why: str


class Prediction(msgspec.Struct, kw_only=True):
    """One system's description of one product."""

    text: str
    tokens: int = 0
    """New tokens; 0 for reference systems."""
    hit_cap: bool = False
    """Whether decoding stopped at max_new_tokens."""
    scores: dict[str, float] = {}
    """Metric to this row's own score: rouge1, rouge2, rougeL, rougeLsum, bleu (sentence BLEU), chrf, nll, ..."""
    reference_tokens: int | None = None
    """Tokens of the reference behind nll, for a mean per token over rows."""
    findings: list[Finding] = []
    route: str = ""
    """Who wrote it: edited, written or declined; empty where the system has no routes."""
    sources: list[str] = []
    """Texts of other products that the writer saw."""


class Row(msgspec.Struct, kw_only=True):
    """One product, its reference and every system's prediction."""

    uid: str
    title: str
    columns: dict[str, str] = {}
    given: dict[str, str] = {}
    """Those of the columns that the prompt carries: what a claim may rest on besides the title."""
    facts: list[str] = []
    """Facts that were given beside them."""
    reference: str
    similarity: Similarity | None = None
    """How near the nearest training title is; none: the training split was not at hand."""
    nearest: str | None = None
    """The nearest training title."""
    predictions: dict[str, Prediction]
    """System id to prediction."""


class Results(msgspec.Struct, kw_only=True):
    """A whole results.json."""

    schema: str = SCHEMA
    created: str = ""
    kind: Literal["evaluation", "comparison"]
    data: Data
    systems: list[System]
    tests: list[PairedTest] = []
    verdict: Verdict = msgspec.field(default_factory=Verdict)
    rows: list[Row]
    reference_checks: Checks | None = None
    """What the checks find in the references themselves: the yardstick for every publishable rate."""
    signatures: list[str] = []
    """Every distinct signature of the scores."""
    settings: dict[str, Any] = {}
    """The recipe keys that the numbers depend on."""

    @property
    def rank_by(self) -> str:
        """The metric that ranks."""
        return str(self.settings.get("rank_by", RANK_BY))

    def system(self, name: str) -> System:
        """The system with id ``name``.

        Raises:
            KeyError: there is none.
        """
        for system in self.systems:
            if system.id == name:
                return system
        raise KeyError(name)

    def test(self, a: str, b: str, metric: str) -> PairedTest | None:
        """The paired test of ``a`` against ``b`` (as stored, not turned round), if there is one."""
        return next((test for test in self.tests if (test.a, test.b, test.metric) == (a, b, metric)), None)

    def between(self, a: str, b: str, metric: str) -> PairedTest | None:
        """The paired test of ``a`` against ``b``, turned round where it is stored the other way, if there is one."""
        stored = self.test(a, b, metric)
        if stored is not None:
            return stored
        stored = self.test(b, a, metric)
        if stored is None:
            return None
        turned = {"a": a, "b": b, "difference": -stored.difference, "low": -stored.high, "high": -stored.low}
        return msgspec.structs.replace(stored, **turned)

    def summary(self) -> dict[str, Any]:
        """Everything but the rows and breakdowns, as plain values: what --json prints."""
        systems = [
            {
                "id": system.id,
                "role": system.role,
                "scores": {
                    name: {"value": score.value, "low": score.low, "high": score.high}
                    for name, score in system.scores.items()
                },
                "publishable_rate": system.checks.publishable_rate if system.checks else None,
            }
            for system in self.systems
        ]
        value = {"kind": self.kind, "data": self.data, "systems": systems, "tests": self.tests, "verdict": self.verdict}
        plain: dict[str, Any] = msgspec.to_builtins(value)
        return plain

    def to_dict(self) -> dict[str, Any]:
        """As plain dictionaries and lists, ready for json."""
        value: dict[str, Any] = msgspec.to_builtins(self)
        return value


def write(results: Results, path: Path) -> None:
    """Write results.json atomically; sets ``created`` where it is empty.

    Raises:
        ShelftalkerError: the results contradict themselves, or the disk refuses.
    """
    validate(results, str(path))
    if not results.created:
        results.created = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    with files.atomic(path) as file:
        file.write(msgspec.json.format(msgspec.json.encode(results), indent=1))
        file.write(b"\n")


def read(path: Path) -> Results:
    """Read and validate a results.json, or the one in a folder.

    Raises:
        ShelftalkerError: missing, broken, of another schema, or it contradicts itself.
    """
    if path.is_dir():
        path = path / "results.json"
    again = "make it again with `shelftalker evaluate` or `shelftalker compare`"
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ShelftalkerError(f"cannot read: {error.strerror}", where=str(path), mend="check the path") from None
    try:
        head = msgspec.json.decode(raw, type=_Head)
    except msgspec.DecodeError as error:
        raise ShelftalkerError(f"not a results file: {error}", where=str(path), mend=again) from None
    if head.schema != SCHEMA:
        raise ShelftalkerError(
            f"a results file of schema {head.schema!r}; this version reads {SCHEMA!r}",
            where=str(path),
            mend="use the version of shelftalker that wrote it"
            if head.schema.startswith("shelftalker.results/")
            else again,
        )
    try:
        results = msgspec.json.decode(raw, type=Results)
    except msgspec.DecodeError as error:
        raise ShelftalkerError(
            f"the results file does not follow its schema: {error}", where=str(path), mend=again
        ) from None
    validate(results, str(path))
    return results


class _Head(msgspec.Struct, kw_only=True):
    schema: str = ""


def validate(results: Results, where: str = "results") -> None:
    """Check what types cannot: ids are unique, and every reference to a system or row holds.

    Raises:
        ShelftalkerError: naming the first contradiction.
    """
    mend = "make the file again with `shelftalker evaluate` or `shelftalker compare`"
    ids = [system.id for system in results.systems]
    for name, values in (("system id", ids), ("row uid", [row.uid for row in results.rows])):
        repeated = [value for value, count in Counter(values).items() if count > 1]
        if repeated:
            raise ShelftalkerError(f"{name} {repeated[0]!r} occurs twice", where=where, mend=mend)
    if results.data.rows != len(results.rows):
        raise ShelftalkerError(
            f"data.rows is {results.data.rows}, but there are {len(results.rows)} rows", where=where, mend=mend
        )
    known = set(ids)
    for row in results.rows:
        if set(row.predictions) != known:
            odd = sorted(set(row.predictions) ^ known)[0]
            raise ShelftalkerError(
                f"row {row.uid!r} and the list of systems disagree about {odd!r}", where=where, mend=mend
            )
    named = {test.a for test in results.tests} | {test.b for test in results.tests}
    named |= {results.verdict.best} if results.verdict.best else set()
    if named - known:
        raise ShelftalkerError(f"there is no system {sorted(named - known)[0]!r}", where=where, mend=mend)
