"""Several results files as one comparison: the same rows, every system once, all numbers made again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from shelftalker.errors import ShelftalkerError
from shelftalker.evaluation import results as schema
from shelftalker.evaluation.entries import Entry, Protocol, ScoredRow
from shelftalker.evaluation.metrics.metric import Scores
from shelftalker.evaluation.scoring import score

_ORDER = {"baseline": 0, "reference_system": 1, "model": 2, "checkpoint": 3}


def merged(paths: Sequence[Path], protocol: Protocol) -> schema.Results:
    """Compare the systems of several results files on files alone.

    Scores, intervals and tests are computed again from the texts, with one protocol for all; likelihoods,
    BERTScore, novelty and findings are taken from the files, because they need what the files do not hold (a model, the
    training split).

    Raises:
        ShelftalkerError: a file is faulty, or the files describe different rows.
    """
    read = [(path, schema.read(path)) for path in paths]
    first_path, first = read[0]
    for path, other in read[1:]:
        if other.data.sha256 != first.data.sha256:
            raise ShelftalkerError(
                f"the files describe different rows ({first.data.rows} of {first.data.split}, {other.data.rows} of"
                f" {other.data.split}): scores on different rows cannot be compared",
                where=f"{first_path} and {path}",
                mend="evaluate both on the same data, split, rows and seed",
            )
    chosen: dict[tuple[object, ...], tuple[str, schema.System, schema.Results]] = {}
    taken: set[str] = set()
    for path, one in read:
        for system in one.systems:
            texts = tuple(row.predictions[system.id].text for row in one.rows)
            key = (system.role, system.model.hash if system.model else "", system.engine, system.decoding, texts)
            if key in chosen:
                continue
            name = system.id if system.id not in taken else _other_name(system.id, path, taken)
            taken.add(name)
            chosen[key] = (name, system, one)
    entries = [_entry(name, system, one) for name, system, one in chosen.values()]
    entries.sort(key=lambda entry: _ORDER[entry.system.role])
    products = [
        ScoredRow(
            row.uid,
            row.title,
            row.reference,
            row.columns,
            row.given,
            tuple(row.facts),
            similarity=row.similarity,
            nearest=row.nearest,
        )
        for row in first.rows
    ]
    found = score(
        products,
        entries,
        protocol,
        kind="comparison",
        data=first.data,
        settings={"files": [str(path) for path in paths]},
    )
    found.reference_checks = first.reference_checks or found.reference_checks
    return found


def _entry(name: str, system: schema.System, one: schema.Results) -> Entry:
    rows = [row.predictions[system.id] for row in one.rows]
    blank = schema.System(
        id=name,
        label=name,
        role=system.role,
        step=system.step,
        run=system.run,
        model=msgspec.structs.replace(system.model) if system.model else None,
        engine=system.engine,
        decoding=system.decoding,
    )
    has_nll = any(row.reference_tokens for row in rows)
    has_copies = all("copied_span" in row.scores for row in rows)
    return Entry(
        blank,
        [row.text for row in rows],
        [row.tokens for row in rows],
        [row.hit_cap for row in rows] if "cap_share" in system.scores else None,
        [
            (row.scores["nll"] * row.reference_tokens, row.reference_tokens) if row.reference_tokens else None
            for row in rows
        ]
        if has_nll
        else None,
        [round(row.scores["copied_span"]) for row in rows] if has_copies else None,
        [row.findings for row in rows],
        Scores([row.scores["bertscore"] for row in rows], _definition(system.scores["bertscore"]))
        if "bertscore" in system.scores
        else None,
        [row.route for row in rows] if any(row.route for row in rows) else None,
        [row.sources for row in rows] if any(row.sources for row in rows) else None,
    )


def _definition(score: schema.Score) -> str:
    """The part of a signature that stands before the facts of the run."""
    return score.signature.partition("|seed:")[0]


def _other_name(name: str, path: Path, taken: set[str]) -> str:
    """An id for a second system of the same name: with the folder that its file lies in."""
    folder = path.absolute().parent.name if path.suffix else path.absolute().name
    candidate, number = f"{name} ({folder})", 2
    while candidate in taken:
        candidate, number = f"{name} ({folder}, {number})", number + 1
    return candidate
