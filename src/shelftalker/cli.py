"""The command line: parse, call the stage, print. No logic of its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, CycloptsError, Parameter

from shelftalker import console
from shelftalker.errors import ShelftalkerError
from shelftalker.recipe.flags import split_flags
from shelftalker.version import __version__

if TYPE_CHECKING:
    from shelftalker.recipe.recipe import Recipe

EPILOGUE = (
    "Every command takes --recipe FILE and any recipe key as a flag (--lora.r 16, --decoding.beams 4; "
    "`shelftalker recipe --help` lists them), and --json, --quiet, --debug. "
    "MODEL is a hub name, `smollm2`, `bundled`, a .gguf file, an adapter folder, a run folder or an exported folder."
)


STOPPED = {
    "prepare": "stopped: nothing was written, and the same command begins again",
    "finetune": "stopped: the checkpoints are kept, and --resume goes on after the newest",
    "generate": "stopped: a catalogue's finished rows are kept, and --resume goes on from there",
    "run": "stopped: finished stages are kept, and the same command goes on from there",
    "demo": "stopped: finished stages are kept, and the same command goes on from there",
    "baseline": "stopped: the same command goes on with what is in the cache",
    "evaluate": "stopped: the same command goes on with what is in the cache",
    "compare": "stopped: the same command goes on with what is in the cache",
    "export": "stopped: nothing was written",
    "review": "stopped: every decision is kept, and the same command goes on from there",
}
"""What Ctrl-C leaves behind, by command."""


@dataclass(frozen=True)
class Context:
    """What every command shares: the recipe file and the recipe keys given as flags."""

    recipe_file: str | None = None
    flags: Mapping[str, Any] = field(default_factory=dict)

    def recipe(self, arguments: Mapping[str, Any] | None = None, file: str | None = None) -> Recipe:
        """The recipe of this call: defaults < YAML < the command's own arguments < recipe keys as flags."""
        from shelftalker.recipe.recipe import Recipe

        given = {key: value for key, value in (arguments or {}).items() if value not in (None, [], ())}
        return Recipe.load(file or self.recipe_file, {**given, **self.flags})


Shared = Annotated[Context, Parameter(parse=False)]

app = App(
    name="shelftalker",
    help="Teach a small language model to write product descriptions from titles, and prove that it got better.",
    help_epilogue=EPILOGUE,
    version=__version__,
    help_flags=["--help", "-h"],
)


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
        catalogue: files, globs or URLs (CSV, JSON, Parquet, workbooks, XML feeds; packed or not), or `bundled`.
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


@app.command(sort_key=6)
def generate(
    titles: list[str] | None = None,
    /,
    *,
    model: str | None = None,
    attributes: Annotated[list[str], Parameter(name="--with")] = [],  # noqa: B006
    input: str | None = None,
    output: str | None = None,
    only: Literal["all", "empty", "listed"] | None = None,
    listed: str | None = None,
    resume: bool = False,
    ray: bool = False,
    context: Shared,
) -> None:
    """Describe titles, or a whole catalogue file.

    Args:
        titles: product titles.
        model: MODEL, as said below; if not given, the promoted one of the recipe.
        attributes: what else the prompt asks for, as NAME=TEXT (brand=Acme), for every title; may be repeated.
        input: catalogue file: anything that `prepare` reads.
        output: described catalogue: .csv, .tsv, .jsonl (each also .gz), .parquet or .xlsx.
        only: which rows of the file are written: all, those whose description is empty, or those listed; all rows and
            columns of the input come out.
        listed: for `--only listed`, a text file with one id a line.
        resume: go on where a stopped job left off.
        ray: run the job on a Ray cluster (extra `ray`).
    """
    recipe = context.recipe({"generate.model": model, "generate.only": only, "generate.listed": listed})
    if bool(titles) == bool(input) or bool(input) != bool(output) or (titles and (only or listed)):
        raise ShelftalkerError(
            "give titles, or --input with --output",
            where="shelftalker generate",
            mend='shelftalker generate "Blue wool scarf", or --input catalogue.csv --output described.csv',
        )
    chosen = recipe.generate.model or str(recipe.promoted_dir)
    if input and output:
        from shelftalker.writing.job.job import generate as job

        done = job(Path(input), Path(output), chosen, recipe, resume=resume, ray=ray)
        left = f", {done.left:,} left as they were" if done.left else ""
        console.result(f"wrote {done.output}: {done.rows:,} rows, {done.flagged:,} with findings{left}", done.summary())
        return
    from shelftalker.product import Product
    from shelftalker.writing.writer import load

    assert titles is not None
    known = dict(_pair(text) for text in attributes)
    writer = load(chosen, recipe)
    writer.expect(known)
    written = writer.write([Product(title, attributes=known) for title in titles])
    for one in written:
        if one.problem:
            console.warn(f"{one.title}: {one.problem}")
    text = written[0].text if len(written) == 1 else "\n\n".join(f"{one.title}\n{one.text}" for one in written)
    console.result(text, [one.summary() for one in written])


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise ShelftalkerError(f"{text!r} is not NAME=TEXT", where="--with", mend="--with brand=Acme")
    return name, value


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


@app.command(sort_key=10)
def playground(model: str | None = None, /, *, host: str = "127.0.0.1", port: int = 7860, context: Shared) -> None:
    """Open a page to try a model by hand, beside its base model.

    Args:
        model: MODEL, as said below; if not given, the recipe's run.
        host: address to bind.
        port: port to bind.
    """
    from shelftalker.playground.app import launch

    recipe = context.recipe()
    launch(model or recipe.generate.model or str(recipe.run_dir), recipe, host=host, port=port)


@app.command(sort_key=11)
def serve(
    model: str | None = None,
    /,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    workers: int = 1,
    api_key: Annotated[str | None, Parameter(env_var="SHELFTALKER_API_KEY")] = None,
    cors: list[str] | None = None,
    access_log: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None,
    context: Shared,
) -> None:
    """Serve a model over HTTP: POST /describe, and OpenAI's API under /v1. A page under / tries it.

    Args:
        model: MODEL, as said below; if not given, the promoted one of the recipe.
        host: address to bind; 0.0.0.0 opens the server to the network, where --api-key belongs.
        port: port to bind; 0: any free one.
        workers: engines that write at the same time; each has the weights in memory, all share the cores.
        api_key: what clients have to send as `Authorization: Bearer KEY`; the variable keeps it out of `ps`.
        cors: an origin whose pages may call the server (https://shop.example); may be given several times.
        access_log: a file that gets one JSON line a request; - for standard output.
    """
    from shelftalker.serve.app import serve as start
    from shelftalker.serve.options import Options

    recipe = context.recipe()
    options = Options(api_key=api_key, cors=tuple(cors or ()), access_log=access_log, workers=workers)
    start(model or recipe.generate.model or str(recipe.promoted_dir), recipe, host=host, port=port, options=options)


@app.command(sort_key=12)
def review(
    described: Path,
    /,
    *,
    model: str | None = None,
    decisions: Path | None = None,
    host: str = "127.0.0.1",
    port: int = 7870,
    export: Path | None = None,
    into: Literal["new", "empty", "all"] | None = None,
    only_changed: bool = False,
    html: bool = False,
    disclosure: bool = False,
    context: Shared,
) -> None:
    """Open a page to pass a described catalogue's drafts: doubtful ones first; accept, mend, reject, by keyboard.

    Args:
        described: what `generate --input` wrote: CSV, TSV, JSON lines, Parquet or a workbook. It is never changed.
        model: MODEL, as said below, that writes another version on request; if not given, there is no such button.
        decisions: the file of decisions; if not given, DESCRIBED.review.sqlite beside it.
        host: address to bind.
        port: port to bind.
        export: instead of the page: write the shop's file with the accepted and mended texts; its name says the format.
        into: with --export: `new` (the default): a column reviewed_description; `empty`: the description column where
            it is empty; `all`: the description column, whatever it holds.
        only_changed: with --export: only the rows that get a text.
        html: with --export: texts as HTML paragraphs and lists.
        disclosure: with --export: also a column structured_description that says that a model wrote the text.
    """
    from shelftalker.review.app import open_desk
    from shelftalker.review.app import review as start

    if export is not None:
        from shelftalker.review.export import export as write

        desk = open_desk(described, context.recipe(), decisions)
        done = write(desk, export, into=into or "new", only_changed=only_changed, as_html=html, disclosure=disclosure)
        said = f"wrote {done.output}: {done.rows:,} rows, {done.filled:,} with an accepted text"
        console.result(f"{said}; {done.waiting:,} rows wait", vars(done))
        return
    if into or only_changed or html or disclosure:
        raise ShelftalkerError(
            "--into, --only-changed, --html and --disclosure belong to --export",
            where="shelftalker review",
            mend="shelftalker review described.csv --export shop.csv --into empty",
        )
    start(described, context.recipe(), decisions=decisions, model=model, host=host, port=port)


@app.command(sort_key=13)
def doctor(*, context: Shared) -> None:
    """Show what this machine offers: devices, number formats, versions, hub, disk."""
    from shelftalker.doctor import examine

    facts = examine(context.recipe())
    console.table("shelftalker doctor", ["what", "finding"], [[key, value] for key, value in facts.items()])
    console.result("", facts)


@app.command(sort_key=14, name="recipe")
def show_recipe(name: str | None = None, /, *, context: Shared) -> None:
    """Print a whole recipe as YAML, with flags laid over it; without a name, the defaults.

    Args:
        name: a YAML file, or the name of a shipped recipe.
    """
    import yaml

    whole = context.recipe(file=name).model_dump(mode="json")
    console.result(yaml.safe_dump(whole, sort_keys=False, allow_unicode=True).rstrip(), whole)


@app.meta.default
def _launch(
    *tokens: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
    recipe: str | None = None,
    json: bool = False,
    quiet: bool = False,
    debug: bool = False,
    flags: Annotated[Any, Parameter(parse=False)] = None,
) -> None:
    """Shared options.

    Args:
        recipe: a YAML file, or the name of a shipped recipe; its keys can also be flags (--lora.r 16).
        json: print the result as JSON.
        quiet: no progress, no notes.
        debug: a traceback where there is an error.
    """
    console.configure(quiet=quiet or json, as_json=json, debug=debug)
    command, bound, ignored = app.parse_args(tokens, exit_on_error=False, print_error=False)
    if "context" in ignored:
        bound.arguments["context"] = Context(recipe, flags or {})
    command(*bound.args, **bound.kwargs)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 well, 2 the user's mistake, 1 ours."""
    # Torch's threads wait without spinning, or whatever else shares the cores slows training many times over.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    tokens = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in tokens
    rest: list[str] = []
    try:
        rest, flags = split_flags(tokens)
        if rest[:1] == ["recipe"] and {"--help", "-h"} & set(rest):
            from shelftalker.recipe.recipe import reference

            app["recipe"].help_epilogue = reference()
        command, bound, _ = app.meta.parse_args(rest, exit_on_error=False, print_error=False)
        if "flags" in command.__annotations__:
            bound.arguments["flags"] = flags
        command(*bound.args, **bound.kwargs)
    except ShelftalkerError as error:
        console.error(str(error))
        if debug:
            raise
        return 2
    except CycloptsError as error:
        console.error(f"{error}\n  mend:  shelftalker --help")
        return 2
    except KeyboardInterrupt:
        console.say_stopped(STOPPED.get(next(iter(rest), ""), "stopped"))
        return 130
    except BrokenPipeError:
        return 0
    except Exception as error:
        if debug:
            raise
        console.error(f"{type(error).__name__}: {error}\n  this is a fault of shelftalker; --debug shows where")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
