"""report.html: one file that shows what a results.json says, readable years later and without a network."""

from __future__ import annotations

import json
from pathlib import Path

from shelftalker import files
from shelftalker.evaluation.results import Results
from shelftalker.pages import page
from shelftalker.version import __version__


def write_report(results: Results, path: Path) -> None:
    """Write the report of ``results`` to ``path``: self-contained HTML, everything inlined, all text escaped.

    Raises:
        ShelftalkerError: the file cannot be written.
    """
    files.write_text(path, render(results))


def render(results: Results) -> str:
    """The report as HTML."""
    from shelftalker.evaluation.report import labels, rows
    from shelftalker.evaluation.report.view import View

    view = View(results)
    return page.render(
        __name__.rpartition(".")[0],
        "report.html.j2",
        style="report.css",
        script="report.js",
        data=rows.browser(view),
        view=view,
        samples=rows.samples(view),
        results=results,
        settings=json.dumps(results.settings, indent=2, ensure_ascii=False, default=str),
        version=__version__,
        label=labels.label,
        what=labels.what,
        arrow=labels.arrow,
        p_value=labels.p_value,
    )
