"""What training works on: the adapted model, the tokenised splits, and what is known of both."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shelftalker.device import DevicePolicy
from shelftalker.models.folder import SOURCES
from shelftalker.recipe.recipe import Recipe

if TYPE_CHECKING:
    from shelftalker.finetuning.batching import Batches
    from shelftalker.finetuning.encoding import Encoding
    from shelftalker.models.load import LoadedModel, ModelRef
    from shelftalker.product import Product, Source
    from shelftalker.retrieve.ground import Sources


@dataclass
class Material:
    """All that training needs in memory.

    Attributes:
        base: the base model in the number format that it trains in, with its tokenizer.
        model: the same with a fresh adapter on it.
        train: the training split as token ids.
        validation: the validation rows; None: none asked for.
        facts: parameters, examples, tokens, rows that were cut, padding.
        sources: content hash of the training split that sources are taken from; None: there are no sources.
        language: what most of the training descriptions are written in, or what the recipe says.
        limits: how long the texts of the fields may be.
    """

    base: LoadedModel
    model: Any
    train: Encoding
    validation: Encoding | None
    facts: dict[str, Any]
    sources: str | None = None
    language: str = "en"
    limits: dict[str, str] = field(default_factory=dict)


def sources_of(recipe: Recipe, folder: Path) -> Sources | None:
    """The index that sources are taken from, in a folder of its own there; None where the recipe wants none."""
    from shelftalker.retrieve.ground import Sources

    return Sources.of_split(recipe.paths.data, folder / SOURCES) if recipe.wants_sources else None


def gather(recipe: Recipe, ref: ModelRef, policy: DevicePolicy, index: Sources | None) -> Material:
    """Load the base model, attach a fresh adapter, tokenise the splits, each product with the sources it is shown.

    Args:
        recipe: all settings.
        ref: the base model.
        policy: where and in what number format it trains.
        index: of `sources_of`.

    Raises:
        ShelftalkerError: a model that cannot be loaded, modules that it lacks, no examples, descriptions that its
            tokenizer cannot write.
    """
    import torch
    from transformers import set_seed

    from shelftalker.catalogue.examples import load_split, sample
    from shelftalker.checks.language import main_language
    from shelftalker.finetuning.attention import cheapen_attention
    from shelftalker.finetuning.batching import padding_share
    from shelftalker.finetuning.dropout import cheapen_dropout
    from shelftalker.finetuning.encoding import check_writable, encode
    from shelftalker.finetuning.fields import each_field, limits, with_lengths
    from shelftalker.finetuning.layers import fewer_passes
    from shelftalker.finetuning.lean import lean
    from shelftalker.finetuning.targets import taught
    from shelftalker.models import adapter as adapters
    from shelftalker.models import chat
    from shelftalker.models.load import load_base
    from shelftalker.models.quiet import hushed

    settings = recipe.finetune
    base = load_base(ref)
    frame = chat.chosen(recipe.chat, chat.frame_of(base.tokenizer), ref.given)

    def tokenised(rows: list[Product], training: bool = False) -> Encoding:
        rows = with_lengths(taught(rows, recipe), recipe)
        shown = sources_shown(rows, recipe, index, training=training)
        return encode(
            [row for row, _ in shown],
            base.tokenizer,
            recipe.as_prompt,
            is_seq2seq=base.is_seq2seq,
            max_target_tokens=settings.max_target_tokens,
            frame=frame,
            sources=[near for _, near in shown],
        )

    examples = sample(load_split(recipe.paths.data, "train"), settings.rows, recipe.seed)
    language = recipe.language or main_language(row.description for row in examples)
    examples = each_field(examples, recipe)
    known = limits(examples, recipe)
    train = tokenised(examples, training=True)
    check_writable(train.counts, recipe.base_model)
    validation = None
    if settings.val_rows:
        rows = sample(load_split(recipe.paths.data, "val"), settings.val_rows, recipe.seed)
        validation = tokenised(each_field(rows, recipe)) if rows else None
    base.model.to(getattr(torch, policy.dtype))
    if settings.base_dropout is not None:
        set_dropout(base.model, settings.base_dropout)
    if settings.activation_checkpointing:
        checkpoint_activations(base.model)
    set_seed(recipe.seed)
    with hushed():
        model = adapters.attach(
            base.model, recipe.lora, is_seq2seq=base.is_seq2seq, base_name=recorded_name(ref), revision=ref.commit
        )
    lean(model)
    fewer_passes(model)
    cheapen_dropout(model)
    if policy.device == "cpu":
        cheapen_attention(base.model)
    trained = sum(value.numel() for value in model.parameters() if value.requires_grad)
    counts = train.counts
    facts = {
        "parameters": sum(parameter.numel() for parameter in base.model.parameters()) - trained,
        "trainable_parameters": trained,
        "examples": counts.rows,
        "input_tokens": counts.input_tokens,
        "target_tokens": counts.target_tokens,
        "inputs_cut": counts.inputs_cut,
        "targets_cut": counts.targets_cut,
        "unwritable_share": round(counts.unwritable_share, 6),
        "padding_share": round(padding_share(batches_of(recipe, train, is_seq2seq=base.is_seq2seq)), 4),
    }
    return Material(base, model, train, validation, facts, index.hash if index is not None else None, language, known)


def sources_shown(
    rows: Sequence[Product], recipe: Recipe, index: Sources | None, *, training: bool
) -> list[tuple[Product, tuple[Source, ...]]]:
    """Each product with the sources that its prompt shows; in training some are withheld (`retrieve.shown`)."""
    from shelftalker.retrieve.shown import grounded, shown

    if index is None or not recipe.as_prompt.shows_sources:
        return [(row, ()) for row in rows]
    if training:
        return list(grounded(rows, index, recipe.ground, recipe.seed))
    near = index.ground(rows, recipe.ground.sources)
    return [(row, shown(row, found, recipe.ground)) for row, found in zip(rows, near, strict=True)]


def batches_of(recipe: Recipe, split: Encoding, *, is_seq2seq: bool, process: int = 0, processes: int = 1) -> Batches:
    """The batches of a run, or one process's share of them."""
    from shelftalker.finetuning.batching import Batches

    settings = recipe.finetune
    return Batches(
        split.lengths,
        settings.batch_size,
        tokens=settings.batch_tokens,
        seed=recipe.seed,
        bucket=settings.bucket_by_length,
        causal=not is_seq2seq,
        process=process,
        processes=processes,
    )


def recorded_name(ref: ModelRef) -> str:
    """The base model's name as an adapter records it: it must be found from any working folder."""
    from shelftalker.bundled import NAME
    from shelftalker.models.gguf import SMOLLM2

    is_named = ref.kind == "hub" or ref.given in (NAME, SMOLLM2)
    return ref.given if is_named else str(Path(ref.path).absolute())


def process_number() -> tuple[int, int]:
    """This process's number and how many there are, as torchrun says."""
    return int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))


def set_dropout(model: Any, rate: float) -> None:
    """Give every dropout of the base model, in modules and in attention, this rate (0 to 1)."""
    import torch

    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = rate
        for name in ("dropout", "attention_dropout"):
            if isinstance(getattr(module, name, None), float):
                setattr(module, name, rate)


def checkpoint_activations(model: Any) -> None:
    """Recompute activations in the backward pass instead of keeping them."""
    kwargs = {"use_reentrant": False}
    if hasattr(model, "activation_checkpointing_enable"):
        model.activation_checkpointing_enable(activation_checkpointing_kwargs=kwargs)
    else:  # transformers before it was renamed
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs=kwargs)
