"""What the base model computes in fewer passes while it trains is what it computed: texts' scores and gradients."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from shelftalker.finetuning.attention import NAME, attend, cheapen_attention
from shelftalker.finetuning.layers import fewer_passes


def t5(dropout: float = 0.1) -> Any:
    """FLAN-T5's kind with an adapter's like: only q and v are trained."""
    from transformers import T5Config, T5ForConditionalGeneration

    torch.manual_seed(0)
    sizes = {"vocab_size": 90, "d_model": 24, "d_kv": 8, "d_ff": 40, "num_layers": 2, "num_heads": 3}
    config = T5Config(
        **sizes,
        feed_forward_proj="gated-gelu",
        tie_word_embeddings=False,
        decoder_start_token_id=0,
        dropout_rate=dropout,
    )
    return frozen(T5ForConditionalGeneration(config))


def llama() -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    sizes = {"vocab_size": 90, "hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 2}
    return frozen(LlamaForCausalLM(LlamaConfig(**sizes, num_attention_heads=3)))


def frozen(model: Any) -> Any:
    for name, value in model.named_parameters():
        value.requires_grad_(name.split(".")[-2] in ("q", "v", "q_proj", "v_proj"))
        if "norm" in name:
            torch.nn.init.uniform_(value, 0.5, 2.0)
    return model


def batch() -> dict[str, torch.Tensor]:
    """Four rows, the last two padded on the right."""
    torch.manual_seed(1)
    ids = torch.randint(3, 90, (4, 11))
    mask = torch.ones_like(ids)
    mask[2, 7:] = mask[3, 4:] = 0
    return {"input_ids": ids, "attention_mask": mask, "labels": ids.where(mask == 1, -100)}


def learnt(model: Any) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Scores and gradients, without dropout."""
    model.eval()
    found = model(**batch(), use_cache=False)
    found.loss.backward()
    slopes = {name: value.grad.clone() for name, value in model.named_parameters() if value.grad is not None}
    model.zero_grad()
    return found.logits.detach(), slopes


@pytest.mark.parametrize("make", [t5, llama])
@pytest.mark.parametrize(("dtype", "near"), [(torch.float32, 1e-5), (torch.bfloat16, 0.06)])
def test_scores_and_gradients_are_those_of_the_model_as_it_was(make: Any, dtype: torch.dtype, near: float) -> None:
    model = make().to(dtype)
    scores, slopes = learnt(model)
    # Three norms a decoder's block, two an encoder's, one behind each; a GELU a block.
    assert fewer_passes(model) == (12 + 4 if make is t5 else 5)
    assert cheapen_attention(model) is (make is t5)
    again, others = learnt(model)
    assert (again - scores).norm() <= near * scores.norm()
    assert others.keys() == slopes.keys() != set()
    for name, slope in slopes.items():
        assert slope.any() and (others[name] - slope).norm() <= near * slope.norm(), name


def test_norms_that_are_trained_stay_as_they_are() -> None:
    model = llama()
    model.model.norm.weight.requires_grad_(True)
    assert fewer_passes(model) == 4


def test_attention_without_dropout_stays_as_it_is() -> None:
    model = t5(dropout=0.0)
    before = model.config._attn_implementation
    assert not cheapen_attention(model)
    assert model.decoder.config._attn_implementation == before != NAME


def test_attention_drops_its_share_of_the_weights_in_training_only() -> None:
    layer = t5().decoder.block[0].layer[0].SelfAttention
    query, key, value = torch.randn(3, 4, 6, 40, 8).unbind()
    _, whole = attend(layer.eval(), query, key, value, None, dropout=0.2, scaling=1.0)
    _, weights = attend(layer.train(), query, key, value, None, dropout=0.2, scaling=1.0)
    gone = weights == 0
    assert abs(gone.float().mean().item() - 0.2) < 0.02
    torch.testing.assert_close(weights[~gone], whole[~gone] / 0.8, rtol=1e-4, atol=0)


def test_a_model_that_trained_is_saved_and_opened_as_before(tmp_path: Path) -> None:
    from transformers import AutoModelForSeq2SeqLM

    model = t5()
    fewer_passes(model)
    cheapen_attention(model)
    scores, _ = learnt(model)
    model.save_pretrained(tmp_path)
    opened = AutoModelForSeq2SeqLM.from_pretrained(tmp_path)
    assert opened.config._attn_implementation != NAME
    torch.testing.assert_close(learnt(opened)[0], scores, rtol=1e-4, atol=1e-5)
