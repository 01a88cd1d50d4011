"""The commands that write with a model: titles, catalogues, the pages and the server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from shelftalker import console
from shelftalker.cli.app import Shared, app
from shelftalker.errors import ShelftalkerError


@app.command(sort_key=6)
def generate(
    titles: list[str] | None = None,
    /,
    *,
    model: str | None = None,
    attributes: Annotated[list[str], Parameter(name="--with")] = [],  # noqa: B006
    input: str | None = None,
    output: str | None = None,
    fields: list[str] | None = None,
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
        fields: what is written: description, fields that the model learnt (prepare.fields), or several with a comma
            between; each in a column of its own.
        only: which rows of the file are written: all, those whose description (or field) is empty, or those listed; all
            rows and columns of the input come out.
        listed: for `--only listed`, a text file with one id a line.
        resume: go on where a stopped job left off.
        ray: run the job on a Ray cluster (extra `ray`).
    """
    given = {"generate.model": model, "generate.only": only, "generate.listed": listed, "generate.fields": fields}
    recipe = context.recipe(given)
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
    asked = ["" if name == "description" else name for name in recipe.generate.fields] or [""]
    written = writer.write([Product(title, attributes=known, field=name) for title in titles for name in asked])
    for one in written:
        if one.problem:
            console.warn(f"{one.title}: {one.problem}")
    text = written[0].text if len(written) == 1 else "\n\n".join(f"{one.heading}\n{one.text}" for one in written)
    console.result(text, {"descriptions": [one.summary() for one in written], "model": writer.about()})


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise ShelftalkerError(f"{text!r} is not NAME=TEXT", where="--with", mend="--with brand=Acme")
    return name, value


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
    diff: Path | None = None,
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
        diff: with --export: also a page (.html) of old and new texts, the changes marked.
    """
    from shelftalker.review.app import open_desk
    from shelftalker.review.app import review as start

    if export is not None:
        from shelftalker.review.export import export as write

        desk = open_desk(described, context.recipe(), decisions)
        how = {"only_changed": only_changed, "as_html": html, "disclosure": disclosure}
        done = write(desk, export, into=into or "new", diff=diff, **how)
        said = f"wrote {done.output}: {done.rows:,} rows, {done.filled:,} with an accepted text"
        console.result(f"{said}; {done.waiting:,} rows wait", vars(done))
        return
    if into or only_changed or html or disclosure or diff:
        raise ShelftalkerError(
            "--into, --only-changed, --html, --disclosure and --diff belong to --export",
            where="shelftalker review",
            mend="shelftalker review described.csv --export shop.csv --into empty",
        )
    start(described, context.recipe(), decisions=decisions, model=model, host=host, port=port)
