"""Preparation at the real data set's size, against the notebook's loop and a plain Python pipeline.

    python benchmarks/prepare.py                         # 2,248,619 rows, about 2.4 GB: takes some fifteen minutes
    python benchmarks/prepare.py --rows 200000 --runs 3

Contenders, each in a process of its own on the same file:

* notebook: the original notebook's loop: `json.loads` on each line, strip, skip empty, reservoir-sample 50,000; no
  cleaning, nothing written.
* plain: what one would write without further thought: the very same rules one after the other on every row, exact
  duplicates by sets of digests, split by hash, JSON lines out, rejected rows too. One process.
* prepare: this package, without near-duplicate groups; and "prepare, groups": with them; and from a gzip file.

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
    from shelftalker import prompt
    from shelftalker.catalogue.clean import cut_off, only_format, repeats_title
    from shelftalker.catalogue.rules import RULES
    from shelftalker.catalogue.settings import CleanSettings

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
                "input_text": prompt.render(title),
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


CONTENDERS = {
    "notebook": notebook,
    "plain": plain,
    "prepare": lambda path, out: ours(path, out, near=False),
    "prepare, groups": lambda path, out: ours(path, out, near=True),
}


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


def measure(name: str, path: Path, folder: Path) -> dict[str, object]:
    """Run one contender in a process of its own."""
    out = folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    subprocess.run(["sync"], check=False)
    began, before = time.monotonic(), os.times()
    process = subprocess.Popen(
        [sys.executable, __file__, "--one", name, "--file", str(path), "--folder", str(folder)], stdout=subprocess.PIPE
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
    return {"seconds": seconds, "cpu_seconds": cpu, "peak_bytes": max(memory, default=0), "counts": json.loads(said)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2_248_619)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--only", nargs="*", default=["notebook", "plain", "prepare", "prepare, groups", "gzip"])
    parser.add_argument("--file", type=Path, help="a catalogue that is there already")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(CONTENDERS[arguments.one](arguments.file, arguments.folder / "out")))
        return
    with tempfile.TemporaryDirectory(prefix="prepare-benchmark-") as name:
        folder = Path(name)
        path = arguments.file
        if path is None:
            sys.path.insert(0, str(HERE))
            from prepare_data import write

            path = folder / "trn.json"
            write(path, arguments.rows)
        results: dict[str, list[dict[str, object]]] = {}
        for _ in range(arguments.runs):
            for contender in arguments.only:
                given = path
                if contender == "gzip":
                    given = folder / "trn.json.gz"
                    if not given.exists():
                        with given.open("wb") as file:
                            subprocess.run(["gzip", "-c", "-5", str(path)], stdout=file, check=True)
                found = measure("prepare" if contender == "gzip" else contender, given, folder)
                results.setdefault(contender, []).append(found)
                print(f"{contender}: {found['seconds']:.1f} s, {found['counts']}", file=sys.stderr)
        print(f"{path.stat().st_size / 1e9:.2f} GB, {os.cpu_count()} cores, Python {platform.python_version()}")
        print(f"{'':18}{'seconds':>9}{'CPU s':>9}{'peak MB':>9}{'rows/s':>11}")
        for contender, found in results.items():
            seconds = statistics.median(float(run["seconds"]) for run in found)  # type: ignore[arg-type]
            cpu = statistics.median(float(run["cpu_seconds"]) for run in found)  # type: ignore[arg-type]
            peak = max(int(run["peak_bytes"]) for run in found)  # type: ignore[call-overload]
            rows = found[0]["counts"]["raw"]  # type: ignore[index]
            print(f"{contender:18}{seconds:9.1f}{cpu:9.1f}{peak / 1e6:9.0f}{rows / seconds:11,.0f}")
        if arguments.json:
            arguments.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
