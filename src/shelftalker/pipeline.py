"""`run`: every stage of a recipe in order, skipping what is already done for the same inputs."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shelftalker import console, files
from shelftalker.awake import kept_awake
from shelftalker.memory import give_back
from shelftalker.recipe.recipe import Recipe

if TYPE_CHECKING:
    from shelftalker.evaluation.results import Results

EXAMPLES = 3


@dataclass
class Finished:
    """What a whole run left: paths by name, the descriptions it wrote, which stages were skipped, seconds a stage."""

    paths: dict[str, Path]
    descriptions: list[dict[str, str]]
    skipped: list[str]
    seconds: dict[str, float]
    best: str
    verdict: str

    def summary(self) -> dict[str, Any]:
        """The same as plain values, for --json."""
        return {
            "best": self.best,
            "verdict": self.verdict,
            "paths": {key: str(value) for key, value in self.paths.items()},
            "descriptions": self.descriptions,
            "skipped": self.skipped,
            "seconds": self.seconds,
        }


def run(recipe: Recipe, *, force: bool = False) -> Finished:
    """Chain prepare, baseline, finetune, compare (which promotes), evaluate on test, and generate.

    Validation rows choose the checkpoint; the test split, where there is one, is scored once at the end.

    Args:
        recipe: all settings.
        force: do every stage again, whatever its manifest says.

    Raises:
        ShelftalkerError: from any stage; what was finished stays and is skipped next time.
    """
    with kept_awake(recipe.keep_awake):
        return _run(recipe, force=force)


def _run(recipe: Recipe, *, force: bool) -> Finished:
    from shelftalker.catalogue.prepare import prepare
    from shelftalker.evaluation.baseline import baseline
    from shelftalker.evaluation.compare import compare
    from shelftalker.evaluation.evaluate import evaluate
    from shelftalker.evaluation.tables import show
    from shelftalker.finetuning.trainer import finetune

    began = time.monotonic()
    skipped: list[str] = []
    seconds: dict[str, float] = {}

    def stage(name: str, action: Callable[[], Any]) -> Any:
        start = time.monotonic()
        done = action()
        give_back()
        seconds[name] = round(time.monotonic() - start, 1)
        if done.skipped:
            skipped.append(name)
            console.note(f"{name} was done before with the same inputs and settings: skipped")
        return done

    if force:
        forget(recipe)
    prepared = stage("prepare", lambda: prepare(recipe))
    if not recipe.run_dir.exists():
        first_look(recipe)
    zero_shot = stage("baseline", lambda: baseline(recipe))
    trained = stage("finetune", lambda: finetune(recipe, resume=_has_begun(recipe)))
    compared = stage("compare", lambda: compare([trained.run_dir], recipe, promote=recipe.promoted_dir.name))
    paths = {
        "data": prepared.data_dir,
        "baseline": zero_shot.path,
        "run": trained.run_dir,
        "report": compared.report,
        "promoted": compared.promoted or recipe.promoted_dir,
    }
    results = compared.results
    if _has_rows(prepared.data_dir / "test.jsonl"):
        held_back = recipe.with_flags(evaluate={"split": "test"})
        out = recipe.run_dir / "test"
        tested = stage("test", lambda: evaluate(paths["promoted"], held_back, out=out))
        results = tested.results
        paths["test report"] = out / "report.html"
    start = time.monotonic()
    console.stage("generate", "titles that were never trained on")
    descriptions = describe_unseen(recipe, paths["promoted"], _one_a_route(results))
    seconds["generate"] = round(time.monotonic() - start, 1)

    show(results)
    for pair in descriptions:
        how = f"edited {pair['why']}" if pair["route"] == "edited" else pair["why"]
        why = f"\n  ({how})" if how else ""
        console.say(f"\n{pair['title']}\n  {pair['description']}{why}")
    console.say("")
    console.table("what was written", ["what", "where"], [[name, str(path)] for name, path in paths.items()])
    spent = f"{time.monotonic() - began:.0f} s in all"
    console.note(f"{spent}; skipped as done before: {', '.join(skipped)}" if skipped else spent)
    return Finished(paths, descriptions, skipped, seconds, compared.best, results.verdict.sentence)


def first_look(recipe: Recipe) -> None:
    """Show within the first minute what the base model writes, so that the reader sees what training has to mend."""
    (before,) = describe_unseen(recipe, recipe.base_model, count=1)
    console.note(f"zero-shot, before any training: {before['title']}\n    {before['description']}")


def describe_unseen(
    recipe: Recipe, model: str | Path, first: Collection[str] = (), *, count: int | None = None
) -> list[dict[str, str]]:
    """Describe the recipe's example titles, or else three that were never trained on; ``count`` of them at most.

    Rows of the uids ``first`` come before others.
    """
    from shelftalker.catalogue.examples import load_split, sample
    from shelftalker.product import Product
    from shelftalker.writing.writer import load

    products = [Product(title) for title in recipe.generate.titles]
    if not products:
        split = "test" if _has_rows(recipe.paths.data / "test.jsonl") else "val"
        rows = load_split(recipe.paths.data, split)
        told = [row for row in rows if row.uid in first]
        others = (row for row in sample(rows, EXAMPLES, recipe.seed) if row not in told)
        products = [*told, *others][:EXAMPLES]
    return [
        {"title": one.title, "description": one.text, "route": one.route, "why": one.why}
        for one in load(model, recipe).write(products[:count])
    ]


def _one_a_route(results: Results) -> list[str]:
    """The first row of every route that the model took, by uid; none where it took one alone."""
    found: dict[str, str] = {}
    for system in results.systems:
        if system.by_route and system.role in ("model", "checkpoint"):
            for row in results.rows:
                found.setdefault(row.predictions[system.id].route or "", row.uid)
    return list(found.values()) if len(found) > 1 else []


def forget(recipe: Recipe) -> None:
    """Remove a recipe's run folder and the manifests of its data and its baseline, so that each stage is done again.

    Other runs under the same folders keep theirs.
    """
    shutil.rmtree(recipe.run_dir, ignore_errors=True)
    (recipe.paths.data / "manifest.json").unlink(missing_ok=True)
    for path in recipe.paths.outputs.glob("baseline_*.manifest.json"):
        path.unlink()


def _has_begun(recipe: Recipe) -> bool:
    return any(recipe.run_dir.glob("checkpoint-*"))


def _has_rows(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0 and bool(files.read_jsonl(path))
