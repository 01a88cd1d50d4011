"""report.html: one file that shows what a results.json says, readable years later and without a network."""

from __future__ import annotations

import base64
import hashlib
import json
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any

from shelftalker import files
from shelftalker.evaluation.results import Results
from shelftalker.version import __version__

_PARTS = "shelftalker.evaluation.report"


def write_report(results: Results, path: Path) -> None:
    """Write the report of ``results`` to ``path``: self-contained HTML, everything inlined, all text escaped.

    Raises:
        ShelftalkerError: the file cannot be written.
    """
    files.write_text(path, render(results))


def render(results: Results) -> str:
    """The report as HTML."""
    import jinja2

    from shelftalker.evaluation.report import labels
    from shelftalker.evaluation.report.view import View

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals.update(
        label=labels.label, what=labels.what, arrow=labels.arrow, pretty=labels.pretty, p_value=labels.p_value
    )
    page = View(results)
    script = _part("report.js")
    html = environment.from_string(_part("report.html.j2")).render(
        view=page,
        results=results,
        style=_part("report.css"),
        script=script,
        # The page's own script may run and no other, whatever a text might smuggle in.
        script_hash="sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        data=embedded(page.browser()),
        settings=json.dumps(results.settings, indent=2, ensure_ascii=False, default=str),
        version=__version__,
    )
    # A lone surrogate in somebody's catalogue must not cost the report.
    return html.encode("utf-8", errors="replace").decode("utf-8")


def embedded(value: Any) -> str:
    """JSON that is safe inside a script element, whatever texts it carries: no <, > or & is left in it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _part(name: str) -> str:
    return (package_files(_PARTS) / name).read_text(encoding="utf-8")
