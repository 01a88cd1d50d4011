"""Recipe sections that generation reads: decoding, generate."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from shelftalker.settings import Section


class Decoding(Section):
    """How text is drawn from a model: one configuration for baseline, evaluation, playground, server and batch."""

    beams: int = Field(1, ge=1)
    """Beams; 1: greedy, or sampling where sample is true."""
    length_penalty: float = 1.0
    """Exponent of the length by which a beam's log-probability is divided; above 1 favours longer text."""
    sample: bool = False
    """Draw tokens at random instead of taking the likeliest."""
    temperature: float = Field(1.0, gt=0)
    """Flatter (above 1) or sharper (below 1) token distribution when sampling."""
    top_k: int = Field(0, ge=0)
    """Sample among the k likeliest tokens; 0: all."""
    top_p: float = Field(1.0, gt=0, le=1)
    """Sample among the likeliest tokens that hold this share of probability (0 to 1)."""
    repetition_penalty: float = Field(1.0, gt=0)
    """Divide the scores of tokens that the output already has (Keskar et al. 2019); 1: off."""
    no_repeat_ngram: int = Field(0, ge=0)
    """No n-gram of this many tokens occurs twice in an output; 0: off."""
    min_new_tokens: int = Field(0, ge=0)
    """Tokens before an output may end."""
    max_new_tokens: int = Field(128, ge=1)
    """Tokens at most; the share of outputs that hit this cap is reported."""
    candidates: int = Field(1, ge=1)
    """Outputs drawn a title, among which one is chosen by minimum Bayes risk (needs sample)."""
    seed: int = 0
    """Seed of sampling; every row adds its own id, so a row's text does not depend on its batch."""


class GenerateSettings(Section):
    """Which engine writes, and in what portions."""

    model: str | None = None
    """The model that writes; none: the promoted one of this recipe."""
    titles: list[str] = []
    """Titles that `run` describes at its end; none: three of the test split."""
    engine: Literal["auto", "transformers", "ctranslate2"] = "auto"
    """auto: CTranslate2 where the model converts and the decoding allows it, else transformers."""
    quantisation: Literal["int8", "float32"] = "int8"
    """Number format of a CTranslate2 model's weights."""
    batch_size: int = Field(32, ge=1)
    """Titles in one batch of an engine."""
    max_input_tokens: int = Field(128, ge=8)
    """Prompts longer than this are cut (tokens)."""
