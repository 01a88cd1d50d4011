"""HTML pages that stand alone: one file, everything inlined, all text escaped, nothing fetched."""

from __future__ import annotations

import base64
import hashlib
import json
from importlib.resources import files as package_files
from typing import Any

_HOUSE = "shelftalker.pages"


def render(package: str, template: str, *, style: str = "", script: str = "", data: Any = None, **values: Any) -> str:
    """A page of the house's skeleton.

    Args:
        package: the room whose files are named here.
        template: its Jinja2 template, which extends ``base.html.j2`` and may import ``macros.html.j2``.
        style: a style sheet of its own, laid over the house's; none where empty.
        script: its only script; none where empty. The page's policy lets no other run, whatever a text smuggles in.
        data: what the script reads, as the JSON in the element ``data``.
        values: what the template names.
    """
    import jinja2

    sources = {name: read(_HOUSE, name) for name in ("base.html.j2", "macros.html.j2")}
    sources[template] = read(package, template)
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=jinja2.DictLoader(sources),
    )
    code = read(package, script) if script else ""
    html = environment.get_template(template).render(
        style="\n".join([read(_HOUSE, "base.css"), *([read(package, style)] if style else [])]),
        script=code,
        script_hash="sha256-" + base64.b64encode(hashlib.sha256(code.encode()).digest()).decode(),
        data=embedded(data),
        **values,
    )
    # A lone surrogate in somebody's catalogue must not cost the page.
    return html.encode("utf-8", errors="replace").decode("utf-8")


def embedded(value: Any) -> str:
    """JSON that is safe inside a script element, whatever texts it carries: no <, > or & is left in it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def read(package: str, name: str) -> str:
    """The text of a file that a room carries."""
    return (package_files(package) / name).read_text(encoding="utf-8")
