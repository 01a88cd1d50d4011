"""What a run leaves, and what it refuses."""

from __future__ import annotations

import json
import shutil
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
        dtype="float32",
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


def test_the_prompt_asked_for_is_the_prompt_learnt(tiny_causal: Path, data_dir: Path, tmp_path: Path) -> None:
    """Prepared data carry the prompt that they were made with; a run renders its own from the product."""
    from shelftalker.device import DevicePolicy
    from shelftalker.finetuning.material import gather
    from shelftalker.models.load import resolve

    recipe = tiny_recipe(tiny_causal, data_dir, tmp_path, prompt="{department}: {title} =", finetune={"max_steps": 2})
    material = gather(recipe, resolve(tiny_causal), DevicePolicy("cpu", "float32", ""), None)
    text = material.base.tokenizer.decode(material.train[0].inputs)
    assert text.startswith("home: blue bottle 0 = The blue bottle is soft")
    run = finetune(recipe)
    facts = json.loads((run.last / "shelftalker.json").read_text())
    assert facts["recipe"]["language"] == "en"
    assert facts["recipe"]["prompt"] == "{department}: {title} ="


@pytest.fixture
def word_t5(tiny_t5: Path, tmp_path: Path) -> Path:
    """A T5 whose tokenizer knows the words of the examples and no other sign, as FLAN-T5's knows no Japanese."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    folder = shutil.copytree(tiny_t5, tmp_path / "word_t5")
    known = "Title : . The is soft and warm It fits in a travel bag with table home bottle blue".split()
    words = {word: number for number, word in enumerate(["<pad>", "</s>", "<unk>", *known])}
    words |= {str(number): len(words) + number for number in range(64)}
    for word in ("red", "oak", "steel", "shirt", "kettle", "wallet", "lamp"):
        words[word] = len(words)
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    ).save_pretrained(folder)
    return folder


def data_with(endings: list[str], data_dir: Path, folder: Path) -> Path:
    """The examples with these endings to their first descriptions."""
    folder.mkdir()
    for name in ("train", "val"):
        rows = [json.loads(line) for line in (data_dir / f"{name}.jsonl").read_text().splitlines()]
        for row, ending in zip(rows, endings, strict=False):
            row["target_text"] += ending
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder


@pytest.mark.parametrize("dry_run", [True, False])
def test_descriptions_that_the_tokenizer_cannot_write_are_refused(
    dry_run: bool, word_t5: Path, data_dir: Path, tmp_path: Path
) -> None:
    data = data_with([" オーク 材 の 踏み台"] * 64, data_dir, tmp_path / "data")
    with pytest.raises(ShelftalkerError, match=r"cannot write \d+\.\d% of the target tokens") as caught:
        finetune(tiny_recipe(word_t5, data, tmp_path), dry_run=dry_run)
    assert "byte-level" in str(caught.value.mend) and not (tmp_path / "outputs").exists()


def test_a_few_signs_that_cannot_be_written_are_said_and_counted(
    word_t5: Path, data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = data_with([" 材 木"], data_dir, tmp_path / "data")
    recipe = tiny_recipe(word_t5, data, tmp_path, finetune={"max_steps": 2, "val_rows": 0})
    facts = finetune(recipe, dry_run=True).facts
    assert facts["unwritable_share"] == pytest.approx(2 / facts["target_tokens"], abs=1e-6)
    said = capsys.readouterr()
    assert "cannot write" in said.err and "cannot write" in said.out
    assert finetune(recipe).facts["unwritable_share"] == facts["unwritable_share"]


def test_training_stops_where_the_validation_loss_stands_still(
    tiny_t5: Path, data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """At a rate that is much too high the loss rises again: two checkpoints on, the run ends, its best one kept."""
    tuning = {"epochs": 8, "save_steps": 2, "learning_rate": 20.0, "schedule": "constant", "early_stopping": 2}
    run = finetune(tiny_recipe(tiny_t5, data_dir, tmp_path, finetune=tuning))
    losses = [line["val_loss"] for line in run.log if "val_loss" in line]
    assert len(losses) < 16 and min(losses[-2:]) >= min(losses[:-2])
    assert run.facts["stopped_early"] and run.facts["steps"] == 2 * len(losses)
    assert "stood still" in capsys.readouterr().err
    with pytest.raises(ShelftalkerError, match="val_rows"):
        tiny_recipe(tiny_t5, data_dir, tmp_path, finetune={"early_stopping": 2, "val_rows": 0})


def test_fewer_rows_are_drawn_by_uid(tiny_t5: Path, data_dir: Path, tmp_path: Path) -> None:
    run = finetune(tiny_recipe(tiny_t5, data_dir, tmp_path, finetune={"rows": 24, "epochs": 1}))
    assert run.facts["examples"] == 24 and run.facts["steps"] == 2


def test_gpt2_with_its_turned_layers_is_fine_tuned(data_dir: Path, tmp_path: Path) -> None:
    """GPT-2 keeps inputs x outputs in layers of its own; all-linear finds them, and PEFT reads what was saved."""
    import tiny
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    base = tiny.make_causal(tmp_path / "gpt2", "gpt2")
    run = finetune(tiny_recipe(base, data_dir, tmp_path, finetune={"epochs": 1, "save_steps": 1.0}))
    assert any("attn.c_attn" in name for name in weights(run.last))
    ids = torch.tensor([[5, 9, 30, 77]])
    peft = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), str(run.last)).eval()
    with torch.inference_mode():
        assert torch.allclose(load_model(run.last).model(ids).logits, peft(ids).logits, atol=1e-4)
