"""From what a user calls a model (a name, a folder, a run) to one that is ready to describe."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from shelftalker import bundled, console, device, files
from shelftalker.errors import ShelftalkerError
from shelftalker.models import adapter as adapters
from shelftalker.models import folder as folders
from shelftalker.models import gguf, hub
from shelftalker.models.quiet import hushed

if TYPE_CHECKING:
    from shelftalker.recipe.recipe import Recipe

_MADE = ("artifacts", "outputs")
"""Folders that a recipe makes unless it says otherwise: no organisation of a hub."""


@dataclass(frozen=True)
class ModelRef:
    """Which model is meant, found without loading it.

    Attributes:
        given: what the user wrote.
        kind: a hub name, a whole model's folder, a LoRA adapter's folder, a CTranslate2 model's folder, or a GGUF file.
        path: the hub name, the folder (of a run: the chosen checkpoint's) or the file.
        base: an adapter's base model (a name, a folder or `bundled`).
        revision: the hub revision asked for.
        note: what is worth saying about the choice ("checkpoint-300 of outputs/t5_lora, its latest"); mostly empty.
    """

    given: str
    kind: Literal["hub", "folder", "adapter", "ct2", "gguf"]
    path: str
    base: str | None = None
    revision: str | None = None
    note: str = ""

    @property
    def content_hash(self) -> str:
        """SHA-256 over weights, configuration and tokenizer (an adapter's: with its base's); the key of caches.

        An index of sources beside the weights counts too: with another one the same weights write something else.

        Raises:
            ShelftalkerError: files are missing, or a hub model cannot be had.
        """
        sources, weights = self.sources, self._weights_hash()
        return (
            weights
            if sources is None
            else folders.text_digest(f"{weights}\n{folders.digest([sources / 'index.json'])}")
        )

    @property
    def sources(self) -> Path | None:
        """The index of sources that the model's folder brings along."""
        if self.kind == "gguf":
            return folders.sources_of(Path(self.path).parent)
        return folders.sources_of(Path(self.path)) if self.kind in ("adapter", "folder", "ct2") else None

    def _weights_hash(self) -> str:
        if self.kind == "gguf":
            return gguf.content_hash(Path(self.path))
        folder = local_folder(self)
        if self.kind == "ct2":
            return folders.digest([path for path in folder.iterdir() if path.is_file()])
        if self.kind == "adapter":
            own = folders.digest([folder / folders.ADAPTER_CONFIG, folder / folders.ADAPTER_WEIGHTS])
            return folders.text_digest(f"{own}\n{_base(self).content_hash}")
        names = (
            "config.json",
            "generation_config.json",
            "tokenizer.json",
            "spiece.model",
            "tokenizer_config.json",
            "chat_template.jinja",
        )
        beside = [folder / name for name in names if (folder / name).is_file()]
        return folders.digest([*folders.weight_files(folder), *beside])

    @property
    def commit(self) -> str | None:
        """The commit of a hub model that is in the local cache; None for folders."""
        if self.kind != "hub":
            return None
        found = hub.cached(self.path, self.revision)
        return found.name if found else self.revision


@dataclass
class LoadedModel:
    """A model in evaluation mode on its device, with its tokenizer.

    ``dtype`` is "float32" or "bfloat16"; ``device`` is torch's name of it.
    """

    model: Any
    tokenizer: Any
    ref: ModelRef
    is_seq2seq: bool
    device: str
    dtype: str


def resolve(model: str | Path, recipe: Recipe | None = None) -> ModelRef:
    """Find out what ``model`` is: `bundled`, a hub name, a model's or an adapter's folder, a run's folder.

    A run stands for its promoted checkpoint, or else its latest whole one; the note says which. Imports no torch,
    and asks the hub only for an adapter's base model that is not here while the recipe names another.

    Raises:
        ShelftalkerError: there is no such folder, or it holds no model.
    """
    from shelftalker.models import checkpoints

    given = os.fspath(model)
    if given == bundled.NAME:
        return ModelRef(given, "folder", str(bundled.mini_t5()))
    if given == gguf.SMOLLM2:
        return ModelRef(given, "gguf", str(gguf.smollm2()))
    folder = Path(given).expanduser()
    revision = recipe.revision if recipe is not None and recipe.base_model == given else None
    if folder.is_file() and folder.suffix == gguf.SUFFIX:
        return ModelRef(given, "gguf", str(folder.absolute()))
    if folder.is_file():
        raise ShelftalkerError(
            "a model is a folder, a name or a .gguf file, not another file",
            where=given,
            mend=f"give its folder: {folder.parent}",
        )
    files.restore_folder(folder)
    if not folder.is_dir():
        # A name with one slash is a hub's, unless its first half is a folder here or one that this tool makes.
        is_path = given.count("/") > 1 or given.startswith((".", "/", "~")) or given.endswith("/") or not given
        if is_path or ("/" in given and (folder.parent.is_dir() or folder.parts[0] in _MADE)):
            near = ", ".join(_models_near(folder)) or "none"
            raise ShelftalkerError(
                "no such model folder",
                where=f"{folder.absolute()} (models nearby: {near})",
                mend="check the path, or give a hub name such as google/flan-t5-base, smollm2 or bundled",
            )
        return ModelRef(given, "hub", given, revision=revision)
    note = ""
    kind = folders.kind_of(folder)
    if kind == "hub-layout":
        folder = folders.snapshot_of(folder)
        kind = folders.kind_of(folder)
    if kind == "run":
        folder, note = checkpoints.choose(folder)
        kind = folders.kind_of(folder)
    if kind == "adapter":
        adapters.tensor_shapes(folder)
        base, base_note = _find_base(folder, recipe)
        notes = "; ".join(part for part in (note, base_note) if part)
        # The adapter's revision is its own base's, not that of one that stands in.
        own = None if base_note else adapters.read_config(folder).get("revision")
        return ModelRef(given, "adapter", str(folder), base, own, notes)
    if kind in ("folder", "ct2"):
        return ModelRef(given, "ct2" if kind == "ct2" else "folder", str(folder), note=note)
    within = sorted(path.parent for path in folder.glob(f"*/{folders.ADAPTER_CONFIG}"))
    if within:
        raise ShelftalkerError(
            f"the folder holds no model itself, but an adapter in a subfolder: {', '.join(p.name for p in within[:4])}",
            where=str(folder.absolute()),
            mend=f"give that folder: {within[0]}",
        )
    packed = sorted(folder.glob(f"*{gguf.SUFFIX}"))
    if len(packed) == 1:
        return ModelRef(given, "gguf", str(packed[0].absolute()))
    raise ShelftalkerError(
        "the folder holds no model: no config.json, adapter_config.json or checkpoint-N",
        where=str(folder.absolute()),
        mend="give a model's, an adapter's or a run's folder",
    )


def _models_near(folder: Path, most: int = 5) -> list[str]:
    """Folders beside one that is not there which hold a model."""
    if not folder.parent.is_dir():
        return []
    beside = sorted(path for path in folder.parent.iterdir() if path.is_dir() and not path.name.startswith("."))
    return [str(path) for path in beside if folders.kind_of(path) is not None][:most]


def local_folder(ref: ModelRef) -> Path:
    """The folder with the files of ``ref``; a hub model is downloaded, a GGUF file dequantised, unless a cache has it.

    Raises:
        ShelftalkerError: a hub model that cannot be had, or a GGUF file that cannot be read.
    """
    if ref.kind == "gguf":
        return gguf.dequantised(Path(ref.path))
    return hub.snapshot(ref.path, ref.revision) if ref.kind == "hub" else Path(ref.path)


def load_model(model: str | Path | ModelRef, recipe: Recipe | None = None, *, merge: bool = True) -> LoadedModel:
    """Load a model and its tokenizer for inference.

    An adapter is loaded onto its base, checked tensor by tensor, and merged in float32 before the weights take
    their final number format. With ``merge=False`` it stays a PEFT model.

    Args:
        model: anything that `resolve` understands, or its result.
        recipe: gives device and dtype (default: auto), and the base model of an adapter whose own cannot be found.

    Raises:
        ShelftalkerError: the model cannot be had, is damaged, or an adapter does not fit its base.
    """
    ref = model if isinstance(model, ModelRef) else resolve(model, recipe)
    if ref.kind == "ct2":
        raise ShelftalkerError(
            "a CTranslate2 model can generate, but not be loaded here",
            where=ref.path,
            mend="give the model that it was converted from",
        )
    # What is missing shows before torch is imported, which takes seconds.
    folders.check_model(local_folder(_base(ref) if ref.kind == "adapter" else ref))
    policy = device.resolve(*((recipe.device, recipe.dtype) if recipe else ()))
    if ref.kind == "adapter":
        base = load_base(_base(ref))
        folder = Path(ref.path)
        _check_identity(folder, _base(ref))
        network = adapters.load_onto(base.model, folder)
        reason = adapters.why_unmerged(adapters.read_config(folder)) if merge else None
        if reason:
            console.note(f"the adapter stays beside its base model: {reason}")
        elif merge:
            network = adapters.merge(network)
        loaded = replace(base, model=network, ref=ref)
    else:
        loaded = load_base(ref)
    return _place(loaded, policy.device, policy.dtype)


def load_base(ref: ModelRef) -> LoadedModel:
    """A whole model and its tokenizer in float32 on the CPU, every weight found, in evaluation mode.

    Raises:
        ShelftalkerError: files are missing or cut short, or it is no language model that transformers knows.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer

    folder = local_folder(ref)
    folders.check_model(folder)
    with hushed():
        try:
            config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
            is_seq2seq = bool(config.is_encoder_decoder)
            network, report = (AutoModelForSeq2SeqLM if is_seq2seq else AutoModelForCausalLM).from_pretrained(
                folder,
                config=config,
                dtype=torch.float32,
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=False,
                output_loading_info=True,
            )
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        except ShelftalkerError:
            raise
        except Exception as error:  # transformers raises anything from KeyError to SafetensorError here
            lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
            raise ShelftalkerError(
                f"transformers cannot load the model: {lines[0]}",
                where=str(folder),
                mend="give a sequence-to-sequence or causal language model saved with save_pretrained",
            ) from error
    absent = sorted({*report["missing_keys"], *(str(key[0]) for key in report["mismatched_keys"])})
    if absent:
        raise ShelftalkerError(
            f"{len(absent)} weights are missing or of another shape (such as {absent[0]})",
            where=str(folder),
            mend="copy or download the model again; its config.json and weights must belong together",
        )
    _check_numbers(network, tokenizer, folder)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return LoadedModel(network.eval(), tokenizer, ref, is_seq2seq, "cpu", "float32")


def _check_numbers(network: Any, tokenizer: Any, folder: Path) -> None:
    """Refuse weights that are no numbers, and a tokenizer with tokens that the model has no row for."""
    rows, tokens = network.get_input_embeddings().weight.shape[0], len(tokenizer)
    if tokens > rows:
        raise ShelftalkerError(
            f"the tokenizer has {tokens:,} tokens, the model's vocabulary {rows:,}",
            where=str(folder),
            mend="give a model and a tokenizer that belong together, or widen the model: resize_token_embeddings",
        )
    broken = next((name for name, weight in network.named_parameters() if not weight.isfinite().all()), None)
    if broken is not None:
        raise ShelftalkerError(
            f"the model's weights are not all numbers: {broken} holds NaN or infinity",
            where=str(folder),
            mend="copy or download the model again; one that was trained in float16 may have been lost to it",
        )


def _place(loaded: LoadedModel, where: str, dtype: str) -> LoadedModel:
    import torch

    try:
        network = loaded.model.to(where, getattr(torch, dtype)).eval()
    except (torch.OutOfMemoryError, RuntimeError) as error:
        raise ShelftalkerError(
            f"the model does not fit on {where}: {str(error).splitlines()[0]}",
            where="recipe key device",
            mend="use device: cpu, or a smaller model",
        ) from None
    return replace(loaded, model=network, device=where, dtype=dtype)


def _base(ref: ModelRef) -> ModelRef:
    if ref.base is None:
        raise ShelftalkerError(
            "the adapter does not say which base model it belongs to",
            where=str(Path(ref.path) / folders.ADAPTER_CONFIG),
            mend="name it in the recipe: base_model: NAME",
        )
    return replace(resolve(ref.base), revision=ref.revision)


def _find_base(folder: Path, recipe: Recipe | None) -> tuple[str | None, str]:
    """The base model of an adapter: the one it records, or the recipe's where that one is not on this machine."""
    config = adapters.read_config(folder)
    recorded = config.get("base_model_name_or_path")
    asked = recipe.base_model if recipe is not None else None
    if not recorded:
        return asked, f"the adapter records no base model: taking {asked}" if asked else ""
    if recorded in (bundled.NAME, gguf.SMOLLM2) or Path(recorded).is_dir() or _is_gguf(recorded):
        return str(recorded), ""
    beside = folder / recorded
    if beside.is_dir():
        return str(beside), ""
    if asked in (None, recorded):
        return str(recorded), ""
    if recorded.count("/") <= 1 and not recorded.startswith((".", "/", "~")):
        try:
            hub.snapshot(recorded, config.get("revision"))
            return str(recorded), ""
        except ShelftalkerError:
            pass
    return asked, f"the adapter's own base model ({recorded}) is not on this machine: taking {asked}, if it fits"


def _is_gguf(name: str) -> bool:
    return name.endswith(gguf.SUFFIX) and Path(name).is_file()


def _check_identity(folder: Path, base: ModelRef) -> None:
    """Refuse a base model of the right shape but with other weights, where the adapter's training noted their hash."""
    expected = folders.facts(folder).get("base_sha256")
    if expected and expected != base.content_hash:
        raise ShelftalkerError(
            f"the adapter was trained on other weights than those of {base.given}, though the shapes are the same",
            where=str(folder),
            mend="give the base model that it was trained on, or fine-tune again on this one",
        )


def announce(ref: ModelRef) -> None:
    """Say what was chosen, where there is something to say."""
    if ref.note:
        console.note(f"model: {ref.note}")
