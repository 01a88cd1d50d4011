"""Recipe sections that `finetune` reads: lora, finetune."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from shelftalker.recipe.section import Section


class LoraSettings(Section):
    """The adapter that is trained."""

    r: int = Field(16, ge=1)
    """Rank of the update matrices."""
    alpha: float = Field(32, gt=0)
    """Scale of the update: alpha / r, or alpha / sqrt(r) with rslora."""
    dropout: float = Field(0.0, ge=0, lt=1)
    """Dropout on the adapter's input (0 to 1)."""
    target_modules: list[str] | Literal["all-linear"] = "all-linear"
    """Names of the adapted modules (FLAN-T5: q k v o wi_0 wi_1 wo), or all-linear for every one but the head."""
    rslora: bool = False
    """Rank-stabilised scaling (Kalajdzievski 2023)."""
    dora: bool = False
    """Weight-decomposed LoRA (Liu et al. 2024); about a quarter slower."""
    lora_plus_ratio: float | None = Field(None, gt=0)
    """Learning rate of B over that of A (LoRA+, Hayou et al. 2024); none: the same."""


class FinetuneSettings(Section):
    """How the adapter is trained."""

    epochs: float = Field(2, gt=0)
    """Passes over the training split."""
    max_steps: int | None = Field(None, ge=1)
    """Optimiser steps at most; overrides epochs."""
    learning_rate: float = Field(1e-3, gt=0)
    """Peak learning rate of AdamW."""
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    """Shape of the learning rate after warm-up."""
    warmup: float = Field(0.03, ge=0, lt=1)
    """Share of the steps that warm up (0 to 1)."""
    weight_decay: float = Field(0.0, ge=0)
    """Decoupled weight decay."""
    max_grad_norm: float = Field(1.0, gt=0)
    """Gradients are clipped to this norm."""
    rows: int | None = Field(None, ge=1)
    """Training rows to learn from, drawn by uid; none: all of the split."""
    batch_size: int = Field(8, ge=1)
    """Examples in one forward pass on one device, at most."""
    batch_tokens: int | None = Field(4096, ge=64)
    """Tokens in one forward pass on one device, at most, padding counted: what bounds memory; none: no bound."""
    accumulation: int = Field(2, ge=1)
    """Forward passes in one optimiser step."""
    bucket_by_length: bool = True
    """Batch examples of like length together, so that little of a batch is padding."""
    targets: Literal["whole", "supported", "facts"] = "whole"
    """What is learnt of a reference: all of it; the sentences that the prompt supports; or those and the ones that need
    facts mined from it, of which each row is told none, all or half ({facts} in the prompt)."""
    lengths: bool = False
    """Say in three of four prompts how long the reference is (words, characters, at most so many), so that a length can
    be asked for; always so where prepare.fields names further fields."""
    max_target_tokens: int = Field(256, ge=8)
    """References longer than this are cut for training only (tokens); scoring uses them whole."""
    base_dropout: float | None = Field(None, ge=0, lt=1)
    """Dropout of the base model while it trains (0 to 1); none: what its config says."""
    activation_checkpointing: bool = False
    """Trade a third of the speed for memory."""
    save_steps: int | float = Field(0.25, gt=0)
    """Steps between checkpoints; below 1: a share of all steps."""
    keep_checkpoints: int | None = Field(None, ge=1)
    """Newest checkpoints to keep; none: all, so that compare can choose among them."""
    log_steps: int = Field(10, ge=1)
    """Steps between log lines."""
    trackers: list[str] = []
    """Experiment trackers that the log goes to as well, by transformers' names: tensorboard, wandb, mlflow, ..."""
    val_rows: int = Field(200, ge=0)
    """Validation rows for the loss at each checkpoint; 0: no validation loss."""
    early_stopping: int | None = Field(None, ge=1)
    """Checkpoints without a better validation loss after which training stops; none: it goes on to its end."""

    @field_validator("save_steps")
    @classmethod
    def _whole_or_share(cls, value: int | float) -> int | float:
        if value >= 1 and value != int(value):
            raise ValueError("must be a whole number of steps, or a share below 1")
        return value

    @model_validator(mode="after")
    def _stopping_needs_a_loss(self) -> Self:
        if self.early_stopping is not None and not self.val_rows:
            raise ValueError("early_stopping watches the validation loss: set val_rows above 0")
        return self
