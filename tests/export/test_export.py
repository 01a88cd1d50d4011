"""Exports that need nothing else: merged, readable by transformers and by CTranslate2, with their decoding."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
import tiny

import shelftalker
from shelftalker import Product, ShelftalkerError
from shelftalker.export.export import export
from shelftalker.generation.load import load_engine
from shelftalker.models import convert
from shelftalker.models.folder import FACTS
from shelftalker.models.load import load_model, resolve
from shelftalker.prompt import Prompt
from shelftalker.recipe.decoding import Decoding
from shelftalker.recipe.recipe import Recipe
from tests.driving import write

PROMPTS = [Prompt().render(Product(f"blue bottle {number}")) for number in range(6)]


@pytest.fixture(scope="module")
def adapter(tiny_t5: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA adapter of the tiny T5 that changes what it writes."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoTokenizer, T5ForConditionalGeneration

    folder = tmp_path_factory.mktemp("adapter")
    network = get_peft_model(
        T5ForConditionalGeneration.from_pretrained(tiny_t5), LoraConfig(r=4, target_modules=["q", "v", "wo"])
    )
    torch.manual_seed(1)
    for name, weight in network.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.2)
    network.save_pretrained(folder, save_embedding_layers=False)
    AutoTokenizer.from_pretrained(tiny_t5).save_pretrained(folder)
    return folder


@pytest.fixture
def recipe() -> Recipe:
    return Recipe().with_flags(device="cpu", decoding={"max_new_tokens": 7}, generate={"quantisation": "float32"})


def test_an_exported_adapter_writes_what_the_adapter_writes(
    adapter: Path, tiny_t5: Path, recipe: Recipe, tmp_path: Path
) -> None:
    decoding = Decoding(max_new_tokens=10, beams=3)
    wanted = write(
        load_engine(resolve(adapter), recipe.with_flags(generate={"engine": "transformers"})), PROMPTS, decoding
    )
    plain = write(load_engine(resolve(tiny_t5), recipe), PROMPTS, decoding)
    assert [row.text for row in wanted] != [row.text for row in plain]
    for to in ("hf", "ct2"):
        folder = export(adapter, to, tmp_path / to, recipe)  # type: ignore[arg-type]
        engine = load_engine(resolve(folder), recipe)
        assert [row.text for row in write(engine, PROMPTS, decoding)] == [row.text for row in wanted]
        manifest = json.loads((folder / "manifest.json").read_text())
        assert manifest["stage"] == "export" and "tokenizer.json" in manifest["outputs"]


def test_an_export_says_how_much_the_merge_left_as_it_was(
    adapter: Path,
    tiny_t5: Path,
    data_dir: Path,
    recipe: Recipe,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def merge_of(folder: Path) -> dict[str, object] | None:
        return json.loads((folder / "manifest.json").read_text())["merge"]  # type: ignore[no-any-return]

    own = recipe.with_flags(paths={"data": str(data_dir)})
    facts = merge_of(export(adapter, "hf", tmp_path / "one", own))
    assert facts == {"titles": 8, "identical": 8, "source": "val.jsonl", "tokens": 48, "share": 1.0}
    assert "8 of 8 descriptions stay the same" in capsys.readouterr().err
    absent = recipe.with_flags(paths={"data": str(tmp_path / "none")})
    facts = merge_of(export(adapter, "ct2", tmp_path / "two", absent))
    assert facts is not None and (facts["titles"], facts["source"]) == (8, "the sample catalogue")
    assert merge_of(export(tiny_t5, "hf", tmp_path / "three", own)) is None, "nothing was merged"
    # A merge that changes what is written shows.
    monkeypatch.setattr("shelftalker.models.adapter.merge", lambda adapted: adapted.unload())
    facts = merge_of(export(adapter, "hf", tmp_path / "four", own))
    assert facts is not None and facts["share"] < 1  # type: ignore[operator]


def test_conversions_longest_unused_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    now = time.time()
    for name, days in (("old", 9), ("older", 10), ("week", 7), ("today", 0)):
        folder = convert.cache_dir() / name
        folder.mkdir(parents=True)
        (folder / "model.bin").write_bytes(b"x" * 1000)
        (folder / FACTS).write_text("{}")
        os.utime(folder / FACTS, (now - days * 86400, now - days * 86400))
    convert._forget_unused(2500)
    assert {path.name for path in convert.cache_dir().iterdir()} == {"week", "today"}
    convert._forget_unused(0)
    assert {path.name for path in convert.cache_dir().iterdir()} == {"today"}


def test_a_merged_folder_says_truly_whether_its_head_is_tied(
    tiny_t5: Path, tiny_tied_t5: Path, recipe: Recipe, tmp_path: Path
) -> None:
    """Older transformers and the plain converter believe `tie_word_embeddings`."""
    import torch

    for source, is_tied in ((tiny_t5, False), (tiny_tied_t5, True)):
        folder = export(source, "hf", tmp_path / str(is_tied), recipe)
        assert json.loads((folder / "config.json").read_text())["tie_word_embeddings"] is is_tied
        before, after = load_model(source, recipe), load_model(folder, recipe)
        assert torch.equal(before.model.lm_head.weight, after.model.lm_head.weight)
        assert before.model.config.scale_decoder_outputs == after.model.config.scale_decoder_outputs


def test_an_exported_folder_brings_its_prompt_and_decoding(tiny_t5: Path, recipe: Recipe, tmp_path: Path) -> None:
    own = recipe.with_flags(prompt="Product: {title}\nText:")
    for to in ("ct2", "hf"):
        folder = export(tiny_t5, to, tmp_path / to, own)  # type: ignore[arg-type]
        writer = shelftalker.load(folder)
        assert writer.recipe.prompt == own.prompt
        assert writer.write([Product("Blue lamp")])[0].tokens <= 7
        given = shelftalker.load(folder, recipe.with_flags(decoding={"max_new_tokens": 3}))
        assert given.write([Product("Blue lamp")])[0].tokens <= 3


def test_what_is_no_export_is_not_replaced(tiny_t5: Path, tiny_causal: Path, recipe: Recipe, tmp_path: Path) -> None:
    capped = tiny.make_causal(tmp_path / "gemma2", "gemma2")
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ShelftalkerError, match="not an export"):
        export(tiny_t5, "hf", tmp_path, recipe)
    assert (tmp_path / "notes.txt").read_text() == "mine"
    with pytest.raises(ShelftalkerError, match="not converted"):
        export(capped, "ct2", tmp_path / "new", recipe)
    assert not (tmp_path / "new").exists()
    first = export(tiny_causal, "hf", tmp_path / "again", recipe)
    assert export(tiny_causal, "hf", first, recipe) == first
