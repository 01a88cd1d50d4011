"""Descriptions and settings as HTML: findings highlighted, every text escaped."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from shelftalker.checks.check import FORM
from shelftalker.errors import ShelftalkerError
from shelftalker.pages.highlight import marked, marks, pretty
from shelftalker.playground.desk import differences
from shelftalker.recipe.decoding import Decoding, decoding_signature
from shelftalker.recipe.recipe import Recipe
from shelftalker.writing.written import Written

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shelftalker.checks.check import Finding
    from shelftalker.playground.batch import Batch

STYLE = """
.st-card { border: 1px solid #8884; border-top: 5px solid #0d9488; border-radius: 10px; padding: 14px 18px;
  height: 100%; box-sizing: border-box; font-size: 16px; line-height: 1.55; overflow-wrap: anywhere; }
.st-card.st-base { border-top-color: #a8a29e; }
.st-card.st-human { border-top-color: #6366f1; }
.st-card.st-fault { border-top-color: #dc2626; }
.st-card h3 { margin: 0 0 8px; font-size: 13px; font-weight: 600; letter-spacing: .02em; }
.st-card p { margin: 0 0 10px; }
.st-card .st-text { font-size: 17px; white-space: pre-wrap; }
.st-card .st-text:empty::after { content: "(an empty description)"; font-style: italic; }
.st-card mark { background: #f59e0b55; color: inherit; border-bottom: 2px solid #d97706; border-radius: 3px;
  padding: 0 1px; cursor: help; position: relative; }
.st-card mark:hover::after, .st-card mark:focus::after { content: attr(data-why); position: absolute;
  left: 0; top: 1.7em; z-index: 9; width: max-content; max-width: min(20rem, 70vw); padding: 6px 10px;
  border-radius: 6px; font-size: 13px; line-height: 1.4; background: #1c1917; color: #fff; }
.st-card mark.given { background: none; border-bottom: 2px solid #15803d; }
.st-card mark.shared { background: none; border-bottom: 2px dashed #15803d; }
.st-card mark.source { background: none; border-bottom: 2px dotted #d97706; }
.st-card mark.form { background: #f43f5e44; border-bottom-color: #e11d48; }
.st-badge { display: inline-block; border-radius: 99px; padding: 1px 10px; font-size: 13px; font-weight: 600; }
.st-good { background: #10b98133; }
.st-doubt { background: #f59e0b44; }
.st-card ul { margin: 8px 0; padding-left: 20px; font-size: 14px; }
.st-card li { margin: 2px 0; }
.st-card details { font-size: 14px; margin: 0 0 8px; }
.st-card summary { cursor: pointer; }
.st-facts, .st-wait { font-size: 13px; }
.st-growing .st-text::after { content: "▍"; animation: st-blink 1s steps(2) infinite; }
@keyframes st-blink { 50% { opacity: 0; } }
@media (prefers-reduced-motion: reduce) { .st-growing .st-text::after { animation: none; } }
.st-list { margin: 0; padding-left: 22px; font-size: 15px; overflow-wrap: anywhere; }
.st-list li { margin: 0 0 10px; } .st-list p { margin: 2px 0; } .st-list small { font-size: 13px; }
.st-bar { height: 8px; border-radius: 4px; background: #8883; overflow: hidden; margin: 6px 0; }
.st-bar i { display: block; height: 100%; background: #0d9488; }
.st-settings { font-size: 14px; line-height: 1.5; }
.st-settings code, .st-card code { font-size: 12.5px; overflow-wrap: anywhere; background: #8882; padding: 1px 4px;
  border-radius: 4px; color: inherit; }
"""

SHOWN = 4
"""Findings whose reasons stand under a description at once; the others unfold."""


def card(heading: str, written: Written, *, kind: str = "", seconds: float | None = None) -> str:
    """A description with its findings, how it was written, and whether it could be published."""
    count = len(written.findings)
    badge = (
        '<span class="st-badge st-good">nothing found</span>'
        if not count
        else f'<span class="st-badge st-doubt">{count} finding{"s" if count > 1 else ""}</span>'
    )
    facts = [f"{written.tokens} tokens", *([f"{seconds:.1f} s"] if seconds is not None else []), _engine(written)]
    if written.hit_cap:
        facts.append("stopped at max new tokens")
    if written.problem:
        badge += f' <span class="st-badge st-doubt">{escape(written.problem)}</span>'
    items = [
        f"<li><b>{escape(pretty(finding.check))}</b>{_quoted(finding)}: {escape(finding.why)}</li>"
        for finding in written.findings
    ]
    reasons = f"<ul>{''.join(items[:SHOWN])}</ul>" if items else ""
    if items[SHOWN:]:
        rest = f"<summary>{len(items) - SHOWN} more</summary><ul>{''.join(items[SHOWN:])}</ul>"
        reasons += f"<details>{rest}</details>"
    return (
        f'<div class="st-card {escape(kind)}"><h3>{escape(heading)}</h3>'
        f'<p class="st-text">{marked(written.text, marks(written.findings, FORM, written.claims()))}</p>{badge}'
        + reasons
        + _sources(written)
        + f'<div class="st-facts">{escape(" · ".join(facts))}</div></div>'
    )


def _sources(written: Written) -> str:
    """Who wrote it, and the products that it was written from."""
    why = f'<p class="st-wait">{escape(_sentence(f"{written.route}: {written.why}"))}</p>' if written.why else ""
    items = [
        f"<li><b>{escape(source.product.title)}</b>: {escape(source.text or source.product.description)}</li>"
        for source in written.sources
    ]
    if not items:
        return why
    head = f"{len(items)} source{'s' if len(items) > 1 else ''}: similar products, whose facts are not this one's"
    return f"{why}<details><summary>{head}</summary><ul>{''.join(items)}</ul></details>"


def plain(heading: str, text: str, *, kind: str = "") -> str:
    """A text without findings: the human reference, or a hint."""
    inner = f'<p class="st-text">{escape(text)}</p>' if kind else f'<p class="st-wait">{escape(text)}</p>'
    return f'<div class="st-card {escape(kind or "st-base")}"><h3>{escape(heading)}</h3>{inner}</div>'


def growing(heading: str, text: str, *, kind: str = "") -> str:
    """A text that is still being written; what is wrong with it is not known yet."""
    shown = f'<p class="st-text">{escape(text)}</p>'
    return f'<div class="st-card st-growing {escape(kind)}" aria-busy="true"><h3>{escape(heading)}</h3>{shown}</div>'


def note(text: str) -> str:
    """A line about what goes on."""
    return f'<p class="st-wait" role="status">{escape(text)}</p>'


def progress(batch: Batch) -> str:
    """How far many products are, as a bar and a line."""
    share = 100 * batch.done / max(batch.total, 1)
    said = f"{batch.done:,} of {batch.total:,} written"
    if batch.done:
        said += f"; {batch.done - batch.flagged - batch.failed:,} passed every check, {batch.flagged:,} have findings"
    if batch.failed:
        said += f", {batch.failed:,} could not be described (see the column problem)"
    return f'<div class="st-bar"><i style="width:{share:.0f}%"></i></div>{note(said)}'


def table(rows: Sequence[Sequence[str]]) -> str:
    """Title, description and what is to be said of it, one product after another; reads on a phone."""
    items = [
        f"<li><b>{escape(title)}</b><p>{escape(text)}</p><small>{escape(said)}</small></li>"
        for title, text, said in rows
    ]
    return f'<ol class="st-list">{"".join(items)}</ol>' if items else ""


def safe(text: str) -> str:
    """Text for HTML."""
    return escape(text)


def fault(heading: str, error: ShelftalkerError) -> str:
    """An error as sentences: what, where, mend."""
    lines = [f"<p>{escape(_sentence(error.what))}</p>"]
    if error.where:
        lines.append(f'<p class="st-facts">Where: {escape(error.where)}</p>')
    if error.mend:
        lines.append(f"<p>What mends it: {escape(error.mend)}</p>")
    return f'<div class="st-card st-fault" role="alert"><h3>{escape(heading)}</h3>{"".join(lines)}</div>'


def settings(recipe: Recipe, decoding: Decoding) -> str:
    """Whether the settings are the scored ones, and which flags would keep them."""
    changed = differences(recipe, decoding)
    line = f"<code>{escape(decoding_signature(decoding))}</code>"
    asked = f"<br>Prompt: <code>{escape(recipe.prompt)}</code>"
    if not changed:
        return (
            '<div class="st-settings"><span class="st-badge st-good">as in the recipe</span> What you see is what '
            f"<code>compare</code> scores and <code>generate</code> ships.<br>{line}{asked}</div>"
        )
    flags = " ".join(f"--decoding.{key} {str(value).lower()}" for key, (value, _) in changed.items())
    return (
        '<div class="st-settings"><span class="st-badge st-doubt">not the recipe\'s</span> Scores are '
        f"about other ones. To score and write with these: <code>{escape(flags)}</code><br>{line}{asked}</div>"
    )


def _engine(written: Written) -> str:
    return " ".join(part.partition(":")[2] for part in written.engine.split("|")[:2]) or written.engine


def _quoted(finding: Finding) -> str:
    """The span, unless the reason quotes it already."""
    text = finding.text
    if not text or f"'{text}'" in finding.why:
        return ""
    short = text if len(text) <= 60 else f"{text[:57]}..."
    return f" “{escape(short)}”"


def _sentence(text: str) -> str:
    text = text.strip()
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."
