"""Which rows share a batch: little padding, bounded memory, the same order in every run, shared out among processes."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from torch.utils.data import Sampler

from shelftalker.finetuning.encoding import BLANK, Encoded

if TYPE_CHECKING:
    from torch import Tensor

Collate = Callable[[Sequence[Encoded]], dict[str, "Tensor"]]
# Lengths within so many tokens count as equal: rows of one class are mixed anew in every epoch.
_CLASS = 8


class Batches(Sampler[list[int]]):
    """Row numbers of an epoch's batches, a function of seed and epoch alone: a resumed run sees the same batches.

    With ``bucket``, rows of like length share a batch. Every epoch has as many batches as the next, every row comes
    exactly once, and over several processes each takes every so-manieth batch; where they do not come out even, a
    process gets a row with nothing to learn (`BLANK`).

    Args:
        lengths: (labels, inputs) of every row, in tokens.
        batch_size: rows in a batch at most.
        tokens: tokens in a batch at most, padding counted; a longer row has a batch of its own. None: no bound.
        seed: decides every epoch's order.
        bucket: whether rows of like length stand together.
        causal: labels lie over the inputs instead of beside them, and cost no tokens of their own.
        process: this process's number, from 0.
        processes: how many share the batches.
    """

    def __init__(
        self,
        lengths: Sequence[tuple[int, int]],
        batch_size: int,
        *,
        tokens: int | None = None,
        seed: int,
        bucket: bool,
        causal: bool = False,
        process: int = 0,
        processes: int = 1,
    ) -> None:
        self.lengths, self.batch_size, self.tokens = lengths, batch_size, tokens
        self.seed, self.bucket, self.causal = seed, bucket, causal
        self.process, self.processes = process, processes
        self.epoch = 0
        self._count = len(self.order())

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch (from 0) whose order comes next."""
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-self._count // self.processes)

    def __iter__(self) -> Iterator[list[int]]:
        batches = self.order()
        batches += [[BLANK]] * (-len(batches) % self.processes)
        return iter(batches[self.process :: self.processes])

    def order(self) -> list[list[int]]:
        """The epoch's batches, of all processes together."""
        draw = random.Random(f"{self.seed}:{self.epoch}")
        rows = list(range(len(self.lengths)))
        draw.shuffle(rows)
        if not self.bucket:
            size = self._rows_of(_widest(map(self._class, rows)))
            return [rows[at : at + size] for at in range(0, len(rows), size)]
        # Classes come in the same order in every epoch, so the cuts fall alike and the count of batches stays.
        rows.sort(key=self._class)
        batches: list[list[int]] = []
        widest = (0, 0)
        for row in rows:
            together = _widest([widest, self._class(row)])
            if batches and len(batches[-1]) < self._rows_of(together):
                batches[-1].append(row)
                widest = together
            else:
                batches.append([row])
                widest = self._class(row)
        draw.shuffle(batches)
        return batches

    def _class(self, row: int) -> tuple[int, int]:
        labels, inputs = self.lengths[row]
        return -(-labels // _CLASS), -(-inputs // _CLASS)

    def _rows_of(self, widest: tuple[int, int]) -> int:
        """Rows of these classes that a batch may hold."""
        if self.tokens is None:
            return self.batch_size
        labels, inputs = widest
        return max(1, min(self.batch_size, self.tokens // (_CLASS * (inputs if self.causal else labels + inputs) or 1)))


def _widest(classes: Iterable[tuple[int, int]]) -> tuple[int, int]:
    """The class of the padding: longest labels and longest inputs, which may be two rows'."""
    labels, inputs = zip(*classes, strict=True)
    return max(labels), max(inputs)


def padding_share(batches: Batches) -> float:
    """Share of an epoch's batches that is padding (0 to 1)."""
    real = padded = 0
    for batch in batches.order():
        lengths = [batches.lengths[row] for row in batch]
        wide, deep = max(inputs for _, inputs in lengths), max(labels for labels, _ in lengths)
        real += sum(inputs if batches.causal else labels + inputs for labels, inputs in lengths)
        padded += len(batch) * (wide if batches.causal else wide + deep)
    return 1 - real / padded if padded else 0.0


def collator(tokenizer: Any, model: Any, *, is_seq2seq: bool, multiple: int = 1) -> Collate:
    """Transformers' collator for pairs: pads on the right, labels with -100; decoder inputs are labels moved right.

    Args:
        tokenizer: the base model's.
        model: the base model, which knows how its decoder begins.
        is_seq2seq: whether there is a decoder of its own.
        multiple: lengths are rounded up to a multiple of this, so that a device sees few shapes.

    Returns:
        A function from rows to tensors of shape (rows, longest input) and (rows, longest label), and, where rows do not
        count alike, their ``weights`` of shape (rows,).
    """
    import torch
    from transformers import DataCollatorForSeq2Seq

    # Writing pads causal prompts on the left; positions that count from the left want training to pad on the right.
    own = copy.copy(tokenizer)
    own.padding_side = "right"
    pad = DataCollatorForSeq2Seq(own, model=model if is_seq2seq else None, pad_to_multiple_of=multiple)

    def collate(rows: Sequence[Encoded]) -> dict[str, Tensor]:
        batch = dict(pad([row.features() for row in rows]))
        if any(row.weight != 1 for row in rows):
            batch["weights"] = torch.tensor([row.weight for row in rows])
        return batch

    return collate
