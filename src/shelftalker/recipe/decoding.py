"""Decoding: how text is drawn from a model, in one typed configuration for every engine and every stage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError, model_validator

from shelftalker.recipe.section import Section

_OF_SAMPLING = ("temperature", "top_k", "top_p", "candidates")


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
    numbers: Literal["given", "when_told", "any"] = "any"
    """when_told: a product of which the prompt tells no number gets a text in which none can be drawn, in figures or in
    words. given: also no other numbers than those it tells; a text with one is written again without any, which costs
    up to as much again."""
    candidates: int = Field(1, ge=1)
    """Outputs drawn a title, among which one is chosen by minimum Bayes risk (needs sample)."""
    prefer_publishable: bool = True
    """Choose among the candidates that pass every check, where there are any (has a say only with candidates)."""
    seed: int = 0
    """Seed of sampling; every text adds its own prompt, so that it does not depend on its batch."""

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

    def over(self, changes: Mapping[str, Any]) -> Decoding:
        """This decoding with some keys changed; what the changes leave without an effect is turned off with them.

        Sampling turned off takes the temperature along, beams turned off the length penalty, and sampling and beams
        each turn the other off; but two changes that contradict each other are an error, as everywhere.

        Raises:
            ValidationError: a value that its key does not take, or changes that contradict each other.
        """
        kept = {key: value for key, value in self.model_dump().items() if key not in changes}
        try:
            said = _Switches.model_validate(dict(changes))
        except ValidationError:
            return Decoding.model_validate(kept | dict(changes))  # the same fault, explained by the decoding's own key
        sample = kept.get("sample") if said.sample is None else said.sample
        beams = kept.get("beams", 1) if said.beams is None else said.beams
        if sample and beams > 1:
            kept.pop("beams" if said.sample else "sample", None)
            sample, beams = (True, 1) if said.sample else (False, beams)
        if not sample:
            kept = {key: value for key, value in kept.items() if key not in _OF_SAMPLING}
        if beams == 1:
            kept.pop("length_penalty", None)
        if "min_new_tokens" in kept and said.max_new_tokens is not None:
            kept["min_new_tokens"] = min(kept["min_new_tokens"], said.max_new_tokens)
        return Decoding.model_validate(kept | dict(changes))

    @property
    def method(self) -> str:
        """greedy, beam or sample."""
        return "beam" if self.beams > 1 else "sample" if self.sample else "greedy"


class _Switches(BaseModel):
    """The keys that other keys hang on, as far as they are given."""

    sample: bool | None = None
    beams: int | None = None
    max_new_tokens: int | None = None


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
    parts += [f"numbers:{decoding.numbers}"] * (decoding.numbers != "any")
    if decoding.candidates > 1:
        parts.append(f"mbr-chrf:{decoding.candidates}{'+checks' if decoding.prefer_publishable else ''}")
    parts += [f"seed:{decoding.seed}"] * decoding.sample
    return "|".join(parts)
