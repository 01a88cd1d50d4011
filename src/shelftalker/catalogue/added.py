"""Texts that editors passed in `review`, among the catalogue's rows: they train, and nothing else moves for them.

The catalogue is grouped and split as it would be without them, so that val and test stay what they are. Only then is
looked where each text belongs: one whose product, or a sibling of it, is in val or test is left out.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from shelftalker.catalogue.clean.cleaner import Cleaner, words_of
from shelftalker.catalogue.clean.parts import GROUP_SIZE, part, read_rejects
from shelftalker.catalogue.clean.shard import Columns, Job, Result, Settings, Shards
from shelftalker.catalogue.groups import groups
from shelftalker.catalogue.groups.keys import Flags, Records
from shelftalker.catalogue.groups.words import U64
from shelftalker.catalogue.read.columns import normal
from shelftalker.catalogue.read.decisions import Decisions, Passed
from shelftalker.catalogue.split import Places
from shelftalker.catalogue.table import (
    GONE,
    HELD_OUT,
    LATE_REASONS,
    RETITLED,
    SAME_DESCRIPTION,
    SAME_TITLE,
    SIBLING_OF_TEST,
    TEST,
    TRAIN,
    VAL,
    Table,
)
from shelftalker.errors import ShelftalkerError
from shelftalker.recipe.catalogue import DuplicateSettings

_COMPARED = 80
"""Letters of titles by which a product is known again; rejected rows keep no more than the beginning of theirs."""


class _Named(msgspec.Struct):
    uid: str
    title: str


_named = msgspec.json.Decoder(_Named).decode


def clean(
    found: Sequence[Decisions], settings: Settings, keep: Sequence[tuple[str, str]], weight: float, number: int
) -> list[Result]:
    """Clean the texts as the catalogue's rows were cleaned: a shard a file of decisions, numbered from ``number``.

    Their lines are those of the described catalogue, and their examples say weight, verdict and file.

    Args:
        found: files of decisions.
        settings: of the catalogue's shards.
        keep: the columns that are carried into every example: a name, and the column.
        weight: how much each text counts in training.
        number: the first shard's number.
    """
    shards, results = Shards(settings), []
    names = ("review title", "review text", "review uid")
    for one in found:
        lines = [b""] * one.rows
        for text in one.passed:
            own = {normal(name): value for name, value in json.loads(text.attributes).items()}
            row = dict(zip(names, (text.title, text.text, text.uid), strict=True))
            lines[text.number] = msgspec.json.encode(row | {column: own.get(normal(column), "") for _, column in keep})
        job = Job(number, one.name, Columns(*names, keep=tuple(keep)), data=b"\n".join(lines) + b"\n")
        results.append(shards.clean(job))
        _mark(settings.scratch, number, one, weight)
        number += 1
    return results


def _mark(scratch: Path, number: int, decisions: Decisions, weight: float) -> None:
    """Note in every example of a shard how much it counts, what the editor did, and in which file that stands."""
    keys = np.load(part(scratch, number, "keys.npy"))
    verdicts = {text.number: text.verdict for text in decisions.passed}
    lines = []
    for line, text in zip(keys["line"].tolist(), _examples(scratch, number, keys), strict=True):
        told = {"weight": weight, "reviewed": verdicts[line], "from": decisions.name}
        lines.append(text + b"," + msgspec.json.encode(told)[1:-1])
    keys["size"] = [len(line) + GROUP_SIZE for line in lines]
    np.save(part(scratch, number, "keys.npy"), keys)
    part(scratch, number, "lines").write_bytes(b"".join(lines))


def placed(
    table: Table,
    keys: Records,
    first: list[int],
    sets: tuple[Path, Path] | None,
    found: Sequence[Decisions],
    settings: Settings,
    duplicates: DuplicateSettings,
) -> Table:
    """The catalogue's table with the texts behind its rows.

    Args:
        table: the catalogue's rows, as they are without the texts.
        keys: (n + texts,) of all rows.
        first: where each shard's rows begin, those of the texts included.
        sets: the flat files of all rows' shingles and title words.
        found: the files of decisions.
        settings: of the shards.
        duplicates: what counts as the same product, and as a sibling.

    Raises:
        ShelftalkerError: a file of decisions is another catalogue's.
    """
    count, own = len(table.keys), len(table.first) - 1
    texts = [
        text
        for shard, one in enumerate(found, own)
        for text in _of_lines(one, keys["line"][first[shard] : first[shard + 1]].tolist())
    ]
    titles = [
        _named(line + b"}").title
        for shard in range(own, len(first) - 1)
        for line in _examples(settings.scratch, shard, keys[first[shard] : first[shard + 1]])
    ]
    places = _known(table, texts, titles, settings)
    for shard, one in enumerate(found, own):
        mine = places[first[shard] - count : first[shard + 1] - count]
        if len(mine) and (mine == GONE).all():
            raise ShelftalkerError(
                f"the decisions are another catalogue's: none of the {len(mine):,} products with a text is in this one",
                where=str(one.path),
                mend="give the catalogue that was described as an input, too, or leave that file out",
            )
    kept = np.concatenate([np.isin(table.places, (SAME_TITLE, SAME_DESCRIPTION), invert=True), places == TRAIN])
    joint = groups.find(keys, kept, sets, duplicates)
    places[(places == TRAIN) & _held(table, keys, joint)] = HELD_OUT
    whole = Table(
        keys,
        first,
        np.concatenate([table.keepers, np.full(len(places), -1, np.int64)]),
        np.concatenate([table.groups, joint[count:]]),
        np.concatenate([table.places, places]),
    )
    _settle(whole, joint, count, [text.at for text in texts], duplicates)
    return whole


def summary(found: Sequence[Decisions], table: Table, own: int, weight: float) -> dict[str, Any]:
    """What the card says of the texts: by file, how many were accepted and mended, and what became of them."""
    files = []
    for shard, one in enumerate(found, own):
        rows = slice(table.first[shard], table.first[shard + 1])
        places, texts = table.places[rows], _of_lines(one, table.keys["line"][rows].tolist())
        trained = Counter(text.verdict for text, place in zip(texts, places.tolist(), strict=True) if place == TRAIN)
        left = Counter(LATE_REASONS[place - 3] for place in places.tolist() if place != TRAIN)
        if unusable := len(one.passed) - len(texts):
            left["not_clean"] = unusable
        files.append(
            {
                "name": one.name,
                "accepted": sum(text.verdict == "accepted" for text in one.passed),
                "mended": sum(text.verdict == "mended" for text in one.passed),
                "rejected": one.rejected,
                "stale": one.stale,
                "in_train": {"accepted": trained["accepted"], "mended": trained["mended"]},
                "left_out": dict(sorted(left.items())),
            }
        )
    return {"weight": weight, "files": files}


def _of_lines(decisions: Decisions, lines: Sequence[int]) -> list[Passed]:
    by_number = {text.number: text for text in decisions.passed}
    return [by_number[line] for line in lines]


def _examples(scratch: Path, number: int, keys: Records) -> list[bytes]:
    """A shard's examples as they were cleaned: JSON objects without their last brace."""
    data = part(scratch, number, "lines").read_bytes()
    ends = np.cumsum(keys["size"].astype(np.int64) - GROUP_SIZE).tolist()
    return [data[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]


def _known(table: Table, texts: Sequence[Passed], titles: Sequence[str], settings: Settings) -> Places:
    """TRAIN for each text whose product the catalogue has, else GONE or RETITLED; rejected rows are products, too."""
    wanted = {_letters(title) for title in titles}
    by_uid: dict[str, set[bytes]] = {text.uid: set() for text in texts if text.uid}
    seen: set[bytes] = set()
    title_of = Cleaner(settings.clean).title
    for shard in range(len(table.first) - 1):
        rows = _examples(settings.scratch, shard, table.keys[table.first[shard] : table.first[shard + 1]])
        named = [_named(line + b"}") for line in rows]
        rejects = [_named(line) for _, line in read_rejects(settings.scratch, shard)]
        for row in [*named, *(msgspec.structs.replace(row, title=title_of(row.title)) for row in rejects)]:
            letters = _letters(row.title)
            if letters in wanted:
                seen.add(letters)
            if row.uid in by_uid:
                by_uid[row.uid].add(letters)
    places = np.full(len(texts), TRAIN, np.uint8)
    for at, (text, title) in enumerate(zip(texts, titles, strict=True)):
        letters, called = _letters(title), by_uid.get(text.uid, set())
        if letters not in (called or seen):
            places[at] = RETITLED if called else GONE
    return places


def _letters(title: str) -> bytes:
    return b"".join(words_of(title))[:_COMPARED]


def _held(table: Table, keys: Records, joint: U64) -> Flags:
    """(texts,) whether the product, or one of its group, is in val or test, by itself or by the row that is kept."""
    count = len(table.keys)
    held = np.isin(_kept_places(table), (VAL, TEST, SIBLING_OF_TEST))
    found: Flags = np.isin(joint[count:], joint[:count][held])
    for key in ("title_key", "text_key"):
        found |= np.isin(keys[key][count:], keys[key][:count][held])
    found |= np.isin(joint[count:], joint[count:][found])
    return found


def _kept_places(table: Table) -> Places:
    """(n,) each row's place; a duplicate's is that of the row that is kept instead."""
    at = np.arange(len(table.places))
    for _ in range(2):  # the row kept for a title may itself have given way to one of its description
        at = np.where(table.keepers[at] >= 0, table.keepers[at], at)
    found: Places = table.places[at]
    return found


def _settle(table: Table, joint: U64, count: int, when: Sequence[float], duplicates: DuplicateSettings) -> None:
    """Of texts that repeat each other the newest stays; a training row that says the same gives way. In place.

    Each text gets the group of its product's row in train, else that of a sibling there.
    """
    keys, places, keepers = table.keys, table.places, table.keepers
    train = np.flatnonzero(places[:count] == TRAIN)
    by_title = {int(keys["title_key"][row]): row for row in reversed(train.tolist())}
    by_text = {int(keys["text_key"][row]): row for row in reversed(train.tolist())}
    by_group = {int(joint[row]): row for row in reversed(train.tolist())}
    newest = sorted(np.flatnonzero(places[count:] == TRAIN).tolist(), key=lambda at: (-when[at], at))
    titles: dict[int, int] = {}
    said: dict[int, int] = {}
    for row in [count + at for at in newest]:
        title, text = int(keys["title_key"][row]), int(keys["text_key"][row])
        same = by_title.get(title)
        twin = said.get(text, by_text.get(text))
        if title in titles and (duplicates.titles or keys["text_key"][titles[title]] == text):
            places[row], keepers[row] = SAME_TITLE, titles[title]
        elif same is not None and keys["text_key"][same] == text and places[same] == TRAIN:
            places[same], keepers[same] = SAME_TITLE, row
        elif duplicates.descriptions and twin is not None:
            places[row], keepers[row] = SAME_DESCRIPTION, twin
        if places[row] == TRAIN:
            titles[title] = said[text] = row
            near = same if same is not None else by_group.get(int(joint[row]))
            if near is not None:
                table.groups[row] = table.groups[near]
