"""The reference engine: transformers' generate, on any device, for any seq2seq or causal model."""

from __future__ import annotations

import importlib.metadata
import itertools
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from shelftalker.errors import ShelftalkerError
from shelftalker.generation.banned import Bans, mark, numbers, sequences
from shelftalker.generation.engine import Advance, BatchedEngine, Generation
from shelftalker.generation.steps import Steps
from shelftalker.generation.watch import watcher
from shelftalker.models import chat
from shelftalker.prompt import Prepared
from shelftalker.recipe.decoding import Decoding

if TYPE_CHECKING:
    from torch import Tensor

    from shelftalker.models.load import LoadedModel, ModelRef
    from shelftalker.recipe.recipe import Recipe

_LOGIT_BYTES = 256 * 2**20  # memory that one portion of teacher-forced logits may take


class TorchEngine(BatchedEngine):
    """Runs a model with transformers."""

    name = "transformers"

    def __init__(self, model: LoadedModel | ModelRef, recipe: Recipe) -> None:
        import torch
        from transformers import GenerationConfig

        from shelftalker.models.load import LoadedModel, load_model

        if recipe.generate.threads:
            torch.set_num_threads(recipe.generate.threads)
        loaded = model if isinstance(model, LoadedModel) else load_model(model, recipe)
        self.model = loaded.ref
        self.device, self.dtype = loaded.device, loaded.dtype
        self.batch_size = recipe.generate.batch_size
        self._frame = chat.chosen(recipe.chat, chat.frame_of(loaded.tokenizer), loaded.ref.given)
        self._loaded = loaded
        self._network = loaded.model
        self._tokenizer = loaded.tokenizer
        self.language = recipe.language or "en"
        self._banned = sequences(recipe.house.banned, self._plain)
        self._bans = Bans(self._banned)  # of what is being written
        own = self._network.generation_config
        eos = own.eos_token_id if own.eos_token_id is not None else loaded.tokenizer.eos_token_id
        self._eos: list[int] = list(eos) if isinstance(eos, list | tuple) else [eos]
        self._pad: int = loaded.tokenizer.pad_token_id if loaded.tokenizer.pad_token_id is not None else self._eos[0]
        self._start = own.decoder_start_token_id
        if self._start is None:
            self._start = getattr(self._network.config, "decoder_start_token_id", None)
        # A multilingual model's first token says its language.
        self._forced = own.forced_bos_token_id
        # The model's own decoding defaults (beams, length, penalties) would otherwise fill what a call leaves open.
        self._network.generation_config = GenerationConfig(
            pad_token_id=self._pad, eos_token_id=self._eos, decoder_start_token_id=self._start
        )

    def signature(self) -> str:
        """See `Engine.signature`."""
        version = importlib.metadata.version("transformers")
        return f"engine:transformers-{version}|dtype:{self.dtype}|batch:{self.batch_size}{mark(self._banned)}"

    def _plain(self, text: str) -> list[int]:
        """Token ids of a piece of text, without special tokens."""
        ids: list[int] = self._tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        return ids

    @cached_property
    def _numbers(self) -> list[list[int]]:
        """What `decoding.numbers` bans."""
        texts = self._tokenizer.batch_decode([[number] for number in range(len(self._tokenizer))])
        return numbers(self.language, texts, self._plain)

    def begin(self, text: str) -> list[int]:
        """See `BatchedEngine.begin`."""
        return self._plain(text if self._loaded.is_seq2seq else f"{self._frame.lead}{text}")

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of prompts, special tokens included."""
        if not texts:
            return []
        framed, special = self._frame.around(texts), not self._frame.is_chat
        ids: list[list[int]] = self._tokenizer(framed, add_special_tokens=special, verbose=False)["input_ids"]
        return ids

    def refuse(self, decoding: Decoding) -> None:
        """Transformers honours every option."""

    def write(
        self,
        inputs: list[list[int]],
        begun: list[list[int]],
        decoding: Decoding,
        seeds: list[int],
        advance: Advance,
        *,
        no_numbers: bool,
    ) -> list[Generation]:
        """See `BatchedEngine.write`."""
        self._bans = Bans([*self._banned, *self._numbers] if no_numbers else self._banned)
        written: list[Generation] = []
        place = 0
        # A decoder's beginnings are of one length in a batch: they would have to be padded where it goes on.
        for _, alike in itertools.groupby(begun, key=len if self._loaded.is_seq2seq else lambda _: 0):
            end = place + sum(1 for _ in alike)
            for first in range(place, end, self.batch_size):
                batch = slice(first, min(first + self.batch_size, end))
                written += self._batch(inputs[batch], begun[batch], decoding, seeds[batch])
                advance(len(inputs[batch]))
            place = end
        return written

    def _batch(
        self, inputs: list[list[int]], begun: list[list[int]], decoding: Decoding, seeds: list[int]
    ) -> list[Generation]:
        import torch
        from transformers import GenerationConfig, LogitsProcessorList

        seq2seq = self._loaded.is_seq2seq
        if not seq2seq:
            inputs = [[*row, *first] for row, first in zip(inputs, begun, strict=True)]
        ids, mask = self._pad_batch(inputs, left=not seq2seq)
        start = 1 + len(begun[0]) if seq2seq else ids.shape[1]
        after = torch.tensor([[self._start, *row] for row in begun], device=self.device) if seq2seq else None
        # A decoder's beginning counts as written, as CTranslate2 has it.
        rules = self._rules(decoding, 1 if seq2seq else start)
        steps = Steps(decoding, seeds, start, self.device) if decoding.beams == 1 else None
        settings = GenerationConfig(
            max_new_tokens=decoding.max_new_tokens,
            min_new_tokens=decoding.min_new_tokens or None,
            do_sample=False,
            num_beams=decoding.beams,
            length_penalty=decoding.length_penalty if decoding.beams > 1 else None,
            # CTranslate2's rule, so that both engines mean the same by "beams": a title is done when as many texts
            # as there are beams have ended; bans are applied before probabilities are normalised.
            early_stopping=True if decoding.beams > 1 else None,
            renormalize_logits=decoding.beams > 1,
            pad_token_id=self._pad,
            eos_token_id=self._eos,
            decoder_start_token_id=self._start,
            forced_bos_token_id=self._forced,
        )
        with torch.inference_mode(), _memory_errors(self.device):
            output = self._network.generate(
                input_ids=ids,
                attention_mask=mask,
                decoder_input_ids=after,
                generation_config=settings,
                logits_processor=LogitsProcessorList([*rules, *([steps] if steps else [])]),
                stopping_criteria=self._stops(len(inputs), decoding, start, begun[0]),
            )[:, start:]
            tokens = [self._until_end(row) for row in output.tolist()]
            if steps is not None:
                scores = steps.means([len(row) for row in tokens])
            else:
                logs = self._log_probs(inputs, tokens, decoding)
                scores = [sum(row) / len(row) if row else 0.0 for row in logs]
        whole = [[*first, *row] for first, row in zip(begun, tokens, strict=True)]
        texts = self._tokenizer.batch_decode(whole, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return [
            Generation(text.strip(), len(row), not row or row[-1] not in self._eos, None if first else score)
            for text, row, score, first in zip(texts, tokens, scores, begun, strict=True)
        ]

    def _rules(self, decoding: Decoding, start: int) -> list[Any]:
        """Processors that see only what was written, not the prompt of a causal model or the start token."""
        rules = _rules(decoding, start)
        return [*rules, self._bans.processor(start)] if self._bans else rules

    def _stops(self, rows: int, decoding: Decoding, start: int, begun: list[int]) -> list[Callable[..., Tensor]]:
        """Tells whoever watches the text so far, after each token of the one text that is written."""
        watch = watcher(rows)
        if watch is None or decoding.beams > 1:
            return []

        def stop(ids: Tensor, scores: Any, **_: Any) -> Tensor:
            said = [*begun, *ids[0, start:].tolist()]
            text = self._tokenizer.decode(said, skip_special_tokens=True, clean_up_tokenization_spaces=False)
            return ids.new_full((len(ids),), int(watch(text.strip()))).bool()

        return [stop]

    def _until_end(self, row: list[int]) -> list[int]:
        end = next((place for place, token in enumerate(row) if token in self._eos), None)
        return row if end is None else row[: end + 1]

    def _pad_batch(self, rows: list[list[int]], *, left: bool) -> tuple[Tensor, Tensor]:
        import torch

        width = max(len(row) for row in rows)
        if self.device == "mps":
            width = -(-width // 16) * 16  # its allocator keeps a pool for every new shape
        ids = torch.full((len(rows), width), self._pad)
        mask = torch.zeros((len(rows), width), dtype=torch.long)
        for number, row in enumerate(rows):
            place = slice(width - len(row), width) if left else slice(0, len(row))
            ids[number, place] = torch.tensor(row, dtype=torch.long)
            mask[number, place] = 1
        return ids.to(self.device), mask.to(self.device)

    def token_log_probs(self, prompts: Sequence[Prepared], targets: Sequence[str]) -> list[list[float]]:
        """See `Engine.token_log_probs`."""
        import torch

        inputs = [list(prompt.ids) for prompt in prompts]
        wanted = self.encode_targets(targets)
        order = sorted(range(len(inputs)), key=lambda row: (-len(wanted[row]), -len(inputs[row]), prompts[row].text))
        result: list[list[float]] = [[] for _ in inputs]
        with torch.inference_mode(), _memory_errors(self.device):
            logs = self._log_probs([inputs[row] for row in order], [wanted[row] for row in order], None)
        for row, values in zip(order, logs, strict=True):
            result[row] = values
        return result

    def encode_targets(self, targets: Sequence[str]) -> list[list[int]]:
        """Token ids of descriptions with the end token; a causal model's begin with what parts them from a prompt."""
        if self._loaded.is_seq2seq:
            rows = self._tokenizer(list(targets), verbose=False)["input_ids"]
            return [row if row[-1:] == self._eos[:1] else [*row, self._eos[0]] for row in rows]
        apart = [f"{self._frame.lead}{text}" for text in targets]
        plain = self._tokenizer(apart, verbose=False, add_special_tokens=False)
        return [[*row, self._eos[0]] for row in plain["input_ids"]]

    def _log_probs(
        self, inputs: list[list[int]], targets: list[list[int]], decoding: Decoding | None
    ) -> list[list[float]]:
        """Teacher-forced log-probabilities of ``targets``; with ``decoding``, after its penalties and bans."""
        vocabulary = self._network.config.get_text_config(decoder=True).vocab_size
        result: list[list[float]] = []
        for batch in _portions(inputs, targets, self.batch_size, vocabulary, self._loaded.is_seq2seq):
            result += self._portion(inputs[batch], targets[batch], decoding)
        return result

    def _portion(
        self, inputs: list[list[int]], targets: list[list[int]], decoding: Decoding | None
    ) -> list[list[float]]:
        import torch

        if self._loaded.is_seq2seq:
            ids, mask = self._pad_batch(inputs, left=False)
            after, _ = self._pad_batch([[self._start, *row[:-1]] for row in targets], left=False)
            logits = self._network(input_ids=ids, attention_mask=mask, decoder_input_ids=after).logits
            begins = [0] * len(targets)
        else:
            joined, mask = self._pad_batch([[*a, *b] for a, b in zip(inputs, targets, strict=True)], left=False)
            logits = self._network(input_ids=joined, attention_mask=mask).logits
            after = joined
            begins = [len(row) - 1 for row in inputs]
        result = []
        for number, (row, begin) in enumerate(zip(targets, begins, strict=True)):
            own = logits[number, begin : begin + len(row)].float()
            if decoding is not None:
                own = self._ruled(own, row, decoding)
            picked = own.log_softmax(-1).gather(1, torch.tensor(row, device=own.device)[:, None])
            result.append(picked[:, 0].tolist())
        return result

    def _ruled(self, logits: Tensor, row: list[int], decoding: Decoding) -> Tensor:
        """Apply what the decoding forbids at each step of one text to its logits."""
        import torch

        rules = self._rules(decoding, 0)
        ids = torch.tensor([row], device=logits.device)
        logits = logits.log_softmax(-1)
        for step in range(len(row)):
            if step < decoding.min_new_tokens:
                logits[step, self._eos] = -torch.inf
            for rule in rules:
                logits[step] = rule(ids[:, :step], logits[step : step + 1])[0]
        return logits


def _portions(
    inputs: list[list[int]], targets: list[list[int]], most: int, vocabulary: int, is_seq2seq: bool
) -> Iterator[slice]:
    """Cut rows into portions of at most ``most`` rows whose logits fit the memory limit."""
    first = width = 0
    for number, (source, target) in enumerate(zip(inputs, targets, strict=True)):
        length = len(target) if is_seq2seq else len(source) + len(target)
        grown = max(width, length)
        rows = number - first + 1
        if rows > 1 and (rows > most or rows * grown * vocabulary * 4 > _LOGIT_BYTES):
            yield slice(first, number)
            first, grown = number, length
        width = grown
    if inputs:
        yield slice(first, len(inputs))


def _rules(decoding: Decoding, start: int) -> list[Any]:
    """Processors that see only what was written, not the prompt of a causal model or the start token."""
    from transformers import LogitsProcessor
    from transformers.generation.logits_process import NoRepeatNGramLogitsProcessor, RepetitionPenaltyLogitsProcessor

    class OnOutput(LogitsProcessor):  # type: ignore[misc]
        def __init__(self, inner: Any) -> None:
            self.inner = inner

        def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
            written = input_ids[:, start:]
            if written.shape[1] == 0:
                return scores
            changed: Tensor = self.inner(written, scores)
            return changed

    rules: list[Any] = []
    if decoding.repetition_penalty != 1:
        rules.append(OnOutput(RepetitionPenaltyLogitsProcessor(decoding.repetition_penalty)))
    if decoding.no_repeat_ngram:
        rules.append(OnOutput(NoRepeatNGramLogitsProcessor(decoding.no_repeat_ngram)))
    return rules


class _memory_errors:  # noqa: N801
    """Turns the device's out-of-memory error into one that names the mend."""

    def __init__(self, device: str) -> None:
        self._device = device

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        import torch

        if isinstance(error, torch.OutOfMemoryError):
            raise ShelftalkerError(
                f"the batch does not fit in the memory of {self._device}",
                where="recipe key generate.batch_size",
                mend="halve generate.batch_size",
            ) from None
