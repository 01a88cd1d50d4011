"""Decoding: how text is drawn from a model, in one typed configuration for every engine and every stage."""

from __future__ import annotations

from pydantic import Field, model_validator

from shelftalker.recipe.section import Section


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
    prefer_publishable: bool = True
    """Choose among the candidates that pass every check, where there are any (has a say only with candidates)."""
    seed: int = 0
    """Seed of sampling; every row adds its own id, so a row's text does not depend on its batch."""

    @model_validator(mode="after")
    def _every_option_has_an_effect(self) -> Decoding:
        if self.sample and self.beams > 1:
            raise ValueError("sample draws at random and beams search for the likeliest: set beams to 1 or sample off")
        if self.candidates > 1 and not self.sample:
            raise ValueError("candidates above 1 would all be equal without sample: set decoding.sample to true")
        if self.min_new_tokens > self.max_new_tokens:
            raise ValueError("min_new_tokens is above max_new_tokens")
        if not self.sample:
            for name, off in (("temperature", 1.0), ("top_k", 0), ("top_p", 1.0)):
                if getattr(self, name) != off:
                    raise ValueError(f"{name} has an effect only when sampling: set decoding.sample to true")
        if self.beams == 1 and self.length_penalty != 1.0:
            raise ValueError("length_penalty has an effect only with beams: set decoding.beams above 1")
        return self

    @property
    def method(self) -> str:
        """greedy, beam or sample."""
        return "beam" if self.beams > 1 else "sample" if self.sample else "greedy"


def decoding_signature(decoding: Decoding) -> str:
    """The decoding in one string for score signatures: the method, the cap, and every option that is not off.

    >>> decoding_signature(Decoding(beams=4, no_repeat_ngram=3))
    'decoding:beam4|lp:1|ngram:3|max:128'
    """
    parts = [f"decoding:{decoding.method}{decoding.beams if decoding.beams > 1 else ''}"]
    if decoding.beams > 1:
        parts.append(f"lp:{decoding.length_penalty:g}")
    if decoding.sample:
        parts.append(f"temp:{decoding.temperature:g}")
        parts += [f"topk:{decoding.top_k}"] * bool(decoding.top_k)
        parts += [f"topp:{decoding.top_p:g}"] * (decoding.top_p < 1)
    parts += [f"rep:{decoding.repetition_penalty:g}"] * (decoding.repetition_penalty != 1)
    parts += [f"ngram:{decoding.no_repeat_ngram}"] * bool(decoding.no_repeat_ngram)
    parts += [f"min:{decoding.min_new_tokens}"] * bool(decoding.min_new_tokens)
    parts.append(f"max:{decoding.max_new_tokens}")
    if decoding.candidates > 1:
        parts.append(f"mbr-chrf:{decoding.candidates}{'+checks' if decoding.prefer_publishable else ''}")
    parts += [f"seed:{decoding.seed}"] * decoding.sample
    return "|".join(parts)
