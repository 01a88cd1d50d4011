"""A whole catalogue described: streams, checks what it wrote, survives a kill, and changes nothing when it resumes."""

from __future__ import annotations

import gc
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shelftalker import console, files, manifest
from shelftalker.awake import kept_awake
from shelftalker.catalogue.read import rows as catalogue_rows
from shelftalker.catalogue.read.rows import Row, Shape
from shelftalker.errors import ShelftalkerError
from shelftalker.memory import rarely_collected
from shelftalker.recipe.carried import carried
from shelftalker.writing.job import output as catalogue_output
from shelftalker.writing.job.only import missing
from shelftalker.writing.job.window import DESCRIPTION, Plan, describe, lines, plan

if TYPE_CHECKING:
    from shelftalker.models.load import ModelRef
    from shelftalker.recipe.recipe import Recipe


@dataclass(frozen=True)
class Job:
    """A finished job.

    Attributes:
        output: the described catalogue.
        rows: rows in it, as many as in the input.
        described: rows with a text.
        flagged: described rows with at least one finding.
        failed: rows that could not be described; their column `problem` says why.
        left: rows that were not asked for (`generate.only`); nothing is added to them.
        skipped: the output was there already, of the same input, model and settings.
    """

    output: Path
    rows: int
    described: int
    flagged: int
    failed: int
    left: int = 0
    skipped: bool = False

    def summary(self) -> dict[str, Any]:
        """The facts, for --json and the manifest."""
        return asdict(self) | {"output": str(self.output)}


def generate(
    input: str | Path,
    output: str | Path,
    model: str | Path | ModelRef,
    recipe: Recipe | None = None,
    *,
    resume: bool = False,
    ray: bool = False,
) -> Job:
    """Describe every row of a catalogue file.

    Finished windows of rows are kept in a folder beside the output (`.NAME.job`) until all are there; then the output
    appears whole. A job that was stopped goes on from there with ``resume``, and its output is the same byte for byte.

    Args:
        input: anything that `prepare` reads: CSV, TSV, JSON, Parquet, workbooks, XML feeds, packed or not.
        output: its name says the format: .jsonl, .csv, .tsv (each also .gz), .parquet or .xlsx.
        model: anything that `models.load.resolve` understands.
        recipe: prompt, decoding, engine and column names.
        resume: go on where a stopped job left off.
        ray: spread the windows over a Ray cluster.

    Returns:
        What was written. All input columns are kept; added are description, publishable, findings, route (edited,
        written, declined), sources (of the training split), score (mean token log-probability), tokens, hit_cap,
        engine, model (content hash) and problem (see `catalogue_output.NEW_TYPES`), and for each further field its
        text, NAME_findings and NAME_problem.

    Raises:
        ShelftalkerError: the input cannot be read, the model cannot be had, another job is unfinished there, or the
            disk is full. A single bad row is flagged in the output instead.
    """
    from shelftalker.models.open import open_model

    source, target = Path(input), Path(output)
    catalogue_output.format_of(target)
    if target.exists() and source.exists() and target.samefile(source):
        raise ShelftalkerError("the output would replace the input", where=str(target), mend="name another output")
    console.stage("generate", f"{source} to {target}")
    opened = open_model(model, recipe)
    ref, chosen = opened.ref, opened.recipe
    shape = catalogue_rows.inspect(source, chosen.prepare)
    what = plan(shape.names, chosen, str(source))
    added = catalogue_output.columns_of(what.asked)
    catalogue_output.check(target, shape, len(added))
    settings = chosen.model_dump(mode="json", include={"generate", "device", "dtype"}) | {"run_with": carried(chosen)}
    settings["generate"] = {
        key: settings["generate"][key] for key in settings["generate"].keys() - {"model", "titles", "workers"}
    }
    # Which rows and letters are read: a job is not continued with others.
    settings |= chosen.prepare.model_dump(include={"encoding", "records", "locale"}, exclude_none=True)
    columns = asdict(what)
    columns["only"] = what.only.column
    stage = manifest.Stage(
        "generate",
        target.with_name(f"{target.name}.manifest.json"),
        inputs={"catalogue": source, "model": ref.content_hash, **_listed(what, shape, chosen)},
        settings=settings | {"columns": columns, "versions": _engine_versions()},
    )
    work = target.with_name(f".{target.name}.job")
    if resume and not work.exists() and stage.is_done():
        console.note(f"{target} is finished already")
        return Job(target, **files.read_json(stage.path)["counts"], skipped=True)
    _open_work(work, stage, resume)
    with kept_awake(chosen.keep_awake):
        parts = _describe_all(work, shape, what, ref, chosen, ray)
    console.note(f"writing {target}")
    safe = chosen.generate.spreadsheet_safe
    catalogue_output.assemble(parts, work / "whole", target, shape, spreadsheet_safe=safe, added=added)
    counts = _counts(parts, what.asked)
    (work / "whole").replace(target)
    stage.finish([target], counts=counts, engine=chosen.generate.engine, model_given=ref.given)
    shutil.rmtree(work)
    job = Job(target, **counts)
    if job.failed:
        console.warn(f"{job.failed:,} of {job.rows:,} rows could not be described: see the column problem in {target}")
    return job


def _listed(what: Plan, shape: Shape, recipe: Recipe) -> dict[str, Path]:
    """The list of ids, as an input of the job; ids that no row has are told."""
    if what.only.kind != "listed" or recipe.generate.listed is None:
        return {}
    absent = missing(what.only.ids, what.only.column, catalogue_rows.read(shape))
    if len(absent) == len(what.only.ids):
        raise ShelftalkerError(
            f"none of the {len(absent):,} listed ids is in the catalogue",
            where=f"{recipe.generate.listed}, column {what.only.column}",
            mend="list ids of that column, or name another with --prepare.id_column",
        )
    if absent:
        console.warn(f"{len(absent):,} listed ids are not in the catalogue: {', '.join(absent[:5])}")
    return {"listed": Path(recipe.generate.listed)}


def _engine_versions() -> dict[str, str]:
    """Versions that decide what a model writes: a job is not continued with others."""
    found = manifest.versions()
    return {name: found[name] for name in ("torch", "transformers", "ctranslate2") if name in found}


def _open_work(work: Path, stage: manifest.Stage, resume: bool) -> None:
    """Make the folder of finished windows, or take up the one of a stopped job."""
    card = work / "job.json"
    if work.exists():
        began = json.loads(card.read_text(encoding="utf-8")) if card.is_file() else None
        if began is not None and not resume:
            raise ShelftalkerError(
                "an unfinished job is there",
                where=str(work),
                mend="add --resume to go on with it, or move that folder away to start again",
            )
        if began is not None and began["fingerprint"] != stage.fingerprint:
            changed = [key for key in ("inputs", "settings") if began.get(key) != getattr(stage, key)]
            raise ShelftalkerError(
                f"the unfinished job was begun with other {' and '.join(changed) or 'software'}",
                where=str(work),
                mend="give the same input, model and recipe again, or move that folder away to start again",
            )
    work.mkdir(parents=True, exist_ok=True)
    for leftover in work.glob(".*.part"):
        leftover.unlink()
    if not card.is_file():
        files.write_json(card, {"fingerprint": stage.fingerprint, "inputs": stage.inputs, "settings": stage.settings})


def windows(shape: Shape, size: int, done: set[int]) -> Iterator[tuple[int, list[Row]]]:
    """Windows of rows by number, without those that are done."""
    number, rows = 0, list[Row]()
    for row in catalogue_rows.read(shape):
        rows.append(row)
        if len(rows) == size:
            if number not in done:
                yield number, rows
            number, rows = number + 1, []
    if rows and number not in done:
        yield number, rows


def part_path(work: Path, number: int) -> Path:
    """Where a finished window is kept."""
    return work / f"part-{number:08d}.jsonl"


def _describe_all(work: Path, shape: Shape, what: Plan, ref: ModelRef, recipe: Recipe, ray: bool) -> list[Path]:
    size = recipe.generate.window_rows
    count = -(-shape.rows // size)
    parts = [part_path(work, number) for number in range(count)]
    done = {number for number, path in enumerate(parts) if path.is_file()}
    left = shape.rows - sum(min(size, shape.rows - number * size) for number in done)
    if done:
        console.note(f"{shape.rows - left:,} of {shape.rows:,} rows were described before")
    if not left:
        return parts
    todo = windows(shape, size, done)
    if ray:
        from shelftalker.writing.job.ray import describe_on_cluster

        finished = describe_on_cluster(todo, what, ref, recipe)
        with console.progress("describe", left) as bar:
            for number, data in finished:
                _keep(part_path(work, number), data)
                bar.advance(data.count(b"\n"))
        return parts
    from shelftalker.writing.job.pool import settled, workers_for
    from shelftalker.writing.writer import write_with

    writer = write_with(ref, recipe)
    before = rarely_collected()
    try:
        beforehand = settled(todo, what, ref, recipe, workers_for(left, ref, recipe))
        with closing(beforehand), console.progress("describe", left) as bar:
            for number, window, found in beforehand:
                open_rows = [row for row, line in zip(window, found, strict=True) if line is None]
                bar.advance(len(window) - len(open_rows))
                written = describe(open_rows, writer, what, ref.content_hash, bar.advance) if open_rows else []
                rest = iter(lines(open_rows, written))
                _keep(part_path(work, number), b"".join(line or next(rest) or b"" for line in found))
    except KeyboardInterrupt:
        console.warn("stopped; the same command with --resume goes on from here")
        raise
    finally:
        gc.set_threshold(*before)
    return parts


def _keep(path: Path, data: bytes) -> None:
    with files.atomic(path) as file:
        file.write(data)


def _counts(parts: list[Path], asked: Sequence[str]) -> dict[str, Any]:
    import msgspec

    decode = msgspec.json.Decoder(tuple[msgspec.Raw, dict[str, Any]]).decode
    pairs = [(name, "findings" if name == DESCRIPTION else f"{name}_findings") for name in asked]
    problems = ["problem", *(f"{name}_problem" for name in asked if name != DESCRIPTION)]
    rows = described = flagged = left = 0
    for part in parts:
        with part.open("rb") as file:
            for line in file:
                new = decode(line)[1]
                rows += 1
                has_text = any(new[name] is not None for name in asked)
                described += has_text
                flagged += any(new[name] is not None and (new[one] or not new[name]) for name, one in pairs)
                left += not has_text and all(new[name] is None for name in problems)
    failed = rows - described - left
    return {"rows": rows, "described": described, "flagged": flagged, "failed": failed, "left": left}
