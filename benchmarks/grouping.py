"""How well grouping tells siblings from look-alikes, on pairs of rows that were labelled by hand.

    python benchmarks/grouping.py                            # the sample catalogue
    python benchmarks/grouping.py --data CATALOGUE.jsonl     # and the real one, which is not part of this project
    python benchmarks/grouping.py --source OLD/src           # the same with another version of the package

`labels/siblings.tsv` names two rows of a catalogue and whether they are siblings: one description was made from the
other (or both from one), so that who has seen one knows most of the other. Look-alikes were written apart and share a
phrase: what a house says of all its parcels, the blurb of a series, a list of specifications. The pairs were drawn over
all degrees of similarity.

Precision: of the labelled pairs in one group, the share that are siblings. Recall: of the siblings, the share that are
in one group.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

LABELS = Path(__file__).parent / "labels" / "siblings.tsv"
SCRIPT = """
import sys
from shelftalker import Recipe, console, prepare
console.configure(quiet=True)
prepare(Recipe.load(None, {"prepare.inputs": [sys.argv[1]], "paths.data": sys.argv[2]}))
"""
Pair = tuple[str, str, bool]


def read_labels(catalogue: str) -> list[Pair]:
    """The labelled pairs of a catalogue: two uids, and whether they are siblings."""
    rows = [line.split("\t") for line in LABELS.read_text("utf-8").splitlines()[1:]]
    return [(one, other, is_sibling == "yes") for name, one, other, is_sibling in rows if name == catalogue]


def groups_of(catalogue: str, source: str | None) -> tuple[dict[str, str], dict[str, int]]:
    """Each row's group by uid, and the rows of each split, as `prepare` makes them."""
    environment = os.environ | ({"PYTHONPATH": source} if source else {})
    groups, counts = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-c", SCRIPT, catalogue, folder], env=environment, check=True)
        for split in ("train", "val", "test"):
            rows = [json.loads(line) for line in (Path(folder) / f"{split}.jsonl").read_bytes().splitlines()]
            groups |= {row["uid"]: row["group"] for row in rows}
            counts[split] = len(rows)
    return groups, counts


def report(name: str, groups: dict[str, str], counts: dict[str, int]) -> None:
    """Print how the groups agree with the labels of a catalogue, and how large they are."""
    pairs = [pair for pair in read_labels(name) if pair[0] in groups and pair[1] in groups]
    together = [is_sibling for one, other, is_sibling in pairs if groups[one] == groups[other]]
    siblings = sum(is_sibling for *_, is_sibling in pairs)
    sizes = collections.Counter(groups.values())
    shares = " / ".join(f"{100 * count / sum(counts.values()):.1f}" for count in counts.values())
    print(
        f"{name:8} {len(pairs)} pairs, {siblings} siblings: precision {sum(together) / len(together):.3f}, "
        f"recall {sum(together) / siblings:.3f}; {sum(size for size in sizes.values() if size > 1):,} of "
        f"{len(groups):,} rows have a sibling, largest groups {[size for _, size in sizes.most_common(3)]}; "
        f"train / val / test {shares} %"
    )


def main() -> None:
    """Run as a program."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="the real catalogue that the labels `real` are of")
    parser.add_argument("--source", help="folder of another version's source")
    parser.add_argument("--quick", action="store_true", help="nothing is left out: it is quick as it is")
    arguments = parser.parse_args()
    report("sample", *groups_of("bundled", arguments.source))
    if arguments.data:
        report("real", *groups_of(arguments.data, arguments.source))


if __name__ == "__main__":
    main()
