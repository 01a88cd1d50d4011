"""The loss that training follows: the model's own, computed at the positions that are learnt and nowhere else."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from shelftalker.device import DevicePolicy
from shelftalker.finetuning.build import build
from shelftalker.finetuning.layers import fewer_passes
from shelftalker.finetuning.lean import lean
from shelftalker.finetuning.material import gather
from shelftalker.finetuning.trainer import finetune
from shelftalker.models.load import resolve
from tests.finetuning.test_finetune import tiny_recipe, weights


def gradients(model: Any) -> dict[str, torch.Tensor]:
    found = {name: value.grad.clone() for name, value in model.named_parameters() if value.grad is not None}
    model.zero_grad()
    return found


def scrambled(model: Any) -> None:
    """Give the adapter's matrices B values, so that every gradient is there."""
    torch.manual_seed(1)
    with torch.no_grad():
        for name, value in model.named_parameters():
            if ".lora_B." in name:
                value.normal_(std=0.1)


def as_peft_has_it(model: Any) -> None:
    """Take the shorter forward passes away again."""
    for module in model.modules():
        module.__dict__.pop("forward", None)


@pytest.mark.parametrize("kind", ["seq2seq", "causal"])
def test_gradients_are_those_of_the_models_own_loss(
    kind: str, tiny_t5: Path, tiny_causal: Path, data_dir: Path, tmp_path: Path
) -> None:
    base = tiny_t5 if kind == "seq2seq" else tiny_causal
    recipe = tiny_recipe(base, data_dir, tmp_path, finetune={"base_dropout": 0.0})
    policy = DevicePolicy("cpu", "float32", "")
    material = gather(recipe, resolve(base), policy, None)
    scrambled(material.model)
    trainer = build(recipe, material, policy, tmp_path / "x", [])
    batch = trainer.collate(material.train.rows[:6])
    material.model.train()
    as_peft_has_it(material.model)
    theirs = material.model(**batch).loss
    theirs.backward()
    expected = gradients(material.model)
    assert lean(material.model) > 0
    assert fewer_passes(material.model) > 0
    seen = []
    material.base.model.get_output_embeddings().register_forward_hook(lambda *args: seen.append(args[1][0].shape))
    ours = trainer.compute_loss(material.model, batch)
    ours.backward()
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-5)
    found = gradients(material.model)
    assert found.keys() == expected.keys()
    for name in found:
        torch.testing.assert_close(found[name], expected[name], rtol=1e-4, atol=1e-6)
    # One row a learnt token: neither prompt nor padding goes through the head.
    assert seen == [(int((batch["labels"] >= 0).sum()), 32)]


@pytest.mark.parametrize("kind", ["seq2seq", "causal"])
def test_bfloat16_learns_the_same_to_rounding(
    kind: str, tiny_t5: Path, tiny_causal: Path, data_dir: Path, tmp_path: Path
) -> None:
    base = tiny_t5 if kind == "seq2seq" else tiny_causal
    recipe = tiny_recipe(base, data_dir, tmp_path, finetune={"base_dropout": 0.0})
    losses, slopes = [], []
    for dtype in ("float32", "bfloat16"):
        policy = DevicePolicy("cpu", dtype, "")
        material = gather(recipe, resolve(base), policy, None)
        scrambled(material.model)
        kept = {value.dtype for value in material.model.parameters() if value.requires_grad}
        assert kept == {torch.float32}
        trainer = build(recipe, material, policy, tmp_path / "x", [])
        loss = trainer.compute_loss(material.model, trainer.collate(material.train.rows[:6]))
        loss.backward()
        losses.append(loss.item())
        slopes.append(torch.cat([value.flatten() for value in gradients(material.model).values()]))
    assert losses[1] == pytest.approx(losses[0], rel=0.01)
    assert torch.nn.functional.cosine_similarity(*slopes, dim=0) > 0.99


def test_a_row_with_nothing_to_learn_costs_nothing(tiny_causal: Path, data_dir: Path, tmp_path: Path) -> None:
    from shelftalker.finetuning.encoding import BLANK

    recipe = tiny_recipe(tiny_causal, data_dir, tmp_path)
    policy = DevicePolicy("cpu", "float32", "")
    material = gather(recipe, resolve(tiny_causal), policy, None)
    trainer = build(recipe, material, policy, tmp_path / "x", [])
    loss = trainer.summed_loss(material.model, trainer.collate([material.train[BLANK]]))
    loss.backward()
    assert loss.item() == 0
    assert all(not slope.any() for slope in gradients(material.model).values())


@pytest.mark.parametrize("kind", ["seq2seq", "causal"])
def test_a_row_of_weight_two_pulls_like_two_rows(
    kind: str, tiny_t5: Path, tiny_causal: Path, data_dir: Path, tmp_path: Path
) -> None:
    base = tiny_t5 if kind == "seq2seq" else tiny_causal
    recipe = tiny_recipe(base, data_dir, tmp_path, finetune={"base_dropout": 0.0})
    policy = DevicePolicy("cpu", "float32", "")
    material = gather(recipe, resolve(base), policy, None)
    scrambled(material.model)
    trainer = build(recipe, material, policy, tmp_path / "x", [])
    one, other = material.train.rows[:2]
    found = []
    for rows in ([replace(one, weight=2.0), other], [one, one, other], [one, other]):
        loss = trainer.summed_loss(material.model, trainer.collate(rows))
        loss.backward()
        found.append((loss.item(), torch.cat([value.flatten() for value in gradients(material.model).values()])))
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-5) != pytest.approx(found[2][0], rel=1e-2)
    torch.testing.assert_close(found[0][1], found[1][1], rtol=1e-4, atol=1e-5)


def test_weights_in_the_split_are_trained_with(tiny_causal: Path, data_dir: Path, tmp_path: Path) -> None:
    """The same rows in the same batches, but for a weight: another adapter, and a log that goes on being finite."""
    weighted = tmp_path / "weighted"
    shutil.copytree(data_dir, weighted)
    lines = (data_dir / "train.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) | ({"weight": 5.0} if at % 2 else {}) for at, line in enumerate(lines)]
    (weighted / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    runs = [finetune(tiny_recipe(tiny_causal, data, tmp_path / data.name)) for data in (data_dir, weighted)]
    first = [[line["loss"] for line in run.log if "loss" in line] for run in runs]
    assert first[1][0] > 2 * first[0][0]
    one, other = (weights(run.last) for run in runs)
    assert any(not torch.equal(one[name], other[name]) for name in one)
