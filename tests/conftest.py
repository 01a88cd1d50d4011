"""Models and examples small enough to make in a second, shared by all tests."""

from __future__ import annotations

import gc
import io
import json
import os
from collections.abc import Iterator
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

import pytest
import tiny

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
if "PYTEST_XDIST_WORKER" in os.environ:
    # Workers share the cores; with all cores' threads each, they would mostly wait for each other.
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Under --dist loadgroup, files stay whole where no group is named: what a module's tests share is made once."""
    if config.getoption("dist") != "loadgroup":
        return None
    from xdist.scheduler import LoadGroupScheduling

    class ByFile(LoadGroupScheduling):
        def _split_scope(self, nodeid: str) -> str:
            scope = super()._split_scope(nodeid)
            return nodeid.partition("::")[0] if scope == nodeid else scope

    return ByFile(config, log)


def pytest_unconfigure() -> None:
    gc.unfreeze()  # or libraries that count their objects at the end call them leaked


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Converted models go to a temporary folder that the workers share, not to the user's cache."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    os.environ["XDG_CACHE_HOME"] = str(shared / "cache")


@pytest.fixture(scope="module", autouse=True)
def _quick_collections() -> None:
    """Garbage collections pass over what is loaded by now: libraries ask for them, and torch's objects are many."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _nobody_judges_sense(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """SmolLM2 is not loaded to judge what tiny models write, but in the tests of that."""
    if request.node.path.name != "test_sense.py":
        monkeypatch.setattr("shelftalker.models.surprise.reference_if_there", lambda: None)


@pytest.fixture(autouse=True)
def _console_as_it_was() -> Iterator[None]:
    """What one test asks of the console (quiet, JSON) is not the next one's."""
    yield
    from shelftalker import console

    console.configure()


def example_rows(count: int) -> list[dict[str, object]]:
    """Examples as `prepare` writes them: varied titles, descriptions that follow from them."""
    rows: list[dict[str, object]] = []
    for number in range(count):
        noun = ("bottle", "shirt", "kettle", "wallet", "lamp")[number % 5]
        colour = ("blue", "red", "oak", "steel")[number // 5 % 4]
        title = f"{colour} {noun} {number}"
        rows.append(
            {
                "uid": f"P{number:05d}",
                "title": title,
                "input_text": f"Given a product title, generate its product description.\nTitle: {title}\nDescription:",
                "target_text": f"The {colour} {noun} is soft and warm. It fits in a travel bag with {number} table.",
                "group": f"g{number}",
                "columns": {"department": ("home", "fashion")[number % 2]},
            }
        )
    return rows


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared data folder: train (64), val (16) and test (16) examples."""
    folder = tmp_path_factory.mktemp("data")
    rows = example_rows(96)
    for name, part in {"train": rows[:64], "val": rows[64:80], "test": rows[80:]}.items():
        text = "".join(json.dumps(row) + "\n" for row in part)
        (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
    return folder


def make_t5(folder: Path, *, tied: bool = False, seed: int = 0, layers: int = 2) -> Path:
    """Save a tiny T5 with random weights in ``folder``: FLAN's shape (gated GELU, untied head), or tied like v1.0."""
    import torch
    from transformers import T5Config, T5ForConditionalGeneration

    tokenizer = tiny.tokenizer(causal=False)
    torch.manual_seed(seed)
    config = T5Config(
        vocab_size=len(tokenizer),  # type: ignore[arg-type]
        d_model=32,
        d_kv=8,
        d_ff=64,
        num_layers=layers,
        num_heads=4,
        feed_forward_proj="relu" if tied else "gated-gelu",
        tie_word_embeddings=tied,
        decoder_start_token_id=0,
        pad_token_id=0,
        eos_token_id=1,
    )
    model = T5ForConditionalGeneration(config)
    if not tied:
        # transformers 5 builds every T5 tied; FLAN's head is a matrix of its own, which a saved file must hold.
        model.lm_head.weight = torch.nn.Parameter(torch.randn_like(model.lm_head.weight) * 0.5)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)  # type: ignore[attr-defined]
    return folder


@pytest.fixture(scope="session")
def smollm2_read(_own_cache: None) -> tuple[Path, str]:
    """SmolLM2's folder, read out of its package for the first time, and what was said meanwhile.

    Tests that load it share the group `smollm2`, so that this happens once.
    """
    from shelftalker.models.load import local_folder, resolve

    with redirect_stderr(io.StringIO()) as said:
        return local_folder(resolve("smollm2")), " ".join(said.getvalue().split())


@pytest.fixture(scope="session")
def tiny_t5(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a tiny FLAN-shaped T5 with random weights."""
    return make_t5(tmp_path_factory.mktemp("tiny_t5"))


@pytest.fixture(scope="session")
def tiny_tied_t5(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a tiny T5 with tied embeddings (the first T5's shape)."""
    return make_t5(tmp_path_factory.mktemp("tiny_tied_t5"), tied=True)


@pytest.fixture(scope="session")
def tiny_causal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a tiny causal model (Llama's shape) with random weights."""
    return tiny.make_causal(tmp_path_factory.mktemp("tiny_causal"), "llama")
