"""Models by name, folder and run; what is damaged or does not fit is refused in plain words."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from shelftalker.errors import ShelftalkerError
from shelftalker.models.load import load_model, resolve
from tests.conftest import make_t5

PROMPT = "Given a product title, generate its product description.\nTitle: blue bottle 3\nDescription:"


def save_adapter(base: Path, folder: Path, **config: object) -> Path:
    """An adapter as plain PEFT saves it, with B away from zero so that it changes the model."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForSeq2SeqLM

    model = AutoModelForSeq2SeqLM.from_pretrained(base)
    settings = {"task_type": "SEQ_2_SEQ_LM", "r": 4, "lora_alpha": 8, "target_modules": ["q", "v", "wo"]} | config
    adapted = get_peft_model(model, LoraConfig(**settings))
    torch.manual_seed(1)
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.3)
    adapted.save_pretrained(folder, save_embedding_layers=False)
    return folder


@pytest.fixture(scope="module")
def adapter(tiny_t5: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_adapter(tiny_t5, tmp_path_factory.mktemp("adapter"))


def logits(model: object, tokenizer: object) -> torch.Tensor:
    inputs = tokenizer(PROMPT, return_tensors="pt")  # type: ignore[operator]
    with torch.no_grad():
        return model(**inputs, decoder_input_ids=torch.tensor([[0, 9, 12, 30]])).logits  # type: ignore[operator]


def test_a_folder_loads_in_evaluation_mode(tiny_t5: Path, tiny_causal: Path) -> None:
    loaded = load_model(tiny_t5)
    assert loaded.is_seq2seq and not loaded.model.training and loaded.dtype == "float32"
    assert loaded.tokenizer(PROMPT)["input_ids"][-1] == loaded.tokenizer.eos_token_id
    assert not load_model(tiny_causal).is_seq2seq


def test_an_adapter_made_by_peft_alone_gives_the_logits_peft_gives(tiny_t5: Path, adapter: Path) -> None:
    from peft import PeftModel
    from transformers import AutoModelForSeq2SeqLM

    theirs = PeftModel.from_pretrained(AutoModelForSeq2SeqLM.from_pretrained(tiny_t5), adapter).eval()
    ours, apart, base = load_model(adapter), load_model(adapter, merge=False), load_model(tiny_t5)
    expected = logits(theirs, ours.tokenizer)
    assert torch.allclose(logits(ours.model, ours.tokenizer), expected, atol=1e-4)
    assert torch.allclose(logits(apart.model, apart.tokenizer), expected, atol=1e-5)
    assert not torch.allclose(logits(base.model, base.tokenizer), expected, atol=1e-2)


@pytest.mark.parametrize(
    "config",
    [
        {"target_modules": "all-linear"},
        {"target_modules": r".*SelfAttention\.(q|v)"},
        {"modules_to_save": ["lm_head"]},
        {"rank_pattern": {"wo": 2}, "alpha_pattern": {"wo": 16}},
        {"use_rslora": True, "use_dora": True},
        {"bias": "lora_only"},
        {"layers_to_transform": [1], "layers_pattern": "block"},
    ],
    ids=lambda config: "+".join(config),
)
def test_adapters_of_other_makes_load_whole(config: dict[str, object], tiny_t5: Path, tmp_path: Path) -> None:
    from peft import PeftModel
    from transformers import AutoModelForSeq2SeqLM

    folder = save_adapter(tiny_t5, tmp_path / "adapter", **config)
    theirs = PeftModel.from_pretrained(AutoModelForSeq2SeqLM.from_pretrained(tiny_t5), folder).eval()
    ours = load_model(folder)
    assert torch.allclose(logits(ours.model, ours.tokenizer), logits(theirs, ours.tokenizer), atol=1e-4)


def test_the_head_of_an_untied_and_a_tied_t5_is_scaled_as_its_config_asks(tiny_t5: Path, tiny_tied_t5: Path) -> None:
    """FLAN's head is untied and not scaled; early transformers 5 mis-scaled it (#43681)."""
    for folder, scale in ((tiny_t5, 1.0), (tiny_tied_t5, 32**-0.5)):
        loaded = load_model(folder)
        with torch.no_grad():
            inputs = loaded.tokenizer(PROMPT, return_tensors="pt")
            start = torch.tensor([[0]])
            whole = loaded.model(**inputs, decoder_input_ids=start, output_hidden_states=True)
            expected = whole.decoder_hidden_states[-1] * scale @ loaded.model.lm_head.weight.T
        assert torch.allclose(whole.logits, expected, atol=1e-4)


def test_a_run_stands_for_its_latest_whole_checkpoint_and_says_so(
    adapter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    for step in (9, 20, 100):
        shutil.copytree(adapter, run / f"checkpoint-{step}")
    weights = run / "checkpoint-100" / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-40])
    ref = resolve(run)
    assert Path(ref.path).name == "checkpoint-20" and "checkpoint-20" in ref.note and "latest" in ref.note
    assert "checkpoint-100" in capsys.readouterr().err
    (run / "promoted.json").write_text(json.dumps({"checkpoint": "checkpoint-9"}))
    ref = resolve(run)
    assert Path(ref.path).name == "checkpoint-9" and "promoted" in ref.note
    with pytest.raises(ShelftalkerError, match="whole safetensors"):
        load_model(run / "checkpoint-100")


def test_the_content_hash_follows_weights_not_places(tiny_t5: Path, adapter: Path, tmp_path: Path) -> None:
    base, copy = resolve(tiny_t5), resolve(shutil.copytree(tiny_t5, tmp_path / "copy"))
    assert base.content_hash == copy.content_hash
    assert resolve(adapter).content_hash == resolve(shutil.copytree(adapter, tmp_path / "a")).content_hash
    other = resolve(make_t5(tmp_path / "other", seed=5))
    assert len({base.content_hash, other.content_hash, resolve(adapter).content_hash}) == 3


def cut(folder: Path, name: str) -> None:
    path = folder / name
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def pickle_only(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(b"x")


def no_tokenizer(folder: Path) -> None:
    for path in folder.glob("*token*"):
        path.unlink()


def other_shape(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"num_layers": 3}))


def half_a_lora(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "adapter_model.safetensors")
    tensors.pop(next(name for name in tensors if "lora_B" in name))
    save_file(tensors, folder / "adapter_model.safetensors")


def lost_module(folder: Path) -> None:
    """Whole pairs are gone: the config asks for more modules than the file has."""
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "adapter_model.safetensors")
    save_file({k: v for k, v in tensors.items() if ".wo." not in k}, folder / "adapter_model.safetensors")


def other_rank(folder: Path) -> None:
    config = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps(config | {"r": 16}))


@pytest.mark.parametrize(
    ("kind", "damage", "says"),
    [
        ("base", lambda f: cut(f, "model.safetensors"), "whole safetensors"),
        ("base", lambda f: (f / "model.safetensors").unlink(), "without weights"),
        ("base", pickle_only, "pickle"),
        ("base", no_tokenizer, "no tokenizer"),
        ("base", other_shape, "missing or of another shape"),
        ("base", lambda f: cut(f, "config.json"), "cannot load"),
        ("base", lambda f: cut(f, "tokenizer.json"), "cannot load"),
        ("adapter", lambda f: cut(f, "adapter_model.safetensors"), "whole safetensors"),
        ("adapter", lambda f: cut(f, "adapter_config.json"), "cannot be read"),
        ("adapter", lambda f: (f / "adapter_model.safetensors").unlink(), "without adapter_model"),
        ("adapter", half_a_lora, "only one of lora_A and lora_B"),
        ("adapter", lost_module, "fits only in part"),
        ("adapter", other_rank, "rank 4, adapter_config.json says 16"),
    ],
)
def test_damaged_folders_are_refused_with_the_place_and_the_mend(
    tiny_t5: Path, adapter: Path, tmp_path: Path, kind: str, damage: object, says: str
) -> None:
    folder = shutil.copytree(tiny_t5 if kind == "base" else adapter, tmp_path / "model")
    damage(folder)  # type: ignore[operator]
    with pytest.raises(ShelftalkerError, match=says) as caught:
        load_model(folder)
    assert str(folder) in str(caught.value.where) and caught.value.mend


def test_an_adapter_on_a_base_of_another_shape_is_refused(tiny_tied_t5: Path, adapter: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(adapter, tmp_path / "moved")
    config = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps(config | {"base_model_name_or_path": str(tmp_path / "n")}))
    with pytest.raises(ShelftalkerError, match="no such model folder"):
        load_model(folder)
    wider = tmp_path / "wide"
    wider.mkdir()
    from transformers import T5Config, T5ForConditionalGeneration

    wide = T5Config.from_pretrained(tiny_tied_t5)
    wide.d_model = 48
    T5ForConditionalGeneration(wide).save_pretrained(wider)
    for path in tiny_tied_t5.glob("tokenizer*"):
        shutil.copy(path, wider)
    (folder / "adapter_config.json").write_text(json.dumps(config | {"base_model_name_or_path": str(wider)}))
    with pytest.raises(ShelftalkerError, match="does not fit the base model") as caught:
        load_model(folder)
    assert "48" in caught.value.what and "32" in caught.value.what


def test_a_recipes_base_stands_in_for_a_lost_one_with_a_note(tiny_t5: Path, adapter: Path, tmp_path: Path) -> None:
    from shelftalker.recipe.recipe import Recipe

    folder = shutil.copytree(adapter, tmp_path / "moved")
    config = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps(config | {"base_model_name_or_path": "someone/lost-t5"}))
    recipe = Recipe(base_model=str(tiny_t5))
    ref = resolve(folder, recipe)
    assert "someone/lost-t5" in ref.note and ref.base == str(tiny_t5)
    ours, direct = load_model(ref, recipe), load_model(adapter)
    assert torch.equal(logits(ours.model, ours.tokenizer), logits(direct.model, direct.tokenizer))


def test_an_adapter_of_the_bundled_model_names_it_and_refuses_other_weights(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bundled weights may change between versions; an adapter of the old ones would load and write nonsense."""
    from shelftalker import bundled
    from shelftalker.finetuning.trainer import finetune
    from tests.finetuning.test_finetune import tiny_recipe

    for number in range(2):
        (tmp_path / f"mini{number}").mkdir()
    first, second = (make_t5(tmp_path / f"mini{number}", seed=number) for number in range(2))
    monkeypatch.setattr(bundled, "mini_t5", lambda: first)
    recipe = tiny_recipe(first, data_dir, tmp_path, base_model="bundled", finetune={"max_steps": 2, "val_rows": 0})
    run = finetune(recipe)
    config = json.loads((run.last / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "bundled"
    assert load_model(run.run_dir).ref.base == "bundled"
    monkeypatch.setattr(bundled, "mini_t5", lambda: second)
    with pytest.raises(ShelftalkerError, match="other weights than those of bundled"):
        load_model(run.run_dir)


def test_a_relative_base_folder_is_found_from_anywhere(
    tiny_t5: Path, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from shelftalker.finetuning.trainer import finetune
    from tests.finetuning.test_finetune import tiny_recipe

    shutil.copytree(tiny_t5, tmp_path / "my_t5")
    monkeypatch.chdir(tmp_path)
    run = finetune(tiny_recipe(Path("my_t5"), data_dir, tmp_path, finetune={"max_steps": 2, "val_rows": 0}))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert load_model(run.last).ref.base == str(tmp_path / "my_t5")


def test_a_folder_in_the_hubs_layout_loads(tiny_t5: Path, tmp_path: Path) -> None:
    layout = tmp_path / "models--google--flan-t5-base"
    shutil.copytree(tiny_t5, layout / "snapshots" / "abc123")
    (layout / "refs").mkdir()
    (layout / "refs" / "main").write_text("abc123")
    assert load_model(layout).is_seq2seq


@pytest.mark.parametrize("given", ["./nowhere", "a/b/c", "/no/such/folder", "artifacts/nowhere", "outputs/nowhere"])
def test_a_path_that_is_not_there(given: str) -> None:
    with pytest.raises(ShelftalkerError, match="no such model folder"):
        resolve(given)


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(ShelftalkerError, match="holds no model"):
        resolve(tmp_path)


def test_a_missing_folder_fails_at_once_and_names_the_models_beside_it(
    tiny_t5: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "artifacts").mkdir()
    (tmp_path / "artifacts/lamps_best").symlink_to(tiny_t5)
    (tmp_path / "artifacts/notes").mkdir()
    with pytest.raises(ShelftalkerError, match="no such model folder") as caught:
        resolve("artifacts/lamp_best")
    assert "models nearby: artifacts/lamps_best)" in str(caught.value)
    assert resolve("google/flan-t5-base").kind == "hub"
