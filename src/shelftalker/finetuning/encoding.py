"""Examples to token ids: what the model reads, what it learns, what had to be cut and what cannot be written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch.utils.data import Dataset

from shelftalker import console
from shelftalker.errors import ShelftalkerError
from shelftalker.models.chat import PLAIN, Frame
from shelftalker.product import Product, Source
from shelftalker.prompt import Prompt

IGNORED = -100
BLANK = -1
# Share of target tokens that the tokenizer cannot write: said above the first, refused above the second.
_UNWRITABLE_SAID, _UNWRITABLE_REFUSED = 0.001, 0.05


@dataclass(frozen=True)
class Encoded:
    """One example as token ids: of a causal model, ``inputs`` holds prompt and target, ``labels`` masks the prompt.

    ``weight`` is how much its tokens count in the loss.
    """

    inputs: tuple[int, ...]
    labels: tuple[int, ...]
    weight: float = 1.0

    def features(self) -> dict[str, list[int]]:
        """The row as transformers' collators take it."""
        return {
            "input_ids": list(self.inputs),
            "attention_mask": [1] * len(self.inputs),
            "labels": list(self.labels),
        }

    def blank(self) -> Encoded:
        """The row with nothing to learn: what a process is given when the batches do not come out even."""
        return Encoded(self.inputs, (IGNORED,) * len(self.labels))


@dataclass(frozen=True)
class TokenCounts:
    """What tokenising found: tokens kept in all, rows cut to fit, target tokens that are the unknown token."""

    rows: int
    input_tokens: int
    target_tokens: int
    inputs_cut: int
    targets_cut: int
    unwritable: int = 0

    @property
    def unwritable_share(self) -> float:
        """Share of the target tokens that the tokenizer cannot write (0 to 1)."""
        return self.unwritable / self.target_tokens if self.target_tokens else 0.0


class Encoding(Dataset[Encoded]):
    """A split as token ids, tokenised once; row ``BLANK`` is the shortest one with nothing to learn."""

    def __init__(self, rows: Sequence[Encoded], counts: TokenCounts) -> None:
        self.rows = list(rows)
        self.counts = counts

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Encoded:
        if index == BLANK:
            return min(self.rows, key=lambda row: len(row.inputs) + len(row.labels)).blank()
        return self.rows[index]

    @property
    def lengths(self) -> list[tuple[int, int]]:
        """(labels, inputs) of every row, in tokens."""
        return [(len(row.labels), len(row.inputs)) for row in self.rows]


def encode(
    examples: Sequence[Product],
    tokenizer: Any,
    prompt: Prompt,
    *,
    is_seq2seq: bool,
    max_target_tokens: int,
    frame: Frame = PLAIN,
    sources: Sequence[Sequence[Source]] | None = None,
) -> Encoding:
    """Render and tokenise prompts, and tokenise references; prompts are made to fit just as in generation.

    A sequence-to-sequence model reads the prompt and learns the reference with its end token. A causal model reads
    prompt, a space (in a chat: nothing), reference and end token as one text, and learns all but the prompt.

    Raises:
        ShelftalkerError: there are no examples, or the template alone is longer than the prompt's limit.
    """
    if not examples:
        raise ShelftalkerError("no examples to learn from", where="train.jsonl", mend="run `shelftalker prepare`")
    end, unknown = tokenizer.eos_token_id, tokenizer.unk_token_id

    def ids_of(texts: Sequence[str]) -> list[list[int]]:
        ids: list[list[int]] = tokenizer(frame.around(texts), add_special_tokens=not frame.is_chat, verbose=False)[
            "input_ids"
        ]
        return ids

    prompts = prompt.prepare(examples, ids_of, sources)
    targets = tokenizer(
        [example.description if is_seq2seq else f"{frame.lead}{example.description}" for example in examples],
        add_special_tokens=False,
        verbose=False,
    )["input_ids"]
    rows, targets_cut, unwritable, learnt = [], 0, 0, 0
    for example, asked, target in zip(examples, prompts, targets, strict=True):
        source = asked.ids
        targets_cut += len(target) + 1 > max_target_tokens
        # A reference that was cut has no end token: the model must not learn to stop there.
        target = target[:max_target_tokens] if len(target) + 1 > max_target_tokens else [*target, end]
        learnt += len(target)
        unwritable += 0 if unknown is None or unknown == end else target.count(unknown)
        if is_seq2seq:
            rows.append(Encoded(source, tuple(target), example.weight))
        else:
            rows.append(Encoded((*source, *target), (*[IGNORED] * len(source), *target), example.weight))
    tokens, cut = sum(len(one.ids) for one in prompts), sum(bool(one.cut) for one in prompts)
    return Encoding(rows, TokenCounts(len(rows), tokens, learnt, cut, targets_cut, unwritable))


def check_writable(counts: TokenCounts, base_model: str) -> None:
    """Say when the tokenizer lacks what the descriptions are written with, and refuse what cannot work.

    Raises:
        ShelftalkerError: more than 5 % of the target tokens are unknown to the tokenizer.
    """
    share = counts.unwritable_share
    said = f"the tokenizer of {base_model} cannot write {share:.1%} of the target tokens: they become its unknown token"
    if share > _UNWRITABLE_REFUSED:
        raise ShelftalkerError(
            said,
            where="target_text of train.jsonl",
            mend="choose a base model of this language: a byte-level one (SmolLM2, ByT5, Qwen) writes every character",
        )
    if share > _UNWRITABLE_SAID:
        console.warn(said)
