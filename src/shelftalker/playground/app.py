"""The Gradio page to try a model by hand, beside its base model, with the decoding that was scored."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

from shelftalker import console
from shelftalker.address import LOOPBACK, bind
from shelftalker.errors import ShelftalkerError
from shelftalker.extras import need
from shelftalker.playground import many, one, view
from shelftalker.playground.desk import Desk
from shelftalker.recipe.recipe import Recipe

_LAYOUT = """
.st-top h1 { margin: 0; font-size: 26px; } .st-top p { margin: 2px 0 0; }
.st-style { display: none !important; }
.gradio-container { max-width: 860px !important; margin: 0 auto !important; }
.gradio-container > main, .gradio-container main.contain { padding-top: 12px !important; }
button[role=tab].selected { color: inherit !important; font-weight: 600; }
.st-titles button { text-align: left; }
.st-lead { margin: 0; font-size: 15px; }
footer { display: none !important; }
"""
UPLOAD = "5mb"


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
    with gr.Blocks(title="shelftalker playground", analytics_enabled=False) as page:
        gr.HTML(f"<style>{view.STYLE}{_LAYOUT}</style>", elem_classes="st-style", padding=False)
        gr.HTML(
            '<div class="st-top"><h1>shelftalker</h1><p>Product title in, product description out. '
            "Highlighted: what was not given.</p></div>"
        )
        with gr.Tab("One product"):
            one.build(gr, desk)
        with gr.Tab("Many products"):
            many.build(gr, desk)
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
        body_text_color_subdued="*neutral_600",
        block_info_text_color="*neutral_600",
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
            max_file_size=UPLOAD,
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
