"""The package as a Python program meets it."""

from __future__ import annotations

import subprocess
import sys

import shelftalker

PUBLIC = {
    "Product",
    "Recipe",
    "ShelftalkerError",
    "Writer",
    "baseline",
    "compare",
    "evaluate",
    "finetune",
    "generate",
    "load",
    "prepare",
}


def test_it_offers_its_public_names_and_no_others() -> None:
    assert set(dir(shelftalker)) >= PUBLIC
    assert {name for name in dir(shelftalker) if not name.startswith("_")} == set(shelftalker.__all__)
    for name in shelftalker.__all__:
        assert getattr(shelftalker, name).__module__.startswith("shelftalker.")


def test_importing_it_imports_no_stage() -> None:
    code = "import sys, shelftalker; print(sorted(n for n in sys.modules if n.startswith('shelftalker')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == "['shelftalker', 'shelftalker.version']"
