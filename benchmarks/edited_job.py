"""A catalogue job in which the model writes nothing: every row's sibling is edited. Rows a second, and where time goes.

    python benchmarks/edited_job.py [--rows 10000] [--products 0] [--workers 1 2] [--parts] [--keep FILE] [--quick]

The index holds the training split's share of the bundled sample (2,800 products) or, with `--products`, so many made
of it. The catalogue holds their titles in another colour, size or count; rows that would not be edited are left out
beforehand. The job is run with each number of `--workers` (1: in this process alone), and must write the same bytes.
Times are of the processor, children's included, so that what else runs on the machine does not count. `--parts` says
for each part of the work what it costs itself, without what it calls of the others, in this process alone; measuring
that costs something too.
"""

from __future__ import annotations

import argparse
import functools
import gzip
import importlib
import itertools
import json
import multiprocessing
import os
import random
import resource
import shutil
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from retrieve import products as many

from shelftalker import console
from shelftalker.bundled import mini_t5, sample_catalogue
from shelftalker.checks.given import Given
from shelftalker.device import cores
from shelftalker.generation.engine import Generation
from shelftalker.product import Product
from shelftalker.recipe.grounding import RouteSettings
from shelftalker.recipe.recipe import Recipe
from shelftalker.retrieve.ground import Sources
from shelftalker.writing.job.job import generate
from shelftalker.writing.writer import Writer

EDIT_FROM = 0.3
PARTS = {
    "cleaning": ("shelftalker.catalogue.clean.product", "ProductCleaner.product"),
    "finding sources": ("shelftalker.retrieve.ground", "Sources.ground"),
    "starting": ("shelftalker.writing.writer", "write_with"),
    "language": ("shelftalker.writing.editor", "of_neighbours"),
    "editing": ("shelftalker.writing.route", "edit"),
    "checks": ("shelftalker.writing.route", "check"),
    "attributes against the title": ("shelftalker.writing.written", "conflicts"),
    "writing, around these": ("shelftalker.writing.writer", "Writer.write"),
    "windows, around it": ("shelftalker.writing.job.job", "describe"),
    "windows as bytes": ("shelftalker.writing.job.job", "lines"),
    "the output": ("shelftalker.writing.job.output", "assemble"),
    "counts": ("shelftalker.writing.job.job", "_counts"),
}
COLOURS = "red blue green black white grey pink purple yellow orange brown navy ivory teal".split()
SIZES = "small medium large king double single XS S M L XL XXL".split()


def sample() -> list[Product]:
    """Four of five of the bundled sample's products that have a description."""
    with gzip.open(sample_catalogue(), "rt", encoding="utf-8") as file:
        rows = [row for row in map(json.loads, file) if row["title"].split() and row["content"].split()]
    return [Product(row["title"], row["uid"], description=row["content"]) for row in rows if hash_of(row["uid"]) < 0.8]


def hash_of(uid: str) -> float:
    """A number from 0 to 1 that is the same for the same uid."""
    return random.Random(uid).random()


def variant(title: str, draw: random.Random) -> str:
    """A title in another colour, size or count; one that has none of these is now in a colour."""
    words = title.split()
    places = list(range(len(words)))
    draw.shuffle(places)
    for place in places:
        bare = words[place].strip(",()")
        known = next((kind for kind in (COLOURS, SIZES) if bare in kind or bare.lower() in kind), None)
        if known is not None:
            other = draw.choice(known)
        elif bare.isdigit() and len(bare) < 4:
            other = str(int(bare) + draw.randint(1, 9))
        else:
            continue
        words[place] = words[place].replace(bare, other.capitalize() if bare.istitle() else other)
        return " ".join(words)
    return f"{title}, {draw.choice(COLOURS)}"


def variants(products: list[Product], seed: int = 0) -> Iterator[str]:
    """Titles without end, each once."""
    draw, seen = random.Random(seed), {product.title for product in products}
    while True:
        for product in products:
            title = variant(product.title, draw)
            if title not in seen:
                seen.add(title)
                yield title


def make(folder: Path, products: int, rows: int) -> None:
    """The model with its index, and the first titles of which a sibling's text is edited."""
    from shelftalker.writing.route import route

    shutil.copytree(mini_t5(), folder / "model")
    console.configure(quiet=True)
    index = list(many(products)) if products else sample()
    sources, found = Sources.build(index, folder / "model/sources", "benchmark", "row"), 0
    titles, settings = variants(index), RouteSettings(edit_from=EDIT_FROM)
    with (folder / "catalogue.jsonl").open("w", encoding="utf-8") as file:
        while found < rows:
            batch = [Product(next(titles)) for _ in range(512)]
            for product, near in zip(batch, sources.ground(batch, 3), strict=True):
                if found < rows and route(Given(product.title), near, settings).route == "edited":
                    file.write(json.dumps({"sku": f"A{found}", "title": product.title}) + "\n")
                    found += 1
    # The first job with a model converts it.
    (folder / "first.jsonl").write_text('{"title": "Oak chair, red"}\n', encoding="utf-8")
    generate(folder / "first.jsonl", folder / "first.out.jsonl", folder / "model", recipe())


def recipe(workers: int = 1) -> Recipe:
    """Everything as it is by default, but that siblings are edited, by so many processes."""
    return Recipe().with_flags(device="cpu", route={"edit_from": EDIT_FROM}, generate={"workers": workers})


class Written:
    """Stands for a model: it has everything written already, so that what remains is what stands around a model."""

    def __init__(self, texts: list[str]) -> None:
        self._texts = itertools.cycle(texts)

    def for_decoding(self, _: Any) -> Written:
        """The same for every decoding."""
        return self

    def encode(self, texts: list[str]) -> list[list[int]]:
        """A number a word."""
        return [[1] * len(text.split()) for text in texts]

    def generate(self, prompts: list[Any], *_: Any, **__: Any) -> list[list[Any]]:
        """A text a prompt."""
        return [[Generation(next(self._texts), 60, False, None)] for _ in prompts]

    def signature(self) -> str:
        """Nobody's."""
        return "none"


def around_a_model(folder: Path, policy: str, rows: int) -> float:
    """Processor milliseconds a row of all but the model, where the model writes every row and is shown a source."""
    asked = Recipe().with_flags(
        prompt="Similar: {sources}\nTitle: {title}\nDescription:", generate={"facts": policy, "sense": False}
    )
    sources = Sources(folder / "model/sources")
    texts = [sources.product(place).description for place in range(len(sources))]
    writer = Writer(Written(texts), asked, sources)  # type: ignore[arg-type]
    lines = (folder / "catalogue.jsonl").read_text(encoding="utf-8").splitlines()[:rows]
    products = [Product(json.loads(line)["title"]) for line in lines]
    began = time.process_time()
    for at in range(0, len(products), 512):
        writer.write(products[at : at + 512])
    return 1000 * (time.process_time() - began) / len(products)


class Clock:
    """Processor time by part, each without the parts that it calls."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._running = ["everything else"]
        self._since = time.process_time()

    def switch(self, part: str | None) -> None:
        """Go into a part, or out of the last one."""
        now = time.process_time()
        self.seconds[self._running[-1]] += now - self._since
        self._since = now
        if part is None:
            self._running.pop()
        else:
            self._running.append(part)

    def watch(self, part: str, module: str, path: str) -> None:
        """Count what a function takes to a part."""
        owner: Any = importlib.import_module(module)
        *outer, name = path.split(".")
        for one in outer:
            owner = getattr(owner, one)
        real: Callable[..., Any] = getattr(owner, name)

        @functools.wraps(real)
        def timed(*args: Any, **named: Any) -> Any:
            self.switch(part)
            try:
                found = real(*args, **named)
                return list(found) if part.startswith("attributes") else found
            finally:
                self.switch(None)

        setattr(owner, name, timed)


def spent() -> float:
    """Processor seconds of this process and of those that it started and that have ended."""
    return sum(one.ru_utime + one.ru_stime for one in map(resource.getrusage, (0, resource.RUSAGE_CHILDREN)))


def measure(folder: Path, workers: int) -> None:
    """Run the job and print what it took."""
    began, began_wall = spent(), time.perf_counter()
    output = folder / f"out-{workers}.jsonl"
    job = generate(folder / "catalogue.jsonl", output, folder / "model", recipe(workers))
    seconds, wall = spent() - began, time.perf_counter() - began_wall
    routes = Counter(json.loads(line)["route"] for line in output.open(encoding="utf-8"))
    print(
        f"{workers} worker{'s' * (workers > 1)}: {job.rows:,} rows "
        f"({', '.join(f'{count:,} {name}' for name, count in routes.items())}), index of "
        f"{len(Sources(folder / 'model/sources')):,}: {1000 * seconds / job.rows:.2f} ms of processor a row, "
        f"{job.rows / seconds:,.0f} rows a second of it; {job.rows / wall:,.0f} rows/s by the clock",
        flush=True,
    )


def main() -> None:
    """Make the index and the catalogue, run the job, print what it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000, help="rows of the catalogue")
    parser.add_argument("--products", type=int, default=0, help="products in the index; 0: the sample's")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, max(2, cores())], help="processes that edit")
    parser.add_argument("--parts", action="store_true", help="say where the time goes")
    parser.add_argument("--keep", type=Path, help="keep the output here, to compare it with another version's")
    parser.add_argument("--quick", action="store_true", help="200 rows: whether it runs, not how fast")
    asked = parser.parse_args()
    console.configure(quiet=True)
    rows = 200 if asked.quick else asked.rows
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        os.environ.setdefault("XDG_CACHE_HOME", scratch)
        # In a process of its own: the job is to begin with empty memories.
        maker = multiprocessing.get_context("spawn").Process(target=make, args=(folder, asked.products, rows))
        maker.start()
        maker.join()
        parts: dict[str, float] = {}
        clock = Clock() if asked.parts or asked.quick else None
        if clock:
            for part, (module, path) in PARTS.items():
                clock.watch(part, module, path)
        for workers in sorted(asked.workers):
            measure(folder, workers)
            if workers == 1 and clock:
                parts = dict(clock.seconds)
        if asked.keep:
            shutil.copy(folder / f"out-{asked.workers[0]}.jsonl", asked.keep)
        same = {(folder / f"out-{workers}.jsonl").read_bytes() for workers in asked.workers}
        around = {policy: around_a_model(folder, policy, 200 if asked.quick else 2000) for policy in ("any", "given")}
    told = ", ".join(f"{took:.2f} ms where generate.facts is {policy}" for policy, took in around.items())
    print(f"around a model that writes every row (sources found, prompts made, texts checked): {told}")
    for part, took in sorted(parts.items(), key=lambda one: -one[1]):
        print(f"{part:30} {1000 * took / rows:6.3f} ms a row")
    if len(same) > 1:
        sys.exit("the outputs differ")


if __name__ == "__main__":
    main()
