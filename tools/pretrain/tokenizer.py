"""Train the tokenizer: T5's scheme (Unigram over white-space words, ``</s>`` added, sentinels).

Differences to T5's own: bytes stand in for characters that the vocabulary lacks, so that no text
decodes to ``<unk>``; no Unicode folding, so that ``½`` and curly quotes survive; and every digit is
a piece of its own, so that numbers can be copied digit by digit.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from tools.pretrain.corpus import read_corpus
from tools.pretrain.examples import PROMPTS

SENTINELS = [f"<extra_id_{i}>" for i in range(100)]
BYTES = [f"<0x{i:02X}>" for i in range(256)]
SPECIAL = ["<pad>", "</s>", "<unk>"]
ALPHABET = [chr(i) for i in range(33, 127)] + list("‘’“”–—…•™®©°×½¼¾é€£éèêëàâäáãåçñóòôöõúùüíìîïæøœß²³µ·")
# How often a source's documents enter the tokenizer's training text.
REPEATS = {"rds": 6.0, "lv": 1.5, "abt": 3.0, "buy": 3.0, "debian": 0.3, "debian-lib": 0.05, "wordnet": 0.4}


def training_text(corpus: Path, seed: int = 0) -> Iterator[str]:
    """Titles and texts of the training side, sources weighed towards products."""
    rng = random.Random(seed)
    for prompt in PROMPTS:
        for _ in range(2000):
            yield prompt.replace("{title}", "")
    for row in read_corpus(corpus):
        if row["held_out"]:
            continue
        weight = REPEATS.get(row["source"], 1.0)
        repeats = int(weight) + (rng.random() < weight % 1)
        for _ in range(repeats):
            yield row["title"]
            yield row["text"]


def train_tokenizer(corpus: Path, vocab_size: int) -> PreTrainedTokenizerFast:
    """Train on a corpus file; ``vocab_size`` counts special tokens, bytes and sentinels."""
    words = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(prepend_scheme="always")]
    )
    learner = Tokenizer(models.Unigram())
    learner.pre_tokenizer = pre_tokenizers.Sequence([words, pre_tokenizers.Split(Regex(r"▁?\d"), behavior="isolated")])
    trainer = trainers.UnigramTrainer(
        vocab_size=vocab_size - len(SENTINELS) - len(BYTES) - len(SPECIAL) + 1,
        special_tokens=["<unk>"],
        unk_token="<unk>",
        initial_alphabet=ALPHABET,
        max_piece_length=16,
        show_progress=False,
    )
    learner.train_from_iterator(training_text(corpus), trainer)
    learned = json.loads(learner.to_str())["model"]["vocab"]
    pieces = [(piece, score) for piece, score in learned if piece != "<unk>"]
    vocabulary = [(token, 0.0) for token in SPECIAL]
    # Scores only rank segmentations; bytes must never win against a learned piece.
    vocabulary += [(token, -30.0) for token in BYTES]
    vocabulary += pieces
    vocabulary += [(token, 0.0) for token in reversed(SENTINELS)]
    backend = Tokenizer(models.Unigram(vocabulary, unk_id=2, byte_fallback=True))
    backend.pre_tokenizer = words
    backend.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(prepend_scheme="always")])
    backend.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        additional_special_tokens=SENTINELS,
        model_max_length=512,
        clean_up_tokenization_spaces=False,
        model_input_names=["input_ids", "attention_mask"],
    )


def main() -> None:
    """Command line: train on a corpus and save a tokenizer folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--vocab-size", type=int, default=8000)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    tokenizer = train_tokenizer(args.corpus, args.vocab_size)
    tokenizer.save_pretrained(args.out)
    print(f"{len(tokenizer):,} tokens -> {args.out}")


if __name__ == "__main__":
    main()
