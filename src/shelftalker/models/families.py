"""Which models CTranslate2 runs as transformers does: families proven by test, and shapes that it would get wrong.

CTranslate2's converter registers more families than these. Each of `FAMILIES` gives transformers' log-probabilities on
a random model (tests/models/test_families.py); the others fail there, or differ silently (Gemma 2's capped scores).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_GATED = ("llama", "mistral", "qwen2", "qwen3")
_GEMMA = ("gemma", "gemma3_text")
FAMILIES = ("t5", *_GATED, *_GEMMA, "gpt2", "gpt_bigcode", "gptj", "codegen", "opt", "bloom", "falcon")
"""Values of `model_type` in a config.json."""


def why_not(config: Mapping[str, Any]) -> str | None:
    """Why CTranslate2 would not run a model of this config.json as transformers does; None: it does."""
    kind = config.get("model_type")
    if kind not in FAMILIES:
        return f"its type is {kind}, and that conversion is not proven here"
    if config.get("forced_bos_token_id") is not None:
        return "its texts begin with a forced token, which CTranslate2 does not know"
    for scaling in _scalings(config):
        if scaling not in ("default", "linear") or (scaling == "linear" and kind == "gemma3_text"):
            return f"its rotary positions are scaled ({scaling}), which comes out otherwise after the conversion"
    activation = config.get("hidden_activation") or config.get("hidden_act")
    usual = "silu" if kind in _GATED else "gelu_pytorch_tanh" if kind in _GEMMA else activation
    if activation not in (None, usual):
        return f"its activation is {activation}, and the conversion takes {usual}"
    width = config.get("head_dim")
    if kind in _GATED and kind != "qwen3" and width:
        whole = width * config.get("num_attention_heads", 0)
        if whole != config.get("hidden_size"):
            return f"its heads are {whole} wide together, and the conversion takes hidden_size"
    if kind == "gemma3_text" and config.get("query_pre_attn_scalar", width) != width:
        return "its attention is scaled by another number than its heads' width"
    return None


def _scalings(config: Mapping[str, Any]) -> Iterator[str]:
    """Kinds of rotary scaling that a config names: one, or one a kind of layer, in old words or new."""
    for key in ("rope_scaling", "rope_parameters"):
        found = config.get(key)
        if not isinstance(found, dict):
            continue
        nested = [part for part in found.values() if isinstance(part, dict)]
        for part in nested or [found]:
            yield str(part.get("rope_type") or part.get("type") or "default")
