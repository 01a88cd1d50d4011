"""A run whose checkpoints really differ, without training: adapters with random weights of growing size."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from shelftalker.recipe import Recipe
from tests.evaluation.played import PlayedEngine

STEPS = (10, 20, 30)


def make_run(folder: Path, base: Path, steps: tuple[int, ...] = STEPS) -> Path:
    """A run folder with one LoRA checkpoint a step, on the model in ``base``."""
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
        (checkpoint / "optimizer.pt").write_bytes(b"state of training")
    (folder / "recipe.yaml").write_text("name: run\n")
    return folder


@pytest.fixture(scope="session")
def made_run(tmp_path_factory: pytest.TempPathFactory, tiny_t5: Path) -> Path:
    """Folder of a run with three checkpoints; copy it before writing."""
    return make_run(tmp_path_factory.mktemp("made"), tiny_t5)


@pytest.fixture
def recipe(tmp_path: Path, data_dir: Path, tiny_t5: Path) -> Recipe:
    """A recipe over the tiny model and the tiny data, writing under the test's own folder."""
    return Recipe.load(
        flags={
            "name": "run",
            "base_model": str(tiny_t5),
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
def run_dir(recipe: Recipe, made_run: Path) -> Path:
    """The recipe's own run, with three checkpoints."""
    shutil.copytree(made_run, recipe.run_dir)
    return recipe.run_dir


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> type[PlayedEngine]:
    """Every model is played by `PlayedEngine`; ``loaded`` lists the folders of those that were."""
    PlayedEngine.loaded = []
    monkeypatch.setattr("shelftalker.generation.engine.load_engine", PlayedEngine)
    return PlayedEngine
