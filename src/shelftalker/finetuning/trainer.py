"""`finetune`: a LoRA adapter for a base model, learnt from the training split; checkpoints that can be gone on from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shelftalker import console, device
from shelftalker.errors import ShelftalkerError
from shelftalker.finetuning import run_folder
from shelftalker.models import checkpoints
from shelftalker.recipe.recipe import Recipe

if TYPE_CHECKING:
    from shelftalker.catalogue.examples import Example
    from shelftalker.finetuning.batching import Encoding
    from shelftalker.finetuning.loop import AdapterTrainer
    from shelftalker.models.load import LoadedModel, ModelRef


@dataclass(frozen=True)
class Run:
    """What `finetune` leaves behind.

    Attributes:
        run_dir: the run's folder.
        checkpoints: its checkpoint folders by step.
        log: one entry a report (step, loss, learning_rate, examples_per_second, ..., val_loss at checkpoints).
        facts: parameters, steps, tokens, rows that were cut, padding, seconds; of a dry run, the estimate.
        skipped: the run was finished before, with the same inputs and settings.
    """

    run_dir: Path
    checkpoints: list[Path] = field(default_factory=list)
    log: list[dict[str, Any]] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    skipped: bool = False

    @property
    def last(self) -> Path:
        """The newest checkpoint.

        Raises:
            ShelftalkerError: there is none (a dry run).
        """
        if not self.checkpoints:
            raise ShelftalkerError("the run has no checkpoint", where=str(self.run_dir), mend="run finetune")
        return self.checkpoints[-1]


def finetune(recipe: Recipe, *, resume: bool = False, dry_run: bool = False, out: str | Path | None = None) -> Run:
    """Train a LoRA adapter (Hu et al. 2022) on the training split.

    Every checkpoint is a standard PEFT adapter folder with the trainer's state. A run of the same inputs and
    settings that is finished is not run again.

    Args:
        recipe: base_model, lora, finetune, seed, device, dtype and paths.data decide what is learnt.
        resume: go on from the last whole checkpoint: optimiser, learning rate, random numbers and batches continue
            as if nothing had happened. Without a checkpoint it starts at step 0.
        dry_run: measure a few steps, return the estimate in ``facts``, write nothing.
        out: the run's folder; default outputs/<name>.

    Raises:
        ShelftalkerError: no examples, no base model, a folder that holds another run, a loss that is not finite,
            too little memory or disk.
    """
    from shelftalker.models.load import resolve

    run_dir = Path(out) if out is not None else recipe.run_dir
    policy = _policy(recipe)
    ref = resolve(recipe.base_model, recipe)
    if ref.kind not in ("hub", "folder", "gguf"):
        raise ShelftalkerError(
            f"a base model is a whole model, not {'an adapter' if ref.kind == 'adapter' else 'a CTranslate2 model'}",
            where=f"recipe key base_model = {recipe.base_model}",
            mend="give the base model's name; to train on top of an adapter, merge it first: shelftalker export",
        )
    stage = run_folder.stage_of(recipe, run_dir, ref.content_hash)
    if _is_first():
        console.stage("finetune", f"{recipe.base_model} on {policy.device} ({policy.dtype}), {run_dir}")
    if dry_run:
        from shelftalker.finetuning.estimate import estimate

        return Run(run_dir, facts=estimate(recipe, ref, policy))
    if stage.is_done():
        console.note("done before with the same inputs and settings: skipped")
        log = run_folder.read_log(run_dir)
        return Run(run_dir, checkpoints.every(run_dir), log, run_folder.read_facts(run_dir), skipped=True)
    start = run_folder.begin(stage, run_dir, resume=resume)
    material = prepare_training(recipe, ref, policy)
    if _is_first():
        _say(material, recipe)
        run_folder.open_for_writing(recipe, stage, run_dir, start)
    facts = material.facts | {"device": policy.device, "dtype": policy.dtype, "commit": ref.commit}
    if start.checkpoint is not None:
        console.note(f"resuming at {start.checkpoint}")
        facts["resumed_from"] = start.checkpoint.name
    log = list(start.log)
    facts |= _train(recipe, material, policy, run_dir, start, log)
    found = checkpoints.every(run_dir)
    if _is_first():
        stage.finish([found[-1]], facts=facts)
    return Run(run_dir, found, log, facts)


@dataclass
class Material:
    """All that training needs in memory: the adapted model, the tokenised splits, and what is known of them."""

    base: LoadedModel
    model: Any
    train: Encoding
    validation: Encoding | None
    facts: dict[str, Any]


def prepare_training(recipe: Recipe, ref: ModelRef, policy: device.DevicePolicy) -> Material:
    """Load the base model, attach a fresh adapter, tokenise the splits.

    Raises:
        ShelftalkerError: a model that cannot be loaded, modules that it lacks, no examples.
    """
    import torch
    from transformers import set_seed

    from shelftalker.catalogue.examples import load_split, sample
    from shelftalker.finetuning import loop
    from shelftalker.finetuning.batching import EpochSampler, encode, padding_share
    from shelftalker.models import adapter as adapters
    from shelftalker.models.load import load_base
    from shelftalker.models.quiet import hushed

    settings = recipe.finetune
    loop.check_trackers(settings.trackers)
    base = load_base(ref)
    base.model.to(getattr(torch, policy.dtype))
    if settings.base_dropout is not None:
        loop.set_dropout(base.model, settings.base_dropout)
    if settings.activation_checkpointing:
        loop.checkpoint_activations(base.model)
    set_seed(recipe.seed)
    with hushed():
        model = adapters.attach(
            base.model, recipe.lora, is_seq2seq=base.is_seq2seq, base_name=_recorded(ref), revision=ref.commit
        )

    def tokenised(rows: list[Example]) -> Encoding:
        return encode(
            rows,
            base.tokenizer,
            is_seq2seq=base.is_seq2seq,
            max_input_tokens=recipe.prompt_tokens,
            max_target_tokens=settings.max_target_tokens,
            template=recipe.prompt,
        )

    train = tokenised(load_split(recipe.paths.data, "train"))
    validation = None
    if settings.val_rows:
        rows = sample(load_split(recipe.paths.data, "val"), settings.val_rows, recipe.seed)
        validation = tokenised(rows) if rows else None
    sampler = EpochSampler(train.lengths, settings.batch_size, seed=recipe.seed, bucket=settings.bucket_by_length)
    facts = {
        "parameters": sum(parameter.numel() for parameter in base.model.parameters()),
        "trainable_parameters": sum(value.numel() for value in model.parameters() if value.requires_grad),
        "examples": train.counts.rows,
        "input_tokens": train.counts.input_tokens,
        "target_tokens": train.counts.target_tokens,
        "inputs_cut": train.counts.inputs_cut,
        "targets_cut": train.counts.targets_cut,
        "padding_share": round(padding_share(sampler), 4),
    }
    facts["parameters"] -= facts["trainable_parameters"]
    return Material(base, model, train, validation, facts)


def build(
    recipe: Recipe, material: Material, policy: device.DevicePolicy, run_dir: Path, callbacks: list[Any]
) -> AdapterTrainer:
    """The trainer of a run, ready to train."""
    from shelftalker.finetuning import loop
    from shelftalker.finetuning.batching import Collator, EpochSampler

    settings, base = recipe.finetune, material.base
    start = base.model.config.decoder_start_token_id if base.is_seq2seq else None
    sampler = EpochSampler(
        material.train.lengths, settings.batch_size, seed=recipe.seed, bucket=settings.bucket_by_length
    )
    trainer = loop.AdapterTrainer(
        model=material.model,
        args=loop.arguments(recipe, run_dir, policy),
        train=material.train,
        validation=material.validation,
        collate=Collator(base.tokenizer.pad_token_id, start, _multiple(policy.device)),
        sampler=sampler,
        is_seq2seq=base.is_seq2seq,
        optimiser=loop.optimiser(material.model, recipe, policy),
        facts={
            "base_model": _recorded(base.ref),
            "base_sha256": base.ref.content_hash,
            "prompt": recipe.prompt,
            "prompt_tokens": recipe.prompt_tokens,
            "run": recipe.name,
        },
        keep=settings.keep_checkpoints,
        callbacks=callbacks,
    )
    from transformers import PrinterCallback

    trainer.remove_callback(PrinterCallback)
    for callback in callbacks:
        callback.trainer = trainer
    return trainer


def _train(
    recipe: Recipe,
    material: Material,
    policy: device.DevicePolicy,
    run_dir: Path,
    start: run_folder.Start,
    log: list[dict[str, Any]],
) -> dict[str, Any]:
    from shelftalker.finetuning.callbacks import Guard, Watch
    from shelftalker.models.quiet import hushed

    with console.progress("fine-tuning", unit="steps") if _is_first() else nullcontext() as bar, hushed():
        watch = [Watch(bar, run_dir / run_folder.LOG, log)] if bar is not None else []
        trainer = build(recipe, material, policy, run_dir, [Guard(), *watch])
        with explained(run_dir, recipe):
            outcome = trainer.train(resume_from_checkpoint=str(start.checkpoint) if start.checkpoint else None)
    return {
        "steps": outcome.global_step,
        "train_seconds": round(outcome.metrics.get("train_runtime", 0.0), 2),
    }


@contextmanager
def explained(run_dir: Path, recipe: Recipe) -> Iterator[None]:
    """Turn what training can meet into words that help."""
    import torch

    try:
        yield
    except RuntimeError as error:
        text = str(error).lower()
        if not (isinstance(error, torch.OutOfMemoryError) or "out of memory" in text or "allocate memory" in text):
            raise
        size, steps = recipe.finetune.batch_size, recipe.finetune.accumulation
        raise ShelftalkerError(
            f"the device has too little memory for batches of {size}",
            where="recipe key finetune.batch_size",
            mend=f"finetune.batch_size: {max(size // 2, 1)} with finetune.accumulation: {steps * 2}"
            " learns the same; or finetune.activation_checkpointing: true",
        ) from None
    except KeyboardInterrupt:
        found = checkpoints.every(run_dir)
        where = f"go on from {found[-1].name} with --resume" if found else "no checkpoint was written yet"
        console.warn(f"stopped; {where}")
        raise


def _policy(recipe: Recipe) -> device.DevicePolicy:
    policy = device.resolve(recipe.device, recipe.dtype)
    if policy.device.startswith("cuda:"):
        raise ShelftalkerError(
            f"fine-tuning takes the first visible GPU, not {policy.device}",
            where="recipe key device",
            mend=f"device: cuda with the environment variable CUDA_VISIBLE_DEVICES={policy.device[5:]}",
        )
    return policy


def _recorded(ref: ModelRef) -> str:
    """The base model's name as an adapter records it: it must be found from any working folder."""
    from shelftalker.bundled import NAME
    from shelftalker.models.gguf import SMOLLM2

    is_named = ref.kind == "hub" or ref.given in (NAME, SMOLLM2)
    return ref.given if is_named else str(Path(ref.path).absolute())


def _multiple(where: str) -> int:
    """Lengths are rounded up: MPS allocates anew for each new shape, tensor cores like multiples of 8."""
    return 32 if where == "mps" else 8 if where.startswith("cuda") else 1


def _is_first() -> bool:
    """Whether this process is the one that writes (under torchrun there are several)."""
    import os

    return os.environ.get("RANK", "0") == "0"


def _say(material: Material, recipe: Recipe) -> None:
    facts = material.facts
    share = 100 * facts["trainable_parameters"] / facts["parameters"]
    console.note(
        f"{facts['trainable_parameters']:,} trainable parameters ({share:.2f} % of {facts['parameters']:,});"
        f" {facts['examples']:,} examples, {facts['target_tokens']:,} target tokens,"
        f" {100 * facts['padding_share']:.0f} % padding"
    )
    limits = (
        ("inputs", "prompt_tokens", recipe.prompt_tokens),
        ("targets", "finetune.max_target_tokens", recipe.finetune.max_target_tokens),
    )
    for name, key, limit in limits:
        cut = facts[f"{name}_cut"]
        if cut:
            console.note(
                f"{cut:,} of {facts['examples']:,} {name} ({100 * cut / facts['examples']:.1f} %) are cut to"
                f" {key} = {limit}"
            )
