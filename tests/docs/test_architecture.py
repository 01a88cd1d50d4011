"""The floor plan names every room."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")


def test_every_module_is_on_the_floor_plan() -> None:
    missing = []
    for path in sorted((ROOT / "src/shelftalker").rglob("*.py")):
        if path.name == "__init__.py":
            continue
        if f"`{path.name}`" not in PAGE and f"/{path.name}`" not in PAGE and path.name not in PAGE:
            missing.append(str(path.relative_to(ROOT)))
    assert missing == []


def test_every_file_on_the_floor_plan_exists() -> None:
    there = {path.name for path in (ROOT / "src").rglob("*.py")}
    named = set(re.findall(r"`(?:\w+/)?(\w+\.py)`", PAGE))
    assert named - there == set()


def test_every_function_on_the_ways_exists() -> None:
    rows = re.findall(r"^\| `([\w/]+\.py): ([\w.]+)`(.*?)\|", PAGE, re.MULTILINE)
    assert len(rows) > 15
    for path, name, others in rows:
        (file,) = [found for found in (ROOT / "src").rglob(Path(path).name) if found.as_posix().endswith(f"/{path}")]
        for function in [name, *re.findall(r"`(\w+)`", others)]:
            assert re.search(rf"^ *def {function.rpartition('.')[2]}\(", file.read_text("utf-8"), re.MULTILINE), (
                function
            )
