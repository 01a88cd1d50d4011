"""Words, n-grams and near-duplicates against slow and obvious versions of themselves."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shelftalker.catalogue import split
from shelftalker.catalogue.examples import sample
from shelftalker.catalogue.groups import near, words
from shelftalker.product import Product


def slow_words(text: str) -> list[str]:
    return re.findall(r"[぀-ヿ一-鿿가-힯]|[a-z0-9à-öø-ÿ]+", text.lower())


TEXTS = st.lists(
    st.one_of(
        st.text("abcDEF012 .,-'", max_size=40),
        st.text("aé Éü“”’—\u00a0日本語x", max_size=30),
        st.just("a-word-beyond-sixteen-bytes abcdefghijklmnopqrstuvwxyz0123456789"),
    ),
    max_size=8,
)


@settings(max_examples=200, deadline=None)
@given(TEXTS)
def test_words_are_those_of_a_regular_expression(texts: list[str]) -> None:
    found = words.find([text.encode() for text in texts])
    assert found.counts.tolist() == [len(slow_words(text)) for text in texts]
    by_hash: dict[int, str] = {}
    for number, word in zip(found.hashes.tolist(), (word for text in texts for word in slow_words(text)), strict=True):
        assert by_hash.setdefault(number, word) == word
    assert len(set(by_hash.values())) == len(by_hash)


@settings(max_examples=200, deadline=None)
@given(TEXTS, st.sampled_from([1, 3, 13]))
def test_grams_and_keys_are_equal_exactly_where_the_words_are(texts: list[str], size: int) -> None:
    found = words.find([text.encode() for text in texts])
    lists = [slow_words(text) for text in texts]
    keys = words.keys(found).tolist()
    assert all((keys[a] == keys[b]) == (lists[a] == lists[b]) for a in range(len(texts)) for b in range(a))
    hashes, rows = words.grams(found, size)
    for at, mine in enumerate(lists):
        wanted = {tuple(mine[start : start + size]) for start in range(max(len(mine) - size + 1, min(len(mine), 1)))}
        assert len(set(hashes[rows == at].tolist())) == len(wanted)


def shingle_sets(path: Path, sets: list[set[int]]) -> near.Shingles:
    flat = np.array([value for found in sets for value in sorted(found)], np.uint32)
    flat.tofile(path)
    return near.Shingles(path, np.array([len(found) for found in sets]))


@given(st.lists(st.integers(0, 9)), st.lists(st.integers(0, 9)))
def test_sets_are_numpys(values: list[int], others: list[int]) -> None:
    ours, theirs = np.array(values, np.uint64), np.array(others, np.uint64)
    assert words.among(ours, theirs).tolist() == np.isin(ours, theirs).tolist()
    assert words.repeats(ours).tolist() == np.unique(ours, return_counts=True)[1].tolist()


def test_similarity_is_jaccards(tmp_path: Path) -> None:
    dice = np.random.default_rng(1)
    sets = [set((dice.integers(0, 60, dice.integers(1, 50)) * 2).tolist()) for _ in range(60)]
    shingles = shingle_sets(tmp_path / "s", sets)
    left, right = np.divmod(np.arange(3600), 60)
    wanted = [len(sets[a] & sets[b]) / len(sets[a] | sets[b]) for a, b in zip(left, right, strict=True)]
    assert near.jaccard(shingles, left, right).tolist() == pytest.approx(wanted)


@pytest.mark.parametrize("block", [10_000, 64])
def test_groups_are_those_of_comparing_every_pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    """Families with a shared stock of shingles among unrelated rows that share common ones."""
    monkeypatch.setattr(near, "ROWS_AT_ONCE", block)
    monkeypatch.setattr(near, "POSTINGS_AT_ONCE", block * 50)
    dice = np.random.default_rng(2)
    sets = []
    for _ in range(120):
        stock = dice.integers(1 << 10, 1 << 31, 120)
        for _ in range(dice.integers(1, 4)):
            own = dice.choice(stock, dice.integers(20, 110), replace=False)
            common = dice.integers(0, 200, 6)
            sets.append({int(value) * 2 for value in [*own, *common]})
    shingles = shingle_sets(tmp_path / "s", sets)
    labels = np.arange(len(sets))
    keys = words.mix(np.arange(len(sets), dtype=np.uint64))
    near.join_alike(shingles, keys, np.ones(len(sets), bool), 0.2, labels)
    wanted = np.arange(len(sets))
    for a in range(len(sets)):
        for b in range(a):
            if len(sets[a] & sets[b]) / len(sets[a] | sets[b]) >= 0.2:
                near.join(wanted, np.array([a]), np.array([b]))
    assert labels.tolist() == wanted.tolist()
    assert 100 < len(set(labels.tolist())) < len(sets)


def test_a_large_family_is_one_group(tmp_path: Path) -> None:
    """Five hundred rows with one boilerplate text: every list that they share is long."""
    stock = [number * 1_000_003 % (1 << 31) * 2 for number in range(60)]
    sets = [{*stock, number * 7919 * 2 + 10**8} for number in range(500)]
    labels = np.arange(500)
    keys = words.mix(np.arange(500, dtype=np.uint64))
    near.join_alike(shingle_sets(tmp_path / "s", sets), keys, np.ones(500, bool), 0.2, labels)
    assert set(labels.tolist()) == {0}


def test_draws_are_even_and_never_change() -> None:
    keys = words.mix(np.arange(20_000, dtype=np.uint64))
    chance = split.draw(keys, 42)
    assert 0 <= chance.min() < 0.001
    assert 0.999 < chance.max() < 1
    assert np.histogram(chance, 10, (0, 1))[0].min() > 1800
    # A row's split is a promise across versions.
    assert split.draw(np.array([1, 2**63], np.uint64), 42).tolist() == pytest.approx(DRAWN, abs=1e-15)


DRAWN = [0.5628740681008401, 0.8924746635880012]


def test_a_sample_is_part_of_a_larger_one_and_blind_to_order() -> None:
    examples = [Product("t", uid=f"u{number}", description="d") for number in range(500)]
    small, large = sample(examples, 50, 1), sample(examples, 200, 1)
    assert len(small) == 50
    assert set(map(id, small)) < set(map(id, large))
    assert [row.uid for row in small] == sorted((row.uid for row in small), key=lambda uid: int(uid[1:]))
    assert {row.uid for row in sample(examples[::-1], 50, 1)} == {row.uid for row in small}
    assert {row.uid for row in sample(examples, 50, 2)} != {row.uid for row in small}
    assert sample(examples, None, 1) == sample(examples, 999, 1) == examples
