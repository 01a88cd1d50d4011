"""How an instruct model is asked: plain, or in its own chat template; the same in training and in both engines."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny

from shelftalker import ShelftalkerError
from shelftalker.finetuning.encoding import encode
from shelftalker.generation.ct2_engine import Ct2Engine
from shelftalker.generation.torch_engine import TorchEngine
from shelftalker.models import chat
from shelftalker.models.load import load_base, resolve
from shelftalker.product import Product
from shelftalker.recipe.decoding import Decoding
from shelftalker.recipe.recipe import Recipe

TEMPLATE = (
    "{% for message in messages %}{{ '</s>' + message['role'] + '\n' + message['content'] + '</s>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '</s>assistant\n' }}{% endif %}"
)
PRODUCTS = [Product(title, description="A warm lamp.") for title in ("Blue lamp", "Oak table 500 ml", "Steel kettle")]


@pytest.fixture(scope="module")
def instruct(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tiny.make_causal(tmp_path_factory.mktemp("instruct"), "llama", spread=0.3)
    (folder / "chat_template.jinja").write_text(TEMPLATE)
    return folder


def _recipe(how: str = "chat") -> Recipe:
    return Recipe().with_flags(device="cpu", chat=how, generate={"quantisation": "float32"})


def test_prompts_are_what_transformers_makes_of_the_template(instruct: Path) -> None:
    reference, fast = TorchEngine(resolve(instruct), _recipe()), Ct2Engine(resolve(instruct), _recipe())
    prompt = _recipe().as_prompt
    texts = [prompt.render(product) for product in PRODUCTS]
    wanted = [
        reference._tokenizer.apply_chat_template([{"role": "user", "content": text}], add_generation_prompt=True)[
            "input_ids"
        ]
        for text in texts
    ]
    assert reference.encode(texts) == fast.encode(texts) == wanted
    trained = encode(
        PRODUCTS,
        reference._tokenizer,
        prompt,
        is_seq2seq=False,
        max_target_tokens=20,
        frame=chat.frame_of(reference._tokenizer) or chat.PLAIN,
    )
    target = [*reference._tokenizer("A warm lamp.")["input_ids"], 1]
    assert [list(row.inputs) for row in trained.rows] == [[*ids, *target] for ids in wanted]


def test_both_engines_write_and_score_the_same_in_a_chat(instruct: Path) -> None:
    reference, fast = TorchEngine(resolve(instruct), _recipe()), Ct2Engine(resolve(instruct), _recipe())
    decoding = Decoding(max_new_tokens=12, repetition_penalty=1.1)
    found = []
    for engine in (reference, fast):
        prepared = _recipe().as_prompt.prepare(PRODUCTS, engine.encode)
        found.append([rows[0].text for rows in engine.generate(prepared, decoding)])
        logs = engine.token_log_probs(prepared, ["A warm lamp."] * 3)
        found.append([round(sum(row), 2) for row in logs])  # type: ignore[misc]
    assert found[0] == found[2] and found[1] == pytest.approx(found[3], abs=0.02)
    plain = TorchEngine(resolve(instruct), _recipe("plain"))
    prepared = _recipe().as_prompt.prepare(PRODUCTS, plain.encode)
    assert [rows[0].text for rows in plain.generate(prepared, decoding)] != found[0]


def test_a_chat_with_a_model_that_has_no_template_is_refused(tiny_causal: Path, tiny_t5: Path) -> None:
    for folder in (tiny_causal, tiny_t5):
        for engine in (TorchEngine, Ct2Engine):
            with pytest.raises(ShelftalkerError, match="no chat template"):
                engine(resolve(folder), _recipe())
    assert chat.frame_of(load_base(resolve(tiny_causal)).tokenizer) is None
