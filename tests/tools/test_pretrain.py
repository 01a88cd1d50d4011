"""The pretraining tools on a toy corpus: they learn, resume exactly and export what loads."""

from __future__ import annotations

import argparse
import json
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

from tools.pretrain import corpus as corpus_module
from tools.pretrain import examples as examples_module
from tools.pretrain import export, train
from tools.pretrain.corpus import Document, debian_text, is_held_out, strip_markup, write_corpus
from tools.pretrain.examples import Corpus, Examples, chunks, corrupt
from tools.pretrain.muon import orthogonalize
from tools.pretrain.tokenizer import train_tokenizer

COLOURS = ["red", "blue", "green", "amber", "ivory"]
THINGS = ["kettle", "lantern", "blanket", "notebook", "saddle", "compass"]
TEXTS = [
    "Café chairs, 45 × 60 cm, at 20 °C: £1,299.99 (½ off!)",
    "“Curly” quotes – and an ellipsis… in the shop’s own voice",
    '12-piece set; 3/4" drive, 1.5 m cable, #7 finish & more',
    "日本 tea 😀",
]


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a toy corpus and its tokenizer."""
    folder = tmp_path_factory.mktemp("workshop")
    documents = [
        Document(
            "rds",
            f"{colour.title()} {thing.title()} No. {number}",
            f"A {colour} {thing} for home and garden. This {thing} weighs {number} kg and lasts long. "
            f"The {colour} finish suits every room.",
        )
        for colour in COLOURS
        for thing in THINGS
        for number in range(8)
    ]
    write_corpus(documents, folder / "corpus.jsonl")
    train_tokenizer(folder / "corpus.jsonl", 620).save_pretrained(folder / "tokenizer")
    return folder


def settings(workshop: Path, out: Path, steps: int = 24) -> argparse.Namespace:
    """A run of seconds: 32 wide, one layer each side."""
    flags = {
        "--corpus": workshop / "corpus.jsonl", "--tokenizer": workshop / "tokenizer", "--out": out,
        "--steps": steps, "--d-model": 32, "--d-ff": 64, "--d-kv": 16, "--heads": 2,
        "--encoder-layers": 1, "--decoder-layers": 1, "--batch-tokens": 1200, "--pool": 96,
        "--log-every": 4, "--eval-every": 1e9, "--save-every": 0, "--held-out": 4,
    }  # fmt: skip
    words = [str(word) for pair in flags.items() for word in pair]
    return train.arguments().parse_args([*words, "--cpu", "--threads", "1"])


@pytest.fixture(scope="module")
def finished(workshop: Path) -> Path:
    """The checkpoint of an uninterrupted toy run."""
    return train.train(settings(workshop, workshop / "runs" / "whole"))


def weights(checkpoint: Path) -> dict[str, torch.Tensor]:
    """A checkpoint's parameters."""
    return torch.load(checkpoint, weights_only=True)["model"]


def test_loss_falls(finished: Path) -> None:
    rows = [json.loads(line) for line in (finished.parent / "log.jsonl").open()]
    assert rows[0]["loss"] < 7.5, "the head's start is off: log(620) is 6.4"
    assert rows[-1]["loss"] < rows[0]["loss"] - 1.0


def test_killed_between_steps_and_inside_a_save_resumes_exactly(
    workshop: Path, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = workshop / "runs" / "cut"
    honest = torch.save
    calls = 0

    def dies_in_ninth_save(state: dict[str, object], file: object) -> None:
        nonlocal calls
        calls += 1
        if calls == 9:
            file.write(b"half a checkpoint")  # type: ignore[attr-defined]
            raise KeyboardInterrupt
        honest(state, file)

    monkeypatch.setattr(torch, "save", dies_in_ninth_save)
    with pytest.raises(KeyboardInterrupt):
        train.train(settings(workshop, out))
    assert torch.load(out / "checkpoint.pt", weights_only=True)["step"] == 8
    resumed = weights(train.train(settings(workshop, out)))
    whole = weights(finished)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_non_finite_loss_stops_and_keeps_the_checkpoint(workshop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = workshop / "runs" / "broken"
    train.train(settings(workshop, out, steps=2))
    before = (out / "checkpoint.pt").read_bytes()
    monkeypatch.setattr(train, "token_loss", lambda *_: torch.tensor([float("nan")]))
    with pytest.raises(SystemExit, match="loss is nan"):
        train.train(settings(workshop, out, steps=4))
    assert (out / "checkpoint.pt").read_bytes() == before


def test_export_loads_untied_in_float32_and_survives_a_round_trip(
    workshop: Path, finished: Path, tmp_path: Path
) -> None:
    out = tmp_path / "model"
    state = torch.load(finished, weights_only=True)
    count = export.export_weights(state, workshop / "tokenizer", out)
    model = AutoModelForSeq2SeqLM.from_pretrained(out)
    assert model.dtype == torch.float32
    assert model.num_parameters() == count
    assert not torch.equal(model.lm_head.weight, model.shared.weight)
    torch.testing.assert_close(model.lm_head.weight.data, state["model"]["lm_head.weight"], atol=1e-3, rtol=1e-3)
    model.save_pretrained(tmp_path / "again")
    again = AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "again")
    tokenizer = AutoTokenizer.from_pretrained(out)
    inputs = tokenizer("Title: Red Kettle", return_tensors="pt")
    kwargs = {"max_new_tokens": 8, "num_beams": 2, "do_sample": False}
    assert torch.equal(model.generate(**inputs, **kwargs), again.generate(**inputs, **kwargs))


def test_export_writes_a_card_with_its_own_figures(
    workshop: Path, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "TITLES", ["Red Kettle"])
    state = torch.load(finished, weights_only=True)
    export.export_weights(state, workshop / "tokenizer", tmp_path)
    export.write_card(tmp_path, state, 12_345_678, workshop / "corpus.jsonl")
    card = (tmp_path / "README.md").read_text()
    assert "12.3 M" in card
    assert "| rds |" in card
    assert "$" not in card.replace("$0", "")


@pytest.mark.parametrize("text", TEXTS)
def test_tokenizer_is_lossless(workshop: Path, text: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(workshop / "tokenizer")
    ids = tokenizer(text).input_ids
    assert ids[-1] == tokenizer.eos_token_id
    assert tokenizer.unk_token_id not in ids
    assert tokenizer.decode(ids, skip_special_tokens=True) == text


def test_tokenizer_folds_white_space_and_splits_digits(workshop: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(workshop / "tokenizer")
    assert tokenizer("a\n b\t c").input_ids == tokenizer("a b c").input_ids
    assert [piece.strip("▁") for piece in tokenizer.tokenize("x 2024") if piece.strip("▁x")] == list("2024")
    assert tokenizer.convert_tokens_to_ids("<extra_id_0>") == len(tokenizer) - 1


def test_held_out_titles_never_come_up_in_training(workshop: Path) -> None:
    kept = Corpus(workshop / "corpus.jsonl", held_out=True)
    used = Corpus(workshop / "corpus.jsonl", held_out=False)
    assert len(kept) > 0
    assert not set(kept.titles) & set(used.titles)
    assert is_held_out("Oak  Chair!") == is_held_out("oak chair")


def test_pools_depend_on_seed_and_number_alone(workshop: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(workshop / "tokenizer")
    used = Corpus(workshop / "corpus.jsonl", held_out=False)

    def stream(seed: int) -> Examples:
        return Examples(used, tokenizer, batch_tokens=800, seed=seed)

    once, twice, other = stream(3).pool(2), stream(3).pool(2), stream(4).pool(2)
    assert all(
        np.array_equal(a.target, b.target) and np.array_equal(a.source, b.source)
        for a, b in zip(once, twice, strict=True)
    )
    assert any(a.target.shape != b.target.shape for a, b in zip(once, other, strict=False))
    prompt = tokenizer("Given a product title, generate its product description.\nTitle:").input_ids
    openings = [row[: len(prompt) - 1].tolist() for data in once for row in data.source]
    assert openings.count(prompt[:-1]) > 0.25 * len(openings)


@pytest.mark.parametrize(("density", "span"), [(0.15, 3.0), (0.5, 10.0), (0.9, 2.0)])
def test_corruption_loses_no_token(density: float, span: float) -> None:
    rng = np.random.default_rng(0)
    sentinels = list(range(1000, 1100))
    for length in (8, 21, 160):
        tokens = list(range(length))
        source, target = corrupt(tokens, density, span, sentinels, rng)
        spans: dict[int, list[int]] = {}
        for token in target:
            if token >= 1000:
                spans[token] = []
            else:
                spans[next(reversed(spans))].append(token)
        rebuilt = [t for token in source for t in (spans[token] if token >= 1000 else [token])]
        assert rebuilt == tokens


def test_chunks_break_at_sentences_only() -> None:
    text = " ".join(f"Sentence number {i} has six words." for i in range(40))
    pieces = chunks(text, 30)
    assert " ".join(pieces) == text
    assert all(piece.endswith(".") and len(piece.split()) <= 30 for piece in pieces)


def test_orthogonalize_matches_the_polar_factor() -> None:
    torch.manual_seed(0)
    stack = torch.randn(3, 16, 48)
    left, _, right = torch.linalg.svd(stack, full_matrices=False)
    singular = torch.linalg.svdvals(orthogonalize(stack))
    assert singular.min() > 0.6 and singular.max() < 1.3
    cosine = torch.cosine_similarity(orthogonalize(stack).flatten(1), (left @ right).flatten(1))
    assert (cosine > 0.97).all()


def test_cleaning_of_sources(tmp_path: Path) -> None:
    assert strip_markup("<p>Tea &amp; cake<br>for&nbsp;two</p>") == "Tea & cake for two"
    body = [" Reads mail", " offline.", " .", "  * fast", "  * small", " Homepage: nowhere"]
    assert debian_text(body) == "Reads mail offline. fast. small."
    noun = (
        "00001 06 n 02 bar_stool 0 high_stool 0 001 @ 00002 n 0000 | a tall stool used in a bar\n"
        '00002 06 n 01 stool 0 000 | a simple seat without a back or arms; "he sat on it"\n'
    )
    (tmp_path / "data.noun").write_text(noun)
    first, second = corpus_module.wordnet(tmp_path)
    assert first == Document(
        "wordnet",
        "Bar stool",
        "A tall stool used in a bar. Bar stool is a kind of stool. It is also called high stool.",
    )
    assert second.text == "A simple seat without a back or arms."


def test_catalogue_rows_of_excluded_sources_stay_out(tmp_path: Path) -> None:
    rows = [
        {"uid": "lv-1", "title": "Garden, The", "content": "<p>A story.</p> (Summary by A. Reader)"},
        {"uid": "abt-1", "title": "Acme Radio - R1", "content": "Acme Radio - R1/ Two Bands/ Black"},
        {"uid": "az-1", "title": "x", "content": "y"},
    ]
    path = tmp_path / "catalogue.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows))
    book, radio = corpus_module.catalogue(path, frozenset({"az"}))
    assert (book.title, book.text) == ("The Garden", "A story.")
    assert radio.text == "Two Bands. Black."


def test_rate_warms_up_stays_and_falls() -> None:
    rates = train.Rates(warmup=0.1, decay=0.25, floor=0.05)
    assert [round(train.rate_factor(p, rates), 2) for p in (0.05, 0.5, 0.75, 0.875, 1.0)] == [
        0.5, 1.0, 1.0, 0.5, 0.05,
    ]  # fmt: skip


def test_a_fresh_model_already_copies() -> None:
    torch.manual_seed(3)
    model = train.build(train.Shape(), 1000)
    ids = np.random.default_rng(3).integers(200, 1000, (8, 13))
    ids[:, -1] = 1  # </s>
    with torch.no_grad():
        # What follows the source's first token is what follows the target's first one.
        losses = train.token_loss(model, examples_module.Batch(ids, ids), torch.device("cpu")).view(8, 13)
    assert float(losses[:, 1:].median()) < 2.0
    assert float(losses[:, 0].mean()) > 4.0  # where to begin is for training to learn


def test_pause_file_holds_training_until_it_goes(tmp_path: Path) -> None:
    pause = tmp_path / "PAUSE"
    pause.touch()
    threading.Timer(0.2, pause.unlink).start()
    began = time.monotonic()
    train.wait_while_paused(pause)
    assert time.monotonic() - began > 0.15


def test_prompt_is_the_projects_own_byte_for_byte() -> None:
    assert examples_module.PROMPT == (
        "Given a product title, generate its product description.\nTitle: {title}\nDescription:"
    )
