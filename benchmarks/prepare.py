"""Preparation at the real data set's size, against the notebook's loop and a plain Python pipeline.

    python benchmarks/prepare.py                 # 2,248,619 rows, about 2.4 GB, and 4 GB of further files
    python benchmarks/prepare.py --rows 200000 --runs 3
    python benchmarks/prepare.py --quick         # 4,000 rows, to see that it runs; the figures mean nothing

The files are all there before anything is measured; with --data they stay there for another run. Contenders, each in
a process of its own on the same file:

* notebook: the original notebook's loop: `json.loads` on each line, strip, skip empty, reservoir-sample 50,000; no
  cleaning, nothing written.
* plain: what one would write without further thought: the very same rules one after the other on every row, exact
  duplicates by sets of digests, split by hash, JSON lines out, rejected rows too. One process.
* prepare: this package, without near-duplicate groups; "groups": with them; "gzip": from a gzip file, without groups;
  "tenth" and "most": 200,000 and 2,000,000 of the 2,248,619 rows (evenly spaced lines), to see that it is linear.

Memory is the peak of the proportional set sizes of all processes together, sampled five times a second.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent


def notebook(path: Path, _: Path) -> dict[str, int]:
    """The original notebook's pass over the file."""
    rows = kept = 0
    sample: list[dict[str, str]] = []
    dice = random.Random(42)
    with path.open(encoding="utf-8") as file:
        for line in file:
            rows += 1
            row = json.loads(line)
            title, content = (row.get("title") or "").strip(), (row.get("content") or "").strip()
            if not title or not content:
                continue
            kept += 1
            if len(sample) < 50_000:
                sample.append({"title": title, "content": content})
            elif (at := dice.randint(0, kept - 1)) < 50_000:
                sample[at] = {"title": title, "content": content}
    return {"raw": rows, "kept": kept}


def plain(path: Path, out: Path) -> dict[str, int]:
    """A straightforward pipeline with the same rules."""
    from shelftalker.catalogue.clean.cleaner import cut_off, only_format, repeats_title
    from shelftalker.catalogue.clean.rules import RULES
    from shelftalker.prompt import TEMPLATE
    from shelftalker.recipe.catalogue import CleanSettings

    settings = CleanSettings()
    description_rules = [rule.apply for name, rule in RULES.items() if getattr(settings, name)]
    title_rules = [rule.apply for name, rule in RULES.items() if getattr(settings, name) and rule.for_titles]
    word = re.compile(r"[^\W_]+")
    titles: set[bytes] = set()
    texts: set[bytes] = set()
    counts = dict.fromkeys(("raw", "train", "val", "test", "rejected"), 0)

    def digest(text: str) -> bytes:
        return hashlib.blake2b(" ".join(word.findall(text.casefold())).encode(), digest_size=8).digest()

    def why_not(title: str, text: str) -> str | None:
        if not title:
            return "empty_title"
        if not text:
            return "empty_description"
        words, title_words = len(text.split()), len(title.split())
        if title_words < settings.min_title_words or title_words > settings.max_title_words:
            return "title_length"
        if only_format(text):
            return "only_format"
        if repeats_title(title, text):
            return "repeats_title"
        if words < settings.min_description_words or words > settings.max_description_words:
            return "description_length"
        if cut_off(text):
            return "cut_off"
        key = digest(title)
        if key in titles:
            return "duplicate_title"
        titles.add(key)
        key = digest(text)
        if key in texts:
            return "duplicate_description"
        texts.add(key)
        return None

    out.mkdir()
    files = {name: (out / f"{name}.jsonl").open("w", encoding="utf-8") for name in ("train", "val", "test", "rejected")}
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            counts["raw"] += 1
            row = json.loads(line)
            title, text = row["title"], row["content"]
            if title.strip() and text.strip():
                for rule in title_rules:
                    title = rule(title)
                for rule in description_rules:
                    text = rule(text)
                text = " ".join(text.split())
            else:
                title, text = title.strip(), text.strip()
            reason = why_not(title, text)
            if reason:
                counts["rejected"] += 1
                reject = {"file": str(path), "line": number, "uid": row["uid"], "reason": reason, "title": title[:120]}
                files["rejected"].write(json.dumps(reject, ensure_ascii=False) + "\n")
                continue
            key = hashlib.blake2b(f"42\0{title}\0{text}".encode(), digest_size=8).digest()
            chance = int.from_bytes(key, "big") / 2**64
            split = "train" if chance < 0.8 else "val" if chance < 0.9 else "test"
            counts[split] += 1
            example = {
                "input_text": TEMPLATE.replace("{title}", title),
                "target_text": text,
                "uid": row["uid"],
                "title": title,
                "columns": {},
                "group": key.hex(),
            }
            files[split].write(json.dumps(example, ensure_ascii=False) + "\n")
    for file in files.values():
        file.close()
    return counts


def ours(path: Path, out: Path, *, near: bool) -> dict[str, int]:
    """This package."""
    from shelftalker import Recipe, console, prepare

    console.configure(quiet=True)
    recipe = Recipe.load(None, {"prepare.inputs": [str(path)], "paths.data": str(out), "duplicates.near": near})
    return prepare(recipe).counts


CONTENDERS: dict[str, Callable[[Path, Path], dict[str, int]]] = {
    "notebook": notebook,
    "plain": plain,
    "prepare": lambda path, out: ours(path, out, near=False),
    "groups": lambda path, out: ours(path, out, near=True),
}
CONTENDERS |= dict.fromkeys(("gzip", "tenth", "most"), CONTENDERS["prepare"])
SHARES = {"tenth": 200_000 / 2_248_619, "most": 2_000_000 / 2_248_619}
"""Of the rows, how many these contenders get."""
LIMITS = (
    ("prepare", "plain", 0.2, "a fifth of the plain pipeline"),
    ("prepare", "notebook", 1.0, "the notebook's loop, which cleans nothing"),
    ("groups", "prepare", 3.0, "three times prepare without groups"),
    ("gzip", "prepare", 1.5, "one and a half times plain input"),
    ("most", "tenth", 10.0, "linear: ten times the time for ten times the rows"),
)
"""Time of the first, of the second, the highest ratio that is wanted, and its meaning."""


def make_inputs(folder: Path, rows: int, wanted: list[str]) -> dict[str, Path]:
    """The file of each contender; those that ``folder`` already holds are taken as they are."""
    sys.path.insert(0, str(HERE))
    from prepare_data import write

    whole = folder / f"trn-{rows}.json"
    if not whole.exists():
        write(whole, rows)
    found = dict.fromkeys(wanted, whole)
    for name in wanted:
        if name == "gzip":
            found[name] = whole.with_suffix(".json.gz")
            if not found[name].exists():
                with found[name].open("wb") as file:
                    subprocess.run(["gzip", "-c", "-5", str(whole)], stdout=file, check=True)
        elif name in SHARES:
            count = round(rows * SHARES[name])
            found[name] = folder / f"trn-{rows}-{name}.json"
            if not found[name].exists():
                with whole.open("rb") as lines, found[name].open("wb") as file:
                    file.writelines(
                        line for at, line in enumerate(lines) if at * count // rows != (at - 1) * count // rows
                    )
    return found


def peak_memory(process: subprocess.Popen[bytes], found: list[int]) -> None:
    """Append the proportional set size (bytes) of a process and its children to ``found`` until it ends."""
    while process.poll() is None:
        total = 0
        for pid in _family(process.pid):
            try:
                text = Path(f"/proc/{pid}/smaps_rollup").read_text()
            except OSError:
                continue
            total += sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")) * 1024
        found.append(total)
        time.sleep(0.2)


def _family(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        threads = [task.name for task in Path(f"/proc/{pid}/task").iterdir() if task.name != str(pid)]
        for thread in threads:
            children += Path(f"/proc/{pid}/task/{thread}/children").read_text().split()
    except OSError:
        return [pid]
    return [pid, *(found for child in children for found in _family(int(child)))]


@dataclass
class Run:
    """What one run of a contender took."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    counts: dict[str, int]


def measure(name: str, path: Path, out: Path) -> Run:
    """Run one contender in a process of its own."""
    shutil.rmtree(out, ignore_errors=True)
    subprocess.run(["sync"], check=False)
    began, before = time.monotonic(), os.times()
    process = subprocess.Popen(
        [sys.executable, __file__, "--one", name, "--file", str(path), "--out", str(out)], stdout=subprocess.PIPE
    )
    memory: list[int] = []
    watch = threading.Thread(target=peak_memory, args=(process, memory), daemon=True)
    watch.start()
    said, _ = process.communicate()
    seconds, after = time.monotonic() - began, os.times()
    watch.join()
    if process.returncode:
        raise SystemExit(f"{name} failed")
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Run(seconds, cpu, max(memory, default=0), json.loads(said))


def show(results: dict[str, list[Run]]) -> None:
    """Print the figures of each contender, and the ratios that matter."""
    print(f"{'':10}{'rows':>11}{'seconds':>9}{'CPU s':>9}{'peak MB':>9}{'rows/s':>11}")
    seconds = {}
    for name, runs in results.items():
        seconds[name] = statistics.median(run.seconds for run in runs)
        cpu = statistics.median(run.cpu_seconds for run in runs)
        peak = max(run.peak_bytes for run in runs)
        rows = runs[0].counts["raw"]
        print(f"{name:10}{rows:11,}{seconds[name]:9.1f}{cpu:9.1f}{peak / 1e6:9.0f}{rows / seconds[name]:11,.0f}")
    for name, other, limit, meaning in LIMITS:
        if name in seconds and other in seconds:
            ratio = seconds[name] / seconds[other]
            print(f"{name} / {other}: {ratio:.2f}; wanted: at most {limit:g}, {meaning}")


def main() -> None:
    """Time the contenders and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2_248_619)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="4,000 rows, each contender once, in seconds")
    parser.add_argument("--only", nargs="*", default=list(CONTENDERS), choices=list(CONTENDERS))
    parser.add_argument("--data", type=Path, help="folder for the files, which stay there")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(CONTENDERS[arguments.one](arguments.file, arguments.out)))
        return
    if arguments.quick:
        arguments.rows, arguments.runs = 4_000, 1
    rows = arguments.rows
    with tempfile.TemporaryDirectory(prefix="prepare-benchmark-") as name:
        data = arguments.data or Path(name)
        data.mkdir(parents=True, exist_ok=True)
        inputs = make_inputs(data, rows, arguments.only)
        results: dict[str, list[Run]] = {}
        for _ in range(arguments.runs):
            for contender in arguments.only:
                os.sync()  # nobody pays for what the one before left to be written
                found = measure(contender, inputs[contender], Path(name) / "out")
                results.setdefault(contender, []).append(found)
                print(f"{contender}: {found.seconds:.1f} s, {found.counts}", file=sys.stderr)
        print(f"{rows:,} rows, {os.cpu_count()} cores, Python {platform.python_version()}")
        show(results)
        if arguments.json:
            arguments.json.write_text(json.dumps(results, indent=1, default=vars))


if __name__ == "__main__":
    main()
