"""The stage `baseline`: what the base model writes before any training, and what that is worth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from shelftalker import console, files
from shelftalker.checks.language import main_language
from shelftalker.evaluation import lineup, results
from shelftalker.evaluation.results import Results
from shelftalker.evaluation.rows import Rows
from shelftalker.evaluation.scoring import score
from shelftalker.evaluation.verdict import judge
from shelftalker.manifest import Stage
from shelftalker.recipe.carried import carried
from shelftalker.recipe.recipe import Recipe


@dataclass
class Evaluated:
    """What a scoring stage left: the results and where they are."""

    path: Path
    """results.json"""
    results: Results
    report: Path | None = None
    predictions: Path | None = None
    """One JSON object a line: prompt, reference, prediction."""
    skipped: bool = False


def baseline(recipe: Recipe) -> Evaluated:
    """Let the base model describe validation rows zero-shot, and score it beside the reference systems.

    Writes baseline_val<rows>.jsonl under the outputs folder, and its scores and manifest beside it.

    Raises:
        ShelftalkerError: no validation split, or the base model cannot be had.
    """
    from shelftalker.models.load import resolve

    ref = resolve(recipe.base_model, recipe)
    rows = Rows(recipe, "val", recipe.baseline.rows)
    name = f"baseline_val{rows.data.rows}"
    folder = recipe.paths.outputs
    path, lines = folder / f"{name}.results.json", folder / f"{name}.jsonl"
    stage = Stage(
        "baseline",
        folder / f"{name}.manifest.json",
        inputs=lineup.inputs(recipe, "val", [ref]),
        settings={
            **lineup.settings(recipe),
            **lineup.resampling(recipe),
            "rows": rows.data.rows,
            "seed": recipe.seed,
            "run_with": carried(recipe),
        },
    )
    if stage.is_done():
        return Evaluated(path, results.read(path), predictions=lines, skipped=True)
    if recipe.language is None:
        # As a trained model knows it, so that compare finds these texts again.
        recipe = recipe.with_flags(language=main_language(row.description for row in rows.examples))
    console.stage("baseline", f"{ref.given} zero-shot on {rows.data.rows} validation rows")
    zero_shot = lineup.model_entry(lineup.Contender(lineup.ZERO_SHOT, ref, "baseline"), rows, recipe)
    found = score(
        rows.products,
        lineup.with_bertscore([zero_shot, *lineup.reference_entries(rows)], rows, recipe),
        lineup.protocol(recipe),
        kind="evaluation",
        data=rows.data,
        training=rows.training,
        settings=lineup.settings(recipe),
    )
    found.verdict = judge(found, recipe.compare.rank_by)
    results.write(found, path)
    files.write_jsonl(
        lines,
        (
            {
                "uid": example.uid,
                "title": example.title,
                "input_text": recipe.as_prompt.render(example),
                "target_text": example.description,
                "prediction": text,
            }
            for example, text in zip(rows.examples, zero_shot.texts, strict=True)
        ),
    )
    stage.finish([path, lines], engine=zero_shot.system.engine, decoding=zero_shot.system.decoding)
    return Evaluated(path, found, predictions=lines)
