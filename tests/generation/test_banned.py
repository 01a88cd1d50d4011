"""Banned words are kept from being written by both engines, wherever the prompt stands."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
import tiny

from shelftalker import Product
from shelftalker.generation.banned import Bans, invents_number, known_of, numbers, sequences, tells_number
from shelftalker.generation.ct2_engine import Ct2Engine
from shelftalker.generation.engine import Engine
from shelftalker.generation.torch_engine import TorchEngine
from shelftalker.models.load import resolve
from shelftalker.prompt import Prompt
from shelftalker.recipe.decoding import Decoding
from shelftalker.recipe.recipe import Recipe
from tests.driving import write

TITLES = [f"{'blue ' * (number % 4)}{tiny.WORDS[number % len(tiny.WORDS)]} {number}" for number in range(16)]
PROMPTS = [Prompt().render(Product(title)) for title in TITLES]
GREEDY, BEAMS = Decoding(max_new_tokens=40, min_new_tokens=40), Decoding(max_new_tokens=40, beams=3, min_new_tokens=40)
SAMPLED = Decoding(max_new_tokens=40, min_new_tokens=40, sample=True)


def words(texts: list[str]) -> Counter[str]:
    """Words that the tokenizer has a token for: a random model spells others in pieces that nobody would ban."""
    found = Counter(word for text in texts for word in re.findall(r"(?<= )[a-z]+(?![a-z])", text))
    return Counter({word: count for word, count in found.items() if word in tiny.WORDS})


def engines(folder: Path, banned: list[str], is_causal: bool) -> tuple[Engine, Engine]:
    recipe = Recipe().with_flags(
        device="cpu", generate={"quantisation": "float32", "batch_size": 8}, house={"banned": banned}
    )
    return TorchEngine(resolve(folder), recipe), Ct2Engine(resolve(folder), recipe)


@pytest.fixture(scope="module", params=["t5", "llama"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, tiny_t5: Path) -> Path:
    if request.param == "t5":
        return tiny_t5
    return tiny.make_causal(tmp_path_factory.mktemp("llama"), "llama", spread=0.3)


@pytest.mark.parametrize("decoding", [GREEDY, BEAMS], ids=["greedy", "beams"])
def test_what_both_engines_would_write_they_do_not(folder: Path, decoding: Decoding) -> None:
    is_causal = "llama" in str(folder)
    free, _ = engines(folder, [], is_causal)
    usual = words([one.text for one in write(free, PROMPTS, decoding)])
    banned = [word for word, _ in usual.most_common(3)]
    assert sum(usual.values()) > 2, "the models write words that can be banned"
    reference, fast = (write(engine, PROMPTS, decoding) for engine in engines(folder, banned, is_causal))
    assert [one.text for one in reference] == [one.text for one in fast]
    assert [one.score for one in reference] == pytest.approx([one.score for one in fast], abs=1e-3)
    left = words([one.text for one in reference])
    assert sum(left[word] for word in banned) < sum(usual[word] for word in banned) / 4


def test_sampling_keeps_to_the_ban(folder: Path) -> None:
    free, _ = engines(folder, [], False)
    usual = words([one.text for one in write(free, PROMPTS, SAMPLED)])
    banned = [word for word, _ in usual.most_common(3)]
    kept, _ = engines(folder, banned, False)
    left = words([one.text for one in write(kept, PROMPTS, SAMPLED)])
    assert sum(left[word] for word in banned) < sum(usual[word] for word in banned) / 4


def test_a_banned_word_of_the_prompt_may_stand_there(tmp_path: Path) -> None:
    """What is banned is writing it: a title that has the word is described all the same."""
    folder = tiny.make_causal(tmp_path, "llama", spread=0.3)
    for engine in engines(folder, ["description", "blue", "title"], True):
        found = write(engine, [Prompt().render(Product("Blue lamp"))], GREEDY)
        assert found[0].text


def test_tokens_of_every_case_and_of_the_middle_of_a_sentence() -> None:
    own = tiny.tokenizer(causal=True)

    def encode(text: str) -> list[int]:
        return own(text, add_special_tokens=False)["input_ids"]  # type: ignore[no-any-return]

    said = {own.decode(ids) for ids in sequences(["travel bag", "art*"], encode)}
    assert {" travel bag", " travel-bag", "Travel bag", " TRAVEL BAG", "TRAVEL BAG", " art", "Art"} <= said
    assert "art" not in said, "the end of 'cart' is no word"
    assert "travel bag" not in said


def test_bans_count_from_where_the_text_begins() -> None:
    torch = pytest.importorskip("torch")
    bans = Bans([[5], [1, 2], [3, 4, 6]])
    scores = bans.processor(2)(torch.tensor([[3, 4, 1], [9, 3, 4], [3, 3, 4]]), torch.zeros(3, 8))
    assert scores[:, 5].isinf().all()
    assert scores[0, 2].isinf() and not scores[1, 2].isinf()
    assert not scores[1, 6].isinf(), "its 3 stands in the prompt"
    longer = bans.processor(1)(torch.tensor([[0, 3, 4]]), torch.zeros(1, 8))
    assert longer[0, 6].isinf()


def test_the_signature_says_that_words_are_banned(tiny_causal: Path) -> None:
    (reference, fast), (free, _) = engines(tiny_causal, ["lamp"], True), engines(tiny_causal, [], True)
    assert "|banned:" in reference.signature() and "|banned:" in fast.signature()
    assert "banned" not in free.signature()


def test_no_number_is_written_of_a_product_of_which_none_is_told(folder: Path) -> None:
    """In figures or in words; a product of which one is told gets the text that it would have got."""
    plain = [word for word in tiny.WORDS if word.isalpha()]
    bare = [Product(f"{first} {second}") for first in plain[:6] for second in plain[-6:]]
    products = [*bare, Product("lamp 40"), Product("two lamps")]
    free = Decoding(max_new_tokens=60, min_new_tokens=60, repetition_penalty=3.0)
    kept = free.over({"numbers": "given"})
    for engine in engines(folder, [], False):
        prompts = Prompt().prepare(products, engine.encode)
        usual = [rows[0].text for rows in engine.generate(prompts, free)]
        texts = [rows[0].text for rows in engine.generate(prompts, kept)]
        assert re.search(r"\d", " ".join(usual[:-2])), "without the rule there are numbers"
        assert not re.search(r"\d", " ".join(texts[:-2]))
        some = [rows[0].text for rows in engine.generate(prompts, free.over({"numbers": "when_told"}))]
        assert some == [*texts[:-2], *usual[-2:]], "numbers are told of the last two, and they may have others"
        for product, text, before in zip(products[-2:], texts[-2:], usual[-2:], strict=True):
            told = known_of(product, "en")
            assert not invents_number(text, told)
            assert text == before or invents_number(before, told)


def test_the_space_before_figures_goes_with_them() -> None:
    """SmolLM2 writes " 7" in two tokens: a text whose figures alone were banned had gaps in it."""

    def banned(vocabulary: list[str]) -> list[list[int]]:
        def encode(text: str) -> list[int]:
            found = []
            while text:
                token = max((token for token in vocabulary if text.startswith(token)), key=len, default=text[0])
                found.append(vocabulary.index(token) if token in vocabulary else len(vocabulary) - 1)
                text = text[len(token) :]
            return found

        return numbers("en", vocabulary, encode)

    apart = ["a", " ", *"0123456789", "other"]
    together = ["a", " ", *(f" {figure}" for figure in range(10)), "other"]
    assert [1] in banned(apart) and [1] not in banned(together)


def test_numbers_in_words_are_kept_out_too() -> None:
    def encode(text: str) -> list[int]:
        return [sum(map(ord, word)) for word in text.split()]

    tokens = ["a", " 7", "x2y", "ü", "½"] + ["word"] * 2000
    found = numbers("en", tokens, encode)
    assert [1] in found and [2] in found and [4] in found and [3] not in found and [0] not in found
    for word in ("two", "twelve", "third", "hundred", "Forty"):
        assert encode(word) in found, word
    assert encode("one") not in found and encode("second") not in found
    for product in (Product("Two lamps"), Product("Lamp", facts=("30 cm",)), Product("Lamp", attributes={"set": "3"})):
        assert tells_number(known_of(product, "en"))
    assert not tells_number(known_of(Product("One lamp"), "en")) and not tells_number(known_of(Product("Lamp"), "en"))
    assert encode("zwei") in numbers("de", tokens, encode) and encode("dois") in numbers("pt", tokens, encode)
