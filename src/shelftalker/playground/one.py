"""The tab for one product: a title, one button, the text as it is written, another version, what was written before."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from shelftalker import console
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
_BASE = "The same title, before any training."


@dataclass(frozen=True)
class Asked:
    """What the page asks for.

    Attributes:
        label: which model.
        title, columns, facts: the product.
        decoding: how text is drawn.
        number: which further version it is; 0: the first.
        target: which of the shop's fields is written; empty: the description.
        length: how long it is to be; empty: as the recipe says.
    """

    label: str
    title: str
    decoding: Decoding
    columns: Mapping[str, str] = field(default_factory=dict)
    facts: Sequence[str] = ()
    number: int = 0
    target: str = ""
    length: str = ""


def build(gr: Any, desk: Desk) -> None:
    """Lay the tab out and wire it."""
    tab = Tab(gr, desk)
    tab.wire()


class Tab:
    """The components, and what happens to them."""

    def __init__(self, gr: Any, desk: Desk) -> None:
        self.gr, self.desk = gr, desk
        self.title = gr.Textbox(label="Product title", value=desk.titles[0], elem_id="st-title", submit_btn=False)
        self.fields = [gr.Textbox(label=name, max_length=TITLE_CHARACTERS) for name in desk.fields]
        self.facts = gr.Textbox(
            label="Facts, one a line",
            lines=2,
            max_length=TITLE_CHARACTERS,
            visible=desk.takes_facts,
            elem_id="st-facts",
        )
        with gr.Row():
            self.target = gr.Dropdown(
                desk.texts, value=desk.texts[0], label="What to write", visible=len(desk.texts) > 1, elem_id="st-target"
            )
            self.length = gr.Textbox(
                label="How long",
                placeholder="60 words, at most 155 characters",
                max_length=40,
                visible=desk.recipe.knows_lengths,
                elem_id="st-length",
            )
        with gr.Row():
            self.write = gr.Button(
                "Write the description", variant="primary", elem_id="st-write", min_width=200, scale=2
            )
            self.again = gr.Button("Another version", elem_id="st-again", min_width=200)
            self.stop = gr.Button("Stop", elem_id="st-stop", interactive=False, min_width=80)
        with gr.Row():
            with gr.Column(min_width=300):
                self.mine = gr.HTML(view.plain("description", "The description will stand here."), elem_id="st-mine")
            with gr.Column(min_width=300, visible=False) as self.side:
                self.base = gr.HTML(view.plain(desk.base.label, _BASE), elem_id="st-base")
        with gr.Row():
            self.copy = gr.Button("Copy the text", elem_id="st-copy", interactive=False, min_width=140)
            self.keep = gr.DownloadButton("Download history", elem_id="st-keep", interactive=False, min_width=170)
        self.human = gr.HTML(visible=False)
        self.examples = gr.Dataset(
            components=[self.title],
            samples=[[text] for text in desk.titles],
            label="Example titles" + (" (validation split: never trained on)" if desk.known else ""),
            elem_classes="st-titles",
            type="index",
        )
        with gr.Accordion("Written before", open=False, visible=False) as self.before:
            self.listed = gr.HTML()
        self.tuned = tuning.build(gr, desk)
        self.text, self.past, self.version = gr.State(""), gr.State([]), gr.State(("", 0))

    # ------------------------------------------------------------ what happens

    def first(self, title: str, *given: Any) -> Iterator[dict[Any, Any]]:
        """A title is described."""
        yield {self.version: (title, 0)}
        yield from self._describe(0, title, given)

    def other(self, title: str, version: tuple[str, int], *given: Any) -> Iterator[dict[Any, Any]]:
        """The same title once more, drawn at random."""
        number = version[1] + 1 if version[0] == title else 1
        yield {self.version: (title, number)}
        yield from self._describe(number, title, given)

    def _describe(self, number: int, title: str, given: tuple[Any, ...]) -> Iterator[dict[Any, Any]]:
        label, beside, past, facts, target, length = given[:6]
        controls, columns = given[6 : 6 + len(self.tuned.controls)], given[6 + len(self.tuned.controls) :]
        try:
            _measured(title)
            decoding = tuning.settings_of(self.desk, label, controls)
        except ShelftalkerError as error:
            yield {self.mine: view.fault("description", error), self.text: ""}
            return
        asked = Asked(
            label,
            title,
            tuning.another(decoding, number) if number else decoding,
            {name: text or "" for name, text in zip(self.desk.fields, columns, strict=True)},
            [line.strip() for line in (facts or "").splitlines() if line.strip()],
            number,
            "" if target == "description" else target,
            (length or "").strip(),
        )
        yield {self.mine: view.plain(label, self._waiting(label)), self.human: self._human(title), self.text: ""}
        yield from self._mine(asked, past)
        if beside:
            yield from self._beside(asked)

    def _mine(self, asked: Asked, past: list[history.Entry]) -> Iterator[dict[Any, Any]]:
        for card, done in cards(self.desk, asked):
            if done is None:
                yield {self.mine: card}
                continue
            past = history.added(past, history.entry(done, asked.label, decoding_signature(asked.decoding)))
            yield {
                self.mine: card,
                self.text: done.text,
                self.past: past,
                self.listed: view.table(history.rows(past)),
                self.before: self.gr.update(visible=True, label=f"Written before ({len(past)})"),
            }

    def _beside(self, asked: Asked) -> Iterator[dict[Any, Any]]:
        label = self.desk.base.label
        if asked.label == label:
            yield {self.base: view.plain(label, "The chosen model is the base model itself.")}
            return
        yield {self.base: view.plain(label, self._waiting(label))}
        base = replace(asked, label=label, number=0)
        for card, _ in cards(self.desk, base, kind="st-base"):
            yield {self.base: card}

    def _waiting(self, label: str) -> str:
        return "Writing ..." if self.desk.is_loaded(label) else "Loading the model, then writing ..."

    def _human(self, title: str) -> Any:
        known = self.desk.reference(title)
        shown = view.plain("human reference", known, kind="st-human") if known is not None else ""
        return self.gr.update(visible=known is not None, value=shown)

    def busy(self) -> list[Any]:
        """While it writes: write, again, stop, copy."""
        off, on = self.gr.update(interactive=False), self.gr.update(interactive=True)
        return [off, off, on, off]

    def ready(self, text: str, past: list[history.Entry]) -> list[Any]:
        """When it has written: write, again, stop, copy, keep."""
        off, on = self.gr.update(interactive=False), self.gr.update(interactive=True)
        file = self.gr.update(interactive=bool(past), value=history.as_file(past) if past else None)
        return [on, on, off, self.gr.update(interactive=bool(text)), file]

    @staticmethod
    def stopped(shown: str) -> str:
        """What stands there when it was stopped: the text so far."""
        return view.plain("description", "Stopped before the first word.") if "st-wait" in shown else shown

    def pick(self, number: int) -> str | list[str]:
        """An example's title, and its columns."""
        title = self.desk.titles[number]
        known = self.desk.known.get(title)
        columns = [known.columns.get(name, "") if known else "" for name in self.desk.fields]
        return [title, *columns] if columns else title  # Gradio takes a list of one for the value itself

    # ------------------------------------------------------------ when

    def wire(self) -> None:
        """Tie the buttons to what happens."""
        given = [self.tuned.checkpoint, self.tuned.beside, self.past, self.facts, self.target, self.length]
        given += [*self.tuned.controls.values(), *self.fields]
        outputs = [self.mine, self.base, self.human, self.text, self.past, self.listed, self.before, self.version]
        switches = [self.write, self.again, self.stop, self.copy]
        # One model writes for everybody, so there is one queue; the place in it stands over the card.
        model: dict[str, Any] = {"concurrency_limit": 1, "concurrency_id": "model", "show_progress_on": self.mine}
        model |= {"api_visibility": "private", "show_progress": "minimal"}
        picked = self.examples.click(self.pick, self.examples, [self.title, *self.fields], **_QUIET)
        running = []
        for event in (self.write.click, self.title.submit, picked.then):
            begun = event(self.busy, None, switches, queue=False, **_QUIET)
            running.append(begun.then(self.first, [self.title, *given], outputs, **model))
        begun = self.again.click(self.busy, None, switches, queue=False, **_QUIET)
        running.append(begun.then(self.other, [self.title, self.version, *given], outputs, **model))
        halted = self.stop.click(self.stopped, self.mine, self.mine, cancels=running, queue=False, **_QUIET)
        for end in (*running, halted):
            end.then(self.ready, [self.text, self.past], [*switches, self.keep], **_QUIET)
        self.copy.click(None, self.text, None, js=COPY, **_QUIET)
        self.tuned.beside.change(lambda on: self.gr.update(visible=on), self.tuned.beside, self.side, **_QUIET)


def cards(desk: Desk, asked: Asked, *, kind: str = "") -> Iterator[tuple[str, Written | None]]:
    """What to show while one description is written, and last what was written; a fault as sentences.

    Args:
        desk: the models.
        asked: what is to be written.
        kind: the card's class.
    """
    heading = f"{asked.label}, version {asked.number + 1}" if asked.number else asked.label
    start = time.monotonic()
    try:
        for news in writing(
            desk,
            asked.label,
            asked.title,
            asked.decoding,
            asked.columns,
            asked.facts,
            field=asked.target,
            length=asked.length,
        ):
            if isinstance(news, str):
                yield view.growing(heading, news, kind=kind), None
            else:
                yield view.card(heading, news, kind=kind, seconds=time.monotonic() - start), news
    except ShelftalkerError as error:
        yield view.fault(heading, error), None
    except Exception as error:  # the page goes on; whoever started it reads what happened
        console.error("".join(traceback.format_exception(error)))
        what = f"this is a fault of shelftalker ({type(error).__name__})"
        yield view.fault(heading, ShelftalkerError(what, mend="the terminal that started the page says more")), None


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
