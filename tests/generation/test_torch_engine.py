"""The reference engine does what the decoding says, for each row alone as in a batch."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

import shelftalker
from shelftalker import Product, ShelftalkerError
from shelftalker.generation.torch_engine import TorchEngine
from shelftalker.models.load import resolve
from shelftalker.prompt import Prompt
from shelftalker.recipe.decoding import Decoding
from shelftalker.recipe.recipe import Recipe
from tests.driving import log_probs, prepared, write

PROMPTS = [Prompt().render(Product(f"{'blue ' * (number % 4)}steel bottle {number}")) for number in range(9)]


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return Recipe().with_flags(device="cpu", generate={"batch_size": 4})


@pytest.fixture(scope="module")
def seq2seq(tiny_t5: Path, recipe: Recipe) -> TorchEngine:
    return TorchEngine(resolve(tiny_t5), recipe)


@pytest.fixture(scope="module")
def causal(tiny_causal: Path, recipe: Recipe) -> TorchEngine:
    return TorchEngine(resolve(tiny_causal), recipe)


@pytest.mark.parametrize("kind", ["seq2seq", "causal"])
def test_greedy_equals_a_plain_generate_call(kind: str, request: pytest.FixtureRequest) -> None:
    engine: TorchEngine = request.getfixturevalue(kind)
    network, tokenizer = engine._network, engine._tokenizer
    for text, written in zip(PROMPTS, write(engine, PROMPTS, Decoding(max_new_tokens=12)), strict=True):
        ids = tokenizer(text, return_tensors="pt")["input_ids"]
        output = network.generate(ids, max_new_tokens=12, do_sample=False, num_beams=1)[0]
        plain = output[1:] if kind == "seq2seq" else output[ids.shape[1] :]
        assert written.text == tokenizer.decode(plain, skip_special_tokens=True).strip()
        assert "Given a product title" not in written.text


@pytest.mark.parametrize("kind", ["seq2seq", "causal"])
def test_the_score_is_the_mean_log_probability_of_what_was_written(kind: str, request: pytest.FixtureRequest) -> None:
    import torch

    engine: TorchEngine = request.getfixturevalue(kind)
    written = write(engine, PROMPTS[:1], Decoding(max_new_tokens=6))[0]
    network = engine._network
    ids = torch.tensor([engine.encode(PROMPTS[:1])[0]])
    output = network.generate(ids, max_new_tokens=6, do_sample=False, num_beams=1)
    if kind == "seq2seq":
        logits = network(input_ids=ids, decoder_input_ids=output).logits[0, :-1]
        tokens = output[0, 1:]
    else:
        logits = network(input_ids=output).logits[0, ids.shape[1] - 1 : -1]
        tokens = output[0, ids.shape[1] :]
    expected = logits.log_softmax(-1).gather(1, tokens[:, None]).mean()
    assert written.score == pytest.approx(expected.item(), abs=1e-4)
    assert written.tokens == len(tokens)


@pytest.mark.parametrize(
    "decoding",
    [
        Decoding(sample=True, max_new_tokens=12),
        Decoding(sample=True, temperature=0.7, top_p=0.8, max_new_tokens=12),
        Decoding(sample=True, top_k=5, top_p=0.9, max_new_tokens=12, repetition_penalty=1.3),
    ],
    ids=["plain", "nucleus", "top-k"],
)
@pytest.mark.parametrize("kind", ["seq2seq", "causal"])
def test_a_sampled_text_depends_on_its_prompt_not_on_its_batch(
    kind: str, decoding: Decoding, request: pytest.FixtureRequest
) -> None:
    engine: TorchEngine = request.getfixturevalue(kind)
    together = write(engine, PROMPTS, decoding)
    alone = [write(engine, [text], decoding)[0] for text in PROMPTS]
    backwards = write(engine, PROMPTS[::-1], decoding)[::-1]
    assert [row.text for row in together] == [row.text for row in alone] == [row.text for row in backwards]
    other = write(engine, PROMPTS, decoding.model_copy(update={"seed": 1}))
    assert [row.text for row in together] != [row.text for row in other]


def test_sampling_follows_the_model_distribution(seq2seq: TorchEngine) -> None:
    """Frequencies of the first token over 4,000 draws against the model's own probabilities (chi-squared)."""
    import torch

    draws = 4000
    decoding = Decoding(sample=True, temperature=0.8, top_k=6, max_new_tokens=1, candidates=draws)
    seq2seq.batch_size, before = 500, seq2seq.batch_size
    try:
        (written,) = seq2seq.generate(prepared(seq2seq, PROMPTS[:1]), decoding)
    finally:
        seq2seq.batch_size = before
    ids = torch.tensor([seq2seq.encode(PROMPTS[:1])[0]])
    logits = seq2seq._network(input_ids=ids, decoder_input_ids=torch.tensor([[0]])).logits[0, 0] / 0.8
    values, tokens = logits.topk(6)
    wanted = values.softmax(-1)
    texts = [text.strip() for text in seq2seq._tokenizer.batch_decode(tokens[:, None], skip_special_tokens=True)]
    if len(set(texts)) < 6:  # two byte tokens may look alike: compare what can be told apart
        texts, wanted = _merged(texts, wanted.tolist())
    seen = [sum(row.text == text for row in written) for text in texts]
    assert sum(seen) == draws
    expected = [float(share) * draws for share in wanted]
    statistic = sum((a - b) ** 2 / b for a, b in zip(seen, expected, strict=True))
    assert statistic < 25.7  # 99.99th percentile of chi-squared with 5 degrees of freedom


def _merged(texts: list[str], shares: list[float]) -> tuple[list[str], list[float]]:
    total: dict[str, float] = {}
    for text, share in zip(texts, shares, strict=True):
        total[text] = total.get(text, 0.0) + share
    return list(total), list(total.values())


@pytest.mark.parametrize("method", [{}, {"beams": 3}, {"sample": True}], ids=["greedy", "beams", "sample"])
def test_bans_hold(seq2seq: TorchEngine, method: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """No pair of tokens twice, no end before the tenth token, never more than thirty."""
    written: list[list[int]] = []
    decode = seq2seq._tokenizer.batch_decode
    monkeypatch.setattr(
        seq2seq._tokenizer, "batch_decode", lambda rows, **how: written.extend(rows) or decode(rows, **how)
    )
    bans = {"max_new_tokens": 30, "no_repeat_ngram": 2, "min_new_tokens": 10}
    rows = write(seq2seq, PROMPTS[:4], Decoding.model_validate(bans | method))
    assert len(written) == 4
    for tokens in written:
        pairs = list(itertools.pairwise(tokens))
        assert len(set(pairs)) == len(pairs)
        assert 10 < len(tokens) <= 30
        assert 1 not in tokens[:10]
    assert sorted(row.tokens for row in rows) == sorted(map(len, written))


def test_the_first_of_several_candidates_is_the_text_that_is_drawn_alone(seq2seq: TorchEngine) -> None:
    decoding = Decoding(sample=True, candidates=5, max_new_tokens=8, prefer_publishable=False)
    done: list[int] = []
    rows = seq2seq.generate(prepared(seq2seq, PROMPTS), decoding, advance=done.append)
    assert sum(done) == len(PROMPTS)
    assert all(len(drawn) == 5 for drawn in rows)
    single = write(seq2seq, PROMPTS, Decoding(sample=True, max_new_tokens=8))
    assert [drawn[0].text for drawn in rows] == [row.text for row in single]
    assert any(len({one.text for one in drawn}) > 1 for drawn in rows)


def test_defaults_of_the_model_do_not_sneak_in(tiny_t5: Path, recipe: Recipe, tmp_path: Path) -> None:
    import shutil

    folder = Path(shutil.copytree(tiny_t5, tmp_path / "model"))
    settings = json.loads((folder / "generation_config.json").read_text())
    settings |= {"num_beams": 4, "max_length": 5, "repetition_penalty": 9.0, "no_repeat_ngram_size": 1}
    (folder / "generation_config.json").write_text(json.dumps(settings))
    decoding = Decoding(max_new_tokens=12)
    changed = write(TorchEngine(resolve(folder), recipe), PROMPTS, decoding)
    assert changed == write(TorchEngine(resolve(tiny_t5), recipe), PROMPTS, decoding)


def test_reference_log_probabilities_match_the_loss(seq2seq: TorchEngine, causal: TorchEngine) -> None:
    import torch

    targets = ["A warm lamp.", "The blue bottle keeps drinks cold for hours."]
    logs = log_probs(seq2seq, PROMPTS[:2], targets)
    for text, target, row in zip(PROMPTS, targets, logs, strict=False):
        ids = torch.tensor([seq2seq.encode([text])[0]])
        labels = torch.tensor([seq2seq._tokenizer(target)["input_ids"]])
        loss = seq2seq._network(input_ids=ids, labels=labels).loss
        assert len(row) == labels.shape[1]
        assert -sum(row) / len(row) == pytest.approx(loss.item(), abs=1e-4)
    for text, target, row in zip(PROMPTS, targets, log_probs(causal, PROMPTS[:2], targets), strict=False):
        before = causal._tokenizer(text)["input_ids"]
        after = [*causal._tokenizer(f" {target}")["input_ids"], 1]
        ids = torch.tensor([[*before, *after]])
        labels = torch.tensor([[-100] * len(before) + after])
        loss = causal._network(input_ids=ids, labels=labels).loss
        assert -sum(row) / len(row) == pytest.approx(loss.item(), abs=1e-4)


def test_the_three_liner(tiny_t5: Path, recipe: Recipe) -> None:
    writer = shelftalker.load(tiny_t5, recipe.with_flags(decoding={"max_new_tokens": 8}))
    text = writer.describe("Steel bottle 3")
    assert text == writer.describe_many(["Blue lamp", "Steel  bottle 3\n"])[1]
    with pytest.raises(ShelftalkerError, match="empty"):
        writer.describe("  ")
    with pytest.raises(ShelftalkerError, match="no field brand"):
        writer.describe("Lamp", brand="Acme")
