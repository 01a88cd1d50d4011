"""ONNX graphs say what transformers says: logits at every step and the greedy text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import make_t5

from shelftalker import Product, ShelftalkerError
from shelftalker.export.export import export
from shelftalker.models.load import load_model
from shelftalker.prompt import Prompt
from shelftalker.recipe.recipe import Recipe

STEPS = 9
RECIPE = Recipe(device="cpu", dtype="float32")


def greedy(folder: Path, ids: Any, mask: Any, start: int) -> tuple[Any, Any]:
    """Greedy tokens (rows, steps) and logits (rows, steps, vocabulary) by ONNX Runtime alone."""
    runtime = pytest.importorskip("onnxruntime")
    encoder, prefill, decode = (
        runtime.InferenceSession(str(folder / f"{name}.onnx"), providers=["CPUExecutionProvider"])
        for name in ("encoder", "prefill", "decode")
    )
    states = encoder.run(None, {"input_ids": ids, "attention_mask": mask})[0]
    token = np.full((len(ids), 1), start)
    cache: dict[str, Any] = {}
    tokens, logits = [], []
    for step in range(STEPS):
        session = decode if step else prefill
        given = {"attention_mask": mask, "encoder_outputs.last_hidden_state": states, "decoder_input_ids": token}
        found = dict(zip([one.name for one in session.get_outputs()], session.run(None, given | cache), strict=True))
        cache = {
            f"input.{name.removeprefix('output.')}": value for name, value in found.items() if "past_key_values" in name
        }
        logits.append(found["logits"][:, 0])
        token = logits[-1].argmax(-1)[:, None]
        tokens.append(token[:, 0])
    return np.stack(tokens, 1), np.stack(logits, 1)


@pytest.mark.slow
@pytest.mark.parametrize("tied", [False, True])
def test_graphs_write_what_transformers_writes(tied: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Torch's exporter takes a quarter of a minute a layer: only one of the two has more than one."""
    pytest.importorskip("onnxscript")
    source = make_t5(tmp_path / "model", tied=tied, layers=1 if tied else 2)
    folder = export(source, "onnx", tmp_path / "onnx", RECIPE)
    assert capsys.readouterr().out == ""
    loaded = load_model(source, RECIPE)
    titles = ("blue bottle", "oak", "a red leather wallet that fits in a travel bag")  # none that was traced
    prompts = [Prompt().render(Product(title)) for title in titles]
    inputs = loaded.tokenizer(prompts, padding=True, return_tensors="pt")
    wanted = loaded.model.generate(
        **inputs,
        max_new_tokens=STEPS,
        min_new_tokens=STEPS,
        num_beams=1,
        do_sample=False,
        output_logits=True,
        return_dict_in_generate=True,
    )
    start = loaded.model.config.decoder_start_token_id
    tokens, logits = greedy(folder, inputs["input_ids"].numpy(), inputs["attention_mask"].numpy(), start)
    for row, texts in enumerate(wanted.sequences[:, 1:].numpy()):
        steps = next((step for step, pair in enumerate(zip(texts, tokens[row], strict=True)) if 1 in pair), STEPS)
        assert tokens[row, :steps].tolist() == texts[:steps].tolist()
        for step in range(steps):
            np.testing.assert_allclose(logits[row, step], wanted.logits[step][row].numpy(), atol=1e-4, rtol=1e-4)


def test_a_model_that_is_not_exported_is_one_error_and_leaves_nothing(tiny_causal: Path, tmp_path: Path) -> None:
    with pytest.raises(ShelftalkerError, match="not exported to ONNX") as caught:
        export(tiny_causal, "onnx", tmp_path / "new", RECIPE)
    assert caught.value.mend == "--to hf"
    assert not (tmp_path / "new").exists()


def test_without_the_extra_the_error_says_how_to_get_it(
    tiny_t5: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnxscript", None)
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(ShelftalkerError) as caught:
        export(tiny_t5, "onnx", tmp_path / "new", RECIPE)
    assert "shelftalker[onnx]" in str(caught.value.mend)
