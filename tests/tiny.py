"""Models of many families, small enough to make in a tenth of a second."""

from __future__ import annotations

from pathlib import Path
from typing import Any

WORDS = (
    "steel bottle 500 ml blue red cotton shirt soft kettle litre travel bag leather wallet slim brush paint oak "
    "table chair lamp warm light novel about a sea captain keeps drinks cold for hours the and with in of fits is"
).split()


CHAT = "{% for m in messages %}{{ '<|' + m['role'] + '|>' + m['content'] + '</s>' }}{% endfor %}<|bot|>"
"""A chat template, for a causal model that has none."""


def tokenizer(*, causal: bool) -> Any:
    """A byte-level BPE of 400 tokens; of T5's kind, it ends every text with </s>."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    built = Tokenizer(models.BPE(unk_token=None))
    built.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    built.decoder = decoders.ByteLevel()
    specials = ["<pad>", "</s>", "<unk>", *[f"<extra_id_{number}>" for number in range(4)]]
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=specials,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    prompt = "Given a product title, generate its product description.\nTitle: \nDescription:"
    built.train_from_iterator([" ".join(WORDS), prompt] * 20, trainer)
    if not causal:
        built.post_processor = processors.TemplateProcessing(
            single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)]
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=built, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", model_max_length=512
    )


_WIDE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": 512}
_GATED = _WIDE | {"intermediate_size": 64, "num_key_value_heads": 2}
_GEMMA = _GATED | {"head_dim": 8, "query_pre_attn_scalar": 8}
_GPT = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 512}
SHAPES: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("LlamaConfig", _GATED),
    "mistral": ("MistralConfig", _GATED),
    "qwen2": ("Qwen2Config", _GATED),
    "qwen3": ("Qwen3Config", _GATED | {"head_dim": 16}),
    "gemma": ("GemmaConfig", _GATED | {"head_dim": 8}),
    "gemma2": ("Gemma2Config", _GEMMA),
    "gemma3_text": ("Gemma3TextConfig", _GEMMA),
    "gpt2": ("GPT2Config", _GPT),
    "gpt_bigcode": ("GPTBigCodeConfig", _GPT),
    "gptj": ("GPTJConfig", _GPT | {"rotary_dim": 4}),
    "codegen": ("CodeGenConfig", _GPT | {"rotary_dim": 4}),
    "gpt_neox": ("GPTNeoXConfig", _WIDE | {"intermediate_size": 64}),
    "opt": ("OPTConfig", _WIDE | {"ffn_dim": 64, "word_embed_proj_dim": 32}),
    "bloom": ("BloomConfig", {"hidden_size": 32, "n_layer": 2, "n_head": 4}),
    "falcon": ("FalconConfig", {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}),
    "phi": ("PhiConfig", _WIDE | {"intermediate_size": 64}),
}
"""By transformers' `model_type`: the configuration's class, and sizes that make it tiny."""


def make_causal(folder: Path, kind: str, *, seed: int = 0, spread: float | None = None, **settings: Any) -> Path:
    """Save a tiny causal model of a family with random weights in ``folder``.

    Args:
        spread: standard deviation of all matrices and biases; transformers' own initialisation is so flat that a wrong
            conversion would hardly show.
        settings: further keys of its configuration.
    """
    import torch
    import transformers

    own = tokenizer(causal=True)
    name, sizes = SHAPES[kind]
    special = {"pad_token_id": 0, "bos_token_id": None, "eos_token_id": 1}
    config = getattr(transformers, name)(vocab_size=len(own), **{**sizes, **special, **settings})
    torch.manual_seed(seed)
    model = transformers.AutoModelForCausalLM.from_config(config)
    if spread is not None:
        for key, weight in model.named_parameters():
            if weight.dim() > 1 or key.endswith("bias"):
                torch.nn.init.normal_(weight, std=spread)
            else:
                torch.nn.init.normal_(weight, mean=weight.float().mean().item(), std=spread / 2)
    model.save_pretrained(folder)
    own.save_pretrained(folder)
    return folder
