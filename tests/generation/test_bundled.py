"""The bundled model, trained and real: both of CTranslate2's number formats against the reference."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

import shelftalker
from shelftalker import Product
from shelftalker.bundled import mini_t5, sample_catalogue
from shelftalker.catalogue.examples import load_split
from shelftalker.evaluation.entries import Entry, Protocol
from shelftalker.evaluation.entries import ScoredRow as Scored
from shelftalker.evaluation.results import Data, System
from shelftalker.evaluation.scoring import score
from shelftalker.generation.ct2_engine import Ct2Engine
from shelftalker.generation.torch_engine import TorchEngine
from shelftalker.models.load import resolve
from shelftalker.prompt import Prompt
from shelftalker.recipe.decoding import Decoding
from shelftalker.recipe.recipe import Recipe
from tests.driving import log_probs, write

ROWS = 64
LENGTH = 48  # new tokens a text: enough to tell engines apart by, in half a minute


def _recipe(quantisation: str = "int8") -> Recipe:
    return Recipe().with_flags(device="cpu", generate={"quantisation": quantisation})


@pytest.fixture(scope="module")
def examples() -> list[tuple[str, str]]:
    """Titles and descriptions of the sample catalogue, evenly over the file."""
    import gzip

    with gzip.open(sample_catalogue(), "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    whole = [(row["title"], row["content"]) for row in rows if len(row["title"]) > 10 and len(row["content"]) > 60]
    return [(Prompt().render(Product(title)), text) for title, text in whole[:: len(whole) // ROWS][:ROWS]]


@pytest.fixture(scope="module")
def reference() -> TorchEngine:
    return TorchEngine(resolve("bundled"), _recipe())


def test_float32_agrees_on_a_trained_model(reference: TorchEngine, examples: list[tuple[str, str]]) -> None:
    prompts = [text for text, _ in examples[:24]]
    fast = Ct2Engine(resolve("bundled"), _recipe("float32"))
    for decoding in (Decoding(max_new_tokens=48), Decoding(max_new_tokens=32, beams=4)):
        ours, theirs = (write(engine, prompts, decoding) for engine in (reference, fast))
        assert [row.text for row in theirs] == [row.text for row in ours]
        assert [row.score for row in theirs] == pytest.approx([row.score for row in ours], abs=1e-4)


def test_int8_stays_inside_its_bounds(reference: TorchEngine, examples: list[tuple[str, str]]) -> None:
    """A reference token's log-probability moves by less than 0.1 on average, the mean over all of them by 0.02."""
    fast = Ct2Engine(resolve("bundled"), _recipe("int8"))
    prompts, targets = [text for text, _ in examples], [text for _, text in examples]
    ours, theirs = (
        [value for row in log_probs(engine, prompts, targets) for value in row] for engine in (reference, fast)
    )
    moved = [abs(a - b) for a, b in zip(ours, theirs, strict=True)]
    assert statistics.mean(moved) < 0.1
    assert abs(statistics.mean(ours) - statistics.mean(theirs)) < 0.02


@pytest.fixture(scope="module")
def validation(tmp_path_factory: pytest.TempPathFactory) -> list[Product]:
    """The validation split that `prepare` makes of the sample catalogue by its shipped recipe."""
    data = tmp_path_factory.mktemp("sample")
    shelftalker.prepare(Recipe.load("sample", {"paths.data": str(data)}))
    return load_split(data, "val")


@pytest.mark.slow
def test_int8_writes_as_well_as_the_reference(reference: TorchEngine, validation: list[Product]) -> None:
    """Neither chrF++ nor ROUGE-L over the whole validation split tells the engines apart: paired approximate
    randomisation, p above 0.05 after Bonferroni's correction for two metrics."""
    assert len(validation) > 300
    prompts, fast = [Prompt().render(row) for row in validation], Ct2Engine(resolve("bundled"), _recipe("int8"))
    texts = {
        engine.name: [row.text for row in write(engine, prompts, Decoding(max_new_tokens=LENGTH))]
        for engine in (reference, fast)
    }
    found = score(
        [Scored(row.uid, row.title, row.description) for row in validation],
        [Entry(System(id=name, label=name, role="model"), written) for name, written in texts.items()],
        Protocol(resamples=2000, seed=0),
        kind="comparison",
        data=Data(split="val", rows=len(validation), sha256=""),
    )
    for metric in ("chrf", "rougeL"):
        test = found.between(reference.name, fast.name, metric)
        assert test is not None
        assert test.p_permutation > 0.025, f"{metric}: {test.difference} (p = {test.p_permutation})"
    same = sum(a == b for a, b in zip(*texts.values(), strict=True))
    assert same > 0  # most rows differ by a word somewhere; a broken conversion would share none


def test_a_title_is_described_without_torch() -> None:
    """Cold start is a matter of what is imported: neither torch nor transformers, once the model is converted."""
    code = (
        "import sys, shelftalker; from shelftalker.recipe.recipe import Recipe; "
        "text = shelftalker.load('bundled', Recipe(device='cpu')).describe('Blue wool scarf'); "
        "assert text; print('torch' in sys.modules, 'transformers' in sys.modules)"
    )
    Ct2Engine(resolve("bundled"), _recipe("int8"))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False)
    assert done.stdout.strip() == "False False", done.stderr


def test_the_bundled_tokenizer_equals_transformers(reference: TorchEngine, examples: list[tuple[str, str]]) -> None:
    fast = Ct2Engine(resolve("bundled"), _recipe("int8"))
    texts = [*[text for text, _ in examples], *[text for _, text in examples], "naïve “café” — 日本 🎧\t\r\n x"]
    assert fast.encode(texts) == reference.encode(texts)
    for ids in fast.encode(texts):
        plain = reference._tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        assert fast._tokenizer.decode(ids, skip_special_tokens=True) == plain


def test_the_bundled_model_is_there() -> None:
    assert (Path(mini_t5()) / "model.safetensors").stat().st_size < 40_000_000
