"""The stage `evaluate`: one model's scores, beside its zero-shot base and the reference systems."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

from shelftalker import console, files
from shelftalker.evaluation import lineup, results
from shelftalker.evaluation.baseline import Evaluated
from shelftalker.evaluation.rows import Rows
from shelftalker.evaluation.scoring import score
from shelftalker.evaluation.verdict import judge
from shelftalker.manifest import Stage
from shelftalker.recipe.carried import carried
from shelftalker.recipe.recipe import Recipe

TEST_LEDGER = "test_scored.json"
"""Under the outputs folder: when which model was scored on which test rows."""


def evaluate(model: str | Path, recipe: Recipe, *, out: Path | None = None) -> Evaluated:
    """Score one model on a split (recipe key evaluate.split).

    Args:
        model: anything that names a model; a run stands for its promoted or latest checkpoint.
        recipe: data, rows, engine; what it sets of prompt and decoding wins over what the model says of itself.
        out: folder for results.json and report.html; none: a folder of its own under outputs/evaluate.

    Raises:
        ShelftalkerError: the split or the model cannot be had.
    """
    from shelftalker.models.checkpoints import loss_of, step_of
    from shelftalker.models.open import open_model

    split = recipe.evaluate.split
    opened = open_model(model, recipe)
    # Its base and the reference systems stand beside it under the same prompt and decoding.
    ref, recipe = opened.ref, opened.recipe
    step = step_of(Path(ref.path))
    rows = Rows(recipe, split, recipe.evaluate.rows)
    contender = lineup.Contender(
        lineup.name_of(ref),
        ref,
        "checkpoint" if step >= 0 else "model",
        step if step >= 0 else None,
        loss_of(Path(ref.path)),
        Path(ref.path).parent.name if step >= 0 else None,
    )
    untrained = lineup.bases([contender], recipe)
    folder = out or recipe.paths.outputs / "evaluate" / f"{_safe(contender)}-{split}{rows.data.rows}"
    path, report = folder / "results.json", folder / "report.html"
    stage = Stage(
        "evaluate",
        folder / "manifest.json",
        inputs=lineup.inputs(recipe, split, [ref, *(base.ref for base in untrained)]),
        settings={
            **lineup.settings(recipe),
            **lineup.resampling(recipe),
            "split": split,
            "rows": rows.data.rows,
            "seed": recipe.seed,
            "id": contender.id,
            "run_with": carried(recipe),
        },
    )
    if stage.is_done():
        return Evaluated(path, results.read(path), report, skipped=True)
    console.stage("evaluate", f"{contender.id} on {rows.data.rows} {split} rows")
    facts: dict[str, Any] = {}
    if split == "test":
        facts["test_scored"] = _record_test(recipe, rows.data.sha256, contender)
    entries = [lineup.model_entry(one, rows, recipe) for one in [*untrained, contender]]
    found = score(
        rows.products,
        lineup.with_bertscore([*entries[:-1], *lineup.reference_entries(rows), entries[-1]], rows, recipe),
        lineup.protocol(recipe),
        kind="evaluation",
        data=rows.data,
        training=rows.training,
        settings=lineup.settings(recipe),
    )
    found.verdict = judge(found, recipe.compare.rank_by)
    found.verdict.warnings += facts.get("test_scored", {}).get("warnings", [])
    written = lineup.write(found, path, report)
    stage.finish(written, **facts)
    return Evaluated(path, found, report)


def _record_test(recipe: Recipe, rows: str, contender: lineup.Contender) -> dict[str, Any]:
    """Note when the test rows were scored, and warn where another model was scored on them before.

    A test split that is looked at for every candidate has become a validation split.
    """
    ledger = recipe.paths.outputs / TEST_LEDGER
    try:
        entries = json.loads(ledger.read_text(encoding="utf-8"))
        entries = entries if isinstance(entries, list) else []
    except (OSError, ValueError):
        entries = []
    weights = contender.ref.content_hash
    before = [entry for entry in entries if entry.get("rows") == rows and entry.get("model") != weights]
    warnings = []
    if before:
        last = before[-1]
        warnings.append(
            f"These test rows were scored before, by {last.get('given')} on {last.get('when')}: choosing between"
            " the two by them would make them validation rows."
        )
        console.warn(warnings[0])
    now = {
        "when": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "given": contender.ref.given,
        "model": weights,
        "rows": rows,
    }
    files.write_json(ledger, [*entries, now])
    return {**now, "warnings": warnings}


def _safe(contender: lineup.Contender) -> str:
    """A folder name for a contender."""
    name = f"{contender.run}-{contender.id}" if contender.run else contender.id
    return "".join(char if char.isalnum() or char in "-_." else "-" for char in name)
