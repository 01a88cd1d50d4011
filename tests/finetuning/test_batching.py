"""Batches: every row once, like with like, the same in every run; padding that the model never sees."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from shelftalker.catalogue.examples import Example
from shelftalker.finetuning.batching import IGNORED, Collator, Encoded, EpochSampler, encode, padding_share

LENGTHS = st.lists(st.tuples(st.integers(1, 200), st.integers(1, 60)), min_size=1, max_size=300)


@settings(max_examples=60, deadline=None)
@given(LENGTHS, st.integers(1, 17), st.integers(0, 5), st.booleans())
def test_every_row_comes_once_in_an_epoch(lengths: list[tuple[int, int]], size: int, epoch: int, bucket: bool) -> None:
    sampler = EpochSampler(lengths, size, seed=1, bucket=bucket)
    sampler.set_epoch(epoch)
    assert sorted(sampler) == list(range(len(lengths)))


def rows_like_a_catalogue(count: int) -> list[tuple[int, int]]:
    """Target lengths spread as in a catalogue: many short, a long tail."""
    draw = torch.Generator().manual_seed(3)
    targets = torch.exp(torch.randn(count, generator=draw) * 0.7 + 4.4).clamp(8, 256).int().tolist()
    return [(target, 30 + target % 17) for target in targets]


def test_like_lengths_share_a_batch() -> None:
    lengths = rows_like_a_catalogue(4000)
    mixed = padding_share(EpochSampler(lengths, 8, seed=0, bucket=False))
    bucketed = padding_share(EpochSampler(lengths, 8, seed=0, bucket=True))
    assert mixed > 0.3 and bucketed < 0.06


def test_the_order_is_a_function_of_seed_and_epoch() -> None:
    lengths = rows_like_a_catalogue(500)

    def order(seed: int, epoch: int) -> list[int]:
        sampler = EpochSampler(lengths, 8, seed=seed, bucket=True)
        sampler.set_epoch(epoch)
        return sampler.order()

    assert order(1, 2) == order(1, 2)
    assert len({tuple(order(seed, epoch)) for seed in (1, 2) for epoch in (0, 1)}) == 4
    # Lengths are shuffled over the epoch: neither ascending nor the same batch always first.
    firsts = [lengths[row][0] for row in order(1, 0)[:400:8]]
    assert firsts != sorted(firsts) and firsts != sorted(firsts, reverse=True)


def test_padding_is_masked_and_decoder_inputs_are_labels_moved_right() -> None:
    rows = [Encoded((5, 6, 1), (7, 8, 9, 1)), Encoded((5, 1), (7, 1))]
    batch = Collator(pad=0, start=0, multiple=4)(rows)
    assert batch["input_ids"].tolist() == [[5, 6, 1, 0], [5, 1, 0, 0]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 0], [1, 1, 0, 0]]
    assert batch["labels"].tolist() == [[7, 8, 9, 1], [7, 1, IGNORED, IGNORED]]
    assert batch["decoder_input_ids"].tolist() == [[0, 7, 8, 9], [0, 7, 1, 0]]


def test_the_decoder_inputs_are_those_of_transformers(tiny_t5: Path) -> None:
    from transformers import AutoModelForSeq2SeqLM

    model = AutoModelForSeq2SeqLM.from_pretrained(tiny_t5)
    rows = [Encoded((5, 6, 1), (7, 8, 9, 1)), Encoded((5, 1), (7, 1))]
    batch = Collator(pad=0, start=model.config.decoder_start_token_id)(rows)
    theirs = model.prepare_decoder_input_ids_from_labels(batch["labels"])
    assert batch["decoder_input_ids"].tolist() == theirs.tolist()


@pytest.mark.parametrize("kind", ["seq2seq", "causal"])
def test_long_rows_are_cut_and_counted(kind: str, tiny_t5: Path, tiny_causal: Path) -> None:
    from transformers import AutoTokenizer

    is_seq2seq = kind == "seq2seq"
    tokenizer = AutoTokenizer.from_pretrained(tiny_t5 if is_seq2seq else tiny_causal)
    prompt = "Given a product title, generate its product description.\nTitle: {}\nDescription:"
    rows = [
        Example("a", "", prompt.format("blue bottle"), "A short one."),
        Example("b", "", prompt.format("blue bottle " * 40), "A short one."),
        Example("c", "", prompt.format("blue bottle"), "blue bottle " * 40),
    ]
    made = encode(rows, tokenizer, is_seq2seq=is_seq2seq, max_input_tokens=80, max_target_tokens=30)
    counts = made.counts
    assert (counts.rows, counts.inputs_cut, counts.targets_cut) == (3, 1, 1)
    # What is left of the long title's prompt still ends with the cue to write.
    prompts = [row.inputs[: len(row.inputs) - sum(label >= 0 for label in row.labels)] if not is_seq2seq else row.inputs
               for row in made.rows]  # fmt: skip
    assert all(len(ids) <= 80 for ids in prompts)
    assert tokenizer.decode(prompts[1], skip_special_tokens=True).rstrip().endswith("Description:")
    ends = [row.labels[-1] == tokenizer.eos_token_id for row in made.rows]
    # A description that was cut must not teach the model to stop there.
    assert ends == [True, True, False]
    assert sum(label >= 0 for label in made.rows[2].labels) == 30
    assert counts.target_tokens == sum(label >= 0 for row in made.rows for label in row.labels)


@pytest.mark.parametrize("kind", ["seq2seq", "causal"])
def test_training_and_both_engines_cut_a_long_prompt_to_the_same_tokens(
    kind: str, tiny_t5: Path, tiny_causal: Path
) -> None:
    from shelftalker.generation.ct2_engine import Ct2Engine
    from shelftalker.generation.prompts import fit
    from shelftalker.generation.torch_engine import TorchEngine
    from shelftalker.models.load import load_model, resolve
    from shelftalker.prompt import render
    from shelftalker.recipe.recipe import Recipe

    template = "Title: {title}\nBrand: {brand}\nDescription:"
    titles = ["blue bottle", "blue bottle " * 60, "x" * 900, "Café\u00a0" * 80, ""]
    prompts = [render(title, {"brand": "steel " * 5}, template) for title in titles]
    folder = tiny_t5 if kind == "seq2seq" else tiny_causal
    recipe = Recipe(device="cpu", prompt=template).with_flags(prompt_tokens=64)
    loaded = load_model(folder, recipe)
    examples = [Example(str(number), "", text, "A text.") for number, text in enumerate(prompts)]
    limits = {"max_input_tokens": 64, "max_target_tokens": 30}
    made = encode(
        examples,
        loaded.tokenizer,
        is_seq2seq=loaded.is_seq2seq,
        template=template,
        **limits,  # type: ignore[arg-type]
    )
    trained = [
        list(row.inputs) if kind == "seq2seq" else list(row.inputs[: row.labels.count(IGNORED)]) for row in made.rows
    ]
    assert made.counts.inputs_cut == 3
    engines = [TorchEngine(loaded, recipe), *([Ct2Engine(resolve(folder), recipe)] if kind == "seq2seq" else [])]
    for engine in engines:
        assert fit(prompts, engine.encode, engine.max_input_tokens, engine.template)[0] == trained
