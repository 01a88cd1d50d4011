"""One shard of a catalogue: raw lines in; cleaned examples, rejected rows, and the keys that set logic needs, out.

Runs in worker processes; what it leaves is in `parts.py`.
"""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from isal import isal_zlib

from shelftalker.catalogue.clean.cleaner import Cleaner
from shelftalker.catalogue.clean.parts import AFTER_GROUP, BEFORE_GROUP, GROUP_SIZE, Parts
from shelftalker.catalogue.groups.keys import Keys
from shelftalker.length import BETWEEN, measured
from shelftalker.product import FACTS, Product, facts_in
from shelftalker.prompt import Prompt
from shelftalker.recipe.catalogue import CleanSettings

SAMPLES = 3
_ITEM = re.compile(r"</?li\b[^>]*>", re.IGNORECASE)
_POINT = re.compile(r"(?:^|[\r\n]+)\s*[-*•–·]\s+|\s+•\s+")
BLOCK = 500
"""Rows that are cleaned before their keys are taken: few enough that their texts are still in the processor's cache."""
REASON_KEY = "__reason__"
"""Key of a row by which a reader of tables says why the row is to be rejected."""


@dataclass(frozen=True)
class Columns:
    """Which key of a row holds the title, the description and the id.

    ``keep`` are further columns that are kept, ``fields`` further texts to learn to write: each a name, and its key.
    """

    title: str
    description: str
    id: str | None = None
    keep: tuple[tuple[str, str], ...] = ()
    fields: tuple[tuple[str, str], ...] = ()

    @property
    def more(self) -> list[str]:
        """The keys beside title, description and id."""
        return [column for _, column in (*self.keep, *self.fields)]


@dataclass(frozen=True)
class Settings:
    """What every shard of a run shares."""

    scratch: Path
    clean: CleanSettings
    template: str
    near: bool
    gram_share: int = 1
    """One in so many 13-grams is kept for the card's overlap."""
    tokenizer: str | None = None


@dataclass(frozen=True)
class Job:
    """One shard to clean: whole lines, as a byte range of a plain file or as a block of bytes."""

    number: int
    source: str
    columns: Columns
    is_test: bool = False
    path: str | None = None
    start: int = 0
    end: int = 0
    data: bytes = b""


@dataclass
class Result:
    """What the parent process needs to know of a shard."""

    number: int
    source: str
    is_test: bool = False
    input_size: int = 0
    lines: int = 0
    blank: int = 0
    kept: int = 0
    recoded: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)
    fields: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    """By field: words and characters of each text that a kept row has."""
    samples: dict[str, list[tuple[int, str, str, str, str]]] = field(default_factory=dict)
    """By rule: (rank, raw title, raw description, title, description) of rows that it changed, lowest ranks."""


class _Example(msgspec.Struct):
    input_text: str
    target_text: str
    uid: str
    title: str
    columns: dict[str, str]
    fields: dict[str, str] | msgspec.UnsetType = msgspec.UNSET


_Kept = tuple[int, str, str, str, dict[str, str], dict[str, str]]
"""A cleaned row: its line in the shard, uid, title, description, further columns, and the texts of further fields."""


class _Reject(msgspec.Struct):
    uid: str
    reason: str
    title: str


class _UnusableError(Exception):
    """Carries the reason for which a row is rejected before it is cleaned."""


class Shards:
    """Cleans shards; made once a worker process, because rules and decoders are costly to build."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._cleaner = Cleaner(settings.clean, settings.tokenizer)
        self._decoders: dict[Columns, Any] = {}
        self._encode = msgspec.json.Encoder().encode
        self._prompt = Prompt(settings.template)
        self._before, _, self._after = settings.template.partition("{title}")
        self._is_simple = "{" not in self._before + self._after

    def clean(self, job: Job) -> Result:
        """Clean one shard and write its files."""
        result, parts = Result(job.number, job.source, job.is_test), Parts()
        rejects, kept = parts.rejects, list[_Kept]()
        cleaner, encode, decode = self._cleaner, self._encode, self._decoder(job.columns)
        cleaner.counts.clear()
        names, others = ([name for name, _ in some] for some in (job.columns.keep, job.columns.fields))
        number = -1
        for number, line in enumerate(_lines(job)):
            try:
                row = decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                if not line.strip():
                    result.blank += 1
                    continue
                try:
                    row = self._coerce(line, job.columns, result)
                except _UnusableError as error:
                    result.reasons[str(error)] += 1
                    rejects.append((number, encode(_Reject("", str(error), ""))))
                    continue
            cleaned = row.reason or cleaner.row(row.title, row.text)
            if isinstance(cleaned, str):
                result.reasons[cleaned] += 1
                rejects.append((number, encode(_Reject(row.uid, cleaned, row.title[:120]))))
                continue
            if cleaner.changed_by:
                _sample(result, cleaner.changed_by, row.title, row.text, cleaned)
            columns = {name: cleaner.title(getattr(row, f"more{at}")) for at, name in enumerate(names)} if names else {}
            if FACTS in columns:  # a title's rules would join its lines
                parted = facts_in(getattr(row, f"more{names.index(FACTS)}"))
                columns[FACTS] = "; ".join(filter(None, map(cleaner.title, parted)))
            texts = {
                name: text
                for at, name in enumerate(others, len(names))
                if (text := points(getattr(row, f"more{at}"), cleaner.description))
            }
            kept.append((number, row.uid, *cleaned, columns, texts))
            if len(kept) == BLOCK:
                self._finish(kept, job, result, parts)
                kept.clear()
        self._finish(kept, job, result, parts)
        result.lines = number + 1
        result.input_size = len(job.data) or job.end - job.start
        result.rules = Counter(cleaner.counts)
        parts.write(self.settings.scratch, job.number, near=self.settings.near)
        return result

    def _decoder(self, columns: Columns) -> Any:
        if columns not in self._decoders:
            fields: list[tuple[str, type, str]] = [("title", str, ""), ("text", str, ""), ("uid", str, "")]
            rename = {
                "title": columns.title,
                "text": columns.description,
                "uid": columns.id or "__no_id__",
                "reason": REASON_KEY,
            }
            fields += [(f"more{at}", str, "") for at in range(len(columns.more))] + [("reason", str, "")]
            rename |= {f"more{at}": name for at, name in enumerate(columns.more)}
            keys = list(rename.values())
            if len(set(keys)) < len(keys) or any(not key.isprintable() or "\\" in key or '"' in key for key in keys):
                # No struct has one key in two roles, or such a key: every row takes the slow way.
                row_type = msgspec.defstruct("Row", fields, gc=False)
                self._decoders[columns] = (_always_slow, row_type)
            else:
                row_type = msgspec.defstruct("Row", fields, rename=rename, gc=False)
                self._decoders[columns] = (msgspec.json.Decoder(row_type).decode, row_type)
        return self._decoders[columns][0]

    def _coerce(self, line: bytes, columns: Columns, result: Result) -> Any:
        """Read a line that is no plain object of strings: odd encodings, numbers, lists of strings, null."""
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError:
            text = line.decode("cp1252", "replace")
            result.recoded += 1
        try:
            row = json.loads(text)
        except (ValueError, RecursionError):
            raise _UnusableError("broken_row") from None
        if not isinstance(row, dict):
            raise _UnusableError("broken_row")
        reason = row.get(REASON_KEY)
        values = [as_text(row.get(columns.title)), as_text(row.get(columns.description))]
        values.append(as_text(row.get(columns.id)) or "" if columns.id else "")
        values += [
            "\n".join(facts_in(row.get(key))) if name == FACTS else as_text(row.get(key)) or ""
            for name, key in columns.keep
        ]
        values += [as_points(row.get(name)) for _, name in columns.fields]
        if values[0] is None or values[1] is None:
            reason = reason or "not_text"
            values = [value or "" for value in values]
        return self._decoders[columns][1](*values, reason if isinstance(reason, str) else "")

    def _finish(self, kept: list[_Kept], job: Job, result: Result, parts: Parts) -> None:
        """Take the keys of some cleaned rows, and encode them as examples."""
        if not kept:
            return
        encode = self._encode
        numbers, uids, titles, texts, kept_columns, further = zip(*kept, strict=True)
        keys = Keys.of(titles, texts, is_test=job.is_test)
        records = keys.records
        usable = (records["title_words"] > 0) & (records["words"] > 0)
        if self.settings.clean.not_prose:
            usable &= records["is_prose"]
        lines: list[bytes] = []
        ties: list[int] = []
        found = (numbers, uids, titles, texts, kept_columns, further, records["row_key"].tolist(), usable.tolist())
        for at, (number, uid, title, text, columns, others, key, is_usable) in enumerate(zip(*found, strict=True)):
            if not is_usable:
                reason = "not_prose" if records["words"][at] else "empty_description"
                reason = reason if records["title_words"][at] else "empty_title"
                result.reasons[reason] += 1
                parts.rejects.append((number, encode(_Reject(uid, reason, title[:120]))))
                continue
            rendered = (
                f"{self._before}{title}{self._after}"
                if self._is_simple
                else self._prompt.render(Product(title, attributes=columns))
            )
            example = _Example(rendered, text, uid or f"{key:016x}", title, columns, others or msgspec.UNSET)
            line = encode(example)[:-1]
            for name, other in others.items():
                result.fields.setdefault(name, []).append((measured(other, "words"), measured(other, "characters")))
            lines.append(line)
            ties.append(isal_zlib.crc32(b"%b%016x%b" % (BEFORE_GROUP, key, AFTER_GROUP), isal_zlib.crc32(line)))
        parts.grams.append(keys.grams(usable, self.settings.gram_share))
        parts.grams[-1]["row"] += result.kept
        if self.settings.near:
            shingles, records["shingles"] = keys.shingles(usable)
            title_words, records["title_set"] = keys.title_sets(usable)
            parts.shingles.append(shingles)
            parts.titles.append(title_words)
        records["line"] = numbers
        records = records[usable]
        records["size"] = [len(line) + GROUP_SIZE for line in lines]
        records["tie"] = ties
        records["tie"] = records["tie"] << np.uint64(32) | records["size"]
        parts.keys.append(records)
        parts.lines += lines
        result.kept += len(lines)


def as_text(value: object) -> str | None:
    """A JSON value as text: numbers and lists of strings have one, null is empty; None where there is none."""
    if isinstance(value, str):
        return value.encode("utf-8", "ignore").decode("utf-8") if not value.isascii() else value
    if value is None:
        return ""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return as_text(" ".join(value))
    return None


def as_points(value: object) -> str:
    """A JSON value as the text of a field: a list of texts is a list of points."""
    if isinstance(value, list) and len(value) > 1 and all(isinstance(item, str) for item in value):
        return "".join(f"<li>{item}</li>" for item in value)
    return as_text(value) or ""


def points(text: str, clean: Callable[[str], str]) -> str:
    """A field's text, cleaned; the points of a list (HTML's, or lines that begin with a mark) stay apart."""
    if not text:
        return ""
    parts = _ITEM.split(text) if _ITEM.search(text) else _POINT.split(text)
    return BETWEEN.join(filter(None, map(clean, parts)))


def _lines(job: Job) -> Iterator[bytes]:
    if job.path is None:
        yield from io.BytesIO(job.data)
        return
    left = job.end - job.start
    with Path(job.path).open("rb", buffering=1 << 18) as file:
        file.seek(job.start)
        while left > 0 and (line := file.readline()):
            left -= len(line)
            yield line


def _always_slow(_: bytes) -> Any:
    raise msgspec.DecodeError


def _sample(result: Result, changed_by: list[str], title: str, text: str, cleaned: tuple[str, str]) -> None:
    """Keep the row as an example of what a rule does if it ranks among the lowest by the hash of its raw text."""
    rank = isal_zlib.crc32(title.encode("utf-8", "replace"))
    for rule in changed_by:
        found = result.samples.setdefault(rule, [])
        if len(found) < SAMPLES or rank < found[-1][0]:
            if any(row[1] == title for row in found):
                continue
            found.append((rank, title, text, *cleaned))
            found.sort()
            del found[SAMPLES:]
