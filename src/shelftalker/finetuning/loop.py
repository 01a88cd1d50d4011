"""The training loop: transformers' Trainer, with batches, loss and checkpoints of our own making."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader
from transformers import Trainer, TrainerCallback, TrainingArguments

from shelftalker import files
from shelftalker.errors import ShelftalkerError
from shelftalker.finetuning import run_folder
from shelftalker.finetuning.batching import Batches, Collate
from shelftalker.finetuning.encoding import IGNORED, Encoded, Encoding
from shelftalker.finetuning.loss import DescriptionLoss
from shelftalker.models import checkpoints
from shelftalker.models import folder as folders


class AdapterTrainer(Trainer):  # type: ignore[misc]
    """Trains an adapter: whole checkpoints or none, no hub requests, a stop where the loss is not finite.

    Args:
        validation: the split whose loss is taken at every checkpoint; None: none.
        batches: this process's batches.
        half: whether the base model is bfloat16, and its products are.
        facts: what is noted beside every checkpoint.
        keep: newest checkpoints to keep; None: all.
        patience: checkpoints without a better validation loss before training stops; None: never.
    """

    def __init__(
        self,
        *,
        model: Any,
        args: TrainingArguments,
        train: Encoding,
        validation: Encoding | None,
        collate: Collate,
        batches: Batches,
        is_seq2seq: bool,
        half: bool,
        optimiser: torch.optim.Optimizer,
        facts: dict[str, Any],
        keep: int | None,
        patience: int | None,
        callbacks: Sequence[TrainerCallback],
    ) -> None:
        self.batches, self.validation, self.facts, self.keep = batches, validation, facts, keep
        self.is_seq2seq, self.half, self.patience = is_seq2seq, half, patience
        self.description_loss = DescriptionLoss(model, is_seq2seq=is_seq2seq)
        self.rows_seen = self.tokens_seen = 0
        self._folder: Path | None = None
        super().__init__(
            model=model,
            args=args,
            train_dataset=train,
            data_collator=collate,
            optimizers=(optimiser, None),
            callbacks=list(callbacks),
        )
        # So that the Trainer counts the tokens of a whole optimiser step, over all processes.
        self.model_accepts_loss_kwargs = True

    def summed_loss(self, model: Any, batch: dict[str, Tensor]) -> Tensor:
        """Cross-entropy (natural log) summed over the description tokens of a batch."""
        device = self.args.device
        batch = {name: value.to(device) for name, value in batch.items()}
        with torch.autocast(device.type, dtype=torch.bfloat16) if self.half else nullcontext():
            return self.description_loss.summed(model, batch)

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Tensor],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Tensor:
        """A batch's part of the mean over the tokens of a whole optimiser step, so that every token weighs the same.

        T5's own loss is a mean per forward pass: with accumulation, short batches would weigh more than long ones.
        """
        tokens = inputs["labels"].ne(IGNORED).sum() if num_items_in_batch is None else num_items_in_batch
        # Gradients are averaged over processes; this is a sum over them.
        share: Tensor = self.summed_loss(model, inputs) / tokens * self.args.world_size
        return share

    def training_step(self, model: Any, inputs: dict[str, Tensor], *args: Any, **kwargs: Any) -> Tensor:
        """One forward and backward pass; stops the run when its loss is not finite."""
        self.tokens_seen += int(inputs["attention_mask"].sum())
        self.tokens_seen += int(inputs["labels"].ne(IGNORED).sum()) if self.is_seq2seq else 0
        self.rows_seen += len(inputs["labels"])
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
        self.model.eval()
        with torch.no_grad():
            batches = [self.collate(rows[at : at + size]) for at in range(0, len(rows), size)]
            total = sum(float(self.summed_loss(self.model, batch)) for batch in batches)
        self.model.train()
        return total / max(self.validation.counts.target_tokens, 1)

    def stands_still(self) -> bool:
        """Whether the last ``patience`` validation losses all fail to beat the best one before them."""
        losses = [entry["val_loss"] for entry in self.state.log_history if "val_loss" in entry]
        patience = self.patience
        return patience is not None and len(losses) > patience and min(losses[-patience:]) >= min(losses[:-patience])

    def get_train_dataloader(self) -> DataLoader[Encoded]:
        """Batches as they are: this process's share already, in the order that seed and epoch give."""
        return DataLoader(
            self.train_dataset,
            batch_sampler=self.batches,
            collate_fn=self.collate,
            pin_memory=self.args.dataloader_pin_memory,
        )

    def collate(self, rows: Sequence[Encoded]) -> dict[str, Tensor]:
        """Rows as one batch."""
        batch: dict[str, Tensor] = self.data_collator(rows)
        return batch

    def floating_point_ops(self, inputs: dict[str, Tensor]) -> int:
        """Not counted: the count walks over every parameter at every step."""
        return 0

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
            self.control.should_training_stop |= self.stands_still()
        name = f"checkpoint-{self.state.global_step}"
        self._folder = run_dir / run_folder.SAVING
        try:
            super()._save_checkpoint(model, trial)
            self.accelerator.wait_for_everyone()
            if self.args.should_save:
                facts = {**self.facts, "step": self.state.global_step, "val_loss": loss}
                files.write_json(self._folder / name / folders.FACTS, facts)
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


def _flush(folder: Path, *, deep: bool = True) -> None:
    for path in [*(folder.rglob("*") if deep else []), folder]:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
