"""PEFT's own loader is the judge: whatever it loads whole, this loads whole, with its logits, merged and unmerged."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tiny
from conftest import make_t5

from shelftalker import ShelftalkerError
from shelftalker.generation.load import load_engine
from shelftalker.models.load import load_model, resolve
from shelftalker.recipe.recipe import Recipe

KINDS = ("llama", "qwen2", "gemma", "gpt2", "opt", "bloom", "t5", "t5-tied")
LINEAR = {
    "gpt2": ["c_attn", "c_fc"],
    "bloom": ["query_key_value", "dense_h_to_4h"],
    "t5": ["q", "wi_0"],
    "t5-tied": ["q", "wi"],
    "opt": ["q_proj", "fc1"],
}
EMBEDDING = {"gpt2": "wte", "bloom": "word_embeddings", "t5": "shared", "t5-tied": "shared"}
FEATURES: dict[str, Callable[[list[str], str], dict[str, Any]]] = {
    "plain": lambda linear, embedding: {},
    "bias": lambda linear, embedding: {"bias": "all"},
    "rsLoRA": lambda linear, embedding: {"use_rslora": True},
    "DoRA": lambda linear, embedding: {"use_dora": True},
    "PiSSA": lambda linear, embedding: {"init_lora_weights": "pissa"},
    "rank patterns": lambda linear, embedding: {"rank_pattern": {linear[0]: 3}, "alpha_pattern": {linear[0]: 5}},
    "head saved": lambda linear, embedding: {"modules_to_save": ["lm_head"]},
    "embedding adapted": lambda linear, embedding: {"target_modules": [*linear, embedding]},
    "trainable tokens": lambda linear, embedding: {"trainable_token_indices": {embedding: [5, 9, 30]}},
}


@pytest.fixture(scope="module", params=KINDS)
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    kind = request.param
    folder = tmp_path_factory.mktemp(kind)
    if kind.startswith("t5"):
        return kind, make_t5(folder, tied=kind == "t5-tied")
    return kind, tiny.make_causal(folder, kind, spread=0.2)


def _network(folder: Path) -> Any:
    from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

    config = json.loads((folder / "config.json").read_text())
    kind = AutoModelForSeq2SeqLM if config.get("is_encoder_decoder") else AutoModelForCausalLM
    return kind.from_pretrained(folder).eval()


def _logits(network: Any) -> Any:
    import torch

    ids = torch.tensor([[5, 9, 30, 77, 120, 9, 5]])
    with torch.inference_mode():
        if network.config.is_encoder_decoder:
            return network(input_ids=ids, decoder_input_ids=ids[:, :4]).logits
        return network(input_ids=ids).logits


def _adapter(base: Path, folder: Path, settings: dict[str, Any], **saved: Any) -> Path:
    """An adapter of random weights that PEFT made and saved."""
    import torch
    from peft import LoraConfig, get_peft_model

    network = _network(base)
    is_seq2seq = network.config.is_encoder_decoder
    config = LoraConfig(task_type="SEQ_2_SEQ_LM" if is_seq2seq else "CAUSAL_LM", **{"r": 2, **settings})
    adapted = get_peft_model(network, config)
    torch.manual_seed(3)
    for _, weight in adapted.named_parameters():
        if weight.requires_grad:
            weight.data += torch.randn_like(weight) * (0.02 if "pissa" in str(settings) else 0.2)
    adapted.save_pretrained(folder, **saved)
    return folder


def _peft(base: Path, folder: Path) -> Any:
    from peft import PeftModel

    return PeftModel.from_pretrained(_network(base), str(folder)).eval()


@pytest.mark.parametrize("feature", FEATURES)
def test_logits_are_pefts_merged_and_unmerged(base: tuple[str, Path], feature: str, tmp_path: Path) -> None:
    import torch

    kind, folder = base
    linear, embedding = LINEAR.get(kind, ["q_proj", "gate_proj"]), EMBEDDING.get(kind, "embed_tokens")
    settings = {"target_modules": linear, **FEATURES[feature](linear, embedding)}
    if feature == "head saved" and kind == "t5-tied":
        pytest.skip("its head is its embedding, scaled: PEFT cannot save one without the other")
    adapter = _adapter(folder, tmp_path / "adapter", settings)
    wanted = _logits(_peft(folder, adapter))
    assert (wanted - _logits(_network(folder))).abs().max() > 0.01, "the adapter changes something"
    for merge in (False, True):
        loaded = load_model(adapter, merge=merge)
        assert torch.allclose(_logits(loaded.model), wanted, atol=2e-4), f"merge={merge}"
    if not kind.startswith("t5"):
        merged = load_model(adapter).model
        merged.save_pretrained(tmp_path / "merged")
        assert torch.allclose(_logits(_network(tmp_path / "merged")), wanted, atol=2e-4), "saved and read again"


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.make_causal(tmp_path_factory.mktemp("llama"), "llama", spread=0.2)


@pytest.fixture(scope="module")
def plain(llama: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _adapter(llama, tmp_path_factory.mktemp("plain"), {"target_modules": ["q_proj"]})


def test_names_with_the_adapters_own_name_and_saved_embeddings_load(plain: Path, llama: Path, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    named = Path(shutil.copytree(plain, tmp_path / "named"))
    tensors = load_file(named / "adapter_model.safetensors")
    renamed = {name.replace(".weight", ".default.weight"): value for name, value in tensors.items()}
    save_file(renamed, named / "adapter_model.safetensors")
    whole = _adapter(llama, tmp_path / "whole", {"target_modules": ["q_proj"]}, save_embedding_layers=True)
    for folder in (named, whole):
        assert torch.allclose(_logits(load_model(folder).model), _logits(_peft(llama, folder)), atol=2e-4)


def test_a_bias_of_the_adapter_runs_unmerged_and_is_not_exported(
    llama: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import torch

    from shelftalker.export.export import export

    folder = _adapter(llama, tmp_path / "biased", {"target_modules": ["q_proj"], "lora_bias": True})
    assert torch.allclose(_logits(load_model(folder).model), _logits(_peft(llama, folder)), atol=1e-5)
    assert "lora_bias" in capsys.readouterr().err
    assert load_engine(resolve(folder), Recipe(device="cpu")).name == "transformers"
    with pytest.raises(ShelftalkerError, match="cannot be merged"):
        export(folder, "hf", tmp_path / "out", Recipe(device="cpu"))
    assert not (tmp_path / "out").exists()


def test_a_larger_vocabulary_is_told_with_both_sizes(llama: Path, tmp_path: Path) -> None:
    wider = Path(shutil.copytree(llama, tmp_path / "wider"))
    network = _network(llama)
    network.resize_token_embeddings(416)
    network.save_pretrained(wider)
    folder = _adapter(wider, tmp_path / "adapter", {"target_modules": ["q_proj"]}, save_embedding_layers=True)
    config = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps(config | {"base_model_name_or_path": str(llama)}))
    with pytest.raises(ShelftalkerError, match=r"416 tokens.*the base model has 400"):
        load_model(folder)


@pytest.mark.parametrize("is_pickled", [True, False])
def test_an_adapter_without_safetensors_is_refused_before_anything_is_loaded(
    plain: Path, tmp_path: Path, is_pickled: bool
) -> None:
    folder = Path(shutil.copytree(plain, tmp_path / "adapter"))
    (folder / "adapter_model.safetensors").unlink()
    if is_pickled:
        (folder / "adapter_model.bin").write_bytes(b"x")
    with pytest.raises(ShelftalkerError, match="pickle" if is_pickled else "without adapter_model"):
        resolve(folder)


def test_an_adapter_in_a_subfolder_is_named(plain: Path, tmp_path: Path) -> None:
    shutil.copytree(plain, tmp_path / "run" / "products")
    with pytest.raises(ShelftalkerError, match="in a subfolder: products") as said:
        resolve(tmp_path / "run")
    assert str(tmp_path / "run" / "products") in str(said.value.mend)


def test_a_full_fine_tuning_is_used_and_nothing_is_to_be_deleted(llama: Path, tmp_path: Path) -> None:
    """A Trainer's folder of whole models: the latest checkpoint that is whole."""
    for step in (5, 10, 15):
        shutil.copytree(llama, tmp_path / "run" / f"checkpoint-{step}")
    weights = tmp_path / "run" / "checkpoint-15" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-50])
    ref = resolve(tmp_path / "run")
    assert (ref.kind, Path(ref.path).name) == ("folder", "checkpoint-10")
    load_model(ref)
    for step in (5, 10):
        shutil.rmtree(tmp_path / "run" / f"checkpoint-{step}")
    with pytest.raises(ShelftalkerError, match="no whole checkpoint") as said:
        resolve(tmp_path / "run")
    assert "delete" not in str(said.value) and "remove" not in str(said.value)


def test_a_base_model_that_is_not_all_numbers_is_refused(llama: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = Path(shutil.copytree(llama, tmp_path / "model"))
    weights = load_file(folder / "model.safetensors")
    weights["model.layers.1.mlp.up_proj.weight"][3, 4] = float("nan")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ShelftalkerError, match=r"up_proj\.weight holds NaN"):
        load_model(folder)


def test_a_tokenizer_larger_than_the_vocabulary_is_refused(llama: Path, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    folder = Path(shutil.copytree(llama, tmp_path / "model"))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens([f"<more-{number}>" for number in range(7)])
    tokenizer.save_pretrained(folder)
    with pytest.raises(ShelftalkerError, match="407 tokens, the model's vocabulary 400"):
        load_model(folder)


def test_a_tokenizer_of_sentencepiece_alone_names_the_packages(
    llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(llama, tmp_path / "model"))
    (folder / "tokenizer.json").unlink()
    (folder / "spiece.model").write_bytes(b"x")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ShelftalkerError, match="needs sentencepiece") as said:
        load_model(folder)
    assert said.value.mend == "pip install sentencepiece protobuf"


def test_a_forced_first_token_is_kept(tiny_t5: Path, tmp_path: Path) -> None:
    """Multilingual models begin a text with the token of its language."""
    from shelftalker.recipe.decoding import Decoding

    folder = Path(shutil.copytree(tiny_t5, tmp_path / "model"))
    path = folder / "generation_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"forced_bos_token_id": 77}))
    recipe = Recipe(device="cpu")
    engine = load_engine(resolve(folder), recipe)
    assert engine.name == "transformers"
    first = engine.encode(["x"]) and load_model(tiny_t5).tokenizer.decode([77])
    from shelftalker.product import Product

    prepared = recipe.as_prompt.prepare([Product("Blue lamp"), Product("Oak table")], engine.encode)
    for rows in engine.generate(prepared, Decoding(max_new_tokens=4)):
        assert rows[0].text.startswith(first.strip())
