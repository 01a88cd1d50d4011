"""Whether two versions of the source prepare the sample to the same bytes, for when only the structure changes.

    python tools/same_prepare.py OLD/src NEW/src

Each version runs in a process of its own, by group and by row, without and with worker processes.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

FILES = ("train.jsonl", "val.jsonl", "test.jsonl", "rejected.jsonl", "card.json")
SCRIPT = """
import sys
from pathlib import Path
from shelftalker import Recipe, console, prepare
from shelftalker.catalogue import prepare as _
stage = sys.modules["shelftalker.catalogue.prepare"]
console.configure(quiet=True)
if sys.argv[3] == "workers":
    stage.SMALL = 0
prepare(Recipe.load(None, {
    "prepare.inputs": ["bundled"], "paths.data": sys.argv[1], "split.by": sys.argv[2], "prepare.workers": 2,
}))
"""


def digests(source: str, by: str, where: str) -> dict[str, str]:
    """SHA-256 of each file that the version at ``source`` makes of the sample."""
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"PYTHONPATH": source}
        subprocess.run([sys.executable, "-c", SCRIPT, folder, by, where], env=environment, check=True)
        return {name: hashlib.sha256((Path(folder) / name).read_bytes()).hexdigest() for name in FILES}


def main() -> None:
    """Compare the two versions; the exit status is 1 where any file differs."""
    old, new = sys.argv[1:3]
    is_same = True
    for by in ("group", "row"):
        for where in ("here", "workers"):
            before, after = digests(old, by, where), digests(new, by, where)
            for name in FILES:
                is_same &= before[name] == after[name]
                print(f"{by:6}{where:8}{name:16}{'same' if before[name] == after[name] else 'DIFFERENT'}")
    sys.exit(not is_same)


if __name__ == "__main__":
    main()
