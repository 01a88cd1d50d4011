"""Causal models: CTranslate2 writes what transformers writes, with the same probabilities, family by family."""

from __future__ import annotations

import statistics
from pathlib import Path

import pytest
import tiny

from shelftalker import Product, ShelftalkerError
from shelftalker.export.export import export
from shelftalker.generation.ct2_engine import Ct2Engine
from shelftalker.generation.load import load_engine
from shelftalker.generation.torch_engine import TorchEngine
from shelftalker.models import families
from shelftalker.models.convert import converted
from shelftalker.models.load import resolve
from shelftalker.prompt import Prompt
from shelftalker.recipe.decoding import Decoding
from shelftalker.recipe.recipe import Recipe
from tests.driving import assert_goes_on_alike, log_probs, write

NOUNS = ("bottle", "shirt", "kettle", "wallet", "lamp")
PROMPTS = [Prompt().render(Product(f"{'blue ' * (number % 5)}{NOUNS[number % 5]} {number} ml")) for number in range(24)]
TARGETS = [f"The {NOUNS[number % 5]} is soft and warm, {number} fits in a travel bag." for number in range(24)]
CAUSAL = [kind for kind in families.FAMILIES if kind != "t5"]

DECODINGS = {
    "greedy": Decoding(max_new_tokens=16),
    "greedy, penalty": Decoding(max_new_tokens=16, repetition_penalty=1.1),
    "greedy, bans": Decoding(max_new_tokens=16, repetition_penalty=1.4, no_repeat_ngram=2, min_new_tokens=5),
    "beam 4": Decoding(max_new_tokens=16, beams=4),
    "beam 4, short": Decoding(max_new_tokens=16, beams=4, length_penalty=0.3),
    "beam 4, long": Decoding(max_new_tokens=16, beams=4, length_penalty=2.0),
    "beam 4, no repeats": Decoding(max_new_tokens=16, beams=4, no_repeat_ngram=2, min_new_tokens=6),
}


def _recipe(quantisation: str = "float32", engine: str = "auto") -> Recipe:
    return Recipe().with_flags(device="cpu", generate={"quantisation": quantisation, "engine": engine, "batch_size": 8})


@pytest.fixture(scope="module", params=CAUSAL)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[TorchEngine, Ct2Engine]:
    """The reference and CTranslate2 in float32, for one family."""
    folder = tiny.make_causal(tmp_path_factory.mktemp(request.param), request.param, spread=0.3)
    return TorchEngine(resolve(folder), _recipe()), Ct2Engine(resolve(folder), _recipe())


@pytest.mark.parametrize("name", DECODINGS)
def test_float32_writes_the_same_text_with_the_same_score(pair: tuple[TorchEngine, Ct2Engine], name: str) -> None:
    reference, fast = (write(engine, PROMPTS, DECODINGS[name]) for engine in pair)
    assert [row.text for row in fast] == [row.text for row in reference]
    assert [(row.tokens, row.hit_cap) for row in fast] == [(row.tokens, row.hit_cap) for row in reference]
    assert [row.score for row in fast] == pytest.approx([row.score for row in reference], abs=1e-3)


@pytest.mark.parametrize("name", [name for name in DECODINGS if "beam" not in name])
def test_float32_goes_on_alike_from_a_beginning(pair: tuple[TorchEngine, Ct2Engine], name: str) -> None:
    assert_goes_on_alike(*pair, PROMPTS, DECODINGS[name])


def test_float32_gives_references_the_same_log_probabilities(pair: tuple[TorchEngine, Ct2Engine]) -> None:
    reference, fast = (log_probs(engine, PROMPTS, TARGETS) for engine in pair)
    for a, b in zip(reference, fast, strict=True):
        assert b == pytest.approx(a, abs=2e-3)


def test_these_prompts_tell_a_rule_on_the_output_from_one_on_the_prompt(tmp_path: Path) -> None:
    """Guards the tests above: prompts of one length only, or texts without repeats, would show no difference."""
    folder = tiny.make_causal(tmp_path, "llama", spread=0.3)
    engine = Ct2Engine(resolve(folder), _recipe())
    rows = [[engine._tokens[number] for number in ids] for ids in engine.encode(PROMPTS)]
    assert len({len(row) for row in rows}) > 3
    options = {"repetition_penalty": 1.4, "max_length": 16, "include_prompt_in_result": False}
    mixed = engine._runner(1).generate_batch(rows, **options)
    alone = [engine._runner(1).generate_batch([row], **options)[0] for row in rows]
    assert [row.sequences for row in mixed] != [row.sequences for row in alone]


def test_int8_stays_near(pair: tuple[TorchEngine, Ct2Engine]) -> None:
    """32 random dimensions quantise badly; the bounds that matter are those on SmolLM2 (test_smollm2.py)."""
    reference, fast = pair[0], Ct2Engine(pair[0].model, _recipe("int8"))
    assert fast.dtype == "int8"
    a, b = ([value for row in log_probs(engine, PROMPTS, TARGETS) for value in row] for engine in (reference, fast))
    assert statistics.fmean(abs(x - y) for x, y in zip(a, b, strict=True)) < statistics.stdev(a) / 3


def test_an_exported_folder_writes_as_its_model(tmp_path: Path) -> None:
    folder = tiny.make_causal(tmp_path / "model", "llama", spread=0.3)
    out = export(folder, "ct2", tmp_path / "out", _recipe())
    texts = []
    for model in (folder, out):
        engine = load_engine(resolve(model), _recipe())
        assert engine.name == "ctranslate2"
        prepared = _recipe().as_prompt.prepare([Product("Blue lamp"), Product("Oak table 500 ml")], engine.encode)
        texts.append([rows[0].text for rows in engine.generate(prepared, DECODINGS["greedy, penalty"])])
    assert texts[0] == texts[1]


def test_auto_takes_ctranslate2(tiny_causal: Path) -> None:
    assert load_engine(resolve(tiny_causal), _recipe()).name == "ctranslate2"


@pytest.mark.parametrize(
    ("kind", "settings", "why"),
    [
        ("gemma2", {}, "its type is gemma2"),
        ("gpt_neox", {}, "its type is gpt_neox"),
        ("phi", {}, "its type is phi"),
        ("llama", {"rope_parameters": {"rope_type": "llama3", "rope_theta": 1e4, "factor": 8.0, "low_freq_factor": 1.0,
         "high_freq_factor": 4.0, "original_max_position_embeddings": 64}}, "rotary positions are scaled"),
        ("llama", {"hidden_act": "gelu"}, "its activation is gelu"),
        ("llama", {"head_dim": 16}, "heads are 64 wide"),
        ("gemma3_text", {"query_pre_attn_scalar": 16}, "scaled by another number"),
    ],
)  # fmt: skip
def test_shapes_that_would_come_out_wrong_go_to_transformers(
    kind: str, settings: dict[str, object], why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tiny.make_causal(tmp_path, kind, **settings)
    assert load_engine(resolve(folder), _recipe()).name == "transformers"
    assert why in " ".join(capsys.readouterr().err.split())
    with pytest.raises(ShelftalkerError, match="CTranslate2 cannot run the model"):
        load_engine(resolve(folder), _recipe(engine="ctranslate2"))


@pytest.mark.parametrize(
    ("settings", "quantisations"),
    [({"head_dim": 16}, ("float32", "int8")), ({"hidden_act": "gelu"}, ("float32",))],  # int8 hides small differences
)
def test_a_conversion_that_is_another_model_is_not_kept(
    settings: dict[str, object], quantisations: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What no rule knows of, the probe finds."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(families, "why_not", lambda config: None)
    folder = tiny.make_causal(tmp_path / "model", "llama", spread=0.5, **settings)
    for quantisation in quantisations:
        with pytest.raises(ShelftalkerError, match=r"other probabilities|cannot run what"):
            converted(resolve(folder), quantisation)  # type: ignore[arg-type]
    assert not list((tmp_path / "cache").rglob("model.bin"))
    assert load_engine(resolve(folder), _recipe(quantisations[0])).name == "transformers"
