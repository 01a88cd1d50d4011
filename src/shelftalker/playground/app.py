"""The Gradio page to try a model by hand, beside its base model, with the decoding that was scored."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shelftalker import console
from shelftalker.address import LOOPBACK, bind
from shelftalker.errors import ShelftalkerError
from shelftalker.extras import need
from shelftalker.playground import view
from shelftalker.playground.desk import CONTROLS, Desk, decoding_of
from shelftalker.recipe.decoding import Decoding
from shelftalker.recipe.recipe import Recipe

TITLE_CHARACTERS = 2_000
_LAYOUT = """
.st-top h1 { margin: 0; font-size: 26px; } .st-top p { margin: 2px 0 0; opacity: .8; }
.st-style { display: none !important; }
.gradio-container { max-width: 1280px !important; margin: 0 auto !important; }
.gradio-container > main, .gradio-container main.contain { padding-top: 12px !important; }
.st-titles button { text-align: left; }
footer { display: none !important; }
"""


def build(model: str | Path | None, recipe: Recipe, *, desk: Desk | None = None) -> Any:
    """The page as a ``gradio.Blocks``; models are loaded when they are first asked.

    Args:
        model: MODEL to begin with: a run (its promoted or latest checkpoint), an adapter, a hub name, a folder.
        recipe: paths, engine, base model; what it sets of prompt and decoding wins over what the models say.
        desk: what writes, instead of one made from ``model`` and ``recipe``.

    Raises:
        ShelftalkerError: the extra is missing, or the model cannot be found.
    """
    # Before the import: Gradio reads them once.
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    need("playground", "gradio")
    import gradio as gr

    desk = desk or Desk(model, recipe)
    recipe = desk.recipe
    with gr.Blocks(title="shelftalker playground", analytics_enabled=False) as page:
        gr.HTML(f"<style>{view.STYLE}{_LAYOUT}</style>", elem_classes="st-style", padding=False)
        gr.HTML(
            '<div class="st-top"><h1>shelftalker</h1><p>Product title in, product description out. '
            "Highlighted: what the title does not support.</p></div>"
        )
        with gr.Row():
            with gr.Column(scale=3, min_width=320):
                title = gr.Textbox(
                    label="Product title", value=desk.titles[0], max_length=TITLE_CHARACTERS, elem_id="st-title"
                )
                examples = gr.Dataset(
                    components=[title],
                    samples=[[text] for text in desk.titles],
                    label="Example titles" + (" (validation split: never trained on)" if desk.known else ""),
                    elem_classes="st-titles",
                    type="index",
                )
                fields = [gr.Textbox(label=name, max_length=TITLE_CHARACTERS) for name in desk.fields]
                write = gr.Button("Write the description", variant="primary", elem_id="st-write")
                with gr.Row():
                    with gr.Column(min_width=300):
                        mine = gr.HTML(view.plain("chosen model", "Its description will stand here."))
                    with gr.Column(min_width=300):
                        base = gr.HTML(view.plain(desk.base.label, "The same title, zero-shot."))
                human = gr.HTML(visible=False)
            with gr.Column(scale=1, min_width=300):
                checkpoint = gr.Dropdown(
                    [choice.label for choice in desk.choices],
                    value=desk.choices[0].label,
                    label="Checkpoint",
                    filterable=False,
                    elem_id="st-checkpoint",
                )
                said = gr.HTML(view.settings(recipe, recipe.decoding))
                controls = _controls(gr, recipe.decoding)
                reset = gr.Button("Back to the recipe's settings", size="sm")

        def values(*given: Any) -> dict[str, Any]:
            return dict(zip(CONTROLS, given, strict=True))

        def say(label: str, *given: Any) -> str:
            own = desk.recipe_of(label)
            try:
                return view.settings(own, decoding_of(own, values(*given)))
            except ShelftalkerError as error:
                return view.fault("settings", error)

        def fade(sample: bool) -> list[Any]:
            off = {"beams": not sample, "temperature": sample, "top_p": sample, "seed": sample}
            return [gr.update(interactive=is_on) for is_on in off.values()]

        def describe(text: str, label: str, *given: Any) -> Iterator[tuple[str, str, Any]]:
            columns = dict(zip(desk.fields, given[len(CONTROLS) :], strict=True))
            known = desk.reference(text)
            reference = gr.update(
                visible=known is not None,
                value=view.plain("human reference", known, kind="st-human") if known is not None else "",
            )
            try:
                decoding = decoding_of(desk.recipe_of(label), values(*given[: len(CONTROLS)]))
            except ShelftalkerError as error:
                yield view.fault("settings", error), view.plain(desk.base.label, "Nothing was written."), reference
                return
            waiting = "Writing ..." if desk.is_loaded(label) else "Loading the model, then writing ..."
            yield view.plain(label, waiting), view.plain(desk.base.label, "Waiting for its turn ..."), reference
            left = attempt(desk, label, text, decoding, columns)
            if label == desk.base.label:
                yield left, view.plain(desk.base.label, "The chosen model is the base model itself."), reference
                return
            yield left, view.plain(desk.base.label, "Writing ..."), reference
            yield left, attempt(desk, desk.base.label, text, decoding, columns, kind="st-base"), reference

        def pick(number: int) -> str | list[str]:
            text = desk.titles[number]
            known = desk.known.get(text)
            columns = [known.columns.get(name, "") if known else "" for name in desk.fields]
            return [text, *columns] if columns else text  # Gradio takes a list of one for the value itself

        private: dict[str, Any] = {"api_visibility": "private"}
        inputs = [title, checkpoint, *controls.values(), *fields]
        outputs = [mine, base, human]
        for event in (write.click, title.submit):
            event(describe, inputs, outputs, concurrency_limit=1, show_progress="hidden", **private)
        examples.click(pick, examples, [title, *fields], show_progress="hidden", **private).then(
            describe, inputs, outputs, concurrency_limit=1, show_progress="hidden", **private
        )
        for control in controls.values():
            control.change(say, [checkpoint, *controls.values()], said, show_progress="hidden", **private)
        faded = [controls[name] for name in ("beams", "temperature", "top_p", "seed")]
        controls["sample"].change(fade, controls["sample"], faded, show_progress="hidden", **private)
        for event in (reset.click, checkpoint.change):
            event(
                lambda label: [getattr(desk.recipe_of(label).decoding, name) for name in CONTROLS],
                checkpoint,
                list(controls.values()),
                show_progress="hidden",
                **private,
            ).then(say, [checkpoint, *controls.values()], said, show_progress="hidden", **private)
    return page


def launch(
    model: str | Path | None, recipe: Recipe, host: str = "127.0.0.1", port: int = 7860, *, block: bool = True
) -> Any:
    """Open the page until interrupted. It asks nothing of any other host: no analytics, fonts or scripts from outside.

    Args:
        model: see `build`.
        recipe: see `build`.
        host: address to bind; anything but loopback opens the page to the network, which has no password.
        port: port to bind; 0: any free one.
        block: False returns at once with the running ``gradio.Blocks`` (``.local_url``, ``.close()``).

    Raises:
        ShelftalkerError: the extra is missing, the port is taken, or the model cannot be found.
    """
    with bind(host, port) as probe:  # a taken port is known before anything is loaded
        port = probe.getsockname()[1]
    page = build(model, recipe)
    import gradio as gr

    if host not in LOOPBACK:
        console.warn(f"bound to {host}: whoever reaches this machine can use the page; it has no password")
    system = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"]
    theme = gr.themes.Default(
        primary_hue="teal", neutral_hue="stone", font=system, font_mono=["ui-monospace", "Consolas", "monospace"]
    ).set(  # dark enough for white letters
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover_dark="*primary_800",
        button_primary_text_color="white",
    )
    try:
        page.queue(max_size=32).launch(
            server_name=host,
            server_port=port,
            theme=theme,
            share=False,
            inbrowser=False,
            quiet=True,
            prevent_thread_lock=True,
            ssr_mode=False,
            pwa=False,
            mcp_server=False,
            enable_monitoring=False,
            footer_links=[],
            max_file_size="1kb",
        )
    except OSError as error:
        raise ShelftalkerError(
            f"cannot open the page: {error}", where=f"{host}, port {port}", mend="choose another with --port"
        ) from None
    console.stage("playground", f"{page.local_url}  (Ctrl+C stops)")
    if block:
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            pass
        finally:
            page.close(verbose=False)
    return page


def attempt(desk: Desk, label: str, title: str, decoding: Decoding, columns: dict[str, str], *, kind: str = "") -> str:
    """Write one description and show it, or show why not."""
    try:
        desk.writer(label)
        start = time.monotonic()
        written = desk.write(label, title, decoding, columns)
    except ShelftalkerError as error:
        return view.fault(label, error)
    return view.card(label, written, kind=kind, seconds=time.monotonic() - start)


def _controls(gr: Any, decoding: Decoding) -> dict[str, Any]:
    """A control for each key in CONTROLS, set to the recipe's value and reaching at least as far."""
    sampling = decoding.sample
    made = {
        "beams": gr.Slider(
            1, max(8, decoding.beams), decoding.beams, step=1, label="Beams", info="1: greedy", interactive=not sampling
        ),
        "sample": gr.Checkbox(sampling, label="Sampling", info="draw at random instead of the likeliest"),
        "temperature": gr.Slider(
            0.1, max(2.0, decoding.temperature), decoding.temperature, step=0.01, label="Temperature",
            interactive=sampling,
        ),
        "top_p": gr.Slider(0.05, 1.0, decoding.top_p, step=0.01, label="Top-p", interactive=sampling),
        "repetition_penalty": gr.Slider(
            min(0.8, decoding.repetition_penalty), max(2.0, decoding.repetition_penalty), decoding.repetition_penalty,
            step=0.01, label="Repetition penalty", info="1: off",
        ),
        "no_repeat_ngram": gr.Slider(
            0, max(8, decoding.no_repeat_ngram), decoding.no_repeat_ngram, step=1, label="No-repeat n-gram",
            info="0: off",
        ),
        "max_new_tokens": gr.Slider(
            8, max(512, decoding.max_new_tokens), decoding.max_new_tokens, step=1, label="Max new tokens"
        ),
        "seed": gr.Number(
            decoding.seed, label="Seed of sampling", precision=0, info="another seed, another draw",
            interactive=sampling,
        ),
    }  # fmt: skip
    return {name: made[name] for name in CONTROLS}
