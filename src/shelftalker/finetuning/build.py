"""From a recipe and its material to a trainer that is ready to train."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers import PrinterCallback, TrainingArguments

from shelftalker.device import DevicePolicy
from shelftalker.errors import ShelftalkerError
from shelftalker.finetuning.batching import collator
from shelftalker.finetuning.loop import AdapterTrainer
from shelftalker.finetuning.material import Material, batches_of, process_number, recorded_name
from shelftalker.finetuning.optimiser import build_optimiser
from shelftalker.recipe.carried import carried
from shelftalker.recipe.recipe import Recipe


def build(
    recipe: Recipe, material: Material, policy: DevicePolicy, run_dir: Path, callbacks: Sequence[Any]
) -> AdapterTrainer:
    """The trainer of a run.

    Raises:
        ShelftalkerError: a tracker that is not there.
    """
    settings, base = recipe.finetune, material.base
    check_trackers(settings.trackers)
    process, processes = process_number()
    trainer = AdapterTrainer(
        model=material.model,
        args=arguments(recipe, run_dir, policy),
        train=material.train,
        validation=material.validation,
        collate=collator(base.tokenizer, base.model, is_seq2seq=base.is_seq2seq, multiple=_multiple(policy.device)),
        batches=batches_of(recipe, material.train, is_seq2seq=base.is_seq2seq, process=process, processes=processes),
        is_seq2seq=base.is_seq2seq,
        half=policy.dtype == "bfloat16",
        optimiser=build_optimiser(material.model, recipe, policy),
        facts={
            "schema": "shelftalker.adapter/1",
            "base_model": recorded_name(base.ref),
            "base_sha256": base.ref.content_hash,
            "recipe": carried(recipe.with_flags(language=material.language, generate={"limits": material.limits})),
            **({"sources": material.sources} if material.sources else {}),
            "run": recipe.name,
        },
        keep=settings.keep_checkpoints,
        patience=settings.early_stopping,
        callbacks=callbacks,
    )
    trainer.remove_callback(PrinterCallback)
    for callback in callbacks:
        callback.trainer = trainer
    return trainer


def arguments(recipe: Recipe, run_dir: Path, policy: DevicePolicy) -> TrainingArguments:
    """The recipe's settings as transformers' TrainingArguments."""
    settings = recipe.finetune
    found = TrainingArguments(
        output_dir=str(run_dir),
        per_device_train_batch_size=settings.batch_size,
        gradient_accumulation_steps=settings.accumulation,
        num_train_epochs=settings.epochs,
        max_steps=settings.max_steps or -1,
        learning_rate=settings.learning_rate,
        lr_scheduler_type=settings.schedule if settings.schedule != "constant" else "constant_with_warmup",
        warmup_steps=settings.warmup,
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.max_grad_norm,
        logging_strategy="steps",
        logging_steps=settings.log_steps,
        logging_nan_inf_filter=False,
        save_strategy="steps",
        save_steps=settings.save_steps if settings.save_steps < 1 else int(settings.save_steps),
        eval_strategy="no",
        seed=recipe.seed,
        data_seed=recipe.seed,
        use_cpu=policy.device == "cpu",
        dataloader_pin_memory=policy.device.startswith("cuda"),
        remove_unused_columns=False,
        ddp_find_unused_parameters=False,
        report_to=settings.trackers or "none",
        disable_tqdm=True,
    )
    # One process drives one device; several devices are torchrun's business, never torch's DataParallel.
    if found.n_gpu > 1:
        found._n_gpu = 1
    return found


def check_trackers(names: Sequence[str]) -> None:
    """Make sure that every tracker named is one that transformers knows, and installed.

    Raises:
        ShelftalkerError: one is not.
    """
    from transformers.integrations.integration_utils import (
        INTEGRATION_TO_CALLBACK,
        get_available_reporting_integrations,
    )

    installed = {*get_available_reporting_integrations()}
    for name in names:
        if name not in INTEGRATION_TO_CALLBACK:
            raise ShelftalkerError(
                f"no such tracker: {name}",
                where="recipe key finetune.trackers",
                mend=f"one of {', '.join(sorted(INTEGRATION_TO_CALLBACK))}",
            )
        if name not in installed:
            raise ShelftalkerError(
                f"the tracker {name} is not installed",
                where="recipe key finetune.trackers",
                mend=f"install its package into this environment: pip install {name.replace('_', '-')}",
            )


def _multiple(where: str) -> int:
    """Lengths are rounded up: MPS allocates anew for each new shape, tensor cores like multiples of 8."""
    return 32 if where == "mps" else 8 if where.startswith("cuda") else 1
