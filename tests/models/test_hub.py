"""google/flan-t5-base by name: from a hub once, from the cache ever after."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.finetuning.test_finetune import tiny_recipe
from tests.models.hub import COMMIT, Hub, serve

NAME = "google/flan-t5-base"

CHILD = """
import sys
from shelftalker.errors import ShelftalkerError
from shelftalker.models.load import load_model, resolve
what, argument = sys.argv[1:]
try:
    if what == "find":
        ref = resolve(argument)
        print(ref.content_hash, ref.commit)
    elif what == "load":
        print(load_model(argument).ref.commit)
    else:
        import torch
        torch.set_num_threads(1)
        from shelftalker.finetuning import loop
        from shelftalker.finetuning.trainer import finetune
        from shelftalker.recipe.recipe import Recipe
        save = loop.AdapterTrainer._save
        def saved(self, *args, **kwargs):
            print("saving", flush=True)
            sys.stdin.readline()
            return save(self, *args, **kwargs)
        loop.AdapterTrainer._save = saved
        run = finetune(Recipe.load(argument))
        print(load_model(run.last).ref.base)
except ShelftalkerError as error:
    print(error, file=sys.stderr)
    sys.exit(2)
"""


def child(what: str, argument: str, home: Path, endpoint: str, **env: str) -> subprocess.Popen[str]:
    """A fresh process with a hub of its own and an empty cache in ``home``."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("HF_") and "proxy" not in key.lower()}
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, what, argument],
        env=kept | {"HF_HOME": str(home), "HF_ENDPOINT": endpoint, "HF_HUB_DISABLE_XET": "1", **env},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def outcome(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    try:
        out, err = process.communicate(timeout=300)
    finally:
        process.kill()
    return process.returncode, out, err


def test_by_name_once_and_offline_ever_after(tiny_t5: Path, data_dir: Path, tmp_path: Path) -> None:
    """A run takes its base model from the hub; the hub then fails; checkpoints are saved without asking it."""
    served = shutil.copytree(tiny_t5, tmp_path / "served")
    (served / "pytorch_model.bin").write_bytes(b"never fetched")
    home = tmp_path / "home"
    recipe = tiny_recipe(tiny_t5, data_dir, tmp_path, base_model=NAME, finetune={"epochs": 1})
    recipe.save(tmp_path / "recipe.yaml")
    with serve(served, NAME) as hub:
        process = child("finetune", str(tmp_path / "recipe.yaml"), home, hub.url)
        assert process.stdin is not None and process.stdout is not None
        first = process.stdout.readline()
        if not first:
            pytest.fail(outcome(process)[2])
        fetched = len(hub.requests)
        assert any("model.safetensors" in request for request in hub.requests)
        assert not any("pytorch_model.bin" in request for request in hub.requests)
        hub.broken = True
        process.stdin.write("\n\n\n\n")
        process.stdin.close()
        process.stdin = None
        code, out, err = outcome(process)
        assert code == 0, err
        assert out.splitlines()[-1] == NAME
        # Libraries' own bars and advice are silent; what is said is ours.
        assert all(line.startswith(("▸ ", "  ")) for line in err.splitlines()), err
        assert len(hub.requests) == fetched
        # The hub is down: the cache serves, and is not even asked to look for news.
        code, out, err = outcome(child("find", NAME, home, hub.url))
        assert code == 0 and out.split()[1] == COMMIT and len(hub.requests) == fetched, err
    code, out, err = outcome(child("load", NAME, home, "http://127.0.0.1:9", HF_HUB_OFFLINE="1"))
    assert code == 0 and out.split()[0] == COMMIT, err


@pytest.fixture(scope="module")
def hub(tiny_t5: Path) -> Hub:  # type: ignore[misc]
    with serve(tiny_t5, NAME) as running:
        yield running


@pytest.mark.parametrize(
    ("name", "endpoint", "env", "says"),
    [
        ("google/no-such-t5", "hub", {}, ("no such model: google/no-such-t5", "bundled")),
        (NAME, "closed", {}, ("cannot be reached", "check the network")),
        (NAME, "http://no-such-host.invalid", {}, ("cannot be reached", "check the network")),
        (NAME, "closed", {"HF_HUB_OFFLINE": "1"}, ("HF_HUB_OFFLINE", "unset HF_HUB_OFFLINE")),
        (NAME, "broken", {}, ("cannot be reached", "503")),
        (NAME, "silent", {}, ("cannot be reached", "check the network")),
    ],
)
def test_a_model_that_cannot_be_had_is_one_quick_error(
    name: str, endpoint: str, env: dict[str, str], says: tuple[str, str], tiny_t5: Path, hub: Hub, tmp_path: Path
) -> None:
    with socket.socket() as listener, serve(tiny_t5, NAME) as broken:
        listener.bind(("127.0.0.1", 0))
        silent = f"http://127.0.0.1:{listener.getsockname()[1]}"
        if endpoint == "silent":
            listener.listen()
            env = env | {"HF_HUB_DOWNLOAD_TIMEOUT": "1"}
        broken.broken = True
        places = {"hub": hub.url, "broken": broken.url, "silent": silent, "closed": silent}
        began = time.monotonic()
        code, _, err = outcome(child("load", name, tmp_path, places.get(endpoint, endpoint), **env))
    assert code == 2, err
    assert all(text in err for text in says) and "Traceback" not in err
    assert time.monotonic() - began < 60


def test_a_download_cut_short_is_mended_by_the_next(tiny_t5: Path, tmp_path: Path) -> None:
    """A cache that lacks the weights (the first download died) is not taken for a model."""
    with serve(tiny_t5, NAME) as hub:
        code, _, err = outcome(child("find", NAME, tmp_path, hub.url))
        assert code == 0, err
        weights = next(tmp_path.rglob("snapshots/*/model.safetensors"))
        blob = weights.resolve()
        weights.unlink()
        blob.unlink()
        code, _, err = outcome(child("find", NAME, tmp_path, hub.url))
        assert code == 0 and weights.is_file(), err
