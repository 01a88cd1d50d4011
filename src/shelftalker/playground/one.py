"""The tab for one product: a title, one button, the text as it is written, another version, what was written before."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from shelftalker.errors import ShelftalkerError
from shelftalker.playground import history, tuning, view
from shelftalker.playground.desk import Desk
from shelftalker.playground.live import writing
from shelftalker.recipe.decoding import Decoding, decoding_signature
from shelftalker.writing.written import Written

TITLE_CHARACTERS = 2_000
# A page without https has no clipboard; the old way works everywhere.
COPY = """(text) => {
  if (navigator.clipboard && window.isSecureContext) { navigator.clipboard.writeText(text); return; }
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}"""
_QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
_HINT = "The description will stand here."


def build(gr: Any, desk: Desk) -> None:
    """Lay the tab out and wire it."""
    title = gr.Textbox(label="Product title", value=desk.titles[0], elem_id="st-title", submit_btn=False)
    fields = [gr.Textbox(label=name, max_length=TITLE_CHARACTERS) for name in desk.fields]
    with gr.Row(elem_classes="st-buttons"):
        write = gr.Button("Write the description", variant="primary", elem_id="st-write", min_width=200, scale=3)
        again = gr.Button("Another version", elem_id="st-again", min_width=170)
        stop = gr.Button("Stop", elem_id="st-stop", interactive=False, min_width=80)
    with gr.Row():
        with gr.Column(min_width=300):
            mine = gr.HTML(view.plain("description", _HINT), elem_id="st-mine")
        with gr.Column(min_width=300, visible=False) as side:
            base = gr.HTML(view.plain(desk.base.label, "The same title, before any training."), elem_id="st-base")
    with gr.Row(elem_classes="st-buttons"):
        copy = gr.Button("Copy the text", elem_id="st-copy", interactive=False, min_width=140)
        keep = gr.DownloadButton("Download history", elem_id="st-keep", interactive=False, min_width=170)
    human = gr.HTML(visible=False)
    examples = gr.Dataset(
        components=[title],
        samples=[[text] for text in desk.titles],
        label="Example titles" + (" (validation split: never trained on)" if desk.known else ""),
        elem_classes="st-titles",
        type="index",
    )
    with gr.Accordion("Written before", open=False, visible=False) as before:
        listed = gr.HTML()
    tuned = tuning.build(gr, desk)
    text, written, versions = gr.State(""), gr.State([]), gr.State(("", 0))

    def describe(
        number: int, said: str, label: str, beside: bool, past: list[history.Entry], given: tuple[Any, ...]
    ) -> Iterator[dict[Any, Any]]:
        controls, columns = given[: len(tuned.controls)], given[len(tuned.controls) :]
        try:
            decoding = _decoding(desk, label, controls, number)
            _measured(said)
        except ShelftalkerError as error:
            yield {mine: view.fault("description", error), text: ""}
            return
        asked = dict(zip(desk.fields, columns, strict=True))
        known = desk.reference(said)
        shown = view.plain("human reference", known, kind="st-human") if known is not None else ""
        waiting = "Writing ..." if desk.is_loaded(label) else "Loading the model, then writing ..."
        yield {mine: view.plain(label, waiting), human: gr.update(visible=known is not None, value=shown), text: ""}
        for card, done in cards(desk, label, said, decoding, asked, number=number):
            yield {mine: card}
            if done is not None:
                past = history.added(past, history.entry(done, label, decoding_signature(decoding)))
                yield {
                    mine: card,
                    text: done.text,
                    written: past,
                    listed: view.table(history.rows(past)),
                    before: gr.update(visible=True, label=f"Written before ({len(past)})"),
                }
        if beside and label != desk.base.label:
            yield {base: view.plain(desk.base.label, "Writing ...")}
            for card, _ in cards(desk, desk.base.label, said, decoding, asked, kind="st-base"):
                yield {base: card}
        elif beside:
            yield {base: view.plain(desk.base.label, "The chosen model is the base model itself.")}

    def first(said: str, label: str, beside: bool, past: list[history.Entry], *given: Any) -> Iterator[Any]:
        yield {versions: (said, 0)}
        yield from describe(0, said, label, beside, past, given)

    def other(
        said: str, label: str, beside: bool, past: list[history.Entry], version: tuple[str, int], *given: Any
    ) -> Iterator[Any]:
        number = version[1] + 1 if version[0] == said else 1
        yield {versions: (said, number)}
        yield from describe(number, said, label, beside, past, given)

    def busy() -> list[Any]:
        return [gr.update(interactive=False)] * 2 + [gr.update(interactive=True), gr.update(interactive=False)]

    def ready(said: str, past: list[history.Entry]) -> list[Any]:
        file = gr.update(interactive=bool(past), value=history.as_file(past) if past else None)
        on, off = gr.update(interactive=True), gr.update(interactive=False)
        return [on, on, off, gr.update(interactive=bool(said)), file]

    def stopped(shown: str) -> str:
        return view.plain("description", "Stopped before the first word.") if "st-wait" in shown else shown

    def pick(number: int) -> str | list[str]:
        chosen = desk.titles[number]
        known = desk.known.get(chosen)
        columns = [known.columns.get(name, "") if known else "" for name in desk.fields]
        return [chosen, *columns] if columns else chosen  # Gradio takes a list of one for the value itself

    given = [title, tuned.checkpoint, tuned.beside, written]
    rest = [*tuned.controls.values(), *fields]
    outputs = [mine, base, human, text, written, listed, before, versions]
    switches, after = [write, again, stop, copy], [write, again, stop, copy, keep]
    model: dict[str, Any] = {"concurrency_limit": 1, "concurrency_id": "model", "show_progress_on": mine}
    model |= {"api_visibility": "private", "show_progress": "minimal"}
    running = []
    for event in (write.click, title.submit):
        begun = event(busy, None, switches, queue=False, **_QUIET)
        running.append(begun.then(first, [*given, *rest], outputs, **model))
    chosen = examples.click(pick, examples, [title, *fields], **_QUIET).then(
        busy, None, switches, queue=False, **_QUIET
    )
    running.append(chosen.then(first, [*given, *rest], outputs, **model))
    begun = again.click(busy, None, switches, queue=False, **_QUIET)
    running.append(begun.then(other, [*given, versions, *rest], outputs, **model))
    for one in running:
        one.then(ready, [text, written], after, **_QUIET)
    stop.click(stopped, mine, mine, cancels=running, queue=False, **_QUIET).then(
        ready, [text, written], after, **_QUIET
    )
    copy.click(None, text, None, js=COPY, **_QUIET)
    tuned.beside.change(lambda on: gr.update(visible=on), tuned.beside, side, **_QUIET)


def cards(
    desk: Desk,
    label: str,
    title: str,
    decoding: Decoding,
    columns: dict[str, str],
    *,
    kind: str = "",
    number: int = 0,
) -> Iterator[tuple[str, Written | None]]:
    """What to show while one description is written, and last what was written; a fault as sentences.

    Args:
        desk, label, title, decoding, columns: see `Desk.write`.
        kind: the card's class.
        number: which further version it is; 0: the first.
    """
    heading = f"{label}, version {number + 1}" if number else label
    start = time.monotonic()
    try:
        for news in writing(desk, label, title, decoding, columns):
            if isinstance(news, str):
                yield view.growing(heading, news, kind=kind), None
            else:
                yield view.card(heading, news, kind=kind, seconds=time.monotonic() - start), news
    except ShelftalkerError as error:
        yield view.fault(heading, error), None


def _decoding(desk: Desk, label: str, controls: tuple[Any, ...], number: int) -> Decoding:
    decoding = tuning.settings_of(desk, label, controls)
    return tuning.another(decoding, number) if number else decoding


def _measured(title: str) -> None:
    """See that a title is one, and not a page of text.

    Raises:
        ShelftalkerError: it is too long.
    """
    if len(title) > TITLE_CHARACTERS:
        raise ShelftalkerError(
            f"the title has {len(title):,} characters; {TITLE_CHARACTERS:,} are the most",
            mend="keep what a shopper would call the product",
        )
