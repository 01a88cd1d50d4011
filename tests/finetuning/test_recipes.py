"""Every recipe that ships loads, explains its keys, and runs when it is scaled down."""

from __future__ import annotations

import gzip
import json
import random
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import tiny
import yaml

from shelftalker.catalogue.prepare import prepare
from shelftalker.finetuning.trainer import finetune
from shelftalker.models.load import load_model
from shelftalker.recipe.recipe import Recipe, shipped

RECIPES = sorted(shipped())
STAGES = {"prepare", "split", "baseline", "lora", "finetune", "decoding", "compare", "evaluate"}


def test_the_recipes_of_the_readme_ship() -> None:
    assert {"sample", "sample-t5", "flan-t5-base-amazontitles", "original-study", "apple-silicon"} <= set(RECIPES)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_has_a_section_a_stage_and_says_what_it_is(name: str) -> None:
    text = shipped()[name].read_text()
    raw = yaml.safe_load(text)
    assert raw.keys() >= STAGES
    assert text.startswith("# ") and f"shelftalker run {name}" in text.replace("recipes/", "").replace(".yaml", "")


@pytest.mark.parametrize("name", ["sample", "flan-t5-base-amazontitles"])
def test_the_two_recipes_to_start_from_explain_nearly_every_key(name: str) -> None:
    lines = shipped()[name].read_text().splitlines()
    explained = keys = 0
    for number, line in enumerate(lines):
        if re.match(r"\s*[a-z_]+: \S", line):
            keys += 1
            explained += lines[number - 1].lstrip().startswith("#")
    assert explained / keys > 0.6


def test_the_original_study_is_the_study() -> None:
    recipe = Recipe.load("original-study")
    lora, tuning, split = recipe.lora, recipe.finetune, recipe.split
    assert (recipe.base_model, lora.r, lora.alpha, lora.dropout) == ("google/flan-t5-base", 8, 16, 0.05)
    assert lora.target_modules == ["q", "v"] and (tuning.learning_rate, tuning.schedule) == (3e-4, "cosine")
    assert (tuning.batch_size, tuning.accumulation, tuning.save_steps) == (1, 16, 200)
    assert tuning.activation_checkpointing and not tuning.bucket_by_length
    assert (split.train, split.val, split.train_rows, split.val_rows) == (0.97, 0.03, 48_500, 1_500)
    assert split.test_rows == 5_000 and recipe.prepare.test and recipe.decoding.method == "greedy"


def catalogue(path: Path, start: int, rows: int) -> Path:
    """Rows in the raw form of AmazonTitles."""
    things = ("bottle", "shirt", "kettle", "wallet", "lamp", "brush", "table", "novel")
    with gzip.open(path, "wt") as file:
        for number in range(start, start + rows):
            thing = things[number % len(things)]
            draw = random.Random(number)
            words = " ".join(f"word{draw.randrange(9973)}" for _ in range(12))
            row: dict[str, Any] = {"uid": f"B{number:06d}", "title": f"Steel {thing} {words[:20]}"}
            row |= {"content": f"A {thing} with {words}.", "target_ind": [1, 2], "target_rel": [1.0, 1.0]}
            file.write(json.dumps(row) + "\n")
    return path


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_runs_scaled_down(
    name: str, tiny_t5: Path, tiny_causal: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    catalogue(tmp_path / "trn.json.gz", 0, 400)
    catalogue(tmp_path / "tst.json.gz", 500, 20)
    recipe = Recipe.load(name)
    chatting = Path(shutil.copytree(tiny_causal, tmp_path / "chatting"))
    (chatting / "chat_template.jinja").write_text(tiny.CHAT)
    small = recipe.with_flags(
        base_model=str(chatting if "smollm2" in recipe.base_model.lower() else tiny_t5),
        device="cpu",
        prepare={"inputs": ["trn.json.gz"], "workers": 1},
        finetune={"max_steps": 2, "save_steps": 1, "val_rows": 4, "batch_size": min(recipe.finetune.batch_size, 4)},
    )
    if not recipe.split.test:
        small = small.with_flags(split={"test_rows": 10})
    prepared = prepare(small)
    assert prepared.counts["train"] >= 40 and prepared.counts["val"] >= 1
    run = finetune(small)
    assert run.run_dir == small.run_dir and len(run.checkpoints) == 2
    assert load_model(run.run_dir, small).ref.kind == "adapter"
