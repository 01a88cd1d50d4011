"""One shard of a catalogue: raw lines in; cleaned examples, rejected rows, and the keys that set logic needs, out.

Runs in worker processes. A shard's files are `N.lines` (examples as they will be written), `N.rejects` and
`N.rejects.npy` (rows that were rejected, and their lines), `N.keys.npy` (one record a kept row), `N.grams.npy`
(13-grams, for the card) and, for near-duplicates, `N.shingles.npy`.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from isal import isal_zlib

from shelftalker import prompt
from shelftalker.catalogue import words
from shelftalker.catalogue.clean import Cleaner
from shelftalker.catalogue.settings import CleanSettings

KEYS = np.dtype(
    [
        ("line", "<u4"),  # in the shard, from 0
        ("size", "<u4"),  # bytes of the example's line
        ("title_key", "<u8"),
        ("text_key", "<u8"),
        ("row_key", "<u8"),  # of title and description together
        ("tie", "<u8"),  # of the exact line, uid included: orders rows with equal keys
        ("opening", "<u8"),  # of the description's first three words
        ("title_words", "<u4"),
        ("words", "<u4"),
        ("shingles", "<u4"),
        ("is_test", "?"),
        ("is_prose", "?"),
    ]
)
GRAMS = np.dtype([("gram", "<u8"), ("row", "<u4")])
SHINGLE, OVERLAP = 3, 13
MOST_SHINGLES = 512
SAMPLES = 3
GROUP_AT = slice(-19, -3)
"""Where the group's 16 hexadecimal digits are in an example's line."""
REASON_KEY = "__reason__"
"""Key of a row by which a reader of tables says why the row is to be rejected."""


@dataclass(frozen=True)
class Columns:
    """Which key of a row holds the title, the description and the id, and which further ones are kept."""

    title: str
    description: str
    id: str | None = None
    keep: tuple[str, ...] = ()


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
    samples: dict[str, list[tuple[int, str, str, str, str]]] = field(default_factory=dict)
    """By rule: (rank, raw title, raw description, title, description) of rows that it changed, lowest ranks."""


class _Example(msgspec.Struct):
    input_text: str
    target_text: str
    uid: str
    title: str
    columns: dict[str, str]
    group: str


class _Reject(msgspec.Struct):
    uid: str
    reason: str
    title: str


class _UnusableError(Exception):
    """Carries the reason for which a row is rejected before it is cleaned."""


_SMALL_WORDS = (
    "a an the and or of in on at to for from by with without is are was be it its this that these you your we our as "
    "not no can will which who all has have into over up out so than when where "
    "de la le el der die das und mit les des en y para con un une"
).split()
# A word is small if its hash's upper 16 bits are those of one of these: wrong for one other word in a thousand.
_SMALL = np.zeros(1 << 16, bool)
_SMALL[(words.find([word.encode() for word in _SMALL_WORDS]).hashes >> np.uint64(48)).astype(np.int64)] = True


class Shards:
    """Cleans shards; made once a worker process, because rules and decoders are costly to build."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._cleaner = Cleaner(settings.clean, settings.tokenizer)
        self._decoders: dict[Columns, Any] = {}
        self._encode = msgspec.json.Encoder().encode
        self._before, _, self._after = settings.template.partition("{title}")
        self._is_simple = "{" not in self._before + self._after

    def clean(self, job: Job) -> Result:
        """Clean one shard and write its files."""
        result = Result(job.number, job.source, job.is_test)
        rejects: list[tuple[int, bytes]] = []
        kept: list[tuple[int, str, str, str, dict[str, str]]] = []
        cleaner, encode, decode = self._cleaner, self._encode, self._decoder(job.columns)
        cleaner.counts.clear()
        names = job.columns.keep
        lines = _lines(job)
        for number, line in enumerate(lines):
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
            columns = {name: cleaner.title(getattr(row, f"keep{at}")) for at, name in enumerate(names)} if names else {}
            kept.append((number, row.uid, cleaned[0], cleaned[1], columns))
        result.lines = len(lines)
        result.input_size = sum(map(len, lines)) + len(lines)
        result.rules = Counter(cleaner.counts)
        self._write(job, result, kept, rejects)
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
            fields += [(f"keep{at}", str, "") for at in range(len(columns.keep))] + [("reason", str, "")]
            rename |= {f"keep{at}": name for at, name in enumerate(columns.keep)}
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
        values += [as_text(row.get(name)) or "" for name in columns.keep]
        if values[0] is None or values[1] is None:
            reason = reason or "not_text"
            values = [value or "" for value in values]
        return self._decoders[columns][1](*values, reason if isinstance(reason, str) else "")

    def _write(
        self,
        job: Job,
        result: Result,
        kept: list[tuple[int, str, str, str, dict[str, str]]],
        rejects: list[tuple[int, bytes]],
    ) -> None:
        base = self.settings.scratch / f"{job.number:06d}"
        encode = self._encode
        titles = words.find([row[2].encode() for row in kept])
        texts = words.find([row[3].encode() for row in kept])
        is_prose = _is_prose(texts)
        usable = (titles.counts > 0) & (texts.counts > 0)
        if self.settings.clean.not_prose:
            usable &= is_prose
        keys = np.zeros(len(kept), KEYS)
        keys["line"] = [row[0] for row in kept]
        keys["title_key"], keys["text_key"] = words.keys(titles), words.keys(texts)
        keys["row_key"] = words.mix(keys["title_key"] + words.mix(keys["text_key"]))
        keys["opening"] = words.openings(texts, SHINGLE)
        keys["title_words"], keys["words"] = titles.counts, texts.counts
        keys["is_test"], keys["is_prose"] = job.is_test, is_prose
        lines: list[bytes] = []
        for at, (number, uid, title, text, columns) in enumerate(kept):
            if not usable[at]:
                reason = (
                    "empty_title" if not titles.counts[at] else "not_prose" if texts.counts[at] else "empty_description"
                )
                result.reasons[reason] += 1
                rejects.append((number, encode(_Reject(uid, reason, title[:120]))))
                lines.append(b"")
                continue
            group = f"{keys['row_key'][at]:016x}"
            rendered = (
                f"{self._before}{title}{self._after}"
                if self._is_simple
                else prompt.render(title, columns, self.settings.template)
            )
            lines.append(encode(_Example(rendered, text, uid or group, title, columns, group)) + b"\n")
        keys["size"] = [len(line) for line in lines]
        keys["tie"] = [isal_zlib.crc32(line) << 32 | len(line) for line in lines]
        if self.settings.near:
            shingles, counts = _shingles(titles, texts, usable)
            keys["shingles"] = counts
            np.save(f"{base}.shingles.npy", shingles)
        np.save(f"{base}.grams.npy", _grams(texts, usable, self.settings.gram_share))
        np.save(f"{base}.keys.npy", keys[usable])
        Path(f"{base}.lines").write_bytes(b"".join(lines))
        rejects.sort(key=lambda pair: pair[0])
        np.save(f"{base}.rejects.npy", np.array([pair[0] for pair in rejects], np.uint32))
        Path(f"{base}.rejects").write_bytes(b"".join(pair[1] + b"\n" for pair in rejects))
        result.kept = int(usable.sum())


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


def _lines(job: Job) -> list[bytes]:
    data = job.data
    if job.path is not None:
        with Path(job.path).open("rb") as file:
            file.seek(job.start)
            data = file.read(job.end - job.start)
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    return lines


def _always_slow(_: bytes) -> Any:
    raise msgspec.DecodeError


def _is_prose(texts: words.Words) -> Any:
    """Whether a text of eight words or more has small words among them, as sentences have (at least 8 %)."""
    small = np.zeros(len(texts.hashes) + 1, np.int64)
    np.cumsum(_SMALL[(texts.hashes >> np.uint64(48)).astype(np.int64)], out=small[1:])
    share = small[texts.first[1:]] - small[texts.first[:-1]]
    return (texts.counts < 8) | (share >= 0.08 * texts.counts)


def _shingles(titles: words.Words, texts: words.Words, usable: Any) -> tuple[Any, Any]:
    """Each row's set of shingle hashes, ascending, rows after one another; and the size of each row's set.

    Shingles of descriptions are even, those of titles odd numbers of 32 bits. A set beyond MOST_SHINGLES is
    represented by its lowest hashes (a bottom-k sketch, Broder 1997).
    """
    packed = []
    for found, odd in ((texts, 0), (titles, 1)):
        hashes, rows = words.grams(found, SHINGLE)
        number = (hashes >> np.uint64(32)) & np.uint64(0xFFFFFFFE) | np.uint64(odd)
        packed.append(rows.astype(np.uint64) << np.uint64(32) | number)
    # Sorting whole numbers sorts by row, then by hash.
    both = words.distinct(np.concatenate(packed))
    rows = (both >> np.uint64(32)).astype(np.int64)
    begins = np.searchsorted(rows, np.arange(len(usable) + 1))
    rank = np.arange(len(rows)) - begins[rows]
    keep = (rank < MOST_SHINGLES) & usable[rows]
    counts = np.bincount(rows[keep], minlength=len(usable))
    return both[keep].astype(np.uint32), counts


def _grams(texts: words.Words, usable: Any, share: int) -> Any:
    """The descriptions' runs of 13 words, one in ``share`` of them, with the kept row in which each stands."""
    hashes, rows = words.grams(texts, OVERLAP, share)
    keep = usable[rows] & (texts.counts[rows] >= OVERLAP)
    found = np.zeros(int(keep.sum()), GRAMS)
    found["gram"] = hashes[keep]
    found["row"] = (np.cumsum(usable) - 1)[rows[keep]]
    return found


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
