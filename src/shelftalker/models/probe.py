"""Does a conversion give a text the probabilities that transformers gives it? Asked of every one before it is kept."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from shelftalker.models import prompt_tokens
from shelftalker.models.formats import COMPUTED

if TYPE_CHECKING:
    from shelftalker.models.load import LoadedModel

PROMPT = "Given a product title, generate its product description.\nTitle: Steel bottle, 500 ml\nDescription:"
TEXT = " The steel bottle keeps drinks cold for 12 hours. It fits into every bag."
BOUNDS = {"float32": 0.01, "int8": 0.5, "bfloat16": 0.05, "float16": 0.02}
"""Largest mean difference of a token's log-probability, as a share of the spread of all tokens' log-probabilities.

int8 is generous: random weights of 32 dimensions quantise badly. What it must find is another model altogether."""


@dataclass(frozen=True)
class Expected:
    """Tokens of the prompt and of the text, and the natural log-probabilities that transformers gives the latter."""

    prompt: list[str]
    text: list[str]
    log_probs: list[float]


def expected(loaded: LoadedModel) -> Expected:
    """What transformers says of the probe; the model is in float32 on the CPU."""
    import torch

    tokenizer = loaded.tokenizer
    before = tokenizer(PROMPT)["input_ids"]
    after = tokenizer(TEXT, add_special_tokens=False)["input_ids"]
    with torch.inference_mode():
        if loaded.is_seq2seq:
            start = loaded.model.config.decoder_start_token_id
            given = {"input_ids": torch.tensor([before]), "decoder_input_ids": torch.tensor([[start, *after[:-1]]])}
            logits = loaded.model(**given).logits[0]
        else:
            logits = loaded.model(input_ids=torch.tensor([[*before, *after]])).logits[0, len(before) - 1 : -1]
        picked = logits.log_softmax(-1).gather(1, torch.tensor(after)[:, None])[:, 0]
    names = tokenizer.convert_ids_to_tokens
    return Expected(names(before), names(after), picked.tolist())


def differs(wanted: Expected, folder: Path, quantisation: str, *, causal: bool) -> str | None:
    """Why a CTranslate2 folder is not the model that ``wanted`` was asked of; None: it is."""
    import ctranslate2

    kind = ctranslate2.Generator if causal else ctranslate2.Translator
    try:
        # Every CPU has these two; a conversion to halves is asked in float32, with the weights that it has.
        model = kind(str(folder), compute_type=COMPUTED["int8" if quantisation == "int8" else "float32"])
        if causal:
            asked = [f"{prompt_tokens.MARK}{token}" for token in wanted.prompt]
            scored = model.score_batch([[*asked, *wanted.text]], max_input_length=0)[0]
        else:
            scored = model.score_batch([wanted.prompt], [wanted.text], max_input_length=0)[0]
    except (RuntimeError, ValueError) as error:
        return f"CTranslate2 cannot run what it converted: {str(error).splitlines()[0]}"
    found = list(scored.log_probs)[len(wanted.prompt) - 1 :] if causal else list(scored.log_probs)[: len(wanted.text)]
    moved = statistics.fmean(abs(a - b) for a, b in zip(wanted.log_probs, found, strict=True))
    spread = statistics.stdev(wanted.log_probs)
    if moved <= BOUNDS[quantisation] * max(spread, 1e-3):
        return None
    return f"converted, it gives a text other probabilities ({moved:.2f} nats a token off)"
