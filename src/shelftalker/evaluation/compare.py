"""The stage `compare`: any number of systems on the same rows, ranked by a stated rule; promotes on request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from shelftalker import console, files
from shelftalker.errors import ShelftalkerError
from shelftalker.evaluation import lineup, results
from shelftalker.evaluation.promote import promote as promote_to
from shelftalker.evaluation.results import Results
from shelftalker.evaluation.rows import Rows
from shelftalker.evaluation.scoring import score
from shelftalker.evaluation.verdict import judge
from shelftalker.manifest import Stage
from shelftalker.recipe.carried import carried
from shelftalker.recipe.recipe import Recipe

SNAPSHOT_ROWS = 20


@dataclass
class Comparison:
    """What `compare` left."""

    path: Path
    """results.json"""
    results: Results
    report: Path
    best: str
    """Id of the best system; empty where none was chosen."""
    promoted: Path | None = None
    skipped: bool = False


def compare(
    systems: Sequence[str | Path], recipe: Recipe, *, promote: str | None = None, out: Path | None = None
) -> Comparison:
    """Compare runs (all their checkpoints), models, or results.json files; rank them; promote the best on request.

    Zero-shot and the reference systems always take part. Models describe the same validation rows in the same
    batches; results files are compared on what they hold, without any model.

    Args:
        systems: run folders, models, or results.json files (not mixed with the former two).
        recipe: data, rows, engine; what it sets of prompt and decoding wins over what the models say of themselves.
        promote: name under the artifacts folder for the best checkpoint; none: nothing is promoted.
        out: folder for everything that is written; none: a folder compare/ in the run, where one run alone is
            compared, or else under the outputs folder, with the study's two files there.

    Raises:
        ShelftalkerError: nothing to compare, other rows in different files, or a model cannot be had.
    """
    if not systems:
        raise ShelftalkerError(
            "there is nothing to compare", where="shelftalker compare", mend="give runs, models or results.json files"
        )
    if recipe.evaluate.split == "test":
        raise ShelftalkerError(
            "test rows do not choose: validation rows do",
            where="recipe key evaluate.split",
            mend="compare on validation rows, then `shelftalker evaluate MODEL --split test` once",
        )
    stored = [Path(one) for one in systems if lineup.is_results(Path(one))]
    if stored and len(stored) < len(systems):
        raise ShelftalkerError(
            "results files and models cannot be compared in one go",
            where=str(stored[0]),
            mend="`shelftalker evaluate` the models first, then compare the results files",
        )
    if stored:
        return _compare_files(stored, recipe, promote, out)
    contenders = lineup.contenders(systems, recipe)
    # Bases and reference systems stand under the prompt and the decoding of the first.
    recipe = contenders[0].recipe or recipe
    untrained = lineup.bases(contenders, recipe)
    rows = Rows(recipe, "val", recipe.compare.rows)
    runs = {contender.run for contender in contenders}
    is_one_run = len(systems) == 1 and runs != {None}
    folder = out or (Path(systems[0]) if is_one_run else recipe.paths.outputs) / "compare"
    path, report = folder / "results.json", folder / "report.html"
    target = recipe.paths.artifacts / promote if promote else None
    stage = Stage(
        "compare",
        folder / "manifest.json",
        inputs=lineup.inputs(recipe, "val", [one.ref for one in [*untrained, *contenders]]),
        settings={
            **lineup.settings(recipe),
            **lineup.resampling(recipe),
            "rows": rows.data.rows,
            "seed": recipe.seed,
            "promote": str(target) if target else None,
            "ids": [one.id for one in contenders],
            "run_with": [carried(one.recipe or recipe) for one in contenders],
            "variants": recipe.compare.variants,
        },
    )
    if stage.is_done():
        found = results.read(path)
        _study_files(found, out or recipe.paths.outputs)
        best = found.verdict.best or ""
        if target is None or lineup.is_promoted(target, found):
            return Comparison(path, found, report, best, target, skipped=True)
    console.stage("compare", f"{len(contenders)} models on {rows.data.rows} validation rows")
    baselines = [lineup.model_entry(one, rows, recipe) for one in untrained]
    models = [lineup.model_entry(one, rows, recipe) for one in contenders]
    found = score(
        rows.products,
        lineup.with_bertscore([*baselines, *lineup.reference_entries(rows), *models], rows, recipe),
        lineup.protocol(recipe),
        kind="comparison",
        data=rows.data,
        training=rows.training,
        settings={**lineup.settings(recipe), "variants": recipe.compare.variants},
    )
    found.verdict = judge(found, recipe.compare.rank_by)
    written = lineup.write(found, path, report)
    _study_files(found, out or recipe.paths.outputs)
    best = found.verdict.best or ""
    promoted = None
    if target is not None and best:
        winner = next(one for one in contenders if one.id == best)
        own = lineup.varied(winner.recipe or recipe, winner.variant)
        if own.route.edit_from == "auto":
            own = own.with_flags(route={"edit_from": found.system(best).edit_from})
        promoted = promote_to(winner.ref, target, found, own)
        console.note(f"promoted {best} to {promoted}")
        if winner.variant:
            console.note(f"it won as run by {winner.variant}, which it is run by from now on")
    stage.finish(written, promoted=str(promoted) if promoted else None)
    return Comparison(path, found, report, best, promoted)


def _compare_files(paths: Sequence[Path], recipe: Recipe, promote: str | None, out: Path | None) -> Comparison:
    from shelftalker.evaluation.merge import merged

    if promote:
        raise ShelftalkerError(
            "results files hold no weights to promote",
            where=str(paths[0]),
            mend="compare the runs or checkpoints themselves with --promote",
        )
    console.stage("compare", f"{len(paths)} results files")
    found = merged(paths, lineup.protocol(recipe))
    found.verdict = judge(found, recipe.compare.rank_by, select=found.data.split != "test")
    folder = out or recipe.paths.outputs / "compare"
    path, report = folder / "results.json", folder / "report.html"
    lineup.write(found, path, report)
    return Comparison(path, found, report, found.verdict.best or "")


def _study_files(found: Results, folder: Path) -> None:
    """The files that followers of the original study look for: the best system's scores, and both texts a row.

    They are of the comparison that was asked for last, so a comparison that is skipped puts its own in place again.
    """
    best = found.verdict.best
    untrained = next((system.id for system in found.systems if system.role == "baseline"), None)
    if best is None:
        return
    system = found.system(best)
    summary = {
        "model": system.model.path if system.model else best,
        "split": found.data.split,
        "rows": found.data.rows,
        "scores": {one.id: {name: score.value for name, score in one.scores.items()} for one in found.systems},
        "verdict": found.verdict.sentence,
        "examples": [
            {"title": row.title, "reference": row.reference, "prediction": row.predictions[best].text}
            for row in found.rows[:SNAPSHOT_ROWS]
        ],
        "results": "every row and signature: results.json beside report.html",
    }
    lines = (
        {
            "uid": row.uid,
            "title": row.title,
            "reference": row.reference,
            "baseline": row.predictions[untrained].text if untrained else None,
            "finetuned": row.predictions[best].text,
            "baseline_scores": row.predictions[untrained].scores if untrained else None,
            "finetuned_scores": row.predictions[best].scores,
        }
        for row in found.rows
    )
    files.write_json(folder / "eval_snapshot.json", summary)
    files.write_jsonl(folder / "compare_baseline_vs_finetuned.jsonl", lines)
