"""Turn documents into training examples: (source tokens, target tokens), batched by length.

The stream is a pure function of a seed and a pool number, so that a resumed run sees exactly the
batches that an uninterrupted one would have seen. Tasks, by share of examples:

- ``pair``: a prompt with the title, the description follows; the prompt's form depends on the
  source, so that a product's prompt calls for a product's style;
- ``prefix``: the first words of a text, the rest follows;
- ``dense``: half of the text masked in long spans (UL2's extreme denoiser): many target tokens;
- ``sparse``: T5's own span corruption, 15 % in spans of three;
- ``title``: the text, its title follows;
- ``copy``: two titles, to be repeated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from transformers import PreTrainedTokenizerFast

from tools.pretrain.corpus import read_corpus

PROMPT = "Given a product title, generate its product description.\nTitle: {title}\nDescription:"
PROMPTS = [
    PROMPT,
    "Title: {title}\nDescription:",
    "Write a product description: {title}",
    "Describe this product: {title}",
    "Product: {title}",
    "{title}",
    "Describe this package: {title}",
    "Define: {title}",
]
REPEAT = "Repeat:"
PRODUCT_FORMS = [0.68, 0.08, 0.06, 0.06, 0.06, 0.06, 0.0, 0.0]
PACKAGE_FORMS = [0.40, 0.05, 0.0, 0.0, 0.05, 0.05, 0.45, 0.0]
WORD_FORMS = [0.10, 0.05, 0.0, 0.0, 0.0, 0.10, 0.0, 0.75]
FORMS = {"debian": PACKAGE_FORMS, "debian-lib": PACKAGE_FORMS, "wordnet": WORD_FORMS}


class Mixture(NamedTuple):
    """Shares of the tasks, and how often a source's documents come up in one pass."""

    tasks: dict[str, float]
    sources: dict[str, float]


MAIN = Mixture(
    {"pair": 0.63, "prefix": 0.12, "dense": 0.12, "sparse": 0.06, "title": 0.04, "copy": 0.03},
    {
        "rds": 9.0,
        "abt": 4.0,
        "lv": 2.0,
        "buy": 2.0,
        "debian": 1.3,
        "debian-lib": 0.4,
        "wordnet": 0.4,
    },
)
# Towards the end, the model reads mostly what it is for.
LATE = Mixture(
    {"pair": 0.82, "prefix": 0.08, "dense": 0.05, "sparse": 0.02, "title": 0.01, "copy": 0.02},
    {
        "rds": 12.0,
        "abt": 5.0,
        "lv": 2.5,
        "buy": 1.0,
        "debian": 0.6,
        "debian-lib": 0.1,
        "wordnet": 0.1,
    },
)
MAX_SOURCE, MAX_TARGET = 96, 160
POOL = 3072

Example = tuple[list[int], list[int]]


class Batch(NamedTuple):
    """Padded token ids, ``(rows, length)``; targets end in ``</s>`` and are padded with 0."""

    source: np.ndarray
    target: np.ndarray


def chunks(text: str, most: int = 85) -> list[str]:
    """Split a text at sentence ends into pieces of about ``most`` words or fewer."""
    pieces: list[str] = []
    size = 0
    for sentence in re.split(r"(?<=[.!?]) (?=\S)", text):
        words = len(sentence.split())
        if pieces and size + words <= most:
            pieces[-1] += " " + sentence
            size += words
        else:
            pieces.append(sentence)
            size = words
    return pieces


def overlap(title: str, text: str) -> float:
    """Share of the title's longer words that the text takes up; 1 for a title without any."""
    words = {word for word in re.findall(r"\w+", title.lower()) if len(word) > 3}
    return len(words & set(re.findall(r"\w+", text.lower()))) / len(words) if words else 1.0


class Corpus:
    """The documents of one side of a corpus file, with sampling weights."""

    def __init__(self, path: Path, *, held_out: bool) -> None:
        """Read and cut up the documents; a long text's later pieces only serve as plain text."""
        rows = [row for row in read_corpus(path) if row["held_out"] is held_out]
        self.titles: list[str] = []
        self.texts: list[str] = []
        self.sources: list[str] = []
        self.opening: list[bool] = []
        overlaps: list[float] = []
        for row in rows:
            for place, piece in enumerate(chunks(row["text"])):
                if place and len(piece.split()) < 20:
                    continue
                self.titles.append(row["title"])
                self.texts.append(piece)
                self.sources.append(row["source"])
                self.opening.append(place == 0)
                overlaps.append(overlap(row["title"], piece))
        self.overlaps = np.array(overlaps)

    def probabilities(self, mixture: Mixture) -> np.ndarray:
        """Each piece's chance to come up in a draw."""
        weights = np.array([mixture.sources.get(source, 1.0) for source in self.sources])
        # A text that speaks of its title's own words teaches to write about the title.
        weights = weights * (0.5 + self.overlaps)
        shares: np.ndarray = weights / weights.sum()
        return shares

    def __len__(self) -> int:
        """Number of pieces."""
        return len(self.texts)


def corrupt(
    tokens: Sequence[int],
    density: float,
    mean_span: float,
    sentinels: Sequence[int],
    rng: np.random.Generator,
) -> Example:
    """T5's span corruption (Raffel et al. 2020): each masked span gives way to a sentinel.

    ``density`` is the share of tokens masked, ``mean_span`` their spans' mean length. Neither
    side ends in ``</s>`` yet.
    """
    length = len(tokens)
    masked = min(max(round(length * density), 1), length - 1)
    spans = min(max(round(masked / mean_span), 1), masked, length - masked, len(sentinels))
    hidden = np.diff(np.r_[0, np.sort(rng.choice(masked - 1, spans - 1, replace=False)) + 1, masked])
    kept = length - masked
    shown = np.diff(np.r_[0, np.sort(rng.choice(kept - 1, spans - 1, replace=False)) + 1, kept])
    source: list[int] = []
    target: list[int] = []
    at = 0
    for place in range(spans):
        source.extend(tokens[at : at + shown[place]])
        at += int(shown[place])
        source.append(sentinels[place])
        target.append(sentinels[place])
        target.extend(tokens[at : at + hidden[place]])
        at += int(hidden[place])
    return source, target


class Examples:
    """A deterministic, endless stream of batches in pools; see the module's page for the tasks."""

    def __init__(self, corpus: Corpus, tokenizer: PreTrainedTokenizerFast, *, batch_tokens: int, seed: int) -> None:
        """``batch_tokens`` bounds rows times padded target length of a batch."""
        self.corpus, self.tokenizer = corpus, tokenizer
        self.batch_tokens, self.seed = batch_tokens, seed
        self.sentinels = tokenizer.convert_tokens_to_ids([f"<extra_id_{i}>" for i in range(100)])
        self.pool_size = POOL

    def _example(
        self,
        text: list[int],
        prompt: list[int],
        title: list[int],
        task: str,
        rng: np.random.Generator,
    ) -> Example:
        eos = [self.tokenizer.eos_token_id]
        text = text[:MAX_TARGET]
        if task == "pair":
            return prompt + eos, text + (eos if len(text) < MAX_TARGET else [])
        if task == "title":
            return text[: MAX_SOURCE - 1] + eos, title[:MAX_TARGET] + eos
        if task == "prefix":
            cut = int(rng.integers(2, max(3, min(len(text) // 2, 24))))
            return text[:cut] + eos, text[cut:] + (eos if len(text) < MAX_TARGET else [])
        if task == "dense":
            source, target = corrupt(text, 0.5, 10.0, self.sentinels, rng)
        else:
            source, target = corrupt(text, 0.15, 3.0, self.sentinels, rng)
        return source + eos, target + eos

    def pool(self, number: int, *, late: bool = False) -> list[Batch]:
        """The batches of pool ``number``, in training order; ``late`` takes the late mixture."""
        rng = np.random.default_rng([self.seed, number])
        corpus, mixture = self.corpus, LATE if late else MAIN
        picks = rng.choice(len(corpus), self.pool_size, p=corpus.probabilities(mixture))
        names, shares = list(mixture.tasks), np.array(list(mixture.tasks.values()))
        tasks = [names[i] for i in rng.choice(len(names), len(picks), p=shares)]
        forms = [rng.choice(len(PROMPTS), p=FORMS.get(corpus.sources[i], PRODUCT_FORMS)) for i in picks]

        def tokenize(texts: list[str]) -> list[list[int]]:
            ids: list[list[int]] = self.tokenizer(texts, add_special_tokens=False).input_ids
            return ids

        texts = tokenize([corpus.texts[i] for i in picks])
        titles = tokenize([corpus.titles[i] for i in picks])
        prompts = tokenize([PROMPTS[f].format(title=corpus.titles[i]) for f, i in zip(forms, picks, strict=True)])
        repeat, eos = tokenize([REPEAT])[0], self.tokenizer.eos_token_id
        examples = []
        for place, index in enumerate(picks):
            task = tasks[place]
            if not corpus.opening[index] and task in {"pair", "title"}:
                task = "prefix"
            if task == "copy":
                both = (titles[place] + titles[place - 1])[: MAX_SOURCE - len(repeat) - 1]
                examples.append(([*repeat, *both, eos], [*both, eos]))
                continue
            if len(texts[place]) < 8 and task != "pair":
                continue
            if len(prompts[place]) > MAX_SOURCE:
                continue
            examples.append(self._example(texts[place], prompts[place], titles[place], task, rng))
        batches = list(batch(examples, self.batch_tokens))
        return [batches[i] for i in rng.permutation(len(batches))]


def pad(rows: Sequence[Sequence[int]]) -> np.ndarray:
    """Rows of ids to one array, padded with 0 on the right."""
    out = np.zeros((len(rows), max(map(len, rows))), dtype=np.int64)
    for place, row in enumerate(rows):
        out[place, : len(row)] = row
    return out


def batch(examples: list[Example], tokens: int) -> Iterator[Batch]:
    """Sort by target, then source length, and cut into batches of about ``tokens`` target tokens."""
    ordered = sorted(examples, key=lambda e: (len(e[1]) // 8, len(e[0])))
    at = 0
    while at < len(ordered):
        end, longest = at, 0
        while end < len(ordered):
            # Sources cost about half as much as targets (no head, fewer layers).
            cost = max(longest, len(ordered[end][1]) + len(ordered[end][0]) // 2)
            if end > at and cost * (end - at + 1) > tokens:
                break
            longest, end = cost, end + 1
        part = ordered[at:end]
        yield Batch(pad([e[0] for e in part]), pad([e[1] for e in part]))
        at = end
