"""A GGUF file and an Ollama Modelfile: a causal model for llama.cpp, with the prompt, end and decoding that it needs.

Exported models that answer garbage mostly do so by a wrong template or a missing end token. Both are written out of
what this package itself runs the model with, and tests ask llama.cpp for the same tokens and the same text
(tests/export/test_gguf.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from shelftalker import files
from shelftalker.errors import ShelftalkerError
from shelftalker.export.modelfile import modelfile
from shelftalker.models import chat
from shelftalker.models.formats import KEY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shelftalker.models.load import LoadedModel
    from shelftalker.recipe.recipe import Recipe

Format = Literal["F16", "Q8_0"]
ARCHITECTURES = {"llama": "LLAMA", "mistral": "LLAMA", "qwen2": "QWEN2", "qwen3": "QWEN3", "gpt2": "GPT2"}
"""`model_type` in a config.json to the architecture's name in the package gguf."""
# Ways of splitting text before byte-level BPE, by what only theirs says: the ones that llama.cpp knows by name.
_SPLITS = {"qwen2": r"|\p{N}|", "llama-bpe": r"\p{N}{1,3}"}
_NORMAL, _CONTROL, _USER_DEFINED, _UNUSED = 1, 3, 4, 5


def check_gguf(config: Mapping[str, Any], where: str) -> None:
    """See that a model of this config.json can be written for llama.cpp, before anything is loaded.

    Raises:
        ShelftalkerError: another family, T5 among them, or a shape that llama.cpp would read otherwise.
    """
    kind = config.get("model_type")
    reason = None
    if kind in ("t5", "mt5", "umt5"):
        reason = "llama.cpp converts T5, but its programs never run its encoder, and Ollama's neither"
    elif kind not in ARCHITECTURES:
        reason = f"its type is {kind}, and this export knows {', '.join(ARCHITECTURES)}"
    elif (scaling := _scaling(config).get("rope_type", "default")) not in ("default", "linear"):
        reason = f"its rotary positions are scaled ({scaling}), which this export does not write"
    if reason:
        raise ShelftalkerError(f"the model is not exported to GGUF: {reason}", where=where, mend="--to hf, or --to ct2")


def format_of(recipe: Recipe) -> Format:
    """Number format of the matrices: Q8_0 for `generate.quantisation: int8`, F16 for float32 and float16.

    Raises:
        ShelftalkerError: bfloat16.
    """
    if recipe.generate.quantisation == "bfloat16":
        raise ShelftalkerError(
            "a GGUF file is not written in bfloat16",
            where=f"{KEY}: bfloat16",
            mend="generate.quantisation: float16 (F16) or int8 (Q8_0)",
        )
    return "Q8_0" if recipe.generate.quantisation == "int8" else "F16"


def write_gguf(loaded: LoadedModel, folder: Path, recipe: Recipe) -> None:
    """Write ``model-<format>.gguf`` and the ``Modelfile`` that runs it as this recipe does.

    Args:
        loaded: the model in float32 on the CPU, its adapter merged.
        folder: an empty folder.
        recipe: prompt, chat, decoding; `generate.quantisation` chooses the number format.

    Raises:
        ShelftalkerError: the family, its shape or its tokenizer is none that llama.cpp knows from here.
    """
    import gguf

    config = loaded.model.config.to_dict()
    check_gguf(config, loaded.ref.given)
    frame = chat.chosen(recipe.chat, chat.frame_of(loaded.tokenizer), loaded.ref.given)
    chosen = format_of(recipe)
    architecture = getattr(gguf.MODEL_ARCH, ARCHITECTURES[config["model_type"]])
    name = f"model-{chosen.lower()}.gguf"
    writer = gguf.GGUFWriter(folder / name, gguf.MODEL_ARCH_NAMES[architecture])
    _shape(writer, config, chosen)
    _vocabulary(writer, loaded)
    for tensor, data in _tensors(loaded, architecture):
        stored = chosen if data.ndim > 1 and not _is_exact(tensor) else "F32"
        kind = gguf.GGMLQuantizationType[stored]
        writer.add_tensor(tensor, gguf.quants.quantize(data, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    ends = loaded.model.generation_config.eos_token_id
    numbers = ends if isinstance(ends, list) else [loaded.tokenizer.eos_token_id if ends is None else ends]
    files.write_text(
        folder / "Modelfile", modelfile(name, recipe, frame, loaded.tokenizer.convert_ids_to_tokens(numbers))
    )


def _is_exact(tensor: str) -> bool:
    """Positions are added, not multiplied: llama.cpp wants them in float32."""
    return tensor.startswith("position_embd")


def _scaling(config: Mapping[str, Any]) -> dict[str, Any]:
    found = config.get("rope_parameters") or config.get("rope_scaling") or {}
    return {**found, "rope_type": found.get("rope_type") or found.get("type") or "default"}


def _shape(writer: Any, config: dict[str, Any], chosen: Format) -> None:
    """The numbers that describe the network, under llama.cpp's names."""
    import gguf

    gpt2 = config["model_type"] == "gpt2"
    width, heads = (config["n_embd"], config["n_head"]) if gpt2 else (
        config["hidden_size"], config["num_attention_heads"]
    )  # fmt: skip
    writer.add_name(config.get("_name_or_path") or "shelftalker")
    writer.add_context_length(config["n_positions"] if gpt2 else config["max_position_embeddings"])
    writer.add_embedding_length(width)
    writer.add_block_count(config["n_layer"] if gpt2 else config["num_hidden_layers"])
    inner = (config.get("n_inner") or 4 * width) if gpt2 else config["intermediate_size"]
    writer.add_feed_forward_length(inner)
    writer.add_head_count(heads)
    writer.add_vocab_size(config["vocab_size"])
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0 if chosen == "Q8_0" else gguf.LlamaFileType.MOSTLY_F16)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    if gpt2:
        writer.add_layer_norm_eps(config["layer_norm_epsilon"])
        return
    scaling = _scaling(config)
    each = config.get("head_dim") or width // heads
    writer.add_head_count_kv(config.get("num_key_value_heads") or heads)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(float(scaling.get("rope_theta") or config.get("rope_theta") or 10000.0))
    writer.add_rope_dimension_count(each)
    writer.add_key_length(each)
    writer.add_value_length(each)
    if scaling["rope_type"] == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(float(scaling["factor"]))


def _vocabulary(writer: Any, loaded: LoadedModel) -> None:
    """Tokens, merges, special tokens and chat template.

    Raises:
        ShelftalkerError: the tokenizer is no byte-level BPE, or splits text in a way that llama.cpp has no name for.
    """
    tokenizer = loaded.tokenizer
    said = json.loads(tokenizer.backend_tokenizer.to_str())
    split = _split_of(said)
    if said["model"]["type"] != "BPE" or split is None:
        raise ShelftalkerError(
            "the model is not exported to GGUF: its tokenizer is none that llama.cpp is known to split text alike with",
            where=loaded.ref.given,
            mend="--to hf, or --to ct2",
        )
    size = loaded.model.config.vocab_size
    added = {entry["id"]: entry for entry in said["added_tokens"]}
    names, kinds = [], []
    known = {number: token for token, number in tokenizer.get_vocab().items()}
    for number in range(size):
        names.append(known.get(number, f"[PAD{number}]"))
        kinds.append(
            _UNUSED
            if number not in known
            else _NORMAL
            if number not in added
            else _CONTROL
            if added[number]["special"]
            else _USER_DEFINED
        )
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(split)
    writer.add_token_list(names)
    writer.add_token_types(kinds)
    writer.add_token_merges([pair if isinstance(pair, str) else " ".join(pair) for pair in said["model"]["merges"]])
    ends = loaded.model.generation_config.eos_token_id
    end = ends[0] if isinstance(ends, list) else ends
    writer.add_eos_token_id(tokenizer.eos_token_id if end is None else end)
    for number, add in (
        (tokenizer.bos_token_id, writer.add_bos_token_id),
        (tokenizer.unk_token_id, writer.add_unk_token_id),
        (tokenizer.pad_token_id, writer.add_pad_token_id),
    ):
        if number is not None:
            add(number)
    begins = tokenizer("a")["input_ids"][:1]
    writer.add_add_bos_token(tokenizer.bos_token_id is not None and begins == [tokenizer.bos_token_id])
    writer.add_add_space_prefix(False)
    if tokenizer.chat_template:
        writer.add_chat_template(tokenizer.chat_template)


def _split_of(said: dict[str, Any]) -> str | None:
    """llama.cpp's name for how a tokenizer.json splits text before BPE; None: it has none, or none known here."""
    if said.get("normalizer") not in (None, {"type": "NFC"}):
        return None
    step = said.get("pre_tokenizer") or {}
    steps = step.get("pretokenizers", [step])
    if [one["type"] for one in steps] == ["ByteLevel"] and not steps[0].get("add_prefix_space"):
        return "gpt-2" if steps[0].get("use_regex", True) else None
    if [one["type"] for one in steps] == ["Digits", "ByteLevel"] and steps[0].get("individual_digits"):
        return "smollm"
    if [one["type"] for one in steps] == ["Split", "ByteLevel"]:
        pattern = steps[0].get("pattern", {}).get("Regex", "")
        return next((name for name, part in _SPLITS.items() if part in pattern), None)
    return None


def _tensors(loaded: LoadedModel, architecture: Any) -> Iterator[tuple[str, NDArray[Any]]]:
    """Weights under llama.cpp's names, in float32 and in its order of rows; a tied head is left out."""
    import gguf
    import torch

    config = loaded.model.config
    mapping = gguf.get_tensor_name_map(architecture, config.num_hidden_layers)
    embedding, head = loaded.model.get_input_embeddings(), loaded.model.get_output_embeddings()
    is_tied = head.weight is embedding.weight or torch.equal(head.weight, embedding.weight)
    for name, weight in loaded.model.state_dict().items():
        if is_tied and name.startswith("lm_head."):
            continue
        if name.endswith((".attn.bias", ".attn.masked_bias")):
            continue  # GPT-2's causal masks
        target = mapping.get_name(name, try_suffixes=(".weight", ".bias"))
        if target is None:
            raise ShelftalkerError(
                f"the model is not exported to GGUF: llama.cpp has no place for its weight {name}",
                where=loaded.ref.given,
                mend="--to hf, or --to ct2",
            )
        data = weight.float().numpy()
        if config.model_type == "gpt2" and name.endswith(("c_attn.weight", "c_proj.weight", "c_fc.weight")):
            data = data.T  # Conv1D keeps inputs x outputs
        if config.model_type in ("llama", "mistral") and name.endswith(_ROTATED):
            data = _paired(data, config.num_attention_heads if ".q_proj." in name else config.num_key_value_heads)
        yield target, data.copy()


_ROTATED = ("q_proj.weight", "k_proj.weight", "q_proj.bias", "k_proj.bias")


def _paired(data: NDArray[Any], heads: int) -> NDArray[Any]:
    """Rows of a rotated projection, each head's first half and second half interleaved: llama.cpp turns neighbours."""
    halves = data.reshape(heads, 2, data.shape[0] // heads // 2, *data.shape[1:])
    return halves.swapaxes(1, 2).reshape(data.shape)
