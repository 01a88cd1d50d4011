"""The notebooks, run in order in one folder on the sample catalogue, scaled down and with a tiny base model."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest

from shelftalker import files
from shelftalker.recipe.recipe import Recipe
from tools import run_notebooks

pytest.importorskip("nbclient", reason="the extra [notebooks] is not installed")
nbformat = pytest.importorskip("nbformat", reason="the extra [notebooks] is not installed")
pytest.importorskip("ipykernel", reason="the extra [notebooks] is not installed")

FOLDER = Path(__file__).parents[2] / "notebooks"
NAMES = [
    "01_data_prep",
    "02_baseline_flan_t5",
    "03_finetune_flan_t5",
    "04_playground",
    "05_quick_test",
    "06_compare_checkpoints",
]


def small(base_model: Path) -> Recipe:
    """The sample recipe with every count cut to what runs in seconds."""
    flags = {
        "base_model": str(base_model),
        "chat": "plain",
        "prepare.workers": 1,
        "split.train_rows": 48,
        "split.val_rows": 12,
        "split.test_rows": 4,
        "baseline.rows": 8,
        "lora.r": 2,
        "finetune.max_steps": 4,
        "finetune.batch_size": 4,
        "finetune.save_steps": 0.5,
        "finetune.log_steps": 1,
        "finetune.val_rows": 4,
        "compare.rows": 8,
        "evaluate.resamples": 100,
        "decoding.min_new_tokens": 0,
        "decoding.max_new_tokens": 16,
        "generate.engine": "transformers",
    }
    return Recipe.load("sample", flags)


def printed(notebook: object) -> str:
    """All text that the code cells put out."""
    texts = []
    for cell in notebook.cells:  # type: ignore[attr-defined]
        for output in cell.get("outputs", []):
            texts.append(output.get("text", ""))
            texts += [str(text) for kind, text in output.get("data", {}).items() if kind.startswith("text/")]
    return "\n".join(texts)


@pytest.mark.slow
def test_they_run_in_order_and_each_leaves_what_the_next_reads(
    tiny_t5: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small(tiny_t5).save(tmp_path / "small.yaml")
    for name, value in {
        "SHELFTALKER_RECIPE": "small.yaml",
        "OMP_NUM_THREADS": "1",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "HF_HUB_OFFLINE": "1",
    }.items():
        monkeypatch.setenv(name, value)
    shown = {}
    for name in NAMES:
        notebook = run_notebooks.execute(FOLDER / f"{name}.ipynb", tmp_path)
        shown[name] = printed(notebook)

    demo = tmp_path / "demo"
    assert len(files.read_jsonl(demo / "data" / "train.jsonl")) == 48
    assert "'rejected': " in shown["01_data_prep"]
    assert "Given a product title" in shown["01_data_prep"]
    assert len(files.read_jsonl(demo / "outputs" / "baseline_val8.jsonl")) == 8
    assert re.search(r"zero-shot", shown["02_baseline_flan_t5"])
    checkpoints = sorted(path.name for path in (demo / "outputs" / "sample").glob("checkpoint-*"))
    assert checkpoints == ["checkpoint-2", "checkpoint-4"]
    assert "Figure" in shown["03_finetune_flan_t5"]
    assert "VBox" in shown["04_playground"]
    assert shown["05_quick_test"].count("FINE-TUNED") == 5
    assert "best: checkpoint-" in shown["06_compare_checkpoints"]
    assert (demo / "artifacts" / "sample_best" / "adapter_model.safetensors").is_file()
    assert (demo / "outputs" / "sample" / "compare" / "report.html").is_file()

    kept = run_notebooks.stored(notebook)
    assert "best: checkpoint-" in printed(kept)
    assert str(tmp_path) not in nbformat.writes(kept)
    assert kept.metadata["shelftalker"]["outputs_of"] == run_notebooks.code_hash(
        nbformat.read(FOLDER / f"{NAMES[-1]}.ipynb", as_version=4)
    )


@pytest.mark.parametrize("name", NAMES)
def test_they_name_the_recipe_once_and_show_no_stale_outputs(name: str) -> None:
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    if any(cell.outputs for cell in code):
        made_of = notebook.metadata.get("shelftalker", {}).get("outputs_of")
        assert made_of == run_notebooks.code_hash(notebook), "stale outputs: python tools/run_notebooks.py"
        assert not any(output.output_type == "error" for cell in code for output in cell.outputs)
        assert str(FOLDER.parent) not in nbformat.writes(notebook), "outputs name a place on somebody's machine"
    assert sum("SHELFTALKER_RECIPE" in cell.source for cell in code) == 1
    assert "RECIPE =" in code[0].source
    assert notebook.cells[0].cell_type == "markdown"
    assert "original study" in notebook.cells[0].source


@pytest.mark.parametrize("name", NAMES)
def test_every_step_is_explained_and_something_is_left_to_try(name: str) -> None:
    cells = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4).cells
    for before, cell in itertools.pairwise(cells):
        if cell.cell_type == "code":
            assert before.cell_type == "markdown", cell.source
            assert len(re.findall(r"[.?!](?=\s|\*|$)", before.source)) >= 3, before.source
    assert [cell.id for cell in cells if "**Change this and see.**" in cell.source] == [cells[-1].id]
    offered = re.findall(r"`(recipe = [^`]+)`", cells[-1].source)
    for code in offered:
        names = {"recipe": Recipe.load("sample")}
        exec(code, names)
        assert names["recipe"] != Recipe.load("sample")


def test_there_are_no_others() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.ipynb")) == NAMES
