"""The tab for many products: paste or choose a file, watch it grow, take the result."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from shelftalker.errors import ShelftalkerError
from shelftalker.playground import view
from shelftalker.playground.batch import ROWS, describe_all
from shelftalker.playground.desk import Desk

_QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}


def build(gr: Any, desk: Desk) -> None:
    """Lay the tab out and wire it."""
    label = desk.choices[0].label
    gr.HTML(f'<p class="st-lead">Up to {ROWS:,} products, written by {view.safe(label)} as it was scored.</p>')
    pasted = gr.Textbox(label="Titles, one a line", lines=6, max_lines=12, elem_id="st-pasted")
    upload = gr.File(
        label="or a file with a column of titles (CSV, TSV, JSON lines, xlsx)",
        file_types=[".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".xlsx", ".ods", ".txt"],
        height=110,
        elem_id="st-upload",
    )
    with gr.Row(elem_classes="st-buttons"):
        write = gr.Button("Write all", variant="primary", elem_id="st-all", min_width=200, scale=3)
        stop = gr.Button("Stop", elem_id="st-stop-all", interactive=False, min_width=80)
    said = gr.HTML(elem_id="st-progress")
    result = gr.DownloadButton("Download the result", visible=False, variant="primary", elem_id="st-result")
    rows = gr.HTML(elem_id="st-rows")

    def describe(titles: str, file: str | None) -> Iterator[dict[Any, Any]]:
        yield {said: view.note("Loading the model ..." if not desk.is_loaded(label) else "Reading ...")}
        try:
            for found in describe_all(desk, label, titles, file):
                told: dict[Any, Any] = {said: view.progress(found), rows: view.table(found.rows)}
                if found.file:
                    told[result] = gr.update(value=found.file, visible=True)
                yield told
        except ShelftalkerError as error:
            yield {said: view.fault("many products", error)}

    def busy() -> list[Any]:
        return [gr.update(interactive=False), gr.update(interactive=True), gr.update(visible=False)]

    def ready() -> list[Any]:
        return [gr.update(interactive=True), gr.update(interactive=False)]

    begun = write.click(busy, None, [write, stop, result], queue=False, **_QUIET)
    running = begun.then(
        describe,
        [pasted, upload],
        [said, result, rows],
        concurrency_limit=1,
        concurrency_id="model",
        api_visibility="private",
        show_progress="minimal",
        show_progress_on=said,
    )
    running.then(ready, None, [write, stop], **_QUIET)
    stop.click(lambda: view.note("Stopped."), None, said, cancels=[running], queue=False, **_QUIET).then(
        ready, None, [write, stop], **_QUIET
    )
