"""A Hugging Face folder: what `from_pretrained` reads, in float32."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from shelftalker import files
from shelftalker.models.quiet import hushed

if TYPE_CHECKING:
    from shelftalker.models.load import LoadedModel


def write_hf(loaded: LoadedModel, folder: Path) -> None:
    """Write a merged model with its tokenizer; the head is said to be tied only where it is.

    Args:
        loaded: the model in float32 on the CPU, its adapter merged.
        folder: an empty folder.
    """
    with hushed():
        loaded.model.save_pretrained(folder)
        loaded.tokenizer.save_pretrained(folder)
    path = folder / "config.json"
    config = files.read_json(path)
    if "scale_decoder_outputs" in config:
        # Older transformers, and CTranslate2's converter, take the head's kind from this key; transformers 5 writes
        # true for every T5.
        config["tie_word_embeddings"] = bool(config["scale_decoder_outputs"])
        files.write_json(path, config)
