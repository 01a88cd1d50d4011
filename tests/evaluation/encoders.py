"""A tiny BERT whose weights are written down as a formula: the same on every machine and version."""

from __future__ import annotations

from pathlib import Path

WORDS = (
    "the a red blue steel oak bottle shirt lamp scarf is soft warm holds keeps water cold for hours and it . ,".split()
)


def make_encoder(folder: Path) -> Path:
    """Save a BERT of three layers with its tokenizer in ``folder``."""
    import torch
    from transformers import BertConfig, BertForMaskedLM, BertTokenizer

    vocabulary = {word: number for number, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS])}
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=24,
    )
    model = BertForMaskedLM(config)
    tables = [weight for _, weight in sorted(model.named_parameters()) if weight.dim() == 2]
    for number, weight in enumerate(tables):  # biases are 0 and scales 1, as transformers begins
        place = torch.arange(weight.numel(), dtype=torch.float64) + 1000 * number
        noise = (place * 0.6180339887498949 + place.square() * 0.414213562373095) % 1 - 0.5
        weight.data = noise.reshape(weight.shape).to(torch.float32)
    model.save_pretrained(folder)
    BertTokenizer(vocab=vocabulary, model_max_length=24).save_pretrained(folder)
    return folder
