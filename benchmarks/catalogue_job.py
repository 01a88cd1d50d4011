"""A whole catalogue described: rows a second in one process and on a local Ray cluster, and memory by input size.

    python benchmarks/catalogue_job.py                 # minutes on 2 cores
    python benchmarks/catalogue_job.py --only speed    # or memory

Speed: the bundled model in int8, every text forced to one length, each engine on one thread. Every job is run over a
small and over a large input; rows a second are the rows more by the seconds more, so that starting (Ray's above all)
does not count; the seconds of both are printed beside them. Memory: a tiny T5 with random weights writes a few tokens
a row, so that what grows with the input would show. Every job runs in a process of its own; its peak of resident
memory is its own. With --quick, whose figures mean nothing, all is one process, and Ray is started once.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

WORDS = "steel bottle kettle wool scarf oak table travel bag leather wallet warm light lamp cotton shirt blue".split()


def catalogue(path: Path, rows: int) -> Path:
    """A JSON lines catalogue: an article number, a title of 3 to 12 words, a price."""
    chance = random.Random(0)
    with path.open("w", encoding="utf-8") as file:
        for number in range(rows):
            title = " ".join(chance.choices(WORDS, k=chance.randint(3, 12)))
            file.write(json.dumps({"sku": f"A{number}", "title": f"{title} {number}", "price": number % 100}) + "\n")
    return path


def make_tiny(folder: Path) -> Path:
    """A T5 of two narrow layers with random weights and the bundled model's tokenizer."""
    import torch
    from transformers import AutoTokenizer, T5Config, T5ForConditionalGeneration

    from shelftalker.bundled import mini_t5

    tokenizer = AutoTokenizer.from_pretrained(mini_t5())
    torch.manual_seed(0)
    config = T5Config(
        vocab_size=8000,
        d_model=32,
        d_kv=8,
        d_ff=64,
        num_layers=2,
        num_heads=4,
        feed_forward_proj="gated-gelu",
        decoder_start_token_id=0,
        pad_token_id=0,
        eos_token_id=1,
    )
    T5ForConditionalGeneration(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def measure(case: dict[str, Any]) -> dict[str, Any]:
    """One job, in this process."""
    from shelftalker import console
    from shelftalker.recipe.recipe import Recipe
    from shelftalker.writing.job.job import generate

    console.configure(quiet=True)
    if case.get("make"):
        make_tiny(Path(case["make"]))
        return {}
    if case.get("read"):
        return {"rows": _read(Path(case["read"])), "peak_mb": _peak_mb()}
    workers = case.get("workers", 0)
    recipe = Recipe().with_flags(
        device="cpu",
        decoding={"max_new_tokens": case["tokens"], "min_new_tokens": case["tokens"]},
        generate={"threads": 1, "window_rows": case["window"], "ray_workers": workers},
    )
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        job = generate(case["input"], Path(folder) / "out.jsonl", case["model"], recipe, ray=bool(workers))
    return {"rows": job.rows, "failed": job.failed, "seconds": time.perf_counter() - began, "peak_mb": _peak_mb()}


def _read(path: Path) -> int:
    """All that a job does with its input but describing it."""
    from shelftalker.catalogue.read import rows as catalogue_rows

    return sum(1 for _ in catalogue_rows.read(catalogue_rows.inspect(path)))


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def apart(case: dict[str, Any]) -> dict[str, Any]:
    """Run a case in a fresh process."""
    done = subprocess.run(
        [sys.executable, __file__, "--case", json.dumps(case)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    if found.get("failed"):
        raise SystemExit(f"{found['failed']} rows failed")
    return found


ENGINES = {"one process": 0, "--ray, 1 engine": 1, "--ray, 2 engines": 2}


Run = Callable[[dict[str, Any]], dict[str, Any]]


def speed(folder: Path, rows: int, tokens: int, window: int, engines: dict[str, int], run: Run) -> dict[str, Any]:
    """The same job in one process, and on Ray with one and two engines."""
    common = {"model": "bundled", "tokens": tokens, "window": window}
    small = str(catalogue(folder / "small.jsonl", rows // 4))
    large = str(catalogue(folder / "large.jsonl", rows))
    run(common | {"input": small})  # converted outside of what is measured
    results: dict[str, Any] = {}
    for name, workers in engines.items():
        if workers and not _has_ray():
            print("--ray: skipped, the extra [ray] is not installed")
            break
        inputs = [large] if workers and run is measure else [small, large]
        found = [run(common | {"input": one, "workers": workers}) for one in inputs]
        short, long = found[0] if len(found) > 1 else {"rows": 0, "seconds": 0.0}, found[-1]
        rate = (long["rows"] - short["rows"]) / max(long["seconds"] - short["seconds"], 1e-3)
        results[name] = {"rows_per_second": rate, "small": short, "large": long}
        ratio = rate / results["one process"]["rows_per_second"]
        spent = f"{short['seconds']:.1f} s for {short['rows']} rows, {long['seconds']:.1f} s for {long['rows']}"
        print(f"{name:20} {rate:7.1f} rows/s  x{ratio:4.2f}  ({spent})", flush=True)
    return results


def memory(folder: Path, sizes: list[int], run: Run) -> dict[str, Any]:
    """Peak memory of jobs over inputs of two sizes, and of reading these and ones twelve times as large alone."""
    model = str(folder / "tiny")
    apart({"make": model})
    results: dict[str, Any] = {}
    for rows in sizes:
        source = catalogue(folder / f"{rows}.jsonl", rows)
        results[f"{rows:,} rows"] = found = run({"input": str(source), "model": model, "tokens": 4, "window": 512})
        print(
            f"{rows:>9,} rows  peak {found['peak_mb']:5.0f} MB  {found['seconds']:6.1f} s"
            f"  {rows / found['seconds']:6.0f} rows/s",
            flush=True,
        )
    for rows in [*sizes, 4 * sizes[-1], 12 * sizes[-1]]:
        found = run({"read": str(catalogue(folder / "read.jsonl", rows))})
        results[f"{rows:,} rows, read only"] = found
        print(f"{rows:>9,} rows  peak {found['peak_mb']:5.0f} MB  reading alone", flush=True)
    return results


def _has_ray() -> bool:
    from importlib.util import find_spec

    return find_spec("ray") is not None


def main() -> None:
    """Run the parts and print a line a job."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=["speed", "memory"])
    parser.add_argument("--rows", type=int, default=2048, help="rows of the large input for speed")
    parser.add_argument("--tokens", type=int, default=64, help="tokens of each of its texts")
    parser.add_argument("--json", type=Path, help="write the results here too")
    parser.add_argument("--quick", action="store_true", help="a few rows, to see that it runs; no figures to quote")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.case:
        print(json.dumps(measure(json.loads(given.case))))
        return
    rows, window, sizes = (48, 8, [100, 200]) if given.quick else (given.rows, 64, [10_000, 100_000])
    run = measure if given.quick else apart
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as scratch:
        os.environ.setdefault("XDG_CACHE_HOME", scratch)
        if given.only in (None, "speed"):
            engines = {name: count for name, count in ENGINES.items() if count != 1 or not given.quick}
            tokens = 8 if given.quick else given.tokens
            results["speed"] = speed(Path(scratch), rows, tokens, window, engines, run)
        if given.only in (None, "memory"):
            results["memory"] = memory(Path(scratch), sizes, run)
    if given.json:
        given.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
