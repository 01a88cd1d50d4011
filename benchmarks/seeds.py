"""One training differs from the next: a whole run under several seeds, and all their test rows weighed together.

    python benchmarks/seeds.py [RECIPE] [--seeds 42 43 44] [--out FOLDER] [--set KEY=VALUE ...] [--quick]

A seed gives another split, another training and other resampling. Printed are every system's scores, their mean over
the runs and their range, then what was promoted against the nearest product's text, plain and edited, with the test
rows of all runs as one set (paired bootstrap and permutation as in `shelftalker evaluate`, the larger p): BLEU and
chrF++ from the sums over all rows. A product may stand in the test rows of two runs; it is then two rows. Runs that
FOLDER holds are not run again. `--quick` takes the small T5 that ships inside, a few rows and one seed, to see that it
runs.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelftalker.evaluation import results
from shelftalker.evaluation.metrics.metric import Outputs, Targets
from shelftalker.evaluation.metrics.registry import METRICS
from shelftalker.evaluation.pairing import CANDIDATES
from shelftalker.evaluation.significance import Resampler

Array = NDArray[Any]
ASKED = ("rougeL", "bleu", "chrf")
AGAINST = ("zero-shot", "copy-title", "nearest-neighbour", "nearest-edited")
RESAMPLES = 2000
QUICK = ["--base-model", "bundled", "--chat", "plain", "--finetune.rows", "24", "--finetune.val-rows", "0"]
QUICK += ["--baseline.rows", "8", "--compare.rows", "8", "--evaluate.rows", "8"]


def one_run(recipe: str, seed: int, folder: Path, flags: Sequence[str]) -> results.Results:
    """The test results of a whole run, run now where ``folder`` has none."""
    found = list(folder.glob("outputs/*/test/results.json"))
    if not found:
        places = [f"--paths.{name}={folder / name}" for name in ("data", "outputs", "artifacts")]
        command = [sys.executable, "-m", "shelftalker", "run", recipe, f"--seed={seed}", *places, *flags]
        subprocess.run(command, check=True, stdout=sys.stderr)
        found = list(folder.glob("outputs/*/test/results.json"))
    return results.read(found[0])


def promoted(found: results.Results) -> str:
    """Id of what the run promoted."""
    return next(one.id for one in reversed(found.systems) if one.role in CANDIDATES)


def texts(found: results.Results, system: str) -> list[results.Prediction]:
    """A system's descriptions; ``promoted`` stands for what the run promoted."""
    name = promoted(found) if system == "promoted" else system
    return [row.predictions[name] for row in found.rows]


def statistics(runs: Sequence[results.Results], system: str) -> dict[str, Array]:
    """Rows of all runs by metric; findings and contradictions are counted a row."""
    rows = [row for found in runs for row in found.rows]
    said = [one for found in runs for one in texts(found, system)]
    targets = Targets([row.title for row in rows], [row.reference for row in rows])
    columns: dict[str, Array] = {}
    for name in ASKED:
        (counted,) = METRICS[name].count([Outputs(targets, [one.text for one in said])])
        assert counted is not None
        columns[name] = counted
    columns["findings"] = np.array([[float(len(one.findings)), 1.0] for one in said])
    against = [any(finding.check == "contradiction" for finding in one.findings) for one in said]
    columns["contradicted"] = np.array([[float(one), 1.0] for one in against])
    return columns


def score(name: str, sums: Array) -> Array:
    """A metric from sums of its statistics."""
    if name in METRICS:
        return np.asarray(METRICS[name].score(sums), dtype=np.float64)
    return np.asarray(sums[..., 0] / sums[..., 1], dtype=np.float64)


def main() -> None:
    """Run, then print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", nargs="?", default="sample")
    parser.add_argument("--seeds", type=int, nargs="+", default=[42, 43, 44])
    parser.add_argument("--out", type=Path, default=Path("build/seeds"))
    parser.add_argument("--set", action="append", default=[], help="another recipe key: split.by=group")
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    flags = [f"--{one}" for one in given.set] + (QUICK if given.quick else [])
    seeds = given.seeds[:1] if given.quick else given.seeds
    runs = [one_run(given.recipe, seed, given.out / str(seed), flags) for seed in seeds]

    systems = [*AGAINST, "promoted"]
    alone = [{name: statistics([found], name) for name in systems} for found in runs]
    columns = list(alone[0]["promoted"])
    print(f"| system | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}")
    for name in systems:
        cells = []
        for column in columns:
            values = [float(score(column, one[name][column].sum(axis=0))) for one in alone]
            cells.append(f"{np.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})")
        print(f"| {name} | {' | '.join(cells)} |")

    pooled = {name: statistics(runs, name) for name in systems}
    widths = np.cumsum([0, *(pooled["promoted"][column].shape[1] for column in columns)])
    table = Resampler({name: np.concatenate(list(one.values()), axis=1) for name, one in pooled.items()}, RESAMPLES, 42)
    print(f"\n{table.rows} test rows of {len(runs)} runs together\n")
    print(f"| promoted against | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}")
    for name in AGAINST:
        cells = []
        for place, column in enumerate(columns):
            there = slice(int(widths[place]), int(widths[place + 1]))
            test = table.compare("promoted", name, there, partial(score, column))
            cells.append(f"{test.difference:+.3f}, p = {max(test.p_bootstrap, test.p_permutation):.4f}")
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
