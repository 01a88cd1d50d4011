"""Examples to token ids, token ids to batches: little padding, the same order in every run."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch.utils.data import Dataset, Sampler

from shelftalker.catalogue.examples import Example
from shelftalker.errors import ShelftalkerError
from shelftalker.generation.prompts import fit
from shelftalker.prompt import TEMPLATE

if TYPE_CHECKING:
    from torch import Tensor

IGNORED = -100
# Batches are formed inside windows of this many: wide enough to find likes, narrow enough to stay random.
_WINDOW = 64


@dataclass(frozen=True)
class Encoded:
    """One example as token ids: of a causal model, ``inputs`` holds prompt and target, ``labels`` masks the prompt."""

    inputs: tuple[int, ...]
    labels: tuple[int, ...]


@dataclass(frozen=True)
class TokenCounts:
    """What tokenising found: tokens kept in all, and how many rows were cut to fit."""

    rows: int
    input_tokens: int
    target_tokens: int
    inputs_cut: int
    targets_cut: int


class Encoding(Dataset[Encoded]):
    """A split as token ids, tokenised once."""

    def __init__(self, rows: Sequence[Encoded], counts: TokenCounts) -> None:
        self.rows = list(rows)
        self.counts = counts

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Encoded:
        return self.rows[index]

    @property
    def lengths(self) -> list[tuple[int, int]]:
        """(labels, inputs) of every row, in tokens."""
        return [(len(row.labels), len(row.inputs)) for row in self.rows]


def encode(
    examples: Sequence[Example],
    tokenizer: Any,
    *,
    is_seq2seq: bool,
    max_input_tokens: int,
    max_target_tokens: int,
    template: str = TEMPLATE,
) -> Encoding:
    """Tokenise prompts and references. A prompt that is too long loses title words, never its end, as in generation.

    A sequence-to-sequence model reads the prompt and learns the reference with its end token. A causal model reads
    prompt, a space, reference and end token as one text, and learns all but the prompt.

    Raises:
        ShelftalkerError: there are no examples, or the template alone is longer than ``max_input_tokens``.
    """
    if not examples:
        raise ShelftalkerError("no examples to learn from", where="train.jsonl", mend="run `shelftalker prepare`")
    end = tokenizer.eos_token_id

    def ids_of(texts: Sequence[str]) -> list[list[int]]:
        ids: list[list[int]] = tokenizer(list(texts), verbose=False)["input_ids"]
        return ids

    prompts, cut = fit([example.input_text for example in examples], ids_of, max_input_tokens, template)
    targets = tokenizer(
        [example.target_text if is_seq2seq else f" {example.target_text}" for example in examples],
        add_special_tokens=False,
        verbose=False,
    )["input_ids"]
    rows, targets_cut = [], 0
    for prompt, target in zip(prompts, targets, strict=True):
        targets_cut += len(target) + 1 > max_target_tokens
        # A reference that was cut has no end token: the model must not learn to stop there.
        target = target[:max_target_tokens] if len(target) + 1 > max_target_tokens else [*target, end]
        if is_seq2seq:
            rows.append(Encoded(tuple(prompt), tuple(target)))
        else:
            rows.append(Encoded((*prompt, *target), (*[IGNORED] * len(prompt), *target)))
    learnt = sum(sum(label != IGNORED for label in row.labels) for row in rows)
    tokens = sum(len(row.inputs) for row in rows)
    counts = TokenCounts(len(rows), tokens if is_seq2seq else tokens - learnt, learnt, sum(cut), targets_cut)
    return Encoding(rows, counts)


class Collator:
    """Pads rows to one batch: ids with the pad token, labels with -100; decoder inputs are the labels moved right.

    Args:
        pad: the tokenizer's pad token.
        start: the decoder's start token; None for a causal model.
        multiple: lengths are rounded up to a multiple of this, so that a device sees few shapes.
    """

    def __init__(self, pad: int, start: int | None, multiple: int = 1) -> None:
        self.pad, self.start, self.multiple = pad, start, multiple

    def __call__(self, rows: Sequence[Encoded]) -> dict[str, Tensor]:
        """Tensors of shape (rows, longest input) and (rows, longest label)."""
        import torch

        width, depth = self._round(row.inputs for row in rows), self._round(row.labels for row in rows)
        batch = {
            "input_ids": torch.tensor([_fill(row.inputs, width, self.pad) for row in rows]),
            "attention_mask": torch.tensor([_fill((1,) * len(row.inputs), width, 0) for row in rows]),
            "labels": torch.tensor([_fill(row.labels, depth, IGNORED) for row in rows]),
        }
        if self.start is not None:
            shifted = [_fill((self.start, *row.labels)[:depth], depth, self.pad) for row in rows]
            batch["decoder_input_ids"] = torch.tensor(shifted)
        return batch

    def _round(self, texts: Iterator[tuple[int, ...]]) -> int:
        longest = max(len(text) for text in texts)
        return -(-longest // self.multiple) * self.multiple


def _fill(ids: tuple[int, ...], width: int, filler: int) -> list[int]:
    return [*ids, *[filler] * (width - len(ids))]


class EpochSampler(Sampler[int]):
    """Row numbers of one epoch, a function of seed and epoch alone: a resumed run sees the same batches.

    With ``bucket``, rows of like length stand together: the epoch is shuffled, cut into windows of many batches,
    sorted inside each window, and its batches are shuffled again. Every row comes exactly once.
    """

    def __init__(self, lengths: Sequence[tuple[int, int]], batch_size: int, *, seed: int, bucket: bool) -> None:
        self.lengths, self.batch_size, self.seed, self.bucket = lengths, batch_size, seed, bucket
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch (from 0) whose order comes next."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        return iter(self.order())

    def order(self) -> list[int]:
        """The epoch's row numbers."""
        draw = random.Random(f"{self.seed}:{self.epoch}")
        rows = list(range(len(self.lengths)))
        draw.shuffle(rows)
        if not self.bucket:
            return rows
        window = self.batch_size * _WINDOW
        batches: list[list[int]] = []
        for start in range(0, len(rows), window):
            likes = sorted(rows[start : start + window], key=self.lengths.__getitem__)
            batches += [likes[at : at + self.batch_size] for at in range(0, len(likes), self.batch_size)]
        # A short batch must come last: the loader cuts this list into batches by counting.
        full = [batch for batch in batches if len(batch) == self.batch_size]
        short = [batch for batch in batches if len(batch) < self.batch_size]
        draw.shuffle(full)
        return [row for batch in [*full, *short] for row in batch]


def padding_share(sampler: EpochSampler) -> float:
    """Share of an epoch's batches that is padding (0 to 1)."""
    order, real, padded = sampler.order(), 0, 0
    for at in range(0, len(order), sampler.batch_size):
        batch = [sampler.lengths[row] for row in order[at : at + sampler.batch_size]]
        real += sum(labels + inputs for labels, inputs in batch)
        padded += len(batch) * (max(labels for labels, _ in batch) + max(inputs for _, inputs in batch))
    return 1 - real / padded if padded else 0.0
