"""The short way to CTranslate2 writes what its own converter writes, to the last byte, and steps aside otherwise."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.numpy import load_file, save_file

from shelftalker import bundled
from shelftalker.models import direct
from shelftalker.models.convert import converted, write_ct2
from shelftalker.models.load import load_model, resolve
from shelftalker.recipe.recipe import Recipe


@pytest.fixture(params=["tiny_t5", "tiny_tied_t5", "bundled"])
def model(request: pytest.FixtureRequest) -> Path:
    return bundled.mini_t5() if request.param == "bundled" else request.getfixturevalue(request.param)


@pytest.mark.parametrize("quantisation", ["int8", "float32"])
def test_the_files_are_those_of_ctranslate2s_own_converter(model: Path, quantisation: str, tmp_path: Path) -> None:
    long, short = tmp_path / "long", tmp_path / "short"
    long.mkdir(), short.mkdir()
    write_ct2(load_model(model, Recipe(device="cpu")), long, quantisation)  # type: ignore[arg-type]
    assert direct.is_plain(model)
    said = direct.write(model, short, quantisation)
    for name in ("model.bin", "config.json", "shared_vocabulary.json", "tokenizer.json"):
        assert (short / name).read_bytes() == (long / name).read_bytes(), name
    facts = json.loads((long / "shelftalker.json").read_text())
    assert said == {key: facts[key] for key in said}


def test_a_first_use_imports_neither_torch_nor_transformers(tmp_path: Path) -> None:
    program = (
        "import sys, os; os.environ['XDG_CACHE_HOME'] = sys.argv[1]\n"
        "import shelftalker\n"
        "writer = shelftalker.load('bundled')\n"
        "assert len(writer.describe('Blue wool scarf')) > 20\n"
        "assert not {'torch', 'transformers'} & set(sys.modules), 'heavy imports'\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "converting bundled" in done.stderr


def _without_a_tensor(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    del weights["decoder.final_layer_norm.weight"]
    save_file(weights, folder / "model.safetensors")


def _in_bfloat16(folder: Path) -> None:
    import torch
    from safetensors.torch import load_file as load
    from safetensors.torch import save_file as save

    weights = load(folder / "model.safetensors")
    save({name: weight.to(torch.bfloat16) for name, weight in weights.items()}, folder / "model.safetensors")


def _edited(name: str, key: str, value: object) -> object:
    def change(folder: Path) -> None:
        held = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps(held | {key: value}))

    return change


@pytest.mark.parametrize(
    "change",
    [
        _without_a_tensor,
        _in_bfloat16,
        _edited("config.json", "model_type", "mt5"),
        _edited("config.json", "feed_forward_proj", "gated-silu"),
        _edited("tokenizer_config.json", "tokenizer_class", "T5Tokenizer"),
        _edited("tokenizer_config.json", "add_bos_token", True),
        lambda folder: (folder / "tokenizer.json").unlink(),
        lambda folder: (folder / "model.safetensors").write_bytes(b"cut short"),
    ],
)
def test_a_model_that_is_not_plain_goes_the_long_way(tiny_t5: Path, tmp_path: Path, change: object) -> None:
    folder = shutil.copytree(tiny_t5, tmp_path / "model")
    assert direct.is_plain(folder)
    change(folder)  # type: ignore[operator]
    assert not direct.is_plain(folder)


def test_the_long_way_still_converts(tiny_t5: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_t5, tmp_path / "model")
    _in_bfloat16(folder)
    assert (converted(resolve(folder)) / "model.bin").is_file()
