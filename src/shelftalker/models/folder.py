"""What a local model folder holds, read from names and headers alone: no torch, no weights in memory."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from shelftalker import files
from shelftalker.errors import ShelftalkerError

ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"
_PICKLES = ("pytorch_model.bin", "pytorch_model.bin.index.json", "adapter_model.bin", "tf_model.h5")
_TOKENIZERS = (
    "tokenizer.json",
    "spiece.model",
    "tokenizer.model",
    "vocab.json",
    "vocab.txt",
    "sentencepiece.bpe.model",
)

FACTS = "shelftalker.json"
"""What a model's folder says of itself: how it is run (its ``recipe``), and where its weights are from."""

SOURCES = "sources"
"""Name of the folder, beside an adapter or an export, that holds the index of the products it was trained on."""

_SENTENCEPIECE = {"spiece.model", "tokenizer.model", "sentencepiece.bpe.model"}

Kind = Literal["folder", "adapter", "ct2", "run", "hub-layout"]


def facts(folder: Path) -> dict[str, Any]:
    """What a folder says of itself; empty for one that was made elsewhere."""
    try:
        value = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def sources_of(folder: Path) -> Path | None:
    """The index of sources that belongs to a model's folder: its own, or that of the run that a checkpoint is of."""
    places = [folder, *([folder.parent] if folder.name.startswith("checkpoint-") else [])]
    return next((place / SOURCES for place in places if (place / SOURCES / "index.json").is_file()), None)


def kind_of(folder: Path) -> Kind | None:
    """What a folder is: an adapter, a CTranslate2 model, a whole model, a run, a hub cache entry, or none of these."""
    if (folder / ADAPTER_CONFIG).is_file():
        return "adapter"
    if (folder / "model.bin").is_file() and any(folder.glob("*vocabulary.*")):
        return "ct2"
    if (folder / "config.json").is_file():
        return "folder"
    if any(path.is_dir() for path in folder.glob("checkpoint-*")):
        return "run"
    if (folder / "snapshots").is_dir():
        return "hub-layout"
    return None


def snapshot_of(folder: Path) -> Path:
    """The snapshot that a folder in the hub's cache layout (``refs``, ``snapshots``) stands for: main, or the only one.

    Raises:
        ShelftalkerError: it has none, or several and no main.
    """
    snapshots = sorted(path for path in (folder / "snapshots").iterdir() if path.is_dir())
    main = folder / "refs" / "main"
    if main.is_file():
        named = folder / "snapshots" / main.read_text(encoding="utf-8").strip()
        if named.is_dir():
            return named
    if len(snapshots) == 1:
        return snapshots[0]
    raise ShelftalkerError(
        f"a hub cache folder with {len(snapshots)} snapshots and no main branch",
        where=str(folder),
        mend="name the snapshot's folder itself",
    )


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files that hold a whole model's weights.

    Raises:
        ShelftalkerError: there are none (only pickles, or nothing), or a shard is missing.
    """
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        mapping = files.read_json(index)
        names = sorted(set(mapping.get("weight_map", {}).values())) if isinstance(mapping, dict) else []
        missing = [name for name in names if not (folder / name).is_file()]
        if missing or not names:
            raise ShelftalkerError(
                f"{len(missing)} of {len(names)} weight files are missing: {', '.join(missing[:3])}",
                where=str(folder),
                mend="copy or download the model again",
            )
        return [folder / name for name in names]
    single = folder / "model.safetensors"
    if single.is_file():
        return [single]
    pickles = [name for name in _PICKLES if (folder / name).is_file()]
    if pickles:
        raise ShelftalkerError(
            f"the weights are a pickle ({pickles[0]}), which can run code when it is loaded",
            where=str(folder),
            mend="save them as safetensors with the tool that made them: model.save_pretrained(folder)",
        )
    raise ShelftalkerError(
        "a model folder without weights: there is no model.safetensors",
        where=str(folder),
        mend="copy or download the model again",
    )


def tensor_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the tensors in a safetensors file; its length is checked against its header.

    Raises:
        ShelftalkerError: unreadable, not safetensors, or cut short.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as opened:
            return {name: tuple(opened.get_slice(name).get_shape()) for name in opened.keys()}  # noqa: SIM118
    except OSError as error:
        raise ShelftalkerError(f"cannot read: {error.strerror}", where=str(path), mend="check the path") from None
    except SafetensorError as error:
        raise ShelftalkerError(
            f"not a whole safetensors file: {error}", where=str(path), mend="copy or download it again"
        ) from None


def check_model(folder: Path) -> None:
    """See that a folder holds a whole model: config, safetensors of full length, tokenizer.

    Raises:
        ShelftalkerError: one of them is missing or cut short.
    """
    if not (folder / "config.json").is_file():
        raise ShelftalkerError(
            "a model folder without config.json", where=str(folder), mend="copy or download the model again"
        )
    for path in weight_files(folder):
        tensor_shapes(path)
    found = [name for name in _TOKENIZERS if (folder / name).is_file()]
    if found and set(found) <= _SENTENCEPIECE and importlib.util.find_spec("sentencepiece") is None:
        raise ShelftalkerError(
            f"the model's only tokenizer file is {found[0]}, and reading it needs sentencepiece",
            where=str(folder),
            mend="pip install sentencepiece protobuf",
        )
    if not found:
        raise ShelftalkerError(
            "the model has no tokenizer",
            where=str(folder),
            mend="save it beside the weights: tokenizer.save_pretrained(folder)",
        )


def digest(paths: list[Path]) -> str:
    """SHA-256 over the contents and names of files; a file of the hub's cache is taken at the name of its blob."""
    whole = hashlib.sha256()
    for path in sorted(paths):
        whole.update(f"{path.name}\0{_file_hash(path)}\n".encode())
    return whole.hexdigest()


def text_digest(text: str) -> str:
    """SHA-256 of a text, as hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def _file_hash(path: Path) -> str:
    real = path.resolve()
    # The hub's cache stores large files under the SHA-256 of their content.
    if path.is_symlink() and real.parent.name == "blobs" and len(real.name) == 64:
        return real.name
    status = real.stat()
    return _hash_of(str(real), status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=256)
def _hash_of(path: str, _modified: int, _size: int) -> str:
    return files.sha256(Path(path))
