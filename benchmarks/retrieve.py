"""Time and memory of sources: an index over a training split, nearest products a batch at a time, edited texts.

    python benchmarks/retrieve.py [--products 1000000] [--asked 20000] [--compare 20] [--quick]

The catalogue is the bundled sample's, every product many times over with three words of its title and ten of its
description drawn anew (so that rare words stay rare and "the" stays common) and half of them with a code of their own.
Times are of the processor, so that what else runs on the machine does not count; all of it is one thread. Peak
memory is that of the process, the made-up catalogue (a stream) included.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from shelftalker.bundled import sample_catalogue
from shelftalker.product import Product
from shelftalker.retrieve.edit import edit
from shelftalker.retrieve.ground import Sources
from shelftalker.retrieve.index import K1, B, words


def products(count: int, seed: int = 0) -> Iterator[Product]:
    """A catalogue of any size that looks like the sample."""
    with gzip.open(sample_catalogue(), "rt", encoding="utf-8") as file:
        rows = [row for row in map(json.loads, file) if row["title"].split() and row["content"].split()]
    draw = random.Random(seed)
    title_words = [word for row in rows for word in row["title"].split()]
    text_words = [word for row in rows for word in row["content"].split()]
    for number in range(count):
        row = rows[number % len(rows)]
        title, text = row["title"].split(), row["content"].split()
        for _ in range(3):
            title[draw.randrange(len(title))] = draw.choice(title_words)
        for _ in range(10):
            text[draw.randrange(len(text))] = draw.choice(text_words)
        if draw.random() < 0.5:
            title.append(f"X{draw.randrange(count)}")
        yield Product(" ".join(title), f"P{number}", {}, (), f"G{number // 2}", " ".join(text))


def bm25s_batch(titles: list[str], asked: list[str]) -> float:
    """Queries a second of bm25s' own batch call (numpy), its best of one and two threads."""
    import bm25s

    engine = bm25s.BM25(k1=K1, b=B, method="lucene")
    engine.index([words(title) for title in titles], show_progress=False)
    rates = []
    for threads in (0, 2):
        start = time.perf_counter()
        engine.retrieve([words(title) for title in asked], k=48, show_progress=False, n_threads=threads)
        rates.append(len(asked) / (time.perf_counter() - start))
    return max(rates)


def peak() -> float:
    """Peak memory of this process in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def main() -> None:
    """Measure, and print what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--products", type=int, default=1_000_000, help="products in the index")
    parser.add_argument("--asked", type=int, default=20_000, help="products that ask for their sources")
    parser.add_argument("--compare", type=int, default=0, help="titles to ask bm25s' own batch call for as well")
    parser.add_argument("--quick", action="store_true", help="5,000 products: whether it runs, not how fast")
    asked = parser.parse_args()
    if asked.quick:
        asked.products, asked.asked = 5_000, 500
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        sum(1 for _ in products(asked.products))
        made = time.process_time() - start
        start = time.process_time()
        index = Sources.build(products(asked.products), Path(folder) / "sources", "benchmark", "group")
        print(f"index of {len(index):,} products: {time.process_time() - start - made:.0f} s, peak {peak():.2f} GB")
        size = sum(path.stat().st_size for path in index.folder.iterdir()) / 1e6
        start = time.process_time()
        index = Sources(index.folder)
        print(f"on disk {size:,.0f} MB; opened in {time.process_time() - start:.2f} s")
        rows = [row for row, _ in zip(products(asked.products), range(asked.asked), strict=False)]
        for k in (1, 3):
            start = time.process_time()
            found = [
                near for at in range(0, len(rows), 512) for near in index.ground(rows[at : at + 512], k, training=True)
            ]
            print(
                f"{k} of the nearest: {len(rows) / (time.process_time() - start):,.0f} products/s, peak {peak():.2f} GB"
            )
        pairs = [
            (row.title, near[0].product.title, near[0].text) for row, near in zip(rows, found, strict=True) if near
        ]
        start = time.process_time()
        for title, sibling, text in pairs:
            edit(title, sibling, text)
        print(f"edited: {len(pairs) / (time.process_time() - start):,.0f} texts/s")
    if asked.compare:
        titles = [row.title for row in products(asked.products)]
        print(f"bm25s' own batch call: {bm25s_batch(titles, titles[: asked.compare]):,.1f} titles/s")


if __name__ == "__main__":
    main()
