"""The data card: where every raw row went and why, what the rules did, and the proof that test rows were not seen."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from shelftalker.catalogue import split
from shelftalker.catalogue.card import overlap
from shelftalker.catalogue.card.spoken import spoken
from shelftalker.catalogue.clean.cleaner import REASONS
from shelftalker.catalogue.clean.rules import RULES
from shelftalker.catalogue.clean.shard import SAMPLES, Result
from shelftalker.catalogue.groups import words
from shelftalker.catalogue.groups.keys import Flags, Records
from shelftalker.catalogue.table import LATE_REASONS, SPLITS, TEST, TRAIN, VAL, Table

if TYPE_CHECKING:
    from shelftalker.catalogue.read.source import Source
    from shelftalker.recipe.recipe import Recipe

SCHEMA = "shelftalker.card/1"
OPENINGS = 20
LARGEST, TITLES = 5, 6
"""How many of the largest groups the card shows, and how many titles of each."""


def build(
    recipe: Recipe, sources: list[Source], results: list[Result], table: Table, seen: dict[str, Any], folder: Path
) -> dict[str, Any]:
    """The card's content, once the splits' files are written; `card.json` is this, `card.html` shows it.

    ``rows.raw`` is the sum of train, val, test and rejected; ``reasons`` add up to rejected; ``seen`` is what
    `seen_in_train` found; ``folder`` has the splits' files.
    """
    reasons: Counter[str] = Counter()
    rules: Counter[str] = Counter()
    for result in results:
        reasons.update(result.reasons)
        rules.update(result.rules)
    for index, name in enumerate(LATE_REASONS):
        reasons[name] += int((table.places == 3 + index).sum())
    counts = table.counts()
    raw = sum(result.lines - result.blank for result in results)
    in_split = table.places < 3
    return {
        "schema": SCHEMA,
        "name": recipe.name,
        "rows": {"raw": raw, **counts, "rejected": sum(reasons.values())},
        "sources": _sources(sources, results),
        "reasons": {name: {"rows": reasons[name], "why": REASONS[name]} for name in REASONS if reasons[name]},
        "rules": {
            rule.name: {
                "on": bool(getattr(recipe.clean, rule.name)),
                "texts_changed": rules[rule.name],
                "what": (rule.apply.__doc__ or "").strip().splitlines()[0].replace("``", ""),
            }
            for rule in RULES.values()
        },
        "not_prose": int((~table.keys["is_prose"][in_split]).sum()),
        "split": {
            "by": recipe.split.by,
            "seed": recipe.seed,
            **_groups(recipe, table),
            "largest_groups": _largest(table, in_split, folder),
        },
        "overlap": seen,
        "languages": spoken([folder / f"{name}.jsonl" for name in SPLITS], recipe.prepare.language_column),
        "lengths": {
            "title_words": _histogram(table.keys["title_words"][in_split], 1, 30),
            "description_words": _histogram(table.keys["words"][in_split], 10, 30),
        },
        "openings": _openings(table, in_split, folder),
        "samples": _samples(results),
        "settings": {
            "prepare": recipe.prepare.deciding(),
            **{key: getattr(recipe, key).model_dump(mode="json") for key in ("clean", "duplicates", "split")},
        },
    }


def _sources(sources: list[Source], results: list[Result]) -> list[dict[str, Any]]:
    found = []
    for source in sources:
        mine = [result for result in results if (result.source, result.is_test) == (source.name, source.is_test)]
        found.append(
            {
                "name": source.name,
                "format": source.format,
                "is_test": source.is_test,
                "rows": sum(result.lines - result.blank for result in mine),
                "blank_lines": sum(result.blank for result in mine),
                "rows_not_in_utf8": sum(result.recoded for result in mine),
                "columns": {
                    "title": source.columns.title,
                    "description": source.columns.description,
                    "id": source.columns.id,
                    "keep": [column for _, column in source.columns.keep],
                },
            }
        )
    return found


def _groups(recipe: Recipe, table: Table) -> dict[str, Any]:
    """Near-duplicate groups among the rows that are in a split."""
    places, groups = table.places, table.groups
    chosen = places < 3
    sizes = words.repeats(groups[chosen])
    found: dict[str, Any] = {
        "near_duplicates": recipe.duplicates.near,
        "groups": len(sizes),
        "rows_with_sibling": int(sizes[sizes > 1].sum()),
        "largest_group": int(sizes.max(initial=0)),
        "groups_by_size": {
            label: int(((sizes >= low) & (sizes <= high)).sum())
            for label, low, high in (
                ("1", 1, 1), ("2", 2, 2), ("3-5", 3, 5), ("6-20", 6, 20), ("21-100", 21, 100), ("101+", 101, 1 << 62),
            )
        },
    }  # fmt: skip
    test = groups[places == TEST]
    found["test_rows_with_sibling_in_train"] = int(words.among(test, groups[places == TRAIN]).sum())
    return found


def seen_in_train(recipe: Recipe, table: Table, grams: Records, gram_share: int, threads: int) -> dict[str, Any]:
    """Test against train as they are now, and as a split of the raw rows at random would have had them."""
    keys = table.keys
    chance = split.draw(words.mix(keys["row_key"]) ^ keys["tie"], recipe.seed, purpose=2)
    test_share = recipe.split.test or recipe.split.val
    naive = np.where(chance < recipe.split.train, TRAIN, np.where(chance >= 1 - test_share, TEST, VAL))
    if keys["is_test"].any():
        naive = np.where(keys["is_test"], TEST, TRAIN)
    return {
        "gram_share": gram_share,
        "before": overlap.measure(keys, naive.astype(np.uint8), grams, table.groups, threads),
        "after": overlap.measure(keys, table.places, grams, table.groups, threads),
    }


def _histogram(values: Any, width: int, bins: int) -> dict[str, Any]:
    """Counts by length: ``bins`` bins of ``width`` words, the last one open-ended."""
    if not len(values):
        return {"width": width, "counts": [], "mean": 0.0, "quartiles": [0, 0, 0], "longest": 0}
    counts = np.bincount(np.minimum((values - 1) // width, bins - 1).astype(np.int64), minlength=bins)
    return {
        "width": width,
        "counts": counts.tolist(),
        "mean": round(float(values.mean()), 2),
        "quartiles": [round(float(value), 1) for value in np.percentile(values, [25, 50, 75])],
        "longest": int(values.max()),
    }


def _openings(table: Table, in_split: Flags, folder: Path) -> list[dict[str, Any]]:
    """The most frequent first three words of descriptions; the words are read from the first row that has them."""
    rows = np.flatnonzero(in_split)
    values, first, counts = np.unique(table.keys["opening"][rows], return_index=True, return_counts=True)
    top = np.lexsort((values, -counts))[:OPENINGS]
    top = top[counts[top] > 1]
    examples = _read(table, folder, rows[first[top]].tolist())
    return [
        {"text": " ".join(example["target_text"].split()[:3]), "rows": count}
        for example, count in zip(examples, counts[top].tolist(), strict=True)
    ]


def _largest(table: Table, in_split: Flags, folder: Path) -> list[dict[str, Any]]:
    """The largest groups, with some of their titles."""
    rows = np.flatnonzero(in_split)
    rows = rows[np.lexsort((table.keys["row_key"][rows], table.groups[rows]))]
    groups, first, sizes = np.unique(table.groups[rows], return_index=True, return_counts=True)
    top = np.lexsort((groups, -sizes))[:LARGEST]
    found = []
    for at in top[sizes[top] > 1].tolist():
        mine = rows[first[at] : first[at] + min(int(sizes[at]), TITLES)].tolist()
        titles = [example["title"] for example in _read(table, folder, mine)]
        found.append({"rows": int(sizes[at]), "titles": titles})
    return found


def _read(table: Table, folder: Path, rows: list[int]) -> list[dict[str, Any]]:
    """The examples of some rows that are in a split, from its file."""
    sizes = table.keys["size"].astype(np.int64)
    found = []
    for row in rows:
        place = int(table.places[row])
        with (folder / f"{SPLITS[place]}.jsonl").open("rb") as file:
            file.seek(int(sizes[:row][table.places[:row] == place].sum()))
            found.append(json.loads(file.readline()))
    return found


def _samples(results: list[Result]) -> dict[str, list[dict[str, str]]]:
    """For each rule some rows that it changed, those with the lowest hashes: the same whatever the shards were."""
    merged: dict[str, set[tuple[int, str, str, str, str]]] = {}
    for result in results:
        for rule, rows in result.samples.items():
            merged.setdefault(rule, set()).update(rows)
    names = ("raw_title", "raw_description", "title", "description")
    return {
        rule: [
            dict(zip(names, (text[:2000] for text in row[1:]), strict=True)) for row in sorted(merged[rule])[:SAMPLES]
        ]
        for rule in RULES
        if rule in merged
    }
