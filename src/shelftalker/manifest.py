"""Provenance: every stage leaves a manifest beside what it wrote; `run` skips a stage by it."""

from __future__ import annotations

import datetime
import hashlib
import importlib.metadata
import json
import platform
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from shelftalker import files
from shelftalker.version import __version__

PACKAGES = (
    "torch",
    "transformers",
    "peft",
    "accelerate",
    "ctranslate2",
    "sacrebleu",
    "rouge-score-rs",
    "duckdb",
    "numpy",
)


def versions() -> dict[str, str]:
    """Versions of this package, Python and the libraries that results depend on."""
    found = {"shelftalker": __version__, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


class Stage:
    """One stage's identity (inputs and settings) and, once done, its manifest.

    Args:
        name: the stage ("prepare").
        path: the manifest file, beside the outputs.
        inputs: what the stage reads: a name to a file, a folder, or a text that identifies it.
        settings: the part of the recipe that decides the outputs.
    """

    def __init__(self, name: str, path: Path, *, inputs: Mapping[str, Path | str], settings: Mapping[str, Any]) -> None:
        self.name = name
        self.path = path
        self.settings = json.loads(json.dumps(dict(settings), default=str, sort_keys=True))
        self.inputs = {
            key: {"path": str(value), "sha256": files.sha256(value)} if isinstance(value, Path) else {"id": value}
            for key, value in inputs.items()
        }
        self._began = time.monotonic()

    @property
    def fingerprint(self) -> str:
        """Hash of the stage's name, version, input contents and settings: equal means the same outputs."""
        identity = {
            "stage": self.name,
            "version": __version__,
            "inputs": {key: value.get("sha256", value.get("id")) for key, value in self.inputs.items()},
            "settings": self.settings,
        }
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()

    def is_done(self) -> bool:
        """Whether the manifest on disk has this fingerprint and every output it names is unchanged."""
        if not self.path.is_file():
            return False
        try:
            manifest = json.loads(self.path.read_text(encoding="utf-8"))
            if manifest["fingerprint"] != self.fingerprint:
                return False
            return all(
                (self.path.parent / name).exists() and files.sha256(self.path.parent / name) == digest
                for name, digest in manifest["outputs"].items()
            )
        except (ValueError, KeyError, TypeError, AttributeError, OSError):
            return False

    def finish(
        self, outputs: Sequence[Path], *, hashes: Mapping[Path, str] | None = None, **facts: Any
    ) -> dict[str, Any]:
        """Write the manifest: identity, hashes of ``outputs`` (inside the manifest's folder), versions, time, facts.

        ``hashes`` holds those SHA-256 that the caller has already taken.
        """
        known = hashes or {}
        manifest = {
            "stage": self.name,
            "fingerprint": self.fingerprint,
            "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "wall_seconds": round(time.monotonic() - self._began, 3),
            "inputs": self.inputs,
            "settings": self.settings,
            "outputs": {
                path.relative_to(self.path.parent).as_posix(): known.get(path) or files.sha256(path) for path in outputs
            },
            "versions": versions(),
            "machine": {"system": platform.platform(), "processor": platform.machine()},
            **facts,
        }
        files.write_json(self.path, manifest)
        return manifest
