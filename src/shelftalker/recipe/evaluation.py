"""Recipe sections that evaluation reads: baseline, evaluate, compare."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator

from shelftalker.recipe.section import Section


class BaselineSettings(Section):
    """The base model as it is, zero-shot."""

    rows: int = Field(200, ge=1)
    """Validation rows to describe."""


class EvaluateSettings(Section):
    """One model's scores on a split."""

    split: Literal["val", "test"] = "val"
    """Which split; test is to be scored once, after everything was chosen."""
    rows: int | None = Field(None, ge=1)
    """Rows of the split, drawn by a hash of their ids; none: all."""
    resamples: int = Field(1000, ge=100)
    """Bootstrap resamples and permutations behind intervals and p-values."""
    nll: bool = True
    """Score the references' likelihood under each model too (one more pass over them, cheap beside writing)."""
    bertscore: str | None = Field(None, min_length=1)
    """Encoder for BERTScore: a hub name such as roberta-large, or a folder; none: no BERTScore."""
    bertscore_layer: int | None = Field(None, ge=1)
    """Layer whose embeddings are compared, from 1; none: what bert-score takes, or three quarters up the encoder."""


_VARIED = ("decoding.", "ground.", "route.", "generate.engine", "generate.quantisation", "generate.facts")
"""What the recipe keys begin with that a variant may set."""


class CompareSettings(Section):
    """Which system is best, on the same validation rows."""

    rows: int = Field(200, ge=1)
    """Validation rows that every system describes."""
    rank_by: Literal["chrf", "bleu", "rougeL", "rouge1", "rouge2"] = "chrf"
    """The score that ranks; of checkpoints that it cannot tell apart the lower validation loss wins."""
    promote: str | None = None
    """Name under artifacts/ for the best checkpoint; none: nothing is promoted."""
    variants: dict[str, dict[str, Any]] = {}
    """Further ways to run every model: a name to keys under decoding, ground, route, or generate's engine,
    quantisation and facts (ground.sources: 0 is the model without its sources)."""

    @field_validator("variants")
    @classmethod
    def _variants_change_the_writing(cls, value: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        for name, keys in value.items():
            for key in keys:
                if not key.startswith(_VARIED):
                    raise ValueError(f"{name} sets {key}: a variant may set {', '.join(_VARIED)}")
        return value
