"""Number formats of CTranslate2 models: what a model does not bear or a device has not is refused, with what goes."""

from __future__ import annotations

from pathlib import Path

import pytest

from shelftalker import ShelftalkerError
from shelftalker.export.export import export
from shelftalker.generation.load import load_engine
from shelftalker.models import convert, folder, formats
from shelftalker.models.load import resolve
from shelftalker.recipe.recipe import Recipe


def recipe(quantisation: str) -> Recipe:
    return Recipe().with_flags(device="cpu", generate={"quantisation": quantisation, "engine": "ctranslate2"})


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def no_halves(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device without half precision."""
    import ctranslate2

    monkeypatch.setattr(ctranslate2, "get_supported_compute_types", lambda *_: {"int8", "int8_float32", "float32"})


def test_float16_of_a_t5_is_refused_by_every_door(tiny_t5: Path, cache: Path, tmp_path: Path) -> None:
    for door in (
        lambda: load_engine(resolve(tiny_t5), recipe("float16")),
        lambda: load_engine(resolve(tiny_t5), recipe("float16").with_flags(generate={"engine": "auto"})),
        lambda: export(str(tiny_t5), "ct2", tmp_path / "out", recipe("float16")),
    ):
        with pytest.raises(ShelftalkerError, match="float16 overflows inside T5") as refused:
            door()
        assert "bfloat16" in refused.value.mend and "int8" in refused.value.mend
    assert not list(cache.rglob("model.bin")) and not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", ["bfloat16", "float16"])
def test_a_format_that_the_device_has_not_is_refused_before_anything_is_converted(
    kind: str, tiny_causal: Path, cache: Path, no_halves: None
) -> None:
    with pytest.raises(ShelftalkerError, match=f"does not compute in {kind} on this cpu") as refused:
        load_engine(resolve(tiny_causal), recipe(kind))
    assert refused.value.mend == "generate.quantisation: int8 or float32"
    assert not list(cache.rglob("model.bin"))


@pytest.mark.parametrize(("kind", "base"), [("bfloat16", "t5"), ("bfloat16", "causal"), ("float16", "causal")])
def test_halves_are_exported_for_another_machine(
    kind: str, base: str, tiny_t5: Path, tiny_causal: Path, tmp_path: Path, no_halves: None
) -> None:
    model = tiny_t5 if base == "t5" else tiny_causal
    halves = export(str(model), "ct2", tmp_path / kind, recipe(kind))
    whole = export(str(model), "ct2", tmp_path / "float32", recipe("float32"))
    assert folder.facts(halves)["quantisation"] == kind
    assert (halves / "model.bin").stat().st_size < 0.6 * (whole / "model.bin").stat().st_size
    # The folder says its format; where it is opened, the device is asked.
    with pytest.raises(ShelftalkerError, match=f"does not compute in {kind}") as refused:
        load_engine(resolve(halves), Recipe().with_flags(device="cpu"))
    assert str(halves) in str(refused.value.where)


def test_a_device_is_asked_for_its_formats_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    import ctranslate2

    asked = []

    def types(kind: str, index: int = 0) -> set[str]:
        asked.append((kind, index))
        return {"float32", "float16", "int8", "int8_float32", "int8_float16", "bfloat16"}

    monkeypatch.setattr(ctranslate2, "get_supported_compute_types", types)
    assert formats.supported("cuda:1") == ["int8", "float32", "bfloat16", "float16"]
    formats.check_device("float16", "cuda")
    assert asked == [("cuda", 1), ("cuda", 0)]


def test_each_format_is_kept_apart(tiny_causal: Path, cache: Path) -> None:
    ref = resolve(tiny_causal)
    assert len({convert.converted(ref, "bfloat16"), convert.converted(ref, "int8")}) == 2


def test_gguf_knows_no_bfloat16(tiny_causal: Path, tmp_path: Path) -> None:
    with pytest.raises(ShelftalkerError, match="not written in bfloat16"):
        export(str(tiny_causal), "gguf", tmp_path / "out", recipe("bfloat16"))
