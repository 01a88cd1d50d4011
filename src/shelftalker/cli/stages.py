"""The commands that take a catalogue to a scored, promoted and exported model."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from shelftalker import console
from shelftalker.cli.app import Shared, app


@app.command(sort_key=1)
def prepare(
    catalogue: list[str] | None = None,
    /,
    *,
    test: list[str] | None = None,
    add: list[str] | None = None,
    out: str | None = None,
    context: Shared,
) -> None:
    """Clean a catalogue and split it: data/{train,val,test}.jsonl, rejected.jsonl and a data card.

    Args:
        catalogue: files, globs or URLs (CSV, JSON, Parquet, workbooks, XML feeds; packed or not), or a sample:
            `bundled`, or `bundled-pt` in Portuguese.
        test: files whose rows make the test split.
        add: decisions of `review` whose accepted and mended texts train, too: a file of decisions, a described
            catalogue that has one beside it, or `reviewed` for all beside the catalogues.
        out: folder for the splits and the card.
    """
    from shelftalker.catalogue.prepare import prepare as stage

    given = {"prepare.inputs": catalogue, "prepare.test": test, "prepare.add": add, "paths.data": out}
    done = stage(context.recipe(given))
    counts = ", ".join(f"{key} {value:,}" for key, value in done.counts.items())
    console.result(f"{done.data_dir}: {counts}", {"data_dir": done.data_dir, "counts": done.counts})


@app.command(sort_key=2)
def baseline(*, data: str | None = None, rows: int | None = None, out: str | None = None, context: Shared) -> None:
    """Describe validation titles with the base model as it is, and score that.

    Args:
        data: folder that `prepare` wrote.
        rows: validation rows.
        out: folder for predictions and scores.
    """
    from shelftalker.evaluation.baseline import baseline as stage
    from shelftalker.evaluation.tables import show

    done = stage(context.recipe({"paths.data": data, "baseline.rows": rows, "paths.outputs": out}))
    show(done.results)
    console.result(f"wrote {done.path}", done.results.summary())


@app.command(sort_key=3)
def finetune(
    *,
    data: str | None = None,
    out: str | None = None,
    resume: bool = False,
    dry_run: bool = False,
    curve: bool = False,
    context: Shared,
) -> None:
    """Train a LoRA adapter on the training split; writes checkpoints.

    Args:
        data: folder that `prepare` wrote.
        out: run folder.
        resume: go on after the newest whole checkpoint, with its optimiser, schedule, random numbers and data order.
        dry_run: say what would be trained, and how long it would take; writes nothing.
        curve: instead, say whether more rows would help, from runs on an eighth, a quarter, a half and all of them.
    """
    from shelftalker.finetuning.trainer import finetune as stage

    recipe = context.recipe({"paths.data": data})
    if curve:
        from shelftalker.finetuning.curve import learning_curve

        found = learning_curve(recipe)
        console.result("", {**vars(found), "sentence": found.sentence})
        return
    done = stage(recipe, resume=resume, dry_run=dry_run, out=Path(out) if out else None)
    if dry_run:
        console.result("", done.facts)  # people have read the stage's own table
    else:
        console.result(
            f"{done.run_dir}: {len(done.checkpoints)} checkpoints, the last is {done.last.name}",
            {"run_dir": done.run_dir, "checkpoints": done.checkpoints, **done.facts},
        )


@app.command(sort_key=4)
def evaluate(
    model: str,
    /,
    *,
    data: str | None = None,
    split: Literal["val", "test"] | None = None,
    rows: int | None = None,
    out: str | None = None,
    context: Shared,
) -> None:
    """Score one model beside the zero-shot base model and the reference systems.

    Args:
        model: MODEL, as said below.
        data: folder that `prepare` wrote.
        split: which split; score test once, after everything was chosen.
        rows: rows of the split; all if not given.
        out: folder for results.json and report.html.
    """
    from shelftalker.evaluation.evaluate import evaluate as stage
    from shelftalker.evaluation.tables import show

    recipe = context.recipe({"paths.data": data, "evaluate.split": split, "evaluate.rows": rows})
    done = stage(model, recipe, out=Path(out) if out else None)
    show(done.results)
    console.result(f"wrote {done.path}", done.results.summary())


@app.command(sort_key=5)
def compare(
    systems: list[str],
    /,
    *,
    data: str | None = None,
    rows: int | None = None,
    promote: str | None = None,
    out: str | None = None,
    context: Shared,
) -> None:
    """Rank runs, checkpoints, models or results.json files on the same validation rows; writes report.html.

    Args:
        systems: run folders (all their checkpoints), MODELs, or results.json files.
        data: folder that `prepare` wrote.
        rows: validation rows.
        promote: folder that gets the best checkpoint, as artifacts/NAME.
        out: folder for results.json, report.html and what else is written.
    """
    from shelftalker.evaluation.compare import compare as stage
    from shelftalker.evaluation.tables import show

    target = Path(promote) if promote else None
    parent = str(target.parent) if target and target.parent != Path() else None
    recipe = context.recipe({"paths.data": data, "compare.rows": rows, "paths.artifacts": parent})
    promoted = target.name if target else recipe.compare.promote
    done = stage(systems, recipe, promote=promoted, out=Path(out) if out else None)
    show(done.results)
    written = f"report: {done.report}" + (f"\npromoted: {done.promoted}" if done.promoted else "")
    console.result(written, done.results.summary() | {"report": done.report, "promoted": done.promoted})


@app.command(sort_key=7)
def export(model: str, /, *, to: Literal["hf", "ct2", "onnx", "gguf"], out: Path, context: Shared) -> None:
    """Merge an adapter in float32 and write a model folder that needs no adapter.

    Args:
        model: MODEL, as said below.
        to: hf: a Hugging Face folder; ct2: a CTranslate2 folder with its tokenizer; onnx: ONNX graphs (extra [onnx]);
            gguf: a file for llama.cpp, with a Modelfile for Ollama.
        out: the folder to write.
    """
    from shelftalker.export.export import export as stage
    from shelftalker.files import read_json

    written = stage(model, to, out, context.recipe())
    merge = read_json(written / "manifest.json")["merge"]
    console.result(f"wrote {written}", {"out": written, "merge": merge})


@app.command(sort_key=8)
def run(recipe: str, /, *, force: bool = False, context: Shared) -> None:
    """Run a whole recipe: prepare, baseline, fine-tune, compare, promote, evaluate, generate; skips what is done.

    Args:
        recipe: a YAML file, or the name of a shipped recipe (sample, flan-t5-base-amazontitles, ...).
        force: do every stage again; the recipe's run folder is removed first.
    """
    from shelftalker.pipeline import run as stage

    done = stage(context.recipe(file=recipe), force=force)
    console.result("", done.summary())


@app.command(sort_key=9)
def tune(
    recipe: str, /, *, budget: str = "30m", trials: int | None = None, out: str | None = None, context: Shared
) -> None:
    """Search learning rate, rank and batch for a catalogue's own recipe, on its validation rows; goes on if killed.

    Args:
        recipe: a YAML file, or the name of a shipped recipe; what `prepare` wrote for it must be there.
        budget: time to spend in all calls together, such as 30m or 2h.
        trials: trials at most.
        out: folder for the trials, the report and the winning recipe.
    """
    from shelftalker.finetuning.tune import tune as stage

    done = stage(context.recipe(file=recipe), budget=budget, trials=trials, out=Path(out) if out else None)
    console.result(
        f"{done.recipe}: validation loss {done.best_loss:.4f}, where the recipe given came to {done.given_loss:.4f}\n"
        f"the {done.trials} trials: {done.report}",
        vars(done),
    )


@app.command(sort_key=9)
def demo(*, force: bool = False, context: Shared) -> None:
    """Run the sample recipe on the catalogue and the model that ship inside.

    Args:
        force: do every stage again; the recipe's run folder is removed first.
    """
    run("sample", force=force, context=context)
