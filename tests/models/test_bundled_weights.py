"""The model that ships in the package: small, loadable, lossless, and it writes English on topic."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer, PreTrainedTokenizerFast, T5ForConditionalGeneration

FOLDER = Path(__file__).resolve().parents[2] / "src" / "shelftalker" / "assets" / "mini_t5"
PROMPT = "Given a product title, generate its product description.\nTitle: {title}\nDescription:"

# Titles with a description each, written for this test.
PRODUCTS = {
    "Wooden Kitchen Chopping Board": "A solid wood board for the kitchen, with a groove to catch juices.",
    "Leather Travel Backpack": "A roomy backpack in soft leather, with padded straps and pockets.",
    "Stainless Steel Watch": "A classic watch with a steel case, a clean dial and a date display.",
    "The Haunted House: Ghost Stories": "A collection of short stories about ghosts and haunted houses.",
    "Fresh Tomato Pasta Sauce": "A rich sauce of ripe tomatoes and herbs, ready to serve with pasta.",
    "Digital Camera with Zoom Lens": "A compact digital camera with an LCD display and optical zoom.",
}
# The commonest English words; two fifths of ordinary prose is made of them.
COMMON = set(
    "the of and a to in is it its with for this that on by as are be from or an at has your our you "
    "was his her he she their they which any while can all who have will not one into features".split()
)


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    """The shipped tokenizer."""
    return AutoTokenizer.from_pretrained(FOLDER)


@pytest.fixture(scope="module")
def model() -> T5ForConditionalGeneration:
    """The shipped model."""
    return AutoModelForSeq2SeqLM.from_pretrained(FOLDER).eval()


@pytest.fixture(scope="module")
def outputs(tokenizer: PreTrainedTokenizerFast, model: T5ForConditionalGeneration) -> list[str]:
    """Zero-shot descriptions of the test's titles."""
    prompts = [PROMPT.format(title=title) for title in PRODUCTS]
    inputs = tokenizer(prompts, return_tensors="pt", padding=True)
    ids = model.generate(**inputs, max_new_tokens=64, num_beams=1, no_repeat_ngram_size=3)
    return tokenizer.batch_decode(ids, skip_special_tokens=True)


def words(text: str) -> list[str]:
    """Lower-case words."""
    return re.findall(r"[a-z]+", text.lower())


def test_folder_is_small_and_complete() -> None:
    names = {file.name for file in FOLDER.iterdir()}
    assert {"config.json", "generation_config.json", "model.safetensors", "tokenizer.json"} <= names
    assert {"tokenizer_config.json", "README.md"} <= names
    assert not any(name.endswith((".bin", ".pt", ".py")) for name in names)
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) < 40e6


def test_card_names_sources_licences_and_losses() -> None:
    card = (FOLDER / "README.md").read_text(encoding="utf-8")
    for needle in ("LibriVox", "CC BY 4.0", "MIT-0", "Princeton", "Debian", "bits/byte", "from scratch"):
        assert needle in card
    assert not re.search(r"\$[a-z]", card), "a field of the card was not filled in"


def test_loads_as_float32_with_an_untied_head(model: T5ForConditionalGeneration) -> None:
    assert model.dtype == torch.float32
    assert model.lm_head.weight is not model.shared.weight
    assert not model.config.scale_decoder_outputs
    assert 8e6 < model.num_parameters() < 14e6
    assert all(torch.isfinite(parameter).all() for parameter in model.parameters())


@pytest.mark.parametrize(
    "text",
    [
        "Oak bar stool, 75 × 40 cm – £129.99 (set of 2)",
        "Heats to 200 °C in 1½ minutes; won’t drip.",
        '“Crème brûlée” torch, 8" long & refillable…',
        "緑茶 100 g 🍵",
        PROMPT.format(title="Café Mug").replace("\n", " "),
    ],
)
def test_tokenizer_is_lossless(tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    ids = tokenizer(text).input_ids
    assert ids[-1] == tokenizer.eos_token_id == 1
    assert tokenizer.unk_token_id not in ids
    assert tokenizer.decode(ids, skip_special_tokens=True) == text


def test_tokenizer_is_a_t5s(tokenizer: PreTrainedTokenizerFast, model: T5ForConditionalGeneration) -> None:
    assert (tokenizer.pad_token_id, tokenizer.eos_token_id, tokenizer.unk_token_id) == (0, 1, 2)
    assert len(tokenizer) == model.config.vocab_size
    sentinels = tokenizer.convert_tokens_to_ids([f"<extra_id_{i}>" for i in range(100)])
    assert len(set(sentinels)) == 100
    assert tokenizer.unk_token_id not in sentinels
    assert tokenizer("a\nb").input_ids == tokenizer("a b").input_ids


def test_zero_shot_output_is_english(outputs: list[str]) -> None:
    found = [words(text) for text in outputs]
    assert all(len(each) >= 4 for each in found), outputs
    assert sum(len(each) >= 12 for each in found) >= 4, outputs
    pooled = [word for each in found for word in each]
    assert 0.25 < sum(word in COMMON for word in pooled) / len(pooled) < 0.7, outputs
    assert all(re.search("[aeiouy]", word) for word in pooled if len(word) > 4), outputs


def test_zero_shot_output_is_no_loop(outputs: list[str]) -> None:
    assert len(set(outputs)) == len(outputs)
    for text in outputs:
        found = words(text)
        pairs = list(itertools.pairwise(found))
        assert len(set(pairs)) > 0.7 * len(pairs), text


def test_zero_shot_output_is_of_the_titles_department(outputs: list[str]) -> None:
    said = dict(zip(PRODUCTS, map(words, outputs), strict=True))
    book, food = said["The Haunted House: Ghost Stories"], said["Fresh Tomato Pasta Sauce"]
    assert {"stories", "novel", "book", "poems", "published"} & set(book)
    assert not {"stories", "novel", "book", "poems", "published"} & set(food)
    assert {"flavor", "flavors", "taste", "dish", "salad", "savory", "culinary", "delicious"} & set(food)
    assert not {"flavor", "flavors", "taste", "dish", "salad", "savory", "culinary", "delicious"} & set(book)


def test_zero_shot_output_takes_up_the_titles_words(outputs: list[str]) -> None:
    shared = [
        len({word for word in words(title) if len(word) > 3} & set(words(text)))
        for title, text in zip(PRODUCTS, outputs, strict=True)
    ]
    assert sum(count >= 1 for count in shared) >= 5, outputs
    assert sum(shared) >= 9, outputs


@torch.no_grad()
def test_descriptions_fit_their_own_titles_better_than_others(
    tokenizer: PreTrainedTokenizerFast, model: T5ForConditionalGeneration
) -> None:
    def loss(title: str, description: str) -> float:
        inputs = tokenizer(PROMPT.format(title=title), return_tensors="pt")
        labels = tokenizer(description, return_tensors="pt").input_ids
        return float(model(**inputs, labels=labels).loss)

    losses = torch.tensor([[loss(title, text) for title in PRODUCTS] for text in PRODUCTS.values()])
    own = losses.diagonal()
    others = (losses.sum(1) - own) / (len(PRODUCTS) - 1)
    assert (own < others).all()
    assert (losses.argmin(1) == torch.arange(len(PRODUCTS))).sum() >= 4
    assert (others - own).mean() > 0.5, "nats a token that the right title saves"


@torch.no_grad()
def test_batching_and_padding_leave_the_loss_alone(
    tokenizer: PreTrainedTokenizerFast, model: T5ForConditionalGeneration
) -> None:
    title, description = next(iter(PRODUCTS.items()))
    labels = tokenizer(description, return_tensors="pt").input_ids
    alone = model(**tokenizer(PROMPT.format(title=title), return_tensors="pt"), labels=labels).logits
    pair = tokenizer([PROMPT.format(title=title), PROMPT.format(title=title * 3)], return_tensors="pt", padding=True)
    together = model(**pair, labels=labels.repeat(2, 1)).logits
    torch.testing.assert_close(alone[0], together[0], atol=2e-3, rtol=2e-3)
