"""Words, n-grams and near-duplicates against slow and obvious versions of themselves."""

from __future__ import annotations

import random
import re
import runpy
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shelftalker.catalogue import split
from shelftalker.catalogue.examples import sample
from shelftalker.catalogue.groups import links, near, words
from shelftalker.product import Product
from shelftalker.recipe.catalogue import SplitSettings

BENCHMARK = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "grouping.py"))


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


def sets_of(path: Path, sets: list[set[int]]) -> near.Sets:
    flat = np.array([value for found in sets for value in sorted(found)], np.uint32)
    flat.tofile(path)
    return near.Sets(path, np.array([len(found) for found in sets]))


def groups(folder: Path, texts: list[set[int]], titles: list[set[int]] | None = None) -> list[int]:
    """The groups of rows with these shingles and title words, as the lowest row in each."""
    count = len(texts)
    keys = words.mix(np.arange(count, dtype=np.uint64))
    found = near.links(
        sets_of(folder / "texts", texts),
        sets_of(folder / "titles", titles or [set()] * count),
        keys,
        np.ones(count, bool),
        0.2,
    )
    return links.components(count, found).tolist()


@given(st.lists(st.integers(0, 9)), st.lists(st.integers(0, 9)))
def test_sets_are_numpys(values: list[int], others: list[int]) -> None:
    ours, theirs = np.array(values, np.uint64), np.array(others, np.uint64)
    assert words.among(ours, theirs).tolist() == np.isin(ours, theirs).tolist()
    assert words.repeats(ours).tolist() == np.unique(ours, return_counts=True)[1].tolist()


def test_similarity_is_jaccards(tmp_path: Path) -> None:
    dice = np.random.default_rng(1)
    sets = [set((dice.integers(0, 60, dice.integers(1, 50)) << 8).tolist()) for _ in range(60)]
    shingles = sets_of(tmp_path / "s", sets)
    left, right = np.divmod(np.arange(3600), 60)
    common = np.zeros(1 << 24, bool)
    common[:20] = True
    whole, own = near.jaccard(shingles, left, right, near.Common(common, shingles.count(common)))
    assert whole.tolist() == pytest.approx([slow_jaccard(sets[a], sets[b]) for a, b in zip(left, right, strict=True)])
    rare = [{value for value in found if value >> 8 >= 20} for found in sets]
    assert own.tolist() == pytest.approx([slow_jaccard(rare[a], rare[b]) for a, b in zip(left, right, strict=True)])


def slow_jaccard(one: set[int], other: set[int]) -> float:
    return len(one & other) / max(len(one | other), 1)


def test_common_shingles_are_those_that_many_rows_have(tmp_path: Path) -> None:
    counts = {number << 8: rows for number, rows in enumerate([1, 2, 7, 8, 9, 10, 40])}
    sets = [{value for value, rows in counts.items() if row < rows} for row in range(40)]
    table = near.common_hashes(sets_of(tmp_path / "s", sets), np.arange(40), np.arange(40, dtype=np.uint64))
    assert [bool(table[value >> 8]) for value in counts] == [False, False, False, False, True, True, True]


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
            common = dice.integers(0, 200, 6) << 8
            sets.append({int(value) * 2 for value in [*own, *common]})
    rows = Counter(value >> 8 for found in sets for value in found)
    rare = [{value for value in found if rows[value >> 8] <= near.COMMON_ROWS} for found in sets]
    wanted = np.arange(len(sets))
    for a in range(len(sets)):
        for b in range(a):
            if slow_jaccard(rare[a], rare[b]) >= 0.2:
                links.join(wanted, np.array([a]), np.array([b]))
    assert groups(tmp_path, sets) == wanted.tolist()
    assert 100 < len(set(wanted.tolist())) < len(sets)


def stock(number: int, size: int) -> set[int]:
    """Shingles that no other number has."""
    return {(number * 1_000 + at) * 7919 % (1 << 24) << 8 for at in range(size)}


def test_a_large_family_is_one_group(tmp_path: Path) -> None:
    """Five hundred rows with one boilerplate text: every list that they share is long."""
    assert set(groups(tmp_path, [stock(0, 60) | stock(row + 1, 1) for row in range(500)])) == {0}


def test_a_family_of_many_variants_is_one_group_because_their_titles_say_so(tmp_path: Path) -> None:
    """What sixteen rows share is as common as a house's phrase; a sixth of it is each row's own."""
    texts = [stock(0, 50) | stock(row + 1, 10) for row in range(16)]
    alike, unlike = (
        [stock(99, 6) | stock(row + 100, 2) for row in range(16)],
        [stock(row + 100, 6) for row in range(16)],
    )
    assert set(groups(tmp_path, texts, alike)) == {0}
    assert groups(tmp_path, texts, unlike) == list(range(16))


def test_a_phrase_that_a_whole_house_uses_joins_nobody(tmp_path: Path) -> None:
    """Forty rows share half of their text; each other half is of a pair of siblings."""
    texts = [stock(0, 20) | stock(1 + row // 2, 18) | stock(500 + row, 4) for row in range(40)]
    titles = [stock(1 + row // 2, 3) | stock(500 + row, 3) for row in range(40)]
    assert groups(tmp_path, texts, titles) == [row // 2 * 2 for row in range(40)]


def chain(length: int, titles_alike: bool) -> tuple[list[set[int]], list[set[int]]]:
    """Each row shares a third with the next one, nothing with those further on."""
    texts = [stock(row, 20) | stock(row + 1, 20) for row in range(length)]
    return texts, [stock(700 + row, 1) | (stock(900, 9) if titles_alike else set()) for row in range(length)]


@pytest.mark.parametrize(("length", "titles_alike", "largest"), [(20, False, 1), (20, True, 20), (6, False, 6)])
def test_a_chain_of_weak_links_is_cut_unless_titles_hold_it(
    tmp_path: Path, length: int, titles_alike: bool, largest: int
) -> None:
    assert max(Counter(groups(tmp_path, *chain(length, titles_alike))).values()) == largest


def test_no_chain_is_huge_whatever_its_titles(tmp_path: Path) -> None:
    """Every product of one maker is called alike and described alike, and yet they are not all one."""
    assert max(Counter(groups(tmp_path, *chain(60, titles_alike=True))).values()) <= links.HUGE


def test_only_as_much_is_cut_as_makes_groups_small(tmp_path: Path) -> None:
    """Two families of five, joined by one weak link, are two groups; a group of six by weak links stays."""
    row = np.arange(5)
    left, right = np.concatenate([row[:-1], row[:-1] + 5, [0]]), np.concatenate([row[1:], row[1:] + 5, [9]])
    strength = np.array([0.9] * 8 + [0.4], np.float32)
    assert links.components(10, links.Links(left, right, strength)).tolist() == [0] * 5 + [5] * 5
    chain = links.Links(np.arange(5), np.arange(1, 6), np.full(5, 0.3, np.float32))
    assert links.components(6, chain).tolist() == [0] * 6


def test_pairs_labelled_by_hand_are_told_apart() -> None:
    """The sample's part of the labelled pairs; docs/performance.md has the figures."""
    groups, _ = BENCHMARK["groups_of"]("bundled", None)
    pairs = [
        (groups[one] == groups[other], is_sibling) for one, other, is_sibling in BENCHMARK["read_labels"]("sample")
    ]
    assert len(pairs) > 90
    together = [is_sibling for is_together, is_sibling in pairs if is_together]
    assert sum(together) / len(together) >= 0.9
    assert sum(together) / sum(is_sibling for _, is_sibling in pairs) >= 0.85


UNITS = st.lists(st.integers(1, 30), min_size=3, max_size=40)


@settings(max_examples=200, deadline=None)
@given(UNITS, st.sampled_from([(0.8, 0.1, 0.1), (0.5, 0.25, 0.25), (0.9, 0.1, 0.0)]), st.integers(0, 9), st.randoms())
def test_every_split_gets_rows_and_no_group_is_parted(
    sizes: list[int], shares: tuple[float, float, float], seed: int, dice: random.Random
) -> None:
    train, val, test = shares
    wanted = SplitSettings(train=train, val=val, test=test)
    rows = [(unit, at) for unit, size in enumerate(sizes) for at in range(size)]

    def assigned(rows: list[tuple[int, int]]) -> dict[tuple[int, int], int]:
        groups = words.mix(np.array([unit + 1 for unit, _ in rows], np.uint64))
        keys = words.mix(np.array([unit * 1000 + at + 1 for unit, at in rows], np.uint64))
        found = split.assign(groups, keys, np.zeros(len(rows), bool), wanted, seed)
        return dict(zip(rows, found.tolist(), strict=True))

    places = assigned(rows)
    splits = {0, 1, 2} if test else {0, 1}
    assert set(places.values()) == splits
    assert all(len({places[unit, at] for at in range(size)}) == 1 for unit, size in enumerate(sizes))
    shuffled = rows[:]
    dice.shuffle(shuffled)
    assert assigned(shuffled) == places
    counts = Counter(places.values())
    for place, share in ((1, val), (2, test)):
        # More than half as much again only where no group would have been small enough.
        assert counts[place] <= max(1.5 * share * len(rows), sorted(sizes)[len(splits) - 1])


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
