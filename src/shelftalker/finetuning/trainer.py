"""`finetune`: a LoRA adapter for a base model, learnt from the training split; checkpoints that can be gone on from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from shelftalker import console, device
from shelftalker.awake import kept_awake
from shelftalker.errors import ShelftalkerError
from shelftalker.files import full_disk_is_told
from shelftalker.finetuning import run_folder
from shelftalker.finetuning.encoding import IGNORED
from shelftalker.finetuning.material import Material, gather, process_number, sources_of
from shelftalker.finetuning.run import Run
from shelftalker.models import checkpoints
from shelftalker.recipe.recipe import Recipe

_MANY = 0.1
"""Share of the targets above which it is said that they are of another length than what is to be written."""


def finetune(recipe: Recipe, *, resume: bool = False, dry_run: bool = False, out: str | Path | None = None) -> Run:
    """Train a LoRA adapter (Hu et al. 2022) on the training split.

    Every checkpoint is a standard PEFT adapter folder with the trainer's state. A run of the same inputs and
    settings that is finished is not run again.

    Args:
        recipe: base_model, prompt, lora, finetune, seed, device, dtype and paths.data decide what is learnt.
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
    ref = resolve(recipe.base_model, recipe)
    if ref.kind not in ("hub", "folder", "gguf"):
        raise ShelftalkerError(
            f"a base model is a whole model, not {'an adapter' if ref.kind == 'adapter' else 'a CTranslate2 model'}",
            where=f"recipe key base_model = {recipe.base_model}",
            mend="give the base model's name; to train on top of an adapter, merge it first: shelftalker export",
        )
    # A run goes on in the number format that it began in, whatever this machine would choose today.
    begun = None if dry_run else run_folder.number_format(run_dir)
    policy = _policy(recipe.device, begun if begun and recipe.dtype == "auto" else recipe.dtype)
    stage = run_folder.stage_of(recipe, run_dir, ref.content_hash, policy.dtype)
    if is_first():
        console.stage("finetune", f"{recipe.base_model} on {policy.device}, {run_dir}")
    if not dry_run and stage.is_done():
        if is_first():
            console.note("done before with the same inputs and settings: skipped")
        log = run_folder.read_log(run_dir)
        return Run(run_dir, checkpoints.every(run_dir), log, run_folder.read_facts(run_dir), skipped=True)
    if is_first():
        console.note(f"{policy.dtype}: {policy.reason}")
    if dry_run:
        from shelftalker.finetuning.estimate import estimate

        with explained(run_dir, recipe), TemporaryDirectory() as scratch:
            index = sources_of(recipe, Path(scratch))
            return Run(run_dir, facts=estimate(recipe, gather(recipe, ref, policy, index), policy))
    start = run_folder.begin(stage, run_dir, resume=resume)
    material = gather(recipe, ref, policy, sources_of(recipe, run_dir))
    if is_first():
        _say(material, recipe)
        run_folder.open_for_writing(recipe, stage, run_dir, start)
    facts = material.facts | {"device": policy.device, "dtype": policy.dtype, "commit": ref.commit}
    if start.checkpoint is not None:
        if is_first():
            console.note(f"resuming at {start.checkpoint}")
        facts["resumed_from"] = start.checkpoint.name
    log = list(start.log)
    with kept_awake(recipe.keep_awake):
        facts |= _train(recipe, material, policy, run_dir, start, log)
    found = checkpoints.every(run_dir)
    if is_first():
        stage.finish([found[-1]], facts=facts)
    return Run(run_dir, found, log, facts)


def _train(
    recipe: Recipe,
    material: Material,
    policy: device.DevicePolicy,
    run_dir: Path,
    start: run_folder.Start,
    log: list[dict[str, Any]],
) -> dict[str, Any]:
    from shelftalker.finetuning.build import build
    from shelftalker.finetuning.callbacks import Guard, Interrupt, Watch
    from shelftalker.models.quiet import hushed

    with console.progress("fine-tuning", unit="steps") if is_first() else nullcontext() as bar, hushed():
        watch = [Watch(bar, run_dir / run_folder.LOG, log)] if bar is not None else []
        # Several processes would stop behind different steps, each waiting for the other.
        interrupt = Interrupt()
        heard = interrupt.heard() if process_number()[1] == 1 else nullcontext()
        trainer = build(recipe, material, policy, run_dir, [Guard(), *watch, interrupt])
        with explained(run_dir, recipe), full_disk_is_told(run_dir), heard:
            outcome = trainer.train(resume_from_checkpoint=str(start.checkpoint) if start.checkpoint else None)
    facts: dict[str, Any] = {
        "steps": outcome.global_step,
        "train_seconds": round(outcome.metrics.get("train_runtime", 0.0), 2),
    }
    if outcome.global_step < trainer.state.max_steps:
        facts["stopped_early"] = True
        if is_first():
            console.note(
                f"stopped at step {outcome.global_step} of {trainer.state.max_steps}: the validation loss stood still"
                f" for {recipe.finetune.early_stopping} checkpoints"
            )
    return facts


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
            " learns the same; or finetune.batch_tokens: 1024; or finetune.activation_checkpointing: true",
        ) from None
    except KeyboardInterrupt:
        found = checkpoints.every(run_dir)
        where = f"go on from {found[-1].name} with --resume" if found else "no checkpoint was written yet"
        console.warn(f"stopped; {where}")
        raise


def _policy(where: str, dtype: str) -> device.DevicePolicy:
    policy = device.for_training(where, dtype)
    if policy.device.startswith("cuda:"):
        raise ShelftalkerError(
            f"fine-tuning takes the first visible GPU, not {policy.device}",
            where="recipe key device",
            mend=f"device: cuda with the environment variable CUDA_VISIBLE_DEVICES={policy.device[5:]}",
        )
    return policy


def is_first() -> bool:
    """Whether this process is the one that writes (under torchrun there are several)."""
    return process_number()[0] == 0


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
    lengths = [sum(label != IGNORED for label in row.labels) for row in material.train.rows]
    least, most = recipe.decoding.min_new_tokens, recipe.decoding.max_new_tokens
    shorter, longer = sum(length < least for length in lengths), sum(length > most for length in lengths)
    if shorter > _MANY * len(lengths):
        console.warn(f"{shorter:,} of {len(lengths):,} targets are shorter than decoding.min_new_tokens = {least}")
    if longer > _MANY * len(lengths):
        console.warn(
            f"{longer:,} of {len(lengths):,} targets are longer than decoding.max_new_tokens = {most}:"
            " what is written will often be cut off"
        )
