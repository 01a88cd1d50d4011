"""What a run leaves, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from shelftalker.errors import ShelftalkerError
from shelftalker.finetuning.trainer import finetune
from shelftalker.models.load import load_model
from shelftalker.recipe.recipe import Recipe


def tiny_recipe(base: Path, data_dir: Path, folder: Path, **sections: Any) -> Recipe:
    """Eight optimiser steps of a tiny model on 64 examples, two checkpoints."""
    recipe = Recipe(
        base_model=str(base),
        paths={"data": data_dir, "outputs": folder / "outputs", "artifacts": folder / "artifacts"},
        lora={"r": 4, "alpha": 8},
        finetune={
            "epochs": 2,
            "learning_rate": 1e-2,
            "batch_size": 8,
            "val_rows": 16,
            "save_steps": 0.5,
            "log_steps": 1,
        },
        device="cpu",
    )
    return recipe.with_flags(**sections)


def weights(checkpoint: Path) -> dict[str, torch.Tensor]:
    return load_file(checkpoint / "adapter_model.safetensors")


def test_a_run_learns_and_leaves_standard_adapters(tiny_t5: Path, data_dir: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(tiny_t5, data_dir, tmp_path)
    run = finetune(recipe)
    assert [path.name for path in run.checkpoints] == ["checkpoint-4", "checkpoint-8"] and not run.skipped
    losses = [line["loss"] for line in run.log if "loss" in line]
    assert len(losses) == 8 and losses[-1] < losses[0]
    validation = [line["val_loss"] for line in run.log if "val_loss" in line]
    assert len(validation) == 2 and validation[1] < validation[0]
    on_disk = [json.loads(line) for line in (run.run_dir / "log.jsonl").read_text().splitlines()]
    assert on_disk == run.log and all(line["tokens_per_second"] > 0 for line in on_disk if "loss" in line)
    assert Recipe.load(run.run_dir / "recipe.yaml") == recipe

    from peft import PeftConfig, PeftModel
    from transformers import AutoModelForSeq2SeqLM

    config = PeftConfig.from_pretrained(run.last)
    assert config.base_model_name_or_path == str(tiny_t5) and config.r == 4
    theirs = PeftModel.from_pretrained(AutoModelForSeq2SeqLM.from_pretrained(tiny_t5), run.last).eval()
    ours = load_model(run.run_dir)
    assert "checkpoint-8" in ours.ref.note
    batch = ours.tokenizer("Given a product title", return_tensors="pt") | {"labels": torch.tensor([[9, 8, 1]])}
    assert torch.allclose(ours.model(**batch).loss, theirs(**batch).loss, atol=1e-5)


def test_trackers_get_the_log(tiny_t5: Path, data_dir: Path, tmp_path: Path) -> None:
    run = finetune(tiny_recipe(tiny_t5, data_dir, tmp_path, finetune={"trackers": ["tensorboard"]}))
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    (events,) = run.run_dir.rglob("events.out.tfevents.*")
    board = EventAccumulator(str(events)).Reload()
    losses = [line["loss"] for line in run.log if "loss" in line]
    assert [event.value for event in board.Scalars("train/loss")] == pytest.approx(losses, rel=1e-3)


@pytest.mark.parametrize(("name", "problem"), [("comet_ml", "not installed"), ("notebook", "no such tracker")])
def test_a_tracker_that_cannot_be_had_is_an_error(
    name: str, problem: str, tiny_t5: Path, data_dir: Path, tmp_path: Path
) -> None:
    with pytest.raises(ShelftalkerError, match=problem):
        finetune(tiny_recipe(tiny_t5, data_dir, tmp_path, finetune={"trackers": [name]}))


def test_a_finished_run_is_skipped(tiny_t5: Path, data_dir: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(tiny_t5, data_dir, tmp_path)
    first = finetune(recipe)
    before = (first.last / "adapter_model.safetensors").stat().st_mtime_ns
    second = finetune(recipe)
    assert second.skipped and second.checkpoints == first.checkpoints and second.log == first.log
    assert second.facts["steps"] == 8
    assert (first.last / "adapter_model.safetensors").stat().st_mtime_ns == before
