"""Both engines write the same, with the same probabilities: CTranslate2 against transformers, the reference.

float32 must agree to rounding. int8 must stay within the bounds stated here. The converter as it comes, which scales
FLAN-T5's output where it must not, must fail.
"""

from __future__ import annotations

import statistics
from collections import Counter
from pathlib import Path

import pytest

from shelftalker import Product, ShelftalkerError
from shelftalker.generation.ct2_engine import Ct2Engine
from shelftalker.generation.load import load_engine
from shelftalker.generation.torch_engine import TorchEngine
from shelftalker.models import convert
from shelftalker.models.load import load_model, resolve
from shelftalker.prompt import Prompt
from shelftalker.recipe.decoding import Decoding
from shelftalker.recipe.recipe import Recipe
from tests.driving import assert_goes_on_alike, log_probs, prepared, write

NOUNS = ("bottle", "shirt", "kettle", "wallet", "lamp")
PROMPTS = [Prompt().render(Product(f"{'blue ' * (number % 5)}{NOUNS[number % 5]} {number} ml")) for number in range(40)]
TARGETS = [f"The {NOUNS[number % 5]} is soft and warm, {number} fits in a travel bag." for number in range(40)]
SHAPES = ["tiny_t5", "tiny_tied_t5"]

DECODINGS = {
    "greedy": Decoding(max_new_tokens=16),
    "greedy, penalties": Decoding(max_new_tokens=16, repetition_penalty=1.4, no_repeat_ngram=2, min_new_tokens=5),
    "beam 4": Decoding(max_new_tokens=16, beams=4),
    "beam 4, short": Decoding(max_new_tokens=16, beams=4, length_penalty=0.3),
    "beam 4, long": Decoding(max_new_tokens=16, beams=4, length_penalty=2.0),
    "beam 4, no repeats": Decoding(max_new_tokens=16, beams=4, no_repeat_ngram=2, min_new_tokens=6),
}


def _recipe(quantisation: str = "float32", engine: str = "auto") -> Recipe:
    return Recipe().with_flags(device="cpu", generate={"quantisation": quantisation, "engine": engine})


@pytest.fixture(scope="module", params=SHAPES)
def pair(request: pytest.FixtureRequest) -> tuple[TorchEngine, Ct2Engine]:
    """The reference and CTranslate2 in float32, for FLAN-T5's shape (untied head) and for a tied T5."""
    ref = resolve(request.getfixturevalue(request.param))
    return TorchEngine(ref, _recipe()), Ct2Engine(ref, _recipe())


@pytest.mark.parametrize("name", DECODINGS)
def test_float32_writes_the_same_text_with_the_same_score(pair: tuple[TorchEngine, Ct2Engine], name: str) -> None:
    reference, fast = (write(engine, PROMPTS, DECODINGS[name]) for engine in pair)
    assert [row.text for row in fast] == [row.text for row in reference]
    assert [(row.tokens, row.hit_cap) for row in fast] == [(row.tokens, row.hit_cap) for row in reference]
    assert [row.score for row in fast] == pytest.approx([row.score for row in reference], abs=1e-4)


def test_the_beams_of_this_test_end_in_every_way(tiny_t5: Path) -> None:
    """Guards the test above: texts that all run into the cap would not show a wrong length penalty.

    Of the two shapes the untied one carries this part of the proof: a random tied T5 hardly ever ends.
    """
    engine = Ct2Engine(resolve(tiny_t5), _recipe())
    short, long = (write(engine, PROMPTS, DECODINGS[name]) for name in ("beam 4, short", "beam 4, long"))
    assert any(not row.hit_cap for row in short) and [row.text for row in short] != [row.text for row in long]


@pytest.mark.parametrize("name", [name for name in DECODINGS if "beam" not in name])
def test_float32_goes_on_alike_from_a_beginning(pair: tuple[TorchEngine, Ct2Engine], name: str) -> None:
    assert_goes_on_alike(*pair, PROMPTS, DECODINGS[name])


def test_float32_gives_references_the_same_log_probabilities(pair: tuple[TorchEngine, Ct2Engine]) -> None:
    reference, fast = (log_probs(engine, PROMPTS, TARGETS) for engine in pair)
    for a, b in zip(reference, fast, strict=True):
        assert b == pytest.approx(a, abs=1e-3)


def test_float32_gives_the_next_token_the_same_distribution(pair: tuple[TorchEngine, Ct2Engine]) -> None:
    """The whole vocabulary's probabilities at the first step and at a later one, row by row."""
    import torch

    reference, fast = pair
    for prefix in ([], ["Ġsteel", "Ġlamp"]):
        for text in PROMPTS[:6]:
            ids = torch.tensor([reference.encode([text])[0]])
            before = [0, *reference._tokenizer.convert_tokens_to_ids(prefix)]
            wanted = reference._network(input_ids=ids, decoder_input_ids=torch.tensor([before])).logits[0, -1]
            assert _next_log_probs(fast, text, prefix) == pytest.approx(wanted.log_softmax(-1).tolist(), abs=1e-3)


def _next_log_probs(engine: Ct2Engine, text: str, prefix: list[str]) -> list[float]:
    """CTranslate2 scores ``prefix`` + each token of the vocabulary; the token stands before the end token."""
    source = [[engine._tokens[number] for number in engine.encode([text])[0]]] * len(engine._tokens)
    scored = engine._runner(1).score_batch(source, [[*prefix, token] for token in engine._tokens])
    return [row.log_probs[len(prefix)] for row in scored]


def test_sampling_in_ctranslate2_follows_the_reference_distribution(pair: tuple[TorchEngine, Ct2Engine]) -> None:
    """Two-sample chi-squared test of the first two tokens over 4,000 draws each.

    The engine refuses to sample, because CTranslate2 cannot seed row by row; the converted model must be right
    all the same for those who sample from an exported folder.
    """
    reference, fast = pair
    draws = 4000
    decoding = Decoding(sample=True, temperature=0.7, top_k=8, max_new_tokens=2, candidates=draws)
    wide = TorchEngine(reference._loaded, Recipe().with_flags(device="cpu", generate={"batch_size": 1000}))
    (ours,) = wide.generate(prepared(wide, PROMPTS[:1]), decoding)
    source = [[fast._tokens[number] for number in fast.encode(PROMPTS[:1])[0]]]
    theirs = fast._runner(1).translate_batch(
        source * draws,
        beam_size=1,
        sampling_topk=8,
        sampling_temperature=0.7,
        min_decoding_length=0,
        max_decoding_length=2,
        max_batch_size=1000,
    )
    a = Counter(row.text for row in ours)
    b = Counter(fast._text(row.hypotheses[0]) for row in theirs)
    assert _chi_squared_is_unsurprising(a, b)


def _chi_squared_is_unsurprising(a: Counter[str], b: Counter[str]) -> bool:
    """Whether two equally large samples may come from one distribution (p above 0.0001, Wilson-Hilferty)."""
    statistic, cells = 0.0, 0
    for key in a.keys() | b.keys():
        if a[key] + b[key] >= 10:
            statistic += (a[key] - b[key]) ** 2 / (a[key] + b[key])
            cells += 1
    freedom = max(cells - 1, 1)
    z = ((statistic / freedom) ** (1 / 3) - (1 - 2 / (9 * freedom))) / (2 / (9 * freedom)) ** 0.5
    return z < 3.72


@pytest.mark.parametrize("shape", SHAPES)
def test_int8_stays_near(shape: str, request: pytest.FixtureRequest) -> None:
    """32 random dimensions quantise badly: the error stays under a third of the spread, so the order of things holds.

    The bounds that matter are those on a trained model, in test_bundled.py.
    """
    ref = resolve(request.getfixturevalue(shape))
    reference, fast = TorchEngine(ref, _recipe()), Ct2Engine(ref, _recipe("int8"))
    assert fast.dtype == "int8"
    a, b = ([value for row in log_probs(engine, PROMPTS, TARGETS) for value in row] for engine in (reference, fast))
    assert sum(abs(x - y) for x, y in zip(a, b, strict=True)) / len(a) < statistics.stdev(a) / 3


def test_the_converter_as_it_comes_would_fail(tiny_t5: Path, tmp_path: Path) -> None:
    """Greedy text survives the wrong scale; log-probabilities and beam scores do not."""
    import ctranslate2
    from ctranslate2.converters import TransformersConverter

    ref = resolve(tiny_t5)
    reference, mended = TorchEngine(ref, _recipe()), Ct2Engine(ref, _recipe())
    wrong = Ct2Engine(ref, _recipe())
    folder = TransformersConverter(str(tiny_t5)).convert(str(tmp_path / "plain"))
    wrong._opened, wrong._is_wide = ctranslate2.Translator(folder, compute_type="float32"), True

    def distance(engine: Ct2Engine) -> float:
        pairs = zip(log_probs(reference, PROMPTS, TARGETS), log_probs(engine, PROMPTS, TARGETS), strict=True)
        return max(abs(a - b) for rows in pairs for a, b in zip(*rows, strict=True))

    assert distance(mended) < 1e-3
    assert distance(wrong) > 1
    greedy = [[row.text for row in write(engine, PROMPTS, DECODINGS["greedy"])] for engine in (reference, wrong)]
    assert greedy[0] == greedy[1]
    beams = [write(engine, PROMPTS, DECODINGS["beam 4"]) for engine in (reference, wrong)]
    assert max(abs((a.score or 0) - (b.score or 0)) for a, b in zip(*beams, strict=True)) > 0.1


def test_a_batch_keeps_its_order_and_reports_progress(pair: tuple[TorchEngine, Ct2Engine]) -> None:
    for engine in pair:
        done: list[int] = []
        together = write(engine, PROMPTS, DECODINGS["greedy"], advance=done.append)
        assert sum(done) == len(PROMPTS)
        alone = [write(engine, [text], DECODINGS["greedy"])[0].text for text in PROMPTS[:8]]
        assert [row.text for row in together[:8]] == alone


@pytest.mark.parametrize("quantisation", ["float32", "int8"])
def test_threads_change_nothing(tiny_t5: Path, quantisation: str) -> None:
    """The layout of threads (one batch on all of them, or a batch on each) must not show in the text or its score."""
    found = []
    for threads, batch in ((1, 8), (2, 8), (3, 8), (2, 64)):
        flags = {"quantisation": quantisation, "threads": threads, "batch_size": batch}
        engine = Ct2Engine(resolve(tiny_t5), Recipe().with_flags(device="cpu", generate=flags))
        found.append([(row.text, round(row.score or 0, 4)) for row in write(engine, PROMPTS, DECODINGS["greedy"])])
    assert found[0] == found[1] == found[2]
    assert [text for text, _ in found[3]] == [text for text, _ in found[0]]


def test_what_ctranslate2_cannot_honour_is_an_error_there_and_goes_to_transformers_in_auto(tiny_t5: Path) -> None:
    fast = load_engine(resolve(tiny_t5), _recipe(engine="ctranslate2"))
    for decoding in (Decoding(sample=True), Decoding(beams=2, repetition_penalty=1.2)):
        with pytest.raises(ShelftalkerError, match="cannot honour"):
            write(fast, PROMPTS[:1], decoding)
    auto = load_engine(resolve(tiny_t5), _recipe())
    assert auto.name == "ctranslate2"
    sampling = Decoding(sample=True, max_new_tokens=8)
    written = write(auto, PROMPTS[:3], sampling)
    assert written == write(load_engine(resolve(tiny_t5), _recipe(engine="transformers")), PROMPTS[:3], sampling)


def test_a_model_is_converted_once_and_again_when_its_weights_change(
    tiny_t5: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    copy = Path(shutil.copytree(tiny_t5, tmp_path / "copy"))
    first = convert.converted(resolve(tiny_t5), "int8")
    stamp = (first / "model.bin").stat().st_mtime_ns
    assert convert.converted(resolve(copy), "int8") == first
    assert (first / "model.bin").stat().st_mtime_ns == stamp
    assert convert.converted(resolve(tiny_t5), "float32") != first
    loaded = load_model(copy)
    loaded.model.lm_head.weight.data.mul_(2)
    loaded.model.save_pretrained(copy)
    assert convert.converted(resolve(copy), "int8") != first


def test_the_bare_tokenizer_equals_transformers(tiny_t5: Path) -> None:
    fast, reference = Ct2Engine(resolve(tiny_t5), _recipe()), TorchEngine(resolve(tiny_t5), _recipe())
    texts = [*PROMPTS, *TARGETS, "naïve “café” — 日本 🎧\t\r\n  x", "</s> <pad> <extra_id_1>", ""]
    assert fast.encode(texts) == reference.encode(texts)
    for ids in fast.encode(texts):
        plain = reference._tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        assert fast._tokenizer.decode(ids, skip_special_tokens=True) == plain
