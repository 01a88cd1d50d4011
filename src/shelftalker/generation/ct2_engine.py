"""The fast engine: CTranslate2 on a converted, merged model. Imports neither torch nor transformers once converted."""

from __future__ import annotations

import importlib.metadata
import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shelftalker.device import cores
from shelftalker.errors import ShelftalkerError
from shelftalker.generation.banned import mark, numbers, sequences
from shelftalker.generation.engine import Advance, BatchedEngine, Generation
from shelftalker.generation.watch import Watch, watcher
from shelftalker.models import chat, convert, formats
from shelftalker.models import folder as folders
from shelftalker.prompt import Prepared
from shelftalker.recipe.decoding import Decoding

if TYPE_CHECKING:
    from shelftalker.models.load import ModelRef
    from shelftalker.recipe.recipe import Recipe

_Step = Callable[[Any], bool]
"""What CTranslate2 calls with every token; True ends that text."""
_STEPS = 4  # of a doubling of a prompt's length: 32, 40, 48, 56, 64, 80, ... tokens are read at once
_FEW, _SMALL_BYTES = 4, 64 * 2**20
_LOGIT_BYTES = 128 * 2**20  # memory that the logits of one batch of references may take


def why_not(decoding: Decoding) -> str | None:
    """What CTranslate2 cannot honour in a decoding; None: it can honour all of it."""
    if decoding.sample:
        return "it draws samples from one generator for a whole batch, so that a row's text would depend on its batch"
    if decoding.beams > 1 and decoding.repetition_penalty != 1:
        return "with beams it applies the repetition penalty to other numbers than transformers does"
    return None


class Ct2Engine(BatchedEngine):
    """Runs a T5 or a causal model with CTranslate2, on the CPU or CUDA, in the format of `generate.quantisation`."""

    name = "ctranslate2"

    def __init__(self, ref: ModelRef, recipe: Recipe) -> None:
        if recipe.dtype not in ("auto", "float32"):
            raise ShelftalkerError(
                f"CTranslate2 takes its number format from generate.quantisation, not dtype: {recipe.dtype}",
                where="recipe key dtype",
                mend=f"use dtype: auto, and generate.quantisation: {' or '.join(formats.COMPUTED)}",
            )
        if (reason := convert.why_not_ct2(ref)) is not None:
            raise ShelftalkerError(
                f"CTranslate2 cannot run the model: {reason}", where=ref.given, mend="use generate.engine: transformers"
            )
        self.refuse(recipe.decoding)
        self.model = ref
        self.batch_size = recipe.generate.batch_size
        self.device = _device(recipe.device)
        if ref.kind != "ct2":
            formats.check_model(recipe.generate.quantisation, convert.config_of(ref).get("model_type"))
            formats.check_device(recipe.generate.quantisation, self.device)
        folder = convert.converted(ref, recipe.generate.quantisation)
        said = folders.facts(folder)
        self.dtype = said.get("quantisation", recipe.generate.quantisation)
        formats.check_device(self.dtype, self.device, where=str(folder))
        self._folder = folder
        self._threads = recipe.generate.threads or cores()
        self._opened: Any = None
        self._is_wide = False
        self._tokenizer = convert.bare_tokenizer(_tokenizer_file(folder))
        size = self._tokenizer.get_vocab_size(with_added_tokens=True)
        self._tokens: list[str] = [self._tokenizer.id_to_token(number) or "" for number in range(size)]
        self._ids = {token: number for number, token in enumerate(self._tokens)}
        self._frame = chat.chosen(recipe.chat, chat.Frame.read(said.get("chat")), ref.given)
        mark = str(said.get("prompt_mark", ""))
        self._asked = [f"{mark}{token}" for token in self._tokens]
        self._causal = bool(said.get("causal", False))
        self._ends: list[str] = said.get("end_tokens") or [said.get("eos_token", "</s>")]
        self._vocabulary = int(said.get("vocabulary", size))
        self._shared = self._prefix(recipe.prompt) if self._causal else []
        self.language = recipe.language or "en"
        self._banned = self._spelt(sequences(recipe.house.banned, self._plain))

    def _plain(self, text: str) -> list[int]:
        """Token ids of a piece of text, without special tokens."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def begin(self, text: str) -> list[int]:
        """See `BatchedEngine.begin`."""
        return self._plain(f"{self._frame.lead}{text}" if self._causal else text)

    def _spelt(self, banned: list[list[int]]) -> list[list[str]]:
        return [[self._tokens[number] for number in ids] for ids in banned]

    @cached_property
    def _numbers(self) -> list[list[str]]:
        """What `decoding.numbers` bans."""
        texts = self._tokenizer.decode_batch([[number] for number in range(len(self._tokens))])
        return self._spelt(numbers(self.language, texts, self._plain))

    def _runner(self, rows: int) -> Any:
        """The model with its threads laid out for ``rows`` texts; opened on first need.

        Several batches are quickest one a thread, each written by one thread alone (nothing waits at every layer for
        the slowest). A single batch is quickest with all threads on it, but for a few texts of a small model, where
        the waiting takes longer than the work.
        """
        is_small = rows <= _FEW and (self._folder / "model.bin").stat().st_size < _SMALL_BYTES
        wide = (rows > self.batch_size or is_small) and self._threads > 1 and self.device == "cpu"
        # Once wide, it stays so: a second layout would hold the weights twice, a change read them again.
        if self._opened is None or (wide and not self._is_wide):
            self._opened, self._is_wide = None, wide
            across, within = (self._threads, 1) if wide else (1, self._threads)
            self._opened = _open(self._folder, self.device, self.dtype, across, within, causal=self._causal)
        return self._opened

    def signature(self) -> str:
        """See `Engine.signature`."""
        version = importlib.metadata.version("ctranslate2")
        return f"engine:ctranslate2-{version}|dtype:{self.dtype}|batch:{self.batch_size}{mark(self._banned)}"

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of prompts, special tokens included."""
        framed, special = self._frame.around(texts), not self._frame.is_chat
        return [found.ids for found in self._tokenizer.encode_batch_fast(framed, add_special_tokens=special)]

    def _prefix(self, template: str) -> list[str]:
        """Tokens before a template's first field, which all its prompts share; the last may change with the field."""
        framed, special = self._frame.before + template.partition("{")[0], not self._frame.is_chat
        found = self._tokenizer.encode(framed, add_special_tokens=special).ids
        return [self._asked[number] for number in found[:-1]]

    def refuse(self, decoding: Decoding) -> None:
        """See `BatchedEngine.refuse`."""
        if (reason := why_not(decoding)) is not None:
            raise ShelftalkerError(
                f"CTranslate2 cannot honour this decoding: {reason}",
                where="recipe keys decoding and generate.engine",
                mend="use generate.engine: auto or transformers",
            )

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
        """See `BatchedEngine.write`; the seeds are for sampling, which this engine refuses."""
        written = []
        banned = [*self._banned, *self._numbers] if no_numbers else self._banned
        before = [[self._tokens[number] for number in row] for row in begun]
        watch = watcher(len(inputs)) if decoding.beams == 1 else None
        with _heard(self._step(watch, before[0]) if watch is not None else None) as step:
            for first, (found, tokens) in zip(
                before, self._running(inputs, before, decoding, banned, step), strict=True
            ):
                count = len(tokens)
                total = found.scores[0] * (count**decoding.length_penalty if decoding.beams > 1 else 1)
                score = None if first else total / count if count else 0.0
                has_ended = bool(tokens) and tokens[-1] in self._ends
                written.append(Generation(self._text([*first, *tokens]), count, not has_ended, score))
                advance(1)
        return written

    def _running(
        self,
        inputs: list[list[int]],
        begun: list[list[str]],
        decoding: Decoding,
        banned: list[list[str]],
        step: _Step | None,
    ) -> Iterator[tuple[Any, list[str]]]:
        """CTranslate2's results and the tokens behind ``begun``, in the order of ``inputs``, as they become ready."""
        options: dict[str, Any] = {
            "asynchronous": True,
            "beam_size": decoding.beams,
            # The score of greedy text is asked for as a sum, a beam's as CTranslate2 ranked it.
            "length_penalty": decoding.length_penalty if decoding.beams > 1 else 0,
            "repetition_penalty": decoding.repetition_penalty,
            "no_repeat_ngram_size": decoding.no_repeat_ngram,
            "return_scores": True,
            "return_end_token": True,
            "end_token": self._ends,
            "suppress_sequences": banned or None,
        }
        rows = [[self._asked[number] for number in row] for row in inputs]
        lengths = {"min": decoding.min_new_tokens, "max": decoding.max_new_tokens}
        if not self._causal:
            options |= {"max_input_length": 0, "max_batch_size": self.batch_size, "callback": step}
            for size, some in itertools.groupby(zip(rows, begun, strict=True), key=lambda row: len(row[1])):
                # A decoder's beginning counts as written.
                options |= {f"{name}_decoding_length": size + value for name, value in lengths.items()}
                prompts, before = zip(*some, strict=True)
                for waiting in self._runner(len(rows)).translate_batch(
                    list(prompts), target_prefix=list(before) if size else None, **options
                ):
                    found = waiting.result()
                    yield found, found.hypotheses[0][size:]
            return
        # A causal model's beginning is spelt as its prompt is, so that penalties fall on what is written here.
        rows = [
            [*row, *(self._asked[self._ids[token]] for token in first)] for row, first in zip(rows, begun, strict=True)
        ]
        options |= {f"{name}_length": value for name, value in lengths.items()}
        runner = self._runner(len(rows))
        started = [
            self._start(runner, batch, options, step) for batch in self._batches(rows, decoding, has_bans=bool(banned))
        ]
        for waiting in itertools.chain.from_iterable(started):
            found = waiting.result()
            yield found, found.sequences[0]

    def _batches(self, rows: list[list[str]], decoding: Decoding, *, has_bans: bool) -> Iterator[list[list[str]]]:
        """Batches of a causal model's prompts, in their order.

        CTranslate2 reads the prompts of a batch at once up to the shortest one's length, and what is left of them token
        by token. The two round differently, and int8 makes other words of that. So the prompts of a batch are read at
        once up to the same place, which nothing but their length decides: a text is the same in every batch.
        """
        if decoding.beams == 1:
            alike: Callable[[list[str]], int] = self._at_once
        elif decoding.min_new_tokens > 0 or decoding.no_repeat_ngram > 0 or has_bans:
            alike = len  # with beams, least lengths and bans of a batch's longer prompts fall on the wrong rows
        else:
            alike = bool
        for _, found in itertools.groupby(rows, key=alike):
            group = list(found)
            yield from (group[first : first + self.batch_size] for first in range(0, len(group), self.batch_size))

    def _at_once(self, row: list[str]) -> int:
        """How many tokens of a prompt are read at once: most of it, so that few lengths are kept apart."""
        step = max(1, (1 << len(row).bit_length() - 1) // _STEPS)
        return max(len(row) // step * step, min(len(self._shared) + 1, len(row)))

    def _start(self, runner: Any, rows: list[list[str]], options: dict[str, Any], step: _Step | None) -> list[Any]:
        """One batch begun: what to wait for, a row each."""
        told, read = rows, self._at_once(rows[0])
        if options["beam_size"] == 1 and all(len(row) > read for row in rows):
            # One that ends where the others are to be read to; with its first token it is done.
            told, ahead = [*rows, rows[0][:read]], len(rows)
            step = _leaving(ahead, step)
        shared = len(self._shared)
        if shared and all(row[:shared] == self._shared and len(row) > shared for row in told):
            # What all prompts begin with is read once and kept.
            options = options | {"static_prompt": self._shared}
            told = [row[shared:] for row in told]
        found = runner.generate_batch(told, include_prompt_in_result=False, callback=step, **options)
        return list(found[: len(rows)])

    def _step(self, watch: Watch, begun: list[str]) -> _Step:
        """What CTranslate2 calls with each token of the one text that it writes."""
        said = list(begun)

        def step(found: Any) -> bool:
            said.append(found.token)
            return watch(self._text(said))

        return step

    def _text(self, tokens: list[str]) -> str:
        # A model's vocabulary may be padded beyond its tokenizer's; such a token has no text.
        ids = [self._ids[token] for token in tokens if token in self._ids]
        text: str = self._tokenizer.decode(ids, skip_special_tokens=True)
        return text.strip()

    def token_log_probs(self, prompts: Sequence[Prepared], targets: Sequence[str]) -> list[list[float]]:
        """See `Engine.token_log_probs`."""
        inputs = [prompt.ids for prompt in prompts]
        after = [f"{self._frame.lead}{text}" for text in targets] if self._causal else list(targets)
        plain = self._tokenizer.encode_batch_fast(after, add_special_tokens=False)
        wanted = [[self._tokens[number] for number in found.ids] for found in plain]
        order = sorted(range(len(inputs)), key=lambda row: (-len(wanted[row]), -len(inputs[row]), prompts[row].text))
        result: list[list[float]] = [[] for _ in inputs]
        first = 0
        while first < len(order):
            longest = len(wanted[order[first]]) + 1
            if self._causal:
                longest += max(len(row) for row in inputs)
            rows = max(1, min(self.batch_size, _LOGIT_BYTES // (4 * longest * self._vocabulary)))
            batch = order[first : first + rows]
            before = [[self._asked[number] for number in inputs[row]] for row in batch]
            for row, logs in zip(batch, self._scored(before, [wanted[row] for row in batch]), strict=True):
                result[row] = logs
            first += rows
        return result

    def _scored(self, prompts: list[list[str]], targets: list[list[str]]) -> list[list[float]]:
        """Natural log-probabilities of ``targets`` and of the end token behind each."""
        runner = self._runner(1)
        if not self._causal:
            found = runner.score_batch(prompts, targets, max_input_length=0)
            return [list(scored.log_probs) for scored in found]
        whole = [[*before, *after, self._ends[0]] for before, after in zip(prompts, targets, strict=True)]
        found = runner.score_batch(whole, max_input_length=0)
        # A prompt's own tokens are scored too, all but its first.
        return [list(scored.log_probs)[-len(after) - 1 :] for scored, after in zip(found, targets, strict=True)]


@contextmanager
def _heard(step: _Step | None) -> Iterator[_Step | None]:
    """``step`` for CTranslate2 to call until the texts are there; then what it holds is empty, and stops the writing.

    CTranslate2's thread lets go of what it calls after it gave the texts out. An engine that nobody else held by then
    would be closed by its own thread, which ends the process.
    """
    if step is None:
        yield None
        return
    held = [step]
    try:
        yield lambda found: all(one(found) for one in tuple(held))
    finally:
        held.clear()


def _leaving(row: int, step: _Step | None) -> _Step:
    """As ``step``, but a batch's row ``row`` ends with its first token."""
    return lambda found: found.batch_id == row or (step is not None and step(found))


def _device(asked: str) -> str:
    if asked == "mps":
        raise ShelftalkerError(
            "CTranslate2 does not run on mps",
            where="recipe key device",
            mend="use device: cpu, or generate.engine: transformers",
        )
    import ctranslate2

    has_cuda = ctranslate2.get_cuda_device_count() > 0
    if asked.startswith("cuda") and not has_cuda:
        raise ShelftalkerError(
            f"this machine has no {asked} device that CTranslate2 can use",
            where="recipe key device",
            mend="use device: auto or cpu; `shelftalker doctor` shows what is there",
        )
    return asked if asked != "auto" else "cuda" if has_cuda else "cpu"


def _open(folder: Path, device: str, dtype: str, across: int, within: int, *, causal: bool) -> Any:
    import ctranslate2

    kind, _, index = device.partition(":")
    try:
        return (ctranslate2.Generator if causal else ctranslate2.Translator)(
            str(folder),
            device=kind,
            device_index=int(index or 0),
            compute_type=formats.COMPUTED[dtype],
            inter_threads=across,
            intra_threads=within,
        )
    except (RuntimeError, ValueError) as error:
        raise ShelftalkerError(
            f"CTranslate2 cannot load the model: {str(error).splitlines()[0]}",
            where=str(folder),
            mend="export the model again, or give the model itself: its conversion is made anew where none is found",
        ) from None


def _tokenizer_file(folder: Path) -> Path:
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise ShelftalkerError(
            "the CTranslate2 folder has no tokenizer.json",
            where=str(folder),
            mend="copy the tokenizer.json of the model it was converted from into it, or export it again",
        )
    return path
