"""What the preparation tests share: catalogues in any format, and one call that prepares them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from shelftalker.catalogue.examples import load_split
from shelftalker.catalogue.prepare import Prepared, prepare
from shelftalker.product import Product
from shelftalker.recipe.recipe import Recipe

NOUNS = "lamp kettle towel wallet bottle chair rug drill tent mug".split()
PARTS = (
    "brushed steel arm", "walnut base", "a cotton lining", "three pockets", "an enamel rim", "a folding handle",
    "linen cord", "a copper valve", "two brass hinges", "oiled canvas sides", "a felt pad", "glazed feet",
)  # fmt: skip


def products(count: int, start: int = 0) -> list[dict[str, Any]]:
    """Distinct products, none a sibling of another."""
    rows = []
    for number in range(start, start + count):
        words = [f"w{number * 31 + step:x}" for step in range(8)]
        text = (
            f"The {words[0]} {NOUNS[number % 10]} has {PARTS[number % 12]} {words[1]} and {words[2]} it with "
            f"{PARTS[(number * 5 + 3) % 12]} {words[3]} for {words[4]} or {words[5]} near {words[6]} {words[7]}."
        )
        rows.append({"uid": f"P{number:05d}", "title": f"{words[0]} {NOUNS[number % 10]} {number}", "content": text})
    return rows


def write_lines(path: Path, rows: Sequence[object]) -> Path:
    """JSON lines; a row given as text or bytes is written as it is."""
    lines = [
        row if isinstance(row, bytes) else (row if isinstance(row, str) else json.dumps(row)).encode() for row in rows
    ]
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


Prepare = Callable[..., Prepared]


@pytest.fixture
def run(tmp_path: Path) -> Prepare:
    """Prepare some files; keyword arguments are recipe keys with __ for the dot."""

    def call(*inputs: object, out: str = "out", force: bool = False, **flags: Any) -> Prepared:
        keys = {key.replace("__", "."): value for key, value in flags.items()}
        keys |= {"prepare.inputs": [str(path) for path in inputs], "paths.data": str(tmp_path / out)}
        return prepare(Recipe.load(None, keys), force=force)

    return call


def everything(done: Prepared) -> dict[str, list[Product]]:
    """The examples of all splits."""
    return {name: load_split(done.data_dir, name) for name in ("train", "val", "test")}


def rejected(done: Prepared) -> list[dict[str, Any]]:
    """The rejected rows."""
    return [json.loads(line) for line in (done.data_dir / "rejected.jsonl").read_bytes().splitlines()]


def placement(done: Prepared) -> dict[str, str]:
    """Which split each uid is in."""
    return {example.uid: name for name, rows in everything(done).items() for example in rows}
