"""A plain T5 straight from its safetensors to CTranslate2, without torch and transformers: their imports alone take
longer than the work.

The files are byte for byte those of CTranslate2's own converter (tests/models/test_direct.py), which stays the way for
everything that is not plain: adapters, sharded or bfloat16 weights, tokenizers that transformers makes over.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shelftalker import files
from shelftalker.models import folder as folders

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[Any] | np.generic

_BINARY, _REVISION = 6, 7  # of CTranslate2's file format, and of its TransformerSpec
_TYPES = ("float32", "int8", "int16", "int32")
_ACTIVATIONS = {"relu": 0, "gelu_new": 1}
_VERBATIM = ("TokenizersBackend", "PreTrainedTokenizerFast")
_MADE_OVER = ("add_bos_token", "add_eos_token", "add_prefix_space")
_KEPT = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")


def is_plain(folder: Path) -> bool:
    """Whether a model folder is a T5 that `write` can make over: one safetensors file in float32 or float16 with the
    expected tensors and no others, and a tokenizer.json that transformers takes as it is."""
    try:
        folders.check_model(folder)
        config = files.read_json(folder / "config.json")
        said = files.read_json(folder / "tokenizer_config.json")
        with (folder / "model.safetensors").open("rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    except Exception:  # whatever is wrong with it, the long way finds and says it
        return False
    tensors = {name: entry for name, entry in header.items() if name != "__metadata__"}
    return (
        config.get("model_type") == "t5"
        and _activation(config) in _ACTIVATIONS
        and set(tensors) == _expected(config)
        and all(entry["dtype"] in ("F32", "F16") for entry in tensors.values())
        and (folder / "tokenizer.json").is_file()
        and said.get("tokenizer_class") in _VERBATIM
        and not any(said.get(key) for key in _MADE_OVER)
        and all(isinstance(said.get(name), str) for name in ("pad_token", "eos_token", "unk_token"))
    )


def write(source: Path, folder: Path, quantisation: str) -> dict[str, Any]:
    """Write a plain model (`is_plain`) as a CTranslate2 folder with its tokenizer.

    Args:
        source: the model's folder.
        folder: an empty folder.
        quantisation: int8 (each row of a matrix scaled by its largest weight) or float32.

    Returns:
        eos_token, decoder_start_token and vocabulary (its size), for the folder's facts.
    """
    from safetensors.numpy import load_file

    from shelftalker.models.convert import bare_tokenizer

    config = files.read_json(source / "config.json")
    weights = {name: weight.astype("float32") for name, weight in load_file(source / "model.safetensors").items()}
    _serialise(_variables(config, weights), folder / "model.bin", quantisation)
    for name in _KEPT:
        if (source / name).is_file():
            shutil.copyfile(source / name, folder / name)
    vocabulary = bare_tokenizer(source / "tokenizer.json").get_vocab(with_added_tokens=True)
    tokens = sorted(vocabulary, key=vocabulary.__getitem__)
    tokens += [f"<extra_id_{number}>" for number in range(config["vocab_size"] - len(tokens))]
    said = files.read_json(source / "tokenizer_config.json")
    start = tokens[config.get("decoder_start_token_id", config.get("pad_token_id", 0))]
    _write_json(folder / "shared_vocabulary.json", tokens)
    _write_json(
        folder / "config.json",
        {
            "add_source_bos": False,
            "add_source_eos": False,
            "bos_token": said["pad_token"],
            "decoder_start_token": start,
            "eos_token": said["eos_token"],
            "layer_norm_epsilon": None,
            "multi_query_attention": False,
            "unk_token": said["unk_token"],
        },
    )
    return {"eos_token": said["eos_token"], "decoder_start_token": start, "vocabulary": config["vocab_size"]}


def _is_scaled(config: dict[str, Any]) -> bool:
    """Whether the decoder's output is scaled: what the model's own config said, under either version's key."""
    return bool(config.get("scale_decoder_outputs", config.get("tie_word_embeddings", True)))


def _activation(config: dict[str, Any]) -> str:
    name = str(config.get("feed_forward_proj", "relu"))
    return "gelu_new" if name == "gated-gelu" else name.removeprefix("gated-")


def _is_gated(config: dict[str, Any]) -> bool:
    return str(config.get("feed_forward_proj", "relu")).startswith("gated-")


def _stacks(config: dict[str, Any]) -> list[tuple[str, int]]:
    layers = config["num_layers"]
    return [("encoder", layers), ("decoder", config.get("num_decoder_layers") or layers)]


def _expected(config: dict[str, Any]) -> set[str]:
    """The tensors of a T5: an untied head is there, a tied one is not."""
    names = {"shared.weight"} | (set() if _is_scaled(config) else {"lm_head.weight"})
    for stack, layers in _stacks(config):
        names.add(f"{stack}.final_layer_norm.weight")
        names.add(f"{stack}.block.0.layer.0.SelfAttention.relative_attention_bias.weight")
        parts = ["SelfAttention", "EncDecAttention"] if stack == "decoder" else ["SelfAttention"]
        dense = ["wi_0", "wi_1", "wo"] if _is_gated(config) else ["wi", "wo"]
        for layer in range(layers):
            block = f"{stack}.block.{layer}.layer"
            for place, part in enumerate(parts):
                names |= {f"{block}.{place}.{part}.{name}.weight" for name in "qkvo"}
            names |= {f"{block}.{len(parts)}.DenseReluDense.{name}.weight" for name in dense}
            names |= {f"{block}.{place}.layer_norm.weight" for place in range(len(parts) + 1)}
    return names


def _variables(config: dict[str, Any], weights: dict[str, Any]) -> dict[str, Array]:
    """CTranslate2's variables by name, as its T5 loader fills its TransformerSpec."""
    import numpy as np

    found: dict[str, Array] = {}

    def flag(name: str, value: bool | int) -> None:
        found[name] = np.int8(value)

    for stack, layers in _stacks(config):
        found[f"{stack}/num_heads"] = np.int16(config["num_heads"])
        flag(f"{stack}/pre_norm", True)
        flag(f"{stack}/activation", _ACTIVATIONS[_activation(config)])
        flag(f"{stack}/scale_embeddings", False)
        found[f"{stack}/layer_norm/gamma"] = weights[f"{stack}.final_layer_norm.weight"]
        for layer in range(layers):
            _layer(found, weights, config, stack, layer)
    flag("encoder/embeddings_merge", 0)
    flag("encoder/multi_query_attention", False)
    for name in ("alibi", "alibi_use_positive_positions", "scale_alibi", "start_from_zero_embedding"):
        flag(f"decoder/{name}", False)
    found["decoder/alignment_layer"] = np.int16(-1)
    found["decoder/alignment_heads"] = np.int16(1)
    found["encoder/embeddings_0/weight"] = found["decoder/embeddings/weight"] = weights["shared.weight"]
    found["decoder/projection/weight"] = weights.get("lm_head.weight", weights["shared.weight"])
    if _is_scaled(config):
        found["decoder/scale_outputs"] = np.float32(config["d_model"] ** -0.5)
    return found


def _layer(found: dict[str, Array], weights: dict[str, Any], config: dict[str, Any], stack: str, layer: int) -> None:
    import numpy as np

    block, into = f"{stack}.block.{layer}.layer", f"{stack}/layer_{layer}"

    def stacked(part: str, names: str) -> Array:
        return np.concatenate([weights[f"{block}.{part}.{name}.weight"] for name in names])

    own = f"{into}/self_attention"
    found[f"{own}/queries_scale"] = np.float32(1)
    found[f"{own}/layer_norm/gamma"] = weights[f"{block}.0.layer_norm.weight"]
    found[f"{own}/linear_0/weight"] = stacked("0.SelfAttention", "qkv")
    found[f"{own}/linear_1/weight"] = stacked("0.SelfAttention", "o")
    # The first layer's bias serves all of them.
    bias = f"{stack}.block.0.layer.0.SelfAttention.relative_attention_bias.weight"
    found[f"{own}/relative_attention_bias"] = weights[bias]
    found[f"{own}/relative_attention_max_distance"] = np.int32(config.get("relative_attention_max_distance", 128))
    dense = 1
    if stack == "decoder":
        dense = 2
        across = f"{into}/attention"
        found[f"{across}/queries_scale"] = np.float32(1)
        found[f"{across}/layer_norm/gamma"] = weights[f"{block}.1.layer_norm.weight"]
        for place, names in enumerate(("q", "kv", "o")):
            found[f"{across}/linear_{place}/weight"] = stacked("1.EncDecAttention", names)
    found[f"{into}/ffn/layer_norm/gamma"] = weights[f"{block}.{dense}.layer_norm.weight"]
    places = {"wi_0": "linear_0", "wi_1": "linear_0_noact"} if _is_gated(config) else {"wi": "linear_0"}
    for name, linear in {**places, "wo": "linear_1"}.items():
        found[f"{into}/ffn/{linear}/weight"] = weights[f"{block}.{dense}.DenseReluDense.{name}.weight"]


def _serialise(variables: dict[str, Array], path: Path, quantisation: str) -> None:
    """Write the variables in CTranslate2's format; of equal ones only the first in the alphabet, the others by name."""
    import numpy as np

    first: dict[tuple[Any, ...], str] = {}
    aliases: list[tuple[str, str]] = []
    kept: dict[str, Array] = {}
    for name, value in sorted(variables.items()):
        if value.ndim:
            same = first.setdefault((value.shape, hashlib.sha256(np.ascontiguousarray(value).data).digest()), name)
            if same != name:
                aliases.append((name, same))
                continue
        if quantisation == "int8" and name.endswith("/weight"):
            value, kept[f"{name}_scale"] = _int8(np.asarray(value))
        kept[name] = value
    with path.open("wb") as file:

        def text(value: str) -> None:
            file.write(struct.pack("H", len(value) + 1) + value.encode() + b"\0")

        file.write(struct.pack("I", _BINARY))
        text("TransformerSpec")
        file.write(struct.pack("II", _REVISION, len(kept)))
        for name, value in sorted(kept.items()):
            text(name)
            file.write(struct.pack("B", value.ndim) + struct.pack(f"{value.ndim}I", *value.shape))
            file.write(struct.pack("=BI", _TYPES.index(str(value.dtype)), value.nbytes))
            file.write(value.tobytes())
        file.write(struct.pack("I", len(aliases)))
        for name, same in aliases:
            text(name)
            text(same)


def _int8(value: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Weights (rows x columns) as int8 and the scale of each row: 127 over its largest weight, as in CTranslate2."""
    import numpy as np

    largest = np.amax(np.absolute(value), axis=1)
    largest[largest == 0] = 127.0
    largest = np.maximum(largest, np.float32(127) / np.finfo(np.float32).max)
    scale = 127.0 / largest
    return np.rint(value * np.expand_dims(scale, 1)).astype(np.int8), scale


def _write_json(path: Path, value: Any) -> None:
    with path.open("w", encoding="utf-8") as file:
        json.dump(value, file, indent=2)
        file.write("\n" if isinstance(value, dict) else "")
