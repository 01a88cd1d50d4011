"""A synthetic AmazonTitles file of any size, with the real one's statistics; for benchmarks/prepare.py.

Text is a Markov chain over the sample catalogue's words with jumps, so that common phrases are common and rare ones
rare. Title and description lengths, empty fields, entities, lost characters, copyright lines, edition notes and
siblings come at about the real rates; the lists of targets are as long as it takes to reach the real 1,050 bytes a
line.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
from pathlib import Path

import numpy as np

SAMPLE = Path(__file__).parents[1] / "tools" / "sample_catalogue_clean.jsonl.gz"
ROWS = 2_248_619
LANES, STEPS = 4096, 512
BLOCK = 20_000
JUMP, INVENTED = 0.3, 0.02
ENTITIES = ("&#x2019;", "&copy;", "&mdash;", "&#160;", "&#x92;", "&amp;", "&eacute;")
CREDITS = " Copyright 2001 Hollin & Marsh Business Information, Inc."
NOTE = "--This text refers to thePaperbackedition."


class Words:
    """An endless stream of words."""

    def __init__(self, seed: int) -> None:
        self.dice = np.random.default_rng(seed)
        with gzip.open(SAMPLE, "rt", encoding="utf-8") as file:
            tokens = " ".join(
                row["content"].encode("ascii", "ignore").decode() for row in map(json.loads, file)
            ).split()
        self.vocabulary = np.array(sorted(set(tokens)), dtype=object)
        number = {word: at for at, word in enumerate(self.vocabulary)}
        self.tokens = np.array([number[word] for word in tokens])
        order = np.argsort(self.tokens[:-1], kind="stable")
        self.following = self.tokens[1:][order]
        counts = np.bincount(self.tokens[:-1], minlength=len(self.vocabulary))
        self.first = np.cumsum(counts) - counts
        self.counts = np.maximum(counts, 1)
        self.state = self.dice.choice(self.tokens, LANES)
        self.left: list[str] = []

    def take(self, count: int) -> list[str]:
        """The next ``count`` words."""
        while len(self.left) < count:
            self.left += self._more()
        taken, self.left = self.left[:count], self.left[count:]
        return taken

    def _more(self) -> list[str]:
        found = np.empty((LANES, STEPS), np.int64)
        for step in range(STEPS):
            pick = (self.dice.random(LANES) * self.counts[self.state]).astype(np.int64)
            following = self.following[np.minimum(self.first[self.state] + pick, len(self.following) - 1)]
            jump = self.dice.random(LANES) < JUMP
            following[jump] = self.dice.choice(self.tokens, int(jump.sum()))
            found[:, step] = self.state = following
        words = self.vocabulary[found.ravel()]
        invented = np.flatnonzero(self.dice.random(len(words)) < INVENTED)
        words[invented] = [f"X{number:05x}" for number in self.dice.integers(0, 1 << 20, len(invented)).tolist()]
        return list(words)


def write(path: Path, rows: int, seed: int = 1) -> None:
    """Write ``rows`` lines; books first, as in the real file."""
    words = Words(seed)
    dice = np.random.default_rng(seed + 1)
    with path.open("w", encoding="ascii") as file:
        last: tuple[list[str], list[str]] = (["First", "title"], ["first", "description"])
        for start in range(0, rows, BLOCK):
            count = min(BLOCK, rows - start)
            title_sizes = np.clip(dice.lognormal(2.33, 0.5, count), 1, 40).astype(int)
            sizes = np.clip(dice.lognormal(4.17, 0.97, count), 1, 6000).astype(int)
            pool = words.take(int(title_sizes.sum() + sizes.sum()))
            luck = dice.random((count, 9))
            targets = dice.integers(10**6, 10**7, 75 * count).astype(str).tolist()
            target_counts = dice.integers(5, 71, count).tolist()
            lines, at = [], 0
            for row in range(count):
                title = pool[at : at + title_sizes[row]]
                at += title_sizes[row]
                text = pool[at : at + sizes[row]]
                at += sizes[row]
                chance = luck[row]
                if chance[0] < 0.14:
                    # A sibling: another size, with a few words changed.
                    title, was = [*last[0][:-1], title[0]], last[1]
                    changed = max(1, len(was) // 20)
                    text = [*was[:changed], *text[:changed], *was[2 * changed :]]
                last = (title, text)
                heading, content = " ".join(title), " ".join(text).rstrip(",") + "."
                if chance[1] < 0.24:
                    entity = ENTITIES[int(chance[2] * len(ENTITIES))]
                    content = content.replace(" ", entity, 1) if chance[2] < 0.5 else f"{content} {entity}"
                if chance[3] < 0.27:
                    content = content.replace(" the ", "  the ").replace(" ", "  ", 1)
                if chance[4] < 0.16:
                    content += CREDITS
                if start + row < rows * 0.45 and chance[5] < 0.25:
                    content += NOTE
                if chance[6] < 0.023:
                    content += " Click here for more information."
                if chance[7] < 0.333:
                    content = ""
                if chance[8] < 0.056:
                    heading = ""
                elif chance[8] < 0.075:
                    heading = "The Complete Works"[: 5 + int(chance[2] * 13)] + f" {int(chance[3] * 40_000)}"
                some = targets[75 * row : 75 * row + target_counts[row]]
                lines.append(
                    f'{{"uid": "B{start + row:09d}", "title": {json.dumps(heading)}, "content": {json.dumps(content)}, '
                    f'"target_ind": [{", ".join(some)}], "target_rel": [{", ".join(["1.0"] * len(some))}]}}\n'
                )
            file.writelines(lines)
            print(f"\r{start + count:,} of {rows:,} rows", end="", file=sys.stderr)
    print(f"\n{path}: {path.stat().st_size / 1e9:.2f} GB", file=sys.stderr)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path)
    parser.add_argument("--rows", type=int, default=ROWS)
    write(**vars(parser.parse_args()))
