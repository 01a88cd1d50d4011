"""Two processes learn what one does from the same global batches, and either may go on with the other's work."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from shelftalker.finetuning.trainer import finetune
from shelftalker.models import checkpoints
from shelftalker.recipe.recipe import Recipe
from tests.finetuning.test_finetune import tiny_recipe

pytestmark = pytest.mark.slow

DEADLY = """
import os, signal, sys
from shelftalker.finetuning import loop
from shelftalker import cli
rank, when = sys.argv.pop(1).split(":")
original, calls = loop.AdapterTrainer.training_step, 0
def step(*args, **kwargs):
    global calls
    calls += 1
    if os.environ["RANK"] == rank and calls == int(when):
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*args, **kwargs)
loop.AdapterTrainer.training_step = step
cli.main()
"""


def recipe_for(base: Path, data_dir: Path, folder: Path, accumulation: int) -> Recipe:
    """Seven steps an epoch of 64 rows in 13 batches, which do not come out even over two processes."""
    tuning = {"batch_size": 5, "accumulation": accumulation, "epochs": 2, "save_steps": 3, "base_dropout": 0.0}
    return tiny_recipe(base, data_dir, folder, finetune=tuning | {"val_rows": 8})


def together(
    recipe: Recipe, folder: Path, *arguments: str, killing: str | None = None
) -> subprocess.CompletedProcess[str]:
    """`finetune` under torchrun, two processes on this machine."""
    recipe.save(folder / "recipe.yaml")
    program = ["-m", "shelftalker"]
    if killing is not None:
        (folder / "deadly.py").write_text(DEADLY)
        program = [str(folder / "deadly.py"), killing]
    return subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"),
            *program,
            *("finetune", "--recipe", str(folder / "recipe.yaml"), *arguments),
        ],
        env=os.environ | {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"},
        capture_output=True,
        text=True,
        timeout=400,
    )


def losses(log: list[dict[str, Any]]) -> list[float]:
    return [line[key] for line in log for key in ("loss", "val_loss") if key in line]


def log_of(recipe: Recipe) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (recipe.run_dir / "log.jsonl").read_text().splitlines()]


def assert_like(recipe: Recipe, alone: Recipe) -> None:
    """Losses within 1e-4 of each other, adapters within 1e-3; every file there once, none half-written."""
    assert losses(log_of(recipe)) == pytest.approx(losses(log_of(alone)), rel=1e-4)
    found, expected = (checkpoints.every(each.run_dir) for each in (recipe, alone))
    assert [path.name for path in found] == [path.name for path in expected]
    ours, theirs = (load_file(each[-1] / "adapter_model.safetensors") for each in (found, expected))
    assert all(torch.allclose(ours[name], theirs[name], atol=1e-3) for name in theirs)
    assert {path.name for path in recipe.run_dir.iterdir()} == {path.name for path in alone.run_dir.iterdir()}


@pytest.fixture(scope="module")
def alone(tiny_t5: Path, data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    torch.set_num_threads(1)
    recipe = recipe_for(tiny_t5, data_dir, tmp_path_factory.mktemp("alone"), 2)
    finetune(recipe)
    return recipe


def test_two_processes_learn_what_one_does(alone: Recipe, tiny_t5: Path, data_dir: Path, tmp_path: Path) -> None:
    recipe = recipe_for(tiny_t5, data_dir, tmp_path, 1)
    done = together(recipe, tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    assert_like(recipe, alone)
    # One process speaks for both.
    assert done.stderr.count("trainable parameters") == 1 and done.stdout.count("checkpoints, the last is") == 1
    # What is done is done for one process too.
    assert finetune(recipe_for(tiny_t5, data_dir, tmp_path, 2)).skipped


@pytest.mark.parametrize("rank", [0, 1])
def test_a_kill_on_either_process_can_be_gone_on_from(
    rank: int, alone: Recipe, tiny_t5: Path, data_dir: Path, tmp_path: Path
) -> None:
    """Killed in the fifth step: on by two processes after the first's death, by a single one after the second's."""
    recipe = recipe_for(tiny_t5, data_dir, tmp_path, 1)
    killed = together(recipe, tmp_path, killing=f"{rank}:5")
    assert killed.returncode != 0 and signal.SIGKILL.name in killed.stderr
    assert [path.name for path in checkpoints.whole(recipe.run_dir, resumable=True)] == ["checkpoint-3"]
    if rank == 0:
        done = together(recipe, tmp_path, "--resume")
        assert done.returncode == 0, done.stderr[-3000:]
    else:
        assert finetune(recipe_for(tiny_t5, data_dir, tmp_path, 2), resume=True).facts["resumed_from"] == "checkpoint-3"
    assert_like(recipe, alone)
