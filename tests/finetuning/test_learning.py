"""Every setting does what it says, and a run that cannot learn stops."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch

from shelftalker import device
from shelftalker.catalogue.examples import load_split
from shelftalker.device import DevicePolicy
from shelftalker.errors import ShelftalkerError
from shelftalker.finetuning import build, loop
from shelftalker.finetuning.material import Material, gather
from shelftalker.finetuning.optimiser import build_optimiser
from shelftalker.finetuning.trainer import finetune
from shelftalker.models.load import load_model, resolve
from shelftalker.prompt import Prompt
from tests.finetuning.test_finetune import tiny_recipe, weights

CPU = DevicePolicy("cpu", "float32", "")


def material(recipe: Any) -> Material:
    return gather(recipe, resolve(recipe.base_model), CPU, None)


def test_lora_plus_gives_the_optimiser_two_rates(tiny_t5: Path, data_dir: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(tiny_t5, data_dir, tmp_path, lora={"lora_plus_ratio": 8.0}, finetune={"learning_rate": 1e-3})
    model = material(recipe).model
    names = {id(value): name for name, value in model.named_parameters()}
    rates: dict[str, set[float]] = {"A": set(), "B": set()}
    for group in build_optimiser(model, recipe, CPU).param_groups:
        for parameter in group["params"]:
            assert "lora_" in names[id(parameter)]
            rates["B" if ".lora_B." in names[id(parameter)] else "A"].add(group["lr"])
    assert rates == {"A": {1e-3}, "B": {8e-3}}
    run = finetune(recipe.with_flags(finetune={"max_steps": 2}))
    state = torch.load(run.last / "scheduler.pt", weights_only=True)
    assert state["base_lrs"] == [1e-3, 8e-3]


@pytest.mark.parametrize(
    ("lora", "modules", "scaling", "extra"),
    [
        ({}, {"q", "k", "v", "o", "wi_0", "wi_1", "wo"}, 2.0, ""),
        ({"target_modules": ["q", "v"]}, {"q", "v"}, 2.0, ""),
        ({"target_modules": ["EncDecAttention.q"]}, {"q"}, 2.0, ""),
        ({"rslora": True}, {"q", "k", "v", "o", "wi_0", "wi_1", "wo"}, 4.0, ""),
        ({"dora": True}, {"q", "k", "v", "o", "wi_0", "wi_1", "wo"}, 2.0, "lora_magnitude_vector"),
    ],
)
def test_the_adapter_is_the_one_asked_for(
    lora: dict[str, Any],
    modules: set[str],
    scaling: float,
    extra: str,
    tiny_t5: Path,
    data_dir: Path,
    tmp_path: Path,
) -> None:
    recipe = tiny_recipe(tiny_t5, data_dir, tmp_path, lora=lora, finetune={"max_steps": 2, "val_rows": 0})
    adapted = {name: module for name, module in material(recipe).model.named_modules() if hasattr(module, "lora_A")}
    assert {name.rsplit(".", 1)[-1] for name in adapted} == modules
    if lora.get("target_modules") == ["EncDecAttention.q"]:
        assert all("EncDecAttention" in name for name in adapted)
    assert {module.scaling["default"] for module in adapted.values()} == {scaling}
    run = finetune(recipe)
    assert any(extra in name for name in weights(run.last))
    assert load_model(run.last).is_seq2seq


def test_a_module_that_the_model_lacks(tiny_t5: Path, data_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(ShelftalkerError, match="no linear module named wi") as caught:
        finetune(tiny_recipe(tiny_t5, data_dir, tmp_path, lora={"target_modules": ["q", "wi"]}))
    assert caught.value.mend and "wi_0" in caught.value.mend
    assert not (tmp_path / "outputs").exists()


def test_base_dropout(tiny_t5: Path, data_dir: Path, tmp_path: Path) -> None:
    """At 0 two training passes agree, at 0.5 they do not; without the key the base model's own 0.1 holds."""
    for rate, repeats in ((0.0, True), (0.5, False), (None, False)):
        recipe = tiny_recipe(tiny_t5, data_dir, tmp_path, finetune={"base_dropout": rate})
        made = material(recipe)
        batch = build.build(recipe, made, CPU, tmp_path / "x", []).collate(made.train.rows[:4])
        made.model.train()
        first, second = (made.model(**batch).loss.item() for _ in range(2))
        assert (first == second) is repeats


def test_activation_checkpointing_learns_the_same(tiny_t5: Path, data_dir: Path, tmp_path: Path) -> None:
    runs = []
    for number, on in enumerate((False, True)):
        flags = {"activation_checkpointing": on, "max_steps": 3, "base_dropout": 0.0}
        runs.append(finetune(tiny_recipe(tiny_t5, data_dir, tmp_path / str(number), finetune=flags)))
    left, right = (weights(run.last) for run in runs)
    assert all(torch.allclose(left[name], right[name], atol=1e-5) for name in left)


def test_accumulation_weighs_every_token_alike(tiny_t5: Path, data_dir: Path, tmp_path: Path) -> None:
    """16 x 1 and 4 x 4 are the same step, though short batches have fewer tokens."""
    runs = []
    for number, (size, times) in enumerate(((16, 1), (4, 4))):
        flags = {"batch_size": size, "accumulation": times, "max_steps": 3, "base_dropout": 0.0}
        flags["bucket_by_length"] = False
        runs.append(finetune(tiny_recipe(tiny_t5, data_dir, tmp_path / str(number), finetune=flags)))
    left, right = (weights(run.last) for run in runs)
    assert all(torch.allclose(left[name], right[name], atol=2e-4) for name in left)
    first, second = ([line["loss"] for line in run.log if "loss" in line] for run in runs)
    assert first == pytest.approx(second, rel=1e-4)


def test_the_logged_losses_are_the_models_own(tiny_t5: Path, data_dir: Path, tmp_path: Path) -> None:
    """The validation loss is the mean negative log-likelihood per reference token, taken row by row elsewhere."""
    recipe = tiny_recipe(tiny_t5, data_dir, tmp_path, finetune={"max_steps": 4})
    run = finetune(recipe)
    loaded = load_model(run.last)
    total = count = 0.0
    for example in load_split(data_dir, "val"):
        inputs = loaded.tokenizer(Prompt().render(example), return_tensors="pt")
        labels = loaded.tokenizer(text_target=example.description, return_tensors="pt")["input_ids"]
        with torch.no_grad():
            total += loaded.model(**inputs, labels=labels).loss.item() * labels.shape[1]
        count += labels.shape[1]
    assert run.log[-1]["val_loss"] == pytest.approx(total / count, rel=1e-4)


@pytest.mark.parametrize("poison", ["loss", "gradient"])
def test_a_loss_or_gradient_that_is_not_finite_stops_the_run(
    poison: str, tiny_t5: Path, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = loop.AdapterTrainer.summed_loss
    calls = 0

    def summed(self: Any, model: Any, batch: Any) -> torch.Tensor:
        nonlocal calls
        calls += 1
        loss = original(self, model, batch)
        if calls < 4:
            return loss
        trained = next(value for value in model.parameters() if value.requires_grad)
        return loss * float("nan") if poison == "loss" else loss + (trained.sum() * 0).sqrt()

    monkeypatch.setattr(loop.AdapterTrainer, "summed_loss", summed)
    recipe = tiny_recipe(tiny_t5, data_dir, tmp_path, finetune={"accumulation": 1, "save_steps": 2, "val_rows": 0})
    with pytest.raises(ShelftalkerError, match="at step 4") as caught:
        finetune(recipe)
    assert "learning_rate" in str(caught.value.mend)
    saved = weights(recipe.run_dir / "checkpoint-2")
    assert all(torch.isfinite(value).all() for value in saved.values())


def test_an_adapter_that_does_not_move_stops_the_run(
    tiny_t5: Path, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = build.build_optimiser

    def of_others(model: Any, recipe: Any, policy: Any) -> Any:
        """An optimiser of other tensors than the model's: the fault of several reports."""
        optimiser = original(model, recipe, policy)
        for group in optimiser.param_groups:
            group["params"] = [torch.nn.Parameter(value.detach().clone()) for value in group["params"]]
            for value in group["params"]:
                value.grad = torch.ones_like(value)
        return optimiser

    monkeypatch.setattr(build, "build_optimiser", of_others)
    with pytest.raises(ShelftalkerError, match="did not move in step 2"):
        finetune(tiny_recipe(tiny_t5, data_dir, tmp_path))


@pytest.mark.parametrize("key", [{"dtype": "float16"}, {"dtype": "bfloat16"}, {"device": "cuda"}, {"device": "cuda:1"}])
def test_unsafe_formats_and_devices_that_are_not_there(
    key: dict[str, str], tiny_t5: Path, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    monkeypatch.setattr(device, "cpu_reports_bfloat16", lambda: False)
    with pytest.raises(ShelftalkerError) as caught:
        finetune(tiny_recipe(tiny_t5, data_dir, tmp_path, **key))
    assert next(iter(key)) in str(caught.value.where) and not (tmp_path / "outputs").exists()


def test_a_causal_model_learns_references_not_prompts(tiny_causal: Path, data_dir: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(tiny_causal, data_dir, tmp_path, finetune={"max_steps": 6})
    made = material(recipe)
    tokenizer, row, example = made.base.tokenizer, made.train[0], load_split(data_dir, "train")[0]
    learnt = [label for label in row.labels if label != -100]
    assert tokenizer.decode(learnt) == f" {example.description}</s>"
    prompt = len(row.labels) - len(learnt)
    assert row.inputs[:prompt] == tuple(tokenizer(Prompt().render(example))["input_ids"])
    assert row.inputs[prompt:] == tuple(learnt)
    run = finetune(recipe)
    losses = [line["loss"] for line in run.log if "loss" in line]
    assert losses[-1] < losses[0] and not load_model(run.last).is_seq2seq
    total = count = 0.0
    model = load_model(run.last).model
    for row in material(recipe).validation.rows:  # type: ignore[union-attr]
        labels = torch.tensor([row.labels])
        with torch.no_grad():
            total += model(input_ids=torch.tensor([row.inputs]), labels=labels).loss.item() * int((labels >= 0).sum())
        count += int((labels >= 0).sum())
    assert run.log[-1]["val_loss"] == pytest.approx(total / count, rel=1e-4)


def test_a_dry_run_tells_and_writes_nothing(
    tiny_t5: Path, data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = tiny_recipe(tiny_t5, data_dir, tmp_path, finetune={"max_target_tokens": 20})
    facts = finetune(recipe, dry_run=True).facts
    assert list(tmp_path.iterdir()) == []
    real = finetune(recipe)
    assert facts["steps"] == real.facts["steps"] == 8 and facts["checkpoints"] == len(real.checkpoints)
    same = ("parameters", "trainable_parameters", "examples", "input_tokens", "target_tokens", "targets_cut")
    assert all(facts[key] == real.facts[key] for key in same)
    assert 0 < facts["targets_cut"] <= 64 and facts["seconds_per_step"] > 0 and facts["estimated_seconds"] > 0
    assert facts["longest_batch"][0] == 8 and facts["longest_batch"][2] == 20
    size = sum((real.last / name).stat().st_size for name in ("adapter_model.safetensors", "optimizer.pt")) / 1e6
    assert facts["disk_mb"] == pytest.approx(size * len(real.checkpoints), rel=0.9)
    assert "estimated time" in capsys.readouterr().out


@pytest.mark.parametrize(("key", "tokens", "what"), [("min", 60, "shorter"), ("max", 4, "longer"), ("max", 200, "")])
def test_other_lengths_than_the_catalogues_are_told(
    tiny_t5: Path, data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], key: str, tokens: int, what: str
) -> None:
    said = {"decoding": {f"{key}_new_tokens": tokens}}
    finetune(tiny_recipe(tiny_t5, data_dir, tmp_path, finetune={"max_steps": 1}, **said))
    err = " ".join(capsys.readouterr().err.split())
    assert (f"targets are {what} than decoding.{key}_new_tokens = {tokens}" in err) == bool(what)


def test_newest_checkpoints_are_kept(tiny_t5: Path, data_dir: Path, tmp_path: Path) -> None:
    run = finetune(tiny_recipe(tiny_t5, data_dir, tmp_path, finetune={"save_steps": 2, "keep_checkpoints": 2}))
    assert [path.name for path in run.checkpoints] == ["checkpoint-6", "checkpoint-8"]


def test_a_full_disk_leaves_whole_checkpoints_and_one_error(
    tiny_t5: Path, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import Trainer

    original = Trainer._save_optimizer_and_scheduler
    calls = 0

    def full(self: Any, folder: str) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise OSError(28, os.strerror(28))
        original(self, folder)

    monkeypatch.setattr(Trainer, "_save_optimizer_and_scheduler", full)
    recipe = tiny_recipe(tiny_t5, data_dir, tmp_path)
    with pytest.raises(ShelftalkerError, match="No space left") as caught:
        finetune(recipe)
    assert "checkpoint-8" in str(caught.value.where)
    assert sorted(path.name for path in recipe.run_dir.iterdir() if path.is_dir()) == ["checkpoint-4"]


def test_no_examples(tiny_t5: Path, tmp_path: Path) -> None:
    with pytest.raises(ShelftalkerError, match="not there") as caught:
        finetune(tiny_recipe(tiny_t5, tmp_path / "nowhere", tmp_path))
    assert "prepare" in str(caught.value.mend)
    for name in ("train", "val"):
        (tmp_path / f"{name}.jsonl").write_text("")
    with pytest.raises(ShelftalkerError, match="no examples"):
        finetune(tiny_recipe(tiny_t5, tmp_path, tmp_path))


def test_examples_of_other_tools_are_enough(tiny_t5: Path, tmp_path: Path) -> None:
    for name in ("train", "val"):
        rows = [{"input_text": f"Title: lamp {number}\n", "target_text": "A warm lamp."} for number in range(6)]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert finetune(tiny_recipe(tiny_t5, tmp_path, tmp_path, finetune={"max_steps": 2})).last.name == "checkpoint-2"


def test_an_adapter_is_no_base_model(tiny_t5: Path, data_dir: Path, tmp_path: Path) -> None:
    run = finetune(tiny_recipe(tiny_t5, data_dir, tmp_path, finetune={"max_steps": 2}))
    with pytest.raises(ShelftalkerError, match="not an adapter"):
        finetune(tiny_recipe(run.last, data_dir, tmp_path / "second"))
