"""CTranslate2 conversions of models, kept by the hash of what they were made from."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shelftalker import console, files, manifest
from shelftalker.errors import ShelftalkerError
from shelftalker.memory import give_back
from shelftalker.models import adapter as adapters
from shelftalker.models import chat, families, probe, prompt_tokens
from shelftalker.models import folder as folders
from shelftalker.models.formats import Quantisation, check_model
from shelftalker.recipe.carried import carried

if TYPE_CHECKING:
    from shelftalker.models.load import LoadedModel, ModelRef
    from shelftalker.recipe.recipe import Recipe

SCHEMA = "shelftalker.ct2/3"
CACHE_LIMIT = 20 * 2**30
"""Bytes that conversions may take before those longest unused are deleted."""

# What a tokenizer without transformers must split just as transformers does, or the model is not converted.
_PROBES = (
    "Given a product title, generate its product description.\nTitle: Café au lait, 2 × 500 ml (1.1 lb)\nDescription:",
    "  Two  spaces,\ttab, <b>tag</b>, naïve “quotes” … 日本 🎧 </s> <unk>",
    "",
)


def cache_dir() -> Path:
    """Where conversions are kept: $XDG_CACHE_HOME/shelftalker/ct2, by default under ~/.cache. May be deleted."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "shelftalker" / "ct2"


def why_not_ct2(ref: ModelRef) -> str | None:
    """Why a model cannot be converted to CTranslate2 here; None: it can. Imports no torch."""
    if ref.kind == "ct2":
        return None
    if ref.kind == "adapter" and (reason := adapters.why_unmerged(adapters.read_config(Path(ref.path)))):
        return f"the adapter cannot be merged: {reason}"
    return families.why_not(config_of(ref))


def converted(ref: ModelRef, quantisation: Quantisation = "int8") -> Path:
    """The CTranslate2 folder of a model: converted once, then found in the cache by the hash of its content.

    Where the conversion is there already, nothing heavy is imported.

    Raises:
        ShelftalkerError: the model cannot be had or converted, not into this format, or the disk is full.
    """
    if ref.kind == "ct2":
        return Path(ref.path)
    check_model(quantisation, config_of(ref).get("model_type"))
    folder = cache_dir() / f"{ref.content_hash[:40]}-{quantisation}"
    if folders.facts(folder).get("schema") == SCHEMA and (folder / "model.bin").is_file():
        with contextlib.suppress(OSError):  # a cache that may only be read
            (folder / folders.FACTS).touch()
        return folder
    from shelftalker.models.load import load_model

    console.note(f"converting {ref.given} to CTranslate2 {quantisation}, once (kept in {folder})")
    give_back()
    with files.atomic_folder(folder) as new:
        write_ct2(load_model(ref, on_cpu()), new, quantisation)
    give_back()
    _forget_unused(CACHE_LIMIT)
    return folder


def _forget_unused(limit: int) -> None:
    """Delete the conversions that were longest unused until the rest takes at most ``limit`` bytes; none of today's."""
    found = []
    for folder in cache_dir().iterdir():
        with contextlib.suppress(OSError):
            used = (folder / folders.FACTS).stat().st_mtime
            found.append((used, sum(path.stat().st_size for path in folder.iterdir()), folder))
    total = sum(size for _, size, _ in found)
    for used, size, folder in sorted(found):
        if total <= limit or used > time.time() - 24 * 3600:
            break
        shutil.rmtree(folder, ignore_errors=True)
        total -= size


def write_ct2(loaded: LoadedModel, folder: Path, quantisation: Quantisation, recipe: Recipe | None = None) -> None:
    """Write a merged model as a CTranslate2 model with its tokenizer, and see that it gives the same probabilities.

    Args:
        loaded: the model in float32 on the CPU, its adapter merged; the conversion takes it apart.
        folder: an empty folder.
        quantisation: number format of the weights.
        recipe: its prompt and decoding go along as defaults.

    Raises:
        ShelftalkerError: CTranslate2 does not run the model as transformers does, or its tokenizer needs transformers.
    """
    from ctranslate2.converters import TransformersConverter

    from shelftalker.models.quiet import hushed

    class Converter(TransformersConverter):  # type: ignore[misc]
        """Hands over the model that is loaded already (an adapter merged) instead of reading it anew."""

        def load_model(self, model_class: Any, model_name_or_path: str, **kwargs: Any) -> Any:
            network = loaded.model
            if loaded.is_seq2seq:
                # CTranslate2 scales the decoder's output where `tie_word_embeddings` is set. Transformers 5 sets it
                # for every T5, and keeps what the model's own config said in `scale_decoder_outputs`: FLAN-T5 must not
                # be scaled. Greedy text survives the mistake; scores, beams and probabilities do not.
                network.config.tie_word_embeddings = network.config.scale_decoder_outputs
            return network

        def load_tokenizer(self, tokenizer_class: Any, model_name_or_path: str, **kwargs: Any) -> Any:
            return loaded.tokenizer

        def _load(self) -> Any:
            spec = super()._load()
            if not loaded.is_seq2seq:
                prompt_tokens.add(spec, loaded)
            return spec

    network = loaded.model
    forced = {"forced_bos_token_id": network.generation_config.forced_bos_token_id}
    if reason := families.why_not(network.config.to_dict() | forced):
        raise _not_converted(loaded, reason)
    said = _facts_of(loaded, quantisation, recipe)
    wanted = probe.expected(loaded)
    before, config_folder = network.config.tie_word_embeddings, folder / "config"
    try:
        with hushed():
            network.config.save_pretrained(config_folder)  # the converter reads the model's type from a folder
            loaded.tokenizer.save_pretrained(folder)
            _check_tokenizer(loaded, folder)
            made = Path(Converter(str(config_folder)).convert(str(folder / "ct2"), quantization=quantisation))
    except (ValueError, KeyError, AttributeError, NotImplementedError) as error:  # the converter's ways to refuse
        raise _not_converted(loaded, f"its converter says {error}") from error
    finally:
        network.config.tie_word_embeddings = before
    for path in made.iterdir():
        path.rename(folder / path.name)
    for emptied in (made, config_folder):
        shutil.rmtree(emptied)
    _name_special_tokens(folder / "config.json", loaded.tokenizer.eos_token)
    files.write_json(folder / folders.FACTS, said)
    if reason := probe.differs(wanted, folder, quantisation, causal=not loaded.is_seq2seq):
        raise _not_converted(loaded, reason)


class NotConvertedError(ShelftalkerError):
    """CTranslate2 does not run a model as transformers does."""


def _not_converted(loaded: LoadedModel, reason: str) -> NotConvertedError:
    return NotConvertedError(
        f"the model is not converted to CTranslate2: {reason}",
        where=loaded.ref.given,
        mend="use generate.engine: transformers, or export --to hf",
    )


def _facts_of(loaded: LoadedModel, quantisation: Quantisation, recipe: Recipe | None) -> dict[str, Any]:
    network, tokenizer = loaded.model, loaded.tokenizer
    frame = chat.frame_of(tokenizer)
    ends = network.generation_config.eos_token_id
    ends = tokenizer.eos_token_id if ends is None else ends
    said: dict[str, Any] = {
        "schema": SCHEMA,
        "quantisation": quantisation,
        "source": {"given": loaded.ref.given, "base": loaded.ref.base, "sha256": loaded.ref.content_hash},
        "causal": not loaded.is_seq2seq,
        "prompt_mark": "" if loaded.is_seq2seq else prompt_tokens.MARK,
        "end_tokens": tokenizer.convert_ids_to_tokens(ends if isinstance(ends, list) else [ends]),
        "chat": asdict(frame) if frame else None,
        "vocabulary": network.config.vocab_size,
        "versions": manifest.versions(),
    }
    if recipe is not None:
        said["recipe"] = carried(recipe)
    return said


def _name_special_tokens(path: Path, end: str) -> None:
    """CTranslate2 refuses to open a model whose tokenizer has no start or unknown token: it gets a name for each."""
    config = files.read_json(path)
    missing = {key: end for key, value in config.items() if key.endswith("_token") and value is None}
    if missing:
        files.write_json(path, config | missing)


def _check_tokenizer(loaded: LoadedModel, folder: Path) -> None:
    """The fast engine splits text with the bare tokenizer file: refuse one that splits otherwise than transformers."""
    path = folder / "tokenizer.json"
    same = path.is_file()
    if same:
        bare = bare_tokenizer(path)
        for probe in _PROBES:
            ids = loaded.tokenizer(probe, verbose=False)["input_ids"]
            same &= bare.encode(probe).ids == ids
            same &= bare.decode(ids, skip_special_tokens=True) == loaded.tokenizer.decode(
                ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
            )
    if not same:
        raise NotConvertedError(
            "the model's tokenizer cannot do without transformers, which CTranslate2's engine does not load",
            where=loaded.ref.given,
            mend="use generate.engine: transformers",
        )


def bare_tokenizer(path: Path) -> Any:
    """A tokenizer.json without transformers, never padding or cutting."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def config_of(ref: ModelRef) -> dict[str, Any]:
    """The config.json of a model; of an adapter, its base model's."""
    from shelftalker.models.load import local_folder, resolve

    while ref.kind == "adapter" and ref.base is not None:
        ref = resolve(ref.base)
    folder = local_folder(ref)
    config = files.read_json(folder / "config.json")
    newer = folder / "generation_config.json"
    if isinstance(config, dict) and newer.is_file():
        config["forced_bos_token_id"] = files.read_json(newer).get("forced_bos_token_id")
    return config if isinstance(config, dict) else {}


def on_cpu() -> Recipe:
    """Merging and converting happen in float32 on the CPU, whatever device will generate."""
    from shelftalker.recipe.recipe import Recipe

    return Recipe(device="cpu", dtype="float32")
