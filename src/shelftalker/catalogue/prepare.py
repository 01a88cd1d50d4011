"""The stage `prepare`: any catalogue file to clean, leak-proof splits, a data card and the rejected rows."""

from __future__ import annotations

import glob as globbing
import gzip
import hashlib
import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shelftalker import console, files, prompt
from shelftalker.catalogue.clean import _WORDS, Cleaner
from shelftalker.errors import ShelftalkerError
from shelftalker.manifest import Stage

if TYPE_CHECKING:
    from shelftalker.recipe import Recipe


@dataclass(frozen=True)
class Prepared:
    """What `prepare` left: the folder, rows by place ("train", "rejected", ...), the card."""

    data_dir: Path
    counts: dict[str, int]
    card: dict[str, Any]
    skipped: bool = False


def prepare(recipe: Recipe, *, force: bool = False) -> Prepared:
    """Clean a catalogue and split it.

    Writes train.jsonl, val.jsonl, test.jsonl, rejected.jsonl, card.json, card.html and manifest.json to
    ``recipe.paths.data``. Every raw row ends in exactly one of the first four.

    Raises:
        ShelftalkerError: no input, an input that cannot be read, no usable row.
    """
    out = recipe.paths.data
    paths = _paths(recipe.prepare.inputs)
    stage = Stage(
        "prepare",
        out / "manifest.json",
        inputs={f"input {number}": path for number, path in enumerate(paths)},
        settings={
            key: getattr(recipe, key).model_dump(mode="json") for key in ("prepare", "clean", "duplicates", "split")
        }
        | {"seed": recipe.seed, "prompt": recipe.prompt},
    )
    console.stage("prepare", ", ".join(map(str, paths)))
    if not force and stage.is_done():
        card = files.read_json(out / "card.json")
        return Prepared(out, card["rows"], card, skipped=True)
    cleaner = Cleaner(recipe.clean)
    rejected: list[dict[str, Any]] = []
    kept: list[dict[str, Any]] = []
    raw = 0
    for path in paths:
        data = path.read_bytes()
        for number, line in enumerate(
            gzip.decompress(data).splitlines() if data[:2] == b"\x1f\x8b" else data.splitlines(), 1
        ):
            raw += 1
            try:
                row = json.loads(line)
                cleaned = cleaner.row(str(row.get("title") or ""), str(row.get("content") or ""))
            except (ValueError, AttributeError):
                row, cleaned = {}, "broken_row"
            if isinstance(cleaned, str):
                rejected.append({"file": str(path), "line": number, "uid": row.get("uid"), "reason": cleaned})
                continue
            kept.append(
                {
                    "file": str(path),
                    "line": number,
                    "uid": str(row.get("uid", number)),
                    "title": cleaned.title,
                    "text": cleaned.description,
                }
            )
    for row in kept:
        row["key"] = hashlib.blake2b(f"{row['title']}\0{row['text']}".encode(), digest_size=8).hexdigest()
    for field, reason in (("title", "duplicate_title"), ("text", "duplicate_description")):
        best: dict[str, dict[str, Any]] = {}
        for row in sorted(kept, key=lambda row: (row["key"], row["uid"])):
            best.setdefault("".join(_WORDS.findall(row[field].casefold())), row)
        chosen = {id(row) for row in best.values()}
        rejected += [
            {"file": row["file"], "line": row["line"], "uid": row["uid"], "reason": reason}
            for row in kept
            if id(row) not in chosen
        ]
        kept = [row for row in kept if id(row) in chosen]
    _group(kept, recipe.duplicates.similarity if recipe.duplicates.near else 2)
    splits: dict[str, list[dict[str, Any]]] = {"train": [], "val": [], "test": []}
    for row in kept:
        name = row["group"] if recipe.split.by == "group" else row["key"]
        draw = int.from_bytes(hashlib.blake2b(f"{recipe.seed}\0{name}".encode(), digest_size=8).digest()) / 2**64
        split = (
            "train" if draw < recipe.split.train else "val" if draw < recipe.split.train + recipe.split.val else "test"
        )
        splits[split].append(row)
    if not splits["train"]:
        raise ShelftalkerError("no usable row", where=", ".join(map(str, paths)), mend="see rejected.jsonl's reasons")
    outputs = []
    for name, rows in splits.items():
        cap = getattr(recipe.split, f"{name}_rows")
        if cap and len(rows) > cap:
            ranked = {
                row["key"] for row in sorted(rows, key=lambda row: hashlib.blake2b(row["key"].encode()).digest())[:cap]
            }
            rejected += [
                {"file": r["file"], "line": r["line"], "uid": r["uid"], "reason": "over_cap"}
                for r in rows
                if r["key"] not in ranked
            ]
            rows = splits[name] = [row for row in rows if row["key"] in ranked]
        outputs.append(out / f"{name}.jsonl")
        files.write_jsonl(
            outputs[-1],
            (
                {
                    "input_text": prompt.render(row["title"], None, recipe.prompt),
                    "target_text": row["text"],
                    "uid": row["uid"],
                    "title": row["title"],
                    "group": row["group"],
                    "columns": {},
                }
                for row in rows
            ),
        )
    files.write_jsonl(out / "rejected.jsonl", rejected)
    counts = {"raw": raw, **{name: len(rows) for name, rows in splits.items()}, "rejected": len(rejected)}
    card = {"rows": counts, "reasons": dict(Counter(row["reason"] for row in rejected)), "rules": dict(cleaner.counts)}
    files.write_json(out / "card.json", card)
    files.write_text(out / "card.html", f"<!doctype html><pre>{json.dumps(card, indent=1)}</pre>")
    stage.finish([*outputs, out / "rejected.jsonl", out / "card.json", out / "card.html"])
    return Prepared(out, counts, card)


def _paths(inputs: list[str]) -> list[Path]:
    found: list[Path] = []
    for name in inputs:
        if name == "bundled":
            found.append(Path(__file__).parent.parent / "assets" / "sample_catalogue" / "trn.json.gz")
            continue
        matches = sorted(globbing.glob(name)) or [name]
        for match in matches:
            if not Path(match).is_file():
                raise ShelftalkerError("no such catalogue file", where=match, mend="give a file, a glob or `bundled`")
            found.append(Path(match))
    if not found:
        raise ShelftalkerError(
            "no catalogue given", where="recipe key prepare.inputs", mend="shelftalker prepare CATALOGUE, or `bundled`"
        )
    return found


def _group(rows: list[dict[str, Any]], similarity: float) -> None:
    shingles = []
    posts: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for number, row in enumerate(rows):
        words = _WORDS.findall(row["text"].casefold())
        found = {tuple(words[at : at + 3]) for at in range(max(1, len(words) - 2))}
        shingles.append(found)
        for shingle in found:
            posts[shingle].append(number)
    parent = list(range(len(rows)))

    def root(item: int) -> int:
        while parent[item] != item:
            parent[item] = parent[parent[item]]
            item = parent[item]
        return item

    for number, found in enumerate(shingles):
        shared: Counter[int] = Counter()
        for shingle in found:
            if len(posts[shingle]) > 1:
                shared.update(other for other in posts[shingle] if other > number)
        for other, count in shared.items():
            if count / (len(found) + len(shingles[other]) - count) >= similarity:
                parent[root(number)] = root(other)
    smallest: dict[int, str] = {}
    for number, row in enumerate(rows):
        smallest[root(number)] = min(smallest.get(root(number), "~"), row["key"])
    for number, row in enumerate(rows):
        row["group"] = smallest[root(number)]
