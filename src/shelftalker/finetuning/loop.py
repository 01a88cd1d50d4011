"""The training loop: transformers' Trainer, with batches, loss, optimiser and checkpoints of our own making."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Sampler
from transformers import Trainer, TrainerCallback, TrainingArguments

from shelftalker import files
from shelftalker.device import DevicePolicy
from shelftalker.errors import ShelftalkerError
from shelftalker.finetuning import run_folder
from shelftalker.finetuning.batching import IGNORED, Collator, Encoding, EpochSampler
from shelftalker.models import adapter as adapters
from shelftalker.models import checkpoints
from shelftalker.recipe.recipe import Recipe


class AdapterTrainer(Trainer):  # type: ignore[misc]
    """Trains an adapter: whole checkpoints or none, no hub requests, a stop where the loss is not finite.

    Args:
        validation: the split whose loss is taken at every checkpoint; None: none.
        facts: what is noted beside every checkpoint.
    """

    def __init__(
        self,
        *,
        model: Any,
        args: TrainingArguments,
        train: Encoding,
        validation: Encoding | None,
        collate: Collator,
        sampler: EpochSampler,
        is_seq2seq: bool,
        optimiser: torch.optim.Optimizer,
        facts: dict[str, Any],
        keep: int | None,
        callbacks: Sequence[TrainerCallback],
    ) -> None:
        self.sampler, self.validation, self.facts, self.keep = sampler, validation, facts, keep
        self.is_seq2seq = is_seq2seq
        self.tokens = torch.zeros((), dtype=torch.long)
        self._folder: Path | None = None
        super().__init__(
            model=model,
            args=args,
            train_dataset=train,
            data_collator=collate,
            compute_loss_func=self.summed_loss,
            optimizers=(optimiser, None),
            callbacks=list(callbacks),
        )

    def summed_loss(self, outputs: Any, labels: Tensor, num_items_in_batch: Tensor | int | None = None) -> Tensor:
        """Cross-entropy over the tokens of a whole optimiser step, so that every token weighs the same.

        T5's own loss is a mean per forward pass: with accumulation, short batches would weigh more than long ones.
        """
        logits = outputs["logits"] if self.is_seq2seq else outputs["logits"][:, :-1]
        labels = labels if self.is_seq2seq else labels[:, 1:]
        total = torch.nn.functional.cross_entropy(
            logits.float().flatten(0, 1), labels.flatten(), ignore_index=IGNORED, reduction="sum"
        )
        return total / (labels.ne(IGNORED).sum() if num_items_in_batch is None else num_items_in_batch)

    def training_step(self, model: Any, inputs: dict[str, Tensor], *args: Any, **kwargs: Any) -> Tensor:
        """One forward and backward pass; stops the run when its loss is not finite."""
        seen = inputs["attention_mask"].sum() + (inputs["labels"].ne(IGNORED).sum() if self.is_seq2seq else 0)
        self.tokens = self.tokens.to(seen.device) + seen
        loss: Tensor = super().training_step(model, inputs, *args, **kwargs)
        if not torch.isfinite(loss):
            raise self._diverged(f"the loss is {loss.item()}")
        return loss

    def validation_loss(self) -> float | None:
        """Mean cross-entropy per token (natural log) over the validation rows; draws no random number."""
        if self.validation is None:
            return None
        rows = sorted(self.validation.rows, key=lambda row: (len(row.labels), len(row.inputs)))
        size = 2 * self.args.per_device_train_batch_size
        model = self.model
        model.eval()
        total, count = 0.0, 0
        with torch.no_grad():
            for at in range(0, len(rows), size):
                batch = {
                    name: value.to(self.args.device) for name, value in self._collate(rows[at : at + size]).items()
                }
                labels = batch.pop("labels")
                with self.accelerator.autocast():
                    outputs = model(**batch)
                learnt = int((labels if self.is_seq2seq else labels[:, 1:]).ne(IGNORED).sum())
                total += float(self.summed_loss(outputs, labels, 1))
                count += learnt
        model.train()
        return total / count if count else None

    def floating_point_ops(self, inputs: dict[str, Tensor]) -> int:
        """Not counted: the count walks over every parameter at every step."""
        return 0

    def _collate(self, rows: Sequence[Any]) -> dict[str, Tensor]:
        batch: dict[str, Tensor] = self.data_collator(rows)
        return batch

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int]:
        return self.sampler

    def _clip_grad_norm(self, model: Any) -> Any:
        norm = super()._clip_grad_norm(model)
        if norm is not None and not torch.isfinite(torch.as_tensor(norm)):
            raise self._diverged("the gradient is not finite")
        return norm

    def _diverged(self, what: str) -> ShelftalkerError:
        return ShelftalkerError(
            f"{what} at step {self.state.global_step + 1}: training diverged",
            where=str(self.args.output_dir),
            mend="lower finetune.learning_rate (a third of it), or use dtype: float32; whole checkpoints are kept",
        )

    def _get_output_dir(self, trial: Any) -> str:
        return str(self._folder or self.args.output_dir)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """Write a checkpoint aside, flush it to the disk, then give it its name: it is whole or it is not there."""
        run_dir = Path(self.args.output_dir)
        loss = self.validation_loss()
        if loss is not None:
            self.log({"val_loss": loss})
        name = f"checkpoint-{self.state.global_step}"
        self._folder = run_dir / run_folder.SAVING
        try:
            super()._save_checkpoint(model, trial)
            self.accelerator.wait_for_everyone()
            if self.args.should_save:
                facts = {**self.facts, "step": self.state.global_step, "val_loss": loss}
                files.write_json(self._folder / name / adapters.FACTS, facts)
                _flush(self._folder / name)
                shutil.rmtree(run_dir / name, ignore_errors=True)
                (self._folder / name).rename(run_dir / name)
                _flush(run_dir, deep=False)
        except ShelftalkerError:
            raise
        except OSError as error:
            raise files.disk_error(error, run_dir / name) from error
        except Exception as error:  # torch and safetensors report a full disk as errors of their own
            if "write" not in str(error) and "I/O" not in str(error) and "os error" not in str(error):
                raise
            raise files.disk_error(OSError(str(error).splitlines()[0]), run_dir / name) from error
        finally:
            if self.args.should_save:
                shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None
        if self.args.should_save and self.keep is not None:
            for old in checkpoints.every(run_dir)[: -self.keep]:
                shutil.rmtree(old, ignore_errors=True)
        self.accelerator.wait_for_everyone()

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        if not self.args.should_save:
            return
        # With "auto", PEFT asks the hub at every save whether the base model's vocabulary has changed.
        self.accelerator.unwrap_model(self.model).save_pretrained(
            output_dir or self.args.output_dir, state_dict=state_dict, save_embedding_layers=False
        )


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
        bf16=policy.dtype == "bfloat16",
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


def optimiser(model: Any, recipe: Recipe, policy: DevicePolicy) -> torch.optim.Optimizer:
    """AdamW over the adapter; with LoRA+ (Hayou et al. 2024) the matrices B learn ``lora_plus_ratio`` times faster."""
    settings, ratio = recipe.finetune, recipe.lora.lora_plus_ratio or 1.0
    trained = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
    fast = [parameter for name, parameter in trained if ".lora_B." in name]
    slow = [parameter for name, parameter in trained if ".lora_B." not in name]
    groups = [{"params": slow, "lr": settings.learning_rate}, {"params": fast, "lr": settings.learning_rate * ratio}]
    return torch.optim.AdamW(
        groups,
        lr=settings.learning_rate,
        weight_decay=settings.weight_decay,
        # One kernel for the hundreds of small matrices of an adapter.
        fused=policy.device == "cpu" or policy.device.startswith("cuda"),
    )


def set_dropout(model: Any, rate: float) -> None:
    """Give every dropout of the base model, in modules and in attention, this rate (0 to 1)."""
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


def _flush(folder: Path, *, deep: bool = True) -> None:
    for path in [*(folder.rglob("*") if deep else []), folder]:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
