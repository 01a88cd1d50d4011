"""Batches: every row once, like with like, the same in every run; padding that the model never sees."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from shelftalker.finetuning.batching import Batches, collator, padding_share
from shelftalker.finetuning.encoding import BLANK, IGNORED, Encoded, encode
from shelftalker.product import Product
from shelftalker.prompt import Prompt

LENGTHS = st.lists(st.tuples(st.integers(1, 200), st.integers(1, 60)), min_size=1, max_size=300)


@settings(max_examples=60, deadline=None)
@given(
    LENGTHS,
    st.integers(1, 17),
    st.one_of(st.none(), st.integers(16, 900)),
    st.integers(0, 5),
    st.booleans(),
    st.integers(1, 3),
)
def test_every_row_comes_once_in_an_epoch(
    lengths: list[tuple[int, int]], size: int, tokens: int | None, epoch: int, bucket: bool, processes: int
) -> None:
    """Over all processes together, in as many batches as every other epoch has, none above the bounds."""
    each = [
        Batches(lengths, size, tokens=tokens, seed=1, bucket=bucket, process=process, processes=processes)
        for process in range(processes)
    ]
    for batches in each:
        batches.set_epoch(epoch)
    made = [list(batches) for batches in each]
    assert {len(part) for part in made} == {len(each[0])}
    found = [batch for part in made for batch in part if batch != [BLANK]]
    assert sorted(row for batch in found for row in batch) == list(range(len(lengths)))
    assert max(map(len, found)) <= size
    if tokens is not None:
        for batch in found:
            wide = max(lengths[row][0] for row in batch) + max(lengths[row][1] for row in batch)
            assert len(batch) == 1 or len(batch) * wide <= tokens


def rows_like_a_catalogue(count: int) -> list[tuple[int, int]]:
    """Target lengths spread as in a catalogue: many short, a long tail."""
    draw = torch.Generator().manual_seed(3)
    targets = torch.exp(torch.randn(count, generator=draw) * 0.7 + 4.4).clamp(8, 256).int().tolist()
    return [(target, 30 + target % 17) for target in targets]


def test_like_lengths_share_a_batch() -> None:
    lengths = rows_like_a_catalogue(4000)
    mixed = padding_share(Batches(lengths, 8, seed=0, bucket=False))
    bucketed = padding_share(Batches(lengths, 8, seed=0, bucket=True))
    assert mixed > 0.3 and bucketed < 0.06


def test_the_order_is_a_function_of_seed_and_epoch() -> None:
    lengths = rows_like_a_catalogue(500)

    def order(seed: int, epoch: int) -> list[list[int]]:
        batches = Batches(lengths, 8, seed=seed, bucket=True)
        batches.set_epoch(epoch)
        return batches.order()

    assert order(1, 2) == order(1, 2)
    assert len({str(order(seed, epoch)) for seed in (1, 2) for epoch in (0, 1)}) == 4
    # Other rows meet in every epoch, not the same batches in another order.
    first, second = ({tuple(sorted(batch)) for batch in order(1, epoch)} for epoch in (0, 1))
    assert len(first & second) < len(first) / 4
    # Lengths are shuffled over the epoch: neither ascending nor the same batch always first.
    firsts = [lengths[batch[0]][0] for batch in order(1, 0)]
    assert firsts != sorted(firsts) and firsts != sorted(firsts, reverse=True)


def tokenizer_of(folder: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder)


def test_padding_is_masked_and_decoder_inputs_are_labels_moved_right(tiny_t5: Path) -> None:
    from transformers import AutoModelForSeq2SeqLM

    rows = [Encoded((5, 6, 1), (7, 8, 9, 1)), Encoded((5, 1), (7, 1))]
    model = AutoModelForSeq2SeqLM.from_pretrained(tiny_t5)
    batch = collator(tokenizer_of(tiny_t5), model, is_seq2seq=True, multiple=4)(rows)
    assert batch["input_ids"].tolist() == [[5, 6, 1, 0], [5, 1, 0, 0]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 0], [1, 1, 0, 0]]
    assert batch["labels"].tolist() == [[7, 8, 9, 1], [7, 1, IGNORED, IGNORED]]
    assert batch["decoder_input_ids"].tolist() == [[0, 7, 8, 9], [0, 7, 1, 0]]


def test_causal_rows_are_padded_on_the_right_though_writing_pads_on_the_left(tiny_causal: Path) -> None:
    tokenizer = tokenizer_of(tiny_causal)
    tokenizer.padding_side = "left"
    rows = [Encoded((5, 6, 7, 1), (IGNORED, IGNORED, 7, 1)), Encoded((5, 1), (IGNORED, 1))]
    batch = collator(tokenizer, None, is_seq2seq=False)(rows)
    assert batch["input_ids"].tolist() == [[5, 6, 7, 1], [5, 1, 0, 0]]
    assert batch["labels"].tolist() == [[IGNORED, IGNORED, 7, 1], [IGNORED, 1, IGNORED, IGNORED]]
    assert tokenizer.padding_side == "left"


@pytest.mark.parametrize("kind", ["seq2seq", "causal"])
def test_long_rows_are_cut_and_counted(kind: str, tiny_t5: Path, tiny_causal: Path) -> None:
    is_seq2seq = kind == "seq2seq"
    tokenizer = tokenizer_of(tiny_t5 if is_seq2seq else tiny_causal)
    rows = [
        Product("blue bottle", description="A short one."),
        Product("blue bottle " * 40, description="A short one."),
        Product("blue bottle", description="blue bottle " * 40),
    ]
    made = encode(rows, tokenizer, Prompt(max_tokens=80), is_seq2seq=is_seq2seq, max_target_tokens=30)
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
    from shelftalker.generation.torch_engine import TorchEngine
    from shelftalker.models.load import load_model, resolve
    from shelftalker.recipe.recipe import Recipe

    titles = ["blue bottle", "blue bottle " * 60, "x" * 900, "Café\u00a0" * 80, ""]
    examples = [Product(title, attributes={"brand": "steel " * 5}, description="A text.") for title in titles]
    folder = tiny_t5 if kind == "seq2seq" else tiny_causal
    recipe = Recipe(device="cpu", prompt="Title: {title}\nBrand: {brand}\nDescription:", prompt_tokens=64)
    loaded = load_model(folder, recipe)
    made = encode(examples, loaded.tokenizer, recipe.as_prompt, is_seq2seq=loaded.is_seq2seq, max_target_tokens=30)
    trained = [
        list(row.inputs) if kind == "seq2seq" else list(row.inputs[: row.labels.count(IGNORED)]) for row in made.rows
    ]
    assert made.counts.inputs_cut == 3
    engines = [TorchEngine(loaded, recipe), *([Ct2Engine(resolve(folder), recipe)] if kind == "seq2seq" else [])]
    for engine in engines:
        assert [list(one.ids) for one in recipe.as_prompt.prepare(examples, engine.encode)] == trained
