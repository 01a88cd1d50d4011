"""What evaluation keeps so as not to do it again: JSON files by key, under outputs/cache, bounded in size.

Deleting the folder is safe at any time: what it held is made again.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

from shelftalker import files

LIMIT = 512 * 2**20
"""Bytes that one folder may take; a thousand rows' predictions take about half a megabyte."""


def read(path: Path) -> Any:
    """What was kept, marked as used now; None where there is nothing, or nothing readable."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        path.touch()
    except (OSError, ValueError):
        return None
    return value


def keep(path: Path, value: Any, limit: int = LIMIT) -> None:
    """Keep a value, and forget what was longest unused where the folder has grown over ``limit`` bytes.

    Raises:
        ShelftalkerError: the disk is full.
    """
    files.write_json(path, value)
    sizes: dict[Path, tuple[float, int]] = {}
    for other in path.parent.glob("*.json"):
        with contextlib.suppress(OSError):  # another process may forget it at the same time
            status = other.stat()
            sizes[other] = (status.st_mtime, status.st_size)
    total = sum(size for _, size in sizes.values())
    for other in sorted(sizes, key=sizes.__getitem__):
        if total <= limit or other == path:
            break
        other.unlink(missing_ok=True)
        total -= sizes[other][1]
