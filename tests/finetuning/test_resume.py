"""A run that was killed and goes on ends as if nothing had happened."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from shelftalker.errors import ShelftalkerError
from shelftalker.finetuning.trainer import Run, finetune
from shelftalker.models import checkpoints
from shelftalker.recipe.recipe import Recipe
from tests.finetuning.test_finetune import tiny_recipe


class PowerCutError(Exception):
    """Stands for the power cut inside one process."""


def recipe_for(base: Path, data_dir: Path, folder: Path) -> Recipe:
    """Twelve steps in two epochs, a checkpoint every four (one inside an epoch, one near its end); dropout draws."""
    return tiny_recipe(
        base,
        data_dir,
        folder,
        lora={"dropout": 0.2},
        finetune={"epochs": 2, "batch_size": 5, "accumulation": 2, "save_steps": 4, "base_dropout": 0.1},
    )


def run_watched(recipe: Recipe, batches: list[Any], stop_at: int | None = None, **options: Any) -> Run:
    """Fine-tune, noting the ids of every batch; cut short at a forward pass where asked."""
    from shelftalker.finetuning import loop

    original = loop.AdapterTrainer.training_step

    def step(self: Any, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        if stop_at is not None and len(batches) == stop_at:
            raise PowerCutError
        batches.append(inputs["labels"].tolist())
        return original(self, model, inputs, *args, **kwargs)

    loop.AdapterTrainer.training_step = step  # type: ignore[method-assign]
    try:
        return finetune(recipe, **options)
    finally:
        loop.AdapterTrainer.training_step = original  # type: ignore[method-assign]


@pytest.fixture(scope="module")
def uninterrupted(tiny_t5: Path, data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, list[Any]]:
    torch.set_num_threads(1)
    batches: list[Any] = []
    run = run_watched(recipe_for(tiny_t5, data_dir, tmp_path_factory.mktemp("whole")), batches)
    assert [checkpoints.step_of(path) for path in run.checkpoints] == [4, 8, 12, 14]
    return run, batches


def assert_same(run: Run, whole: Run) -> None:
    """Adapter, optimiser, schedule and log are equal, bit for bit (times apart)."""
    ours, theirs = (load_file(each.last / "adapter_model.safetensors") for each in (run, whole))
    assert ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)
    for name in ("optimizer.pt", "scheduler.pt"):
        left, right = (torch.load(each.last / name, weights_only=True) for each in (run, whole))
        assert str(left) == str(right)
    times = ("examples_per_second", "tokens_per_second")
    logs = [[{k: v for k, v in line.items() if k not in times} for line in each.log] for each in (run, whole)]
    assert logs[0] == logs[1]


@pytest.mark.parametrize("stop_at", [9, 14, 17, 22])
def test_cut_short_and_gone_on_with(
    stop_at: int, tiny_t5: Path, data_dir: Path, tmp_path: Path, uninterrupted: tuple[Run, list[Any]]
) -> None:
    whole, every_batch = uninterrupted
    recipe = recipe_for(tiny_t5, data_dir, tmp_path)
    before: list[Any] = []
    with pytest.raises(PowerCutError):
        run_watched(recipe, before, stop_at)
    last = checkpoints.every(recipe.run_dir)[-1]
    after: list[Any] = []
    run = run_watched(recipe, after, resume=True)
    assert before == every_batch[:stop_at]
    assert after == every_batch[len(every_batch) - len(after) :]
    assert run.facts["resumed_from"] == last.name
    assert_same(run, whole)
    assert finetune(recipe).skipped


CHILD = """
import os, signal, sys
import torch
torch.set_num_threads(1)
from shelftalker.finetuning import loop
from shelftalker.finetuning.trainer import finetune
from shelftalker.recipe.recipe import Recipe
place, when = sys.argv[2], int(sys.argv[3])
calls = 0
def deadly(original):
    def wrapped(*args, **kwargs):
        global calls
        calls += 1
        if calls == when:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*args, **kwargs)
    return wrapped
if place == "step":
    loop.AdapterTrainer.training_step = deadly(loop.AdapterTrainer.training_step)
else:
    loop._flush = deadly(loop._flush)
finetune(Recipe.load(sys.argv[1]))
"""


@pytest.mark.parametrize(("place", "when", "left"), [("step", 19, "checkpoint-8"), ("save", 3, "checkpoint-4")])
def test_killed_dead(
    place: str,
    when: int,
    left: str,
    tiny_t5: Path,
    data_dir: Path,
    tmp_path: Path,
    uninterrupted: tuple[Run, list[Any]],
) -> None:
    """kill -9 inside a step, and inside the second checkpoint's writing: what is there afterwards is whole."""
    recipe = recipe_for(tiny_t5, data_dir, tmp_path)
    recipe.save(tmp_path / "recipe.yaml")
    command = [sys.executable, "-c", CHILD, str(tmp_path / "recipe.yaml"), place, str(when)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    found = checkpoints.every(recipe.run_dir)
    assert found[-1].name == left and all(checkpoints.fault(path, resumable=True) is None for path in found)
    run = finetune(recipe, resume=True)
    assert_same(run, uninterrupted[0])
    assert {path.name for path in recipe.run_dir.iterdir()} == {
        *(path.name for path in run.checkpoints), "recipe.yaml", "run.json", "log.jsonl", "manifest.json",
    }  # fmt: skip


@pytest.fixture
def half_done(tiny_t5: Path, data_dir: Path, tmp_path: Path) -> Recipe:
    """A run with whole checkpoints at steps 4 and 8 that was cut short."""
    recipe = recipe_for(tiny_t5, data_dir, tmp_path)
    with pytest.raises(PowerCutError):
        run_watched(recipe, [], 19)
    return recipe


@pytest.mark.parametrize("name", ["adapter_model.safetensors", "optimizer.pt", "rng_state.pth", "trainer_state.json"])
def test_a_checkpoint_cut_short_is_passed_over_by_name(
    name: str, half_done: Recipe, uninterrupted: tuple[Run, list[Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    damaged = half_done.run_dir / "checkpoint-8" / name
    damaged.write_bytes(damaged.read_bytes()[: damaged.stat().st_size // 2])
    run = finetune(half_done, resume=True)
    said = capsys.readouterr().err
    assert "checkpoint-8" in said and name in said
    assert run.facts["resumed_from"] == "checkpoint-4"
    assert_same(run, uninterrupted[0])


def test_resume_without_a_checkpoint_says_so_and_starts(
    tiny_t5: Path, data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = finetune(recipe_for(tiny_t5, data_dir, tmp_path), resume=True)
    assert "nothing to resume" in capsys.readouterr().err and len(run.checkpoints) == 4


def test_a_half_done_run_is_not_started_again_silently(half_done: Recipe) -> None:
    before = {path: path.stat().st_mtime_ns for path in half_done.run_dir.rglob("*")}
    with pytest.raises(ShelftalkerError, match="already holds 2 checkpoints") as caught:
        finetune(half_done)
    assert "--resume" in str(caught.value.mend)
    assert before == {path: path.stat().st_mtime_ns for path in half_done.run_dir.rglob("*")}


@pytest.mark.parametrize("resume", [True, False])
def test_a_folder_of_other_settings_is_refused_and_the_difference_named(resume: bool, half_done: Recipe) -> None:
    with pytest.raises(ShelftalkerError, match=r"lora\.r differs") as caught:
        finetune(half_done.with_flags(lora={"r": 8}), resume=resume)
    assert str(half_done.run_dir) == caught.value.where and "another" in str(caught.value.mend)


def test_trackers_and_validation_rows_may_change(half_done: Recipe) -> None:
    changed = half_done.with_flags(finetune={"trackers": ["tensorboard"], "val_rows": 5, "log_steps": 3})
    assert finetune(changed, resume=True).facts["resumed_from"] == "checkpoint-8"


def test_a_run_goes_on_in_the_number_format_that_it_began_in(
    half_done: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    from shelftalker import device

    monkeypatch.setattr(device, "cpu_reports_bfloat16", lambda: True)
    monkeypatch.setattr(device, "bfloat16_gain", lambda: 3.0)
    run = finetune(half_done.with_flags(dtype="auto"), resume=True)
    assert (run.facts["resumed_from"], run.facts["dtype"]) == ("checkpoint-8", "float32")
    assert finetune(half_done.with_flags(dtype="auto", name="new")).facts["dtype"] == "bfloat16"


@pytest.mark.parametrize("key", [{"prompt": "Say what {title} is:"}, {"prompt_tokens": 60}, {"dtype": "bfloat16"}])
def test_another_prompt_or_format_is_another_run(
    key: dict[str, Any], half_done: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    from shelftalker import device

    monkeypatch.setattr(device, "cpu_reports_bfloat16", lambda: True)
    with pytest.raises(ShelftalkerError, match=f"{next(iter(key))} differs"):
        finetune(half_done.with_flags(**key), resume=True)


def test_other_training_rows_are_another_run(half_done: Recipe, data_dir: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(data_dir, tmp_path / "moved")
    paths = {"data": str(moved)}
    # The same rows elsewhere are the same run.
    assert finetune(half_done.with_flags(paths=paths), resume=True).facts["resumed_from"] == "checkpoint-8"
    with (moved / "train.jsonl").open("a") as file:
        file.write(json.dumps({"input_text": "a", "target_text": "b"}) + "\n")
    with pytest.raises(ShelftalkerError, match="train differs"):
        finetune(half_done.with_flags(paths=paths), resume=True)


def test_adapters_of_another_tool_are_never_overwritten(half_done: Recipe) -> None:
    (half_done.run_dir / "run.json").unlink()
    with pytest.raises(ShelftalkerError, match="another tool"):
        finetune(half_done, resume=True)


def test_whole_adapters_without_training_state_are_not_deleted(half_done: Recipe) -> None:
    for folder in checkpoints.every(half_done.run_dir):
        (folder / "optimizer.pt").unlink()
    with pytest.raises(ShelftalkerError, match=r"lacks optimizer\.pt"):
        finetune(half_done, resume=True)
    assert all(checkpoints.fault(folder) is None for folder in checkpoints.every(half_done.run_dir))


def test_an_old_checkpoint_whose_state_was_thrown_away_stays(half_done: Recipe) -> None:
    """To save space, say: its adapter is still a candidate for compare."""
    (half_done.run_dir / "checkpoint-4" / "optimizer.pt").unlink()
    run = finetune(half_done, resume=True)
    assert run.facts["resumed_from"] == "checkpoint-8"
    assert [path.name for path in run.checkpoints] == ["checkpoint-4", "checkpoint-8", "checkpoint-12", "checkpoint-14"]


def test_an_interrupted_run_says_how_to_go_on(
    tiny_t5: Path, data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from shelftalker.finetuning import loop

    original = loop.AdapterTrainer.training_step

    def interrupted(self: Any, *args: Any, **kwargs: Any) -> Any:
        if self.state.global_step == 5:
            raise KeyboardInterrupt
        return original(self, *args, **kwargs)

    monkeypatch.setattr(loop.AdapterTrainer, "training_step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        finetune(recipe_for(tiny_t5, data_dir, tmp_path))
    assert "go on from checkpoint-4 with --resume" in capsys.readouterr().err


def test_ctrl_c_saves_a_checkpoint_behind_the_step_at_hand(
    tiny_t5: Path,
    data_dir: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    uninterrupted: tuple[Run, list[Any]],
) -> None:
    from shelftalker.finetuning import loop

    original, asked = loop.AdapterTrainer.training_step, []

    def interrupted(self: Any, *args: Any, **kwargs: Any) -> Any:
        if self.state.global_step == 5 and not asked:
            asked.append(True)
            signal.raise_signal(signal.SIGINT)
        return original(self, *args, **kwargs)

    recipe = recipe_for(tiny_t5, data_dir, tmp_path)
    before = signal.getsignal(signal.SIGINT)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(loop.AdapterTrainer, "training_step", interrupted)
        finetune(recipe)
    assert signal.getsignal(signal.SIGINT) == before
    assert "go on from checkpoint-6 with --resume" in capsys.readouterr().err
    run = finetune(recipe, resume=True)
    assert run.facts["resumed_from"] == "checkpoint-6"
    ours, theirs = (load_file(each.last / "adapter_model.safetensors") for each in (run, uninterrupted[0]))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
