"""The stage `prepare`: any catalogue to clean, leak-proof splits, the rejected rows and a data card.

The way of one raw row: read, clean, group, split, publish. Workers clean shards of the input and leave, for each kept
row, its example and its keys. Set logic (duplicates, groups, splits, caps) then needs the keys alone. Workers last
write each example, with its group, where it belongs.
"""

from __future__ import annotations

import functools
import importlib
import json
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shelftalker import console, files
from shelftalker.errors import ShelftalkerError
from shelftalker.manifest import Stage

if TYPE_CHECKING:
    from shelftalker.catalogue.clean.shard import Job, Result
    from shelftalker.catalogue.read.decisions import Decisions
    from shelftalker.catalogue.read.source import Source
    from shelftalker.catalogue.table import Table
    from shelftalker.recipe.recipe import Recipe
    from shelftalker.workers import Pool

OUTPUTS = ("train.jsonl", "val.jsonl", "test.jsonl", "rejected.jsonl", "card.json", "card.html")
SMALL = 12 << 20
"""Inputs of up to so many bytes are cleaned in this process; starting workers would take longer."""
MAIN_REASONS = 4
"""Reasons of rejection that are told; the card has them all."""
ALL_GRAMS = 64 << 20
"""Inputs of up to so many bytes keep every 13-word run for the card, larger ones one in 64."""


@dataclass(frozen=True)
class Prepared:
    """What `prepare` left: the folder, rows by place (raw, train, val, test, rejected), and the card."""

    data_dir: Path
    counts: dict[str, int]
    card: dict[str, Any]
    skipped: bool = False


def prepare(recipe: Recipe, *, force: bool = False) -> Prepared:
    """Clean a catalogue and split it.

    Writes train.jsonl, val.jsonl, test.jsonl, rejected.jsonl, card.json, card.html and manifest.json to
    ``recipe.paths.data``: all of them at once, or none. Every raw row ends in exactly one of the first four. Where
    the folder already holds the output of the same inputs and settings, it is left as it is.

    Args:
        force: prepare again even so.

    Raises:
        ShelftalkerError: no input, an input that cannot be read, a column that is not there, no usable row.
    """
    from shelftalker.catalogue import publish
    from shelftalker.catalogue.read import decisions, source

    began = time.monotonic()
    data = recipe.paths.data
    wanted = recipe.prepare
    if not wanted.inputs:
        raise ShelftalkerError(
            "no catalogue given",
            where="recipe key prepare.inputs",
            mend="`shelftalker prepare CATALOGUE...`, or `shelftalker prepare bundled` for the sample",
        )
    console.stage("prepare", ", ".join([*wanted.inputs, *wanted.test]))
    if data.is_dir():
        publish.recover(data)
    with publish.scratch(data) as scratch:
        located = source.locate(wanted.inputs, scratch)
        tests = source.locate(wanted.test, scratch, is_test=True)
        passed = decisions.read_all(wanted.add, [path for _, path in located])
        with ThreadPoolExecutor(1, initializer=_give_way) as hasher, ThreadPoolExecutor(3) as beside:
            hashes = hasher.submit(_identify, [*located, *tests], data / "manifest.json")
            if (data / "manifest.json").is_file() and not force:
                stage = _stage(recipe, data, hashes.result(), passed)
                if stage.is_done():
                    card = files.read_json(data / "card.json")
                    return Prepared(data, card["rows"], card, skipped=True)
            spoken = [wanted.language_column] if wanted.language_column else []
            keep = list(dict.fromkeys([*wanted.keep_columns, *spoken, *recipe.as_prompt.names]))
            sources = [source.inspect(*found, wanted, keep, is_test=False) for found in located]
            sources += [source.inspect(*found, wanted, keep, is_test=True) for found in tests]
            card, written = _run(recipe, sources, passed, scratch, beside)
            _finish(_stage(recipe, scratch, hashes.result(), passed), hashes.result(), written, began)
        publish.publish(data, scratch, [*OUTPUTS, "manifest.json"])
    _say(card, recipe)
    return Prepared(data, card["rows"], card)


def _say(card: dict[str, Any], recipe: Recipe) -> None:
    """Tell where the rows went, the main reasons for which some were rejected, and what is amiss with the splits."""
    from shelftalker.catalogue import split
    from shelftalker.checks.language import MIXED

    rows = card["rows"]
    counted = Counter({name: value["rows"] for name, value in card["reasons"].items()})
    main = ", ".join(f"{name} {count:,}" for name, count in counted.most_common(MAIN_REASONS))
    if len(counted) > MAIN_REASONS:
        main += ", ..."
    console.note(
        f"{rows['raw']:,} rows: train {rows['train']:,}, val {rows['val']:,}, test {rows['test']:,}, "
        f"rejected {rows['rejected']:,}{f' ({main})' if main else ''}; the card: {recipe.paths.data / 'card.html'}"
    )
    shares = card["languages"]["shares"]
    if len(mixed := {code: share for code, share in shares.items() if share >= MIXED}) > 1:
        console.note(f"descriptions are in {', '.join(f'{code} ({share:.0%})' for code, share in mixed.items())}")
    for file in card.get("added", {}).get("files", ()):
        left = ", ".join(f"{name} {count:,}" for name, count in file["left_out"].items())
        console.note(
            f"{file['name']}: {sum(file['in_train'].values()):,} of {file['accepted'] + file['mended']:,} texts that"
            f" editors passed train ({file['accepted']:,} accepted, {file['mended']:,} mended), each with weight"
            f" {card['added']['weight']:g}{f'; left out: {left}' if left else ''}"
        )
    if said := split.warning({name: rows[name] for name in ("train", "val", "test")}, recipe.split):
        console.warn(said)


def _run(
    recipe: Recipe, sources: list[Source], passed: list[Decisions], scratch: Path, beside: ThreadPoolExecutor
) -> tuple[dict[str, Any], dict[Path, Future[str]]]:
    """Clean, group, split and write; returns the card, and of the other files the hashes, once they are on the disk."""
    from shelftalker.catalogue import added, deliver, split
    from shelftalker.catalogue.card import card as cards
    from shelftalker.catalogue.card.page import page
    from shelftalker.catalogue.clean import fields, parts
    from shelftalker.catalogue.clean.shard import Settings
    from shelftalker.catalogue.groups import exact, groups
    from shelftalker.catalogue.table import Table, starts
    from shelftalker.workers import Pool

    total = sum(found.path.stat().st_size for found in sources)
    threads = recipe.prepare.workers or os.cpu_count() or 1
    settings = Settings(
        scratch=scratch,
        clean=recipe.clean,
        template=recipe.prompt,
        near=recipe.duplicates.near,
        gram_share=1 if total <= ALL_GRAMS else 64,
        tokenizer=_tokenizer(recipe),
    )
    beside.submit(importlib.import_module, "duckdb")
    with Pool(functools.partial(deliver.Worker, settings), 0 if total <= SMALL else threads) as pool:
        results = _clean(pool, sources, total)
        lengths = fields.found(results, sources, recipe.prepare.fields)
        own, weight = len(results), recipe.prepare.added_weight
        results += added.clean(passed, settings, sources[0].columns.keep, weight, own)
        first = starts(results)
        every = parts.read_keys(scratch, first)
        keys = every[: first[own]]
        verdict, keepers = exact.duplicates(keys, recipe.duplicates, threads)
        sets = (
            (parts.gather_sets(scratch, len(results), "shingles"), parts.gather_sets(scratch, len(results), "titles"))
            if recipe.duplicates.near
            else None
        )
        grouped = groups.find(keys, verdict == exact.KEPT, sets, recipe.duplicates)
        places = split.places(keys, verdict, grouped, recipe.split, recipe.seed)
        table = Table(keys, first[: own + 1], keepers, grouped, places)
        if passed:
            table = added.placed(table, every, first, sets, passed, settings, recipe.duplicates)

        grams = parts.read_grams(scratch, first)
        seen = beside.submit(cards.seen_in_train, recipe, table, grams, settings.gram_share, threads)
        written = _write(pool, table, results, scratch, beside)
    card = cards.build(recipe, sources, results, table, seen.result(), scratch)
    if lengths:
        card["fields"] = lengths
    if passed:
        card["added"] = added.summary(passed, table, own, weight)
    files.write_json(scratch / "card.json", card)
    files.write_text(scratch / "card.html", page(card))
    return card, written


def _clean(pool: Pool, sources: list[Source], total: int) -> list[Result]:
    """Clean all shards; returns what each left to know, in file order.

    Raises:
        ShelftalkerError: no row can be used.
    """
    from shelftalker.catalogue.read.source import jobs

    def numbered() -> Iterator[Job]:
        number = 0
        for found in sources:
            for job in jobs(found, number):
                number = job.number + 1
                yield job

    results: list[Result] = []
    rows = size = 0
    with console.progress("clean", log=False) as bar:
        for result in pool.run("clean", numbered()):
            results.append(result)
            rows += result.lines
            size += result.input_size
            # How many rows there are is known at the end only; until then the bytes tell.
            bar.update(rows, rows * max(total / max(size, 1), 1))
    if not any(result.kept for result in results):
        raise _nothing(results)
    if recoded := sum(result.recoded for result in results):
        console.warn(f"{recoded:,} rows are not UTF-8; read as Windows-1252 (another: --prepare.encoding)")
    return sorted(results, key=lambda result: result.number)


def _write(
    pool: Pool, table: Table, results: list[Result], scratch: Path, beside: ThreadPoolExecutor
) -> dict[Path, Future[str]]:
    """Write the splits and the rejected rows; returns the files' hashes, once they are on the disk."""
    from shelftalker.catalogue import deliver, publish

    splits = []
    for name, size in table.sizes().items():
        splits.append(scratch / f"{name}.jsonl")
        with splits[-1].open("wb") as file:
            file.truncate(size)
    with publish.flushing(splits, beside), console.progress("write", len(table.keys), log=False) as bar:
        for count in pool.run("write", deliver.deliveries(table, results)):
            bar.advance(count)
    written = {path: beside.submit(publish.flushed, path) for path in splits}
    rejects = deliver.gather_rejects(scratch, len(results))
    return {**written, rejects: beside.submit(publish.flushed, rejects)}


def _nothing(results: list[Result]) -> ShelftalkerError:
    reasons: Counter[str] = Counter()
    for result in results:
        reasons.update(result.reasons)
    said = ", ".join(f"{name} {count:,}" for name, count in reasons.most_common())
    return ShelftalkerError(
        "no row of the catalogue can be used",
        where=", ".join(dict.fromkeys(result.source for result in results)) + (f" ({said})" if said else ""),
        mend="check the columns (--prepare.title_column, --prepare.description_column)" + _looser(reasons),
    )


def _looser(reasons: Counter[str]) -> str:
    """Which keys reject most rows."""
    from shelftalker.catalogue.clean.cleaner import KEYS_OF

    keys = {name: KEYS_OF[name] for name, _ in reasons.most_common(2) if name in KEYS_OF}
    return f", or change {' or '.join(keys.values())}" if keys else ""


def _tokenizer(recipe: Recipe) -> str | None:
    if recipe.clean.max_description_tokens is None:
        return None
    from shelftalker.models.load import resolve

    folder = Path(resolve(recipe.base_model, recipe).path)
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise ShelftalkerError(
            "the base model has no tokenizer.json to count tokens with",
            where=f"clean.max_description_tokens, {path}",
            mend="use clean.max_description_words, or a base model that is on this machine",
        )
    return str(path)


def _give_way() -> None:
    """Let this thread run when a core has nothing better to do, where the system can tell threads apart."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)


def _identify(found: list[tuple[str, Path]], manifest: Path) -> dict[str, str]:
    """A text for each input that tells its content; hashes of files that have not changed are taken as they were."""
    try:
        before = json.loads(manifest.read_bytes()).get("input_files", {})
    except (OSError, ValueError, AttributeError):
        before = {}
    identity = {}
    for name, path in found:
        stat = path.stat()
        known = before.get(name, {})
        digest = (
            known.get("sha256") if (known.get("size"), known.get("mtime")) == (stat.st_size, stat.st_mtime_ns) else None
        )
        identity[name] = json.dumps(
            {"sha256": digest or files.sha256(path), "size": stat.st_size, "mtime": stat.st_mtime_ns}
        )
    return identity


def _stage(recipe: Recipe, folder: Path, identity: dict[str, str], passed: list[Decisions]) -> Stage:
    sections = {key: getattr(recipe, key).model_dump(mode="json") for key in ("clean", "duplicates", "split")}
    sections["prepare"] = recipe.prepare.deciding()
    hashes = {name: f"sha256:{json.loads(text)['sha256']}" for name, text in identity.items()}
    hashes |= {f"decisions {one.path}": f"sha256:{one.digest}" for one in passed}
    tokens = {"base_model": recipe.base_model} if recipe.clean.max_description_tokens else {}
    return Stage(
        "prepare",
        folder / "manifest.json",
        inputs=hashes,
        settings={**sections, "seed": recipe.seed, "prompt": recipe.prompt, **tokens},
    )


def _finish(stage: Stage, identity: dict[str, str], written: dict[Path, Future[str]], began: float) -> None:
    stage.finish(
        [stage.path.with_name(name) for name in OUTPUTS],
        hashes={path: digest.result() for path, digest in written.items()},
        wall_seconds=round(time.monotonic() - began, 3),
        input_files={name: json.loads(text) for name, text in identity.items()},
    )
