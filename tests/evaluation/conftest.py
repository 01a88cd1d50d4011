"""Runs without training: checkpoints on paper, for tests with played engines, and real ones with random weights."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from shelftalker.recipe.recipe import Recipe
from tests.evaluation.played import PlayedEngine

STEPS = (10, 20, 30)


def make_run(folder: Path, base: Path, steps: tuple[int, ...] = STEPS) -> Path:
    """A run folder with one LoRA checkpoint a step, of growing random weights, on the model in ``base``."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForSeq2SeqLM

    for step in steps:
        torch.manual_seed(step)
        model = AutoModelForSeq2SeqLM.from_pretrained(base)
        config = LoraConfig(r=4, lora_alpha=8, target_modules=["q", "v"], task_type="SEQ_2_SEQ_LM")
        adapted = get_peft_model(model, config)
        for name, weight in adapted.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(weight, std=step / 20)
        checkpoint = folder / f"checkpoint-{step}"
        adapted.save_pretrained(checkpoint, save_embedding_layers=False)
        written = json.loads((checkpoint / "adapter_config.json").read_text())
        written["base_model_name_or_path"] = str(base)
        (checkpoint / "adapter_config.json").write_text(json.dumps(written))
    return folder


def paper_base(folder: Path) -> Path:
    """A folder that looks like a model to everything that does not load it."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text('{"model_type": "t5"}')
    (folder / "tokenizer.json").write_text("{}")
    save_file({"weight": np.ones(3, dtype=np.float32)}, folder / "model.safetensors")
    return folder


def paper_run(folder: Path, base: Path, steps: tuple[int, ...] = STEPS) -> Path:
    """A run folder whose checkpoints look like adapters to everything that does not load them."""
    for step in steps:
        checkpoint = folder / f"checkpoint-{step}"
        checkpoint.mkdir(parents=True)
        config = {"peft_type": "LORA", "r": 4, "target_modules": ["q"], "base_model_name_or_path": str(base)}
        (checkpoint / "adapter_config.json").write_text(json.dumps(config))
        save_file({"weight": np.full(3, step, dtype=np.float32)}, checkpoint / "adapter_model.safetensors")
        (checkpoint / "optimizer.pt").write_bytes(b"state of training")
    (folder / "recipe.yaml").write_text("name: run\n")
    return folder


@pytest.fixture
def recipe(tmp_path: Path, data_dir: Path) -> Recipe:
    """A recipe over the tiny data and a model on paper, writing under the test's own folder."""
    return Recipe.load(
        flags={
            "name": "run",
            "base_model": str(paper_base(tmp_path / "base")),
            "paths.data": str(data_dir),
            "paths.outputs": str(tmp_path / "outputs"),
            "paths.artifacts": str(tmp_path / "artifacts"),
            "decoding.max_new_tokens": 12,
            "generate.engine": "transformers",
            "evaluate.resamples": 200,
            "compare.rows": 12,
            "baseline.rows": 10,
            "device": "cpu",
        }
    )


@pytest.fixture
def run_dir(recipe: Recipe) -> Path:
    """The recipe's own run, with three checkpoints on paper."""
    return paper_run(recipe.run_dir, Path(recipe.base_model))


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> type[PlayedEngine]:
    """Every model is played by `PlayedEngine`; ``loaded`` lists the folders of those that were."""
    PlayedEngine.loaded = []
    monkeypatch.setattr("shelftalker.generation.load.load_engine", PlayedEngine)
    return PlayedEngine
