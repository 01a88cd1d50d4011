"""Who takes part: the rows, the reference systems, zero-shot bases and models, each with its predictions."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from shelftalker import console, files
from shelftalker.errors import ShelftalkerError
from shelftalker.evaluation import references, results, routing
from shelftalker.evaluation.entries import Entry, Protocol
from shelftalker.evaluation.metrics import bertscore
from shelftalker.evaluation.predict import predict
from shelftalker.evaluation.results import Model, Results, Role, System
from shelftalker.recipe.carried import carried

if TYPE_CHECKING:
    from shelftalker.evaluation.rows import Rows
    from shelftalker.models.load import ModelRef
    from shelftalker.recipe.recipe import Recipe

ZERO_SHOT = "zero-shot"


@dataclass(frozen=True)
class Contender:
    """A model that takes part.

    Attributes:
        id: its name in tables.
        ref: which model.
        role: baseline, checkpoint or model.
        step: a checkpoint's optimiser step.
        loss: its validation loss, where training took one.
        run: a checkpoint's run.
        variant: the name of another way to run it (recipe key compare.variants).
        recipe: what it is run with, as it was opened; none: the comparison's.
    """

    id: str
    ref: ModelRef
    role: Role
    step: int | None = None
    loss: float | None = None
    run: str | None = None
    variant: str = ""
    recipe: Recipe | None = None


def protocol(recipe: Recipe) -> Protocol:
    """How the recipe asks for numbers to be made."""
    from shelftalker.models import surprise

    judge = surprise.judge(recipe.generate.sense)
    return Protocol(recipe.evaluate.resamples, recipe.seed, recipe.compare.rank_by, judge)


def settings(recipe: Recipe) -> dict[str, object]:
    """The recipe keys that predictions and scores depend on, as the results file keeps them."""
    return {
        "decoding": recipe.decoding.model_dump(mode="json"),
        "engine": recipe.generate.model_dump(mode="json", include={"engine", "quantisation", "batch_size"}),
        "prompt": recipe.prompt,
        "chat": recipe.chat,
        "prompt_tokens": recipe.prompt_tokens,
        "similarity_thresholds": dict(references.THRESHOLDS),
        "similarity": f"Jaccard of title words, best of {references.CANDIDATES} BM25 neighbours",
        **({"house": recipe.house.model_dump(mode="json")} if recipe.house else {}),
        **({"language_column": recipe.prepare.language_column} if recipe.prepare.language_column else {}),
    }


def reference_entries(rows: Rows) -> list[Entry]:
    """The reference systems, as entries."""
    found = references.describe(rows.examples, rows.neighbours)
    return [Entry(System(id=name, label=name, role="reference_system"), texts) for name, texts in found.items()]


def model_entry(contender: Contender, rows: Rows, recipe: Recipe) -> Entry:
    """Let a model describe the rows (or take what it wrote before)."""
    ref = contender.ref
    own = varied(contender.recipe or recipe, contender.variant)
    written = predict(ref, rows.examples, own, contender.id)
    if written.cached:
        console.note(f"{contender.id}: these descriptions were written before; taken from the cache")
    written, edit_from = routing.chosen(written, rows.examples, recipe.compare.rank_by)
    if edit_from is not None:
        console.note(f"{contender.id}: siblings' texts are edited from similarity {edit_from} up (recipe: route)")
    system = System(
        id=contender.id,
        label=contender.id,
        role=contender.role,
        edit_from=edit_from,
        step=contender.step,
        loss=contender.loss,
        run=contender.run,
        model=Model(given=ref.given, path=ref.path, hash=ref.content_hash, base=ref.base),
        engine=written.engine,
        decoding=written.decoding,
    )
    routed = set(written.routes) != {"written"}
    return Entry(
        system,
        written.texts,
        written.tokens,
        written.hit_cap,
        written.nll,
        routes=written.routes if routed else None,
        sources=written.sources if any(written.sources) else None,
    )


def with_bertscore(entries: list[Entry], rows: Rows, recipe: Recipe) -> list[Entry]:
    """The entries with their BERTScore, where the recipe asks for one.

    Raises:
        ShelftalkerError: the encoder cannot be had or loaded.
    """
    encoder = bertscore.find(recipe)
    if encoder is None:
        return entries
    wanted = [example.description for example in rows.examples]
    found = bertscore.score(encoder, wanted, [entry.texts for entry in entries], recipe)
    return [replace(entry, bertscore=scores) for entry, scores in zip(entries, found, strict=True)]


def bases(contenders: Sequence[Contender], recipe: Recipe) -> list[Contender]:
    """The untrained base models of the contenders, once each; the recipe's where no contender is an adapter."""
    from shelftalker.models.load import resolve

    known = {contender.ref.content_hash for contender in contenders}
    named = [contender.ref.base for contender in contenders if contender.ref.base is not None]
    found: dict[str, Contender] = {}
    for base in dict.fromkeys(named or [recipe.base_model]):
        try:
            ref = resolve(base, recipe)
            key = ref.content_hash
        except ShelftalkerError as error:
            if named:
                raise
            console.warn(f"no zero-shot row: the base model cannot be had ({error.what})")
            continue
        if key not in known or named:
            name = ZERO_SHOT if not found else f"{ZERO_SHOT}:{Path(base).name}"
            found.setdefault(key, Contender(name, ref, "baseline"))
    return list(found.values())


def unique(contenders: Sequence[Contender]) -> list[Contender]:
    """The contenders without repeats of the same weights run alike, each under an id of its own."""
    found: dict[str, Contender] = {}
    for contender in contenders:
        how = carried(contender.recipe) if contender.recipe else {}
        found.setdefault(f"{contender.ref.content_hash} {json.dumps(how, sort_keys=True)}", contender)
    kept = list(found.values())
    ids = [contender.id for contender in kept]
    named = [replace(one, id=f"{one.run}/{one.id}") if one.run and ids.count(one.id) > 1 else one for one in kept]
    seen: set[str] = set()
    result = []
    for one in named:
        name, number = one.id, 2
        while name in seen:
            name, number = f"{one.id} ({number})", number + 1
        seen.add(name)
        result.append(replace(one, id=name))
    return result


def inputs(recipe: Recipe, split: str, refs: Sequence[ModelRef]) -> dict[str, Path | str]:
    """What a scoring stage reads, for its manifest: the split, the training split, the models, BERTScore's encoder.

    Raises:
        ShelftalkerError: a model or the encoder cannot be had; nothing was described or scored yet.
    """
    found: dict[str, Path | str] = {split: recipe.paths.data / f"{split}.jsonl"}
    if (recipe.paths.data / "train.jsonl").is_file():
        found["train"] = recipe.paths.data / "train.jsonl"
    if (encoder := bertscore.find(recipe)) is not None:
        found["bertscore"] = encoder.ref.content_hash
    return found | {f"model {number}": ref.content_hash for number, ref in enumerate(refs, 1)}


def resampling(recipe: Recipe) -> dict[str, object]:
    """The settings that scores depend on beside the predictions."""
    return {
        "resamples": recipe.evaluate.resamples,
        "nll": recipe.evaluate.nll,
        "bertscore": [recipe.evaluate.bertscore, recipe.evaluate.bertscore_layer],
        "rank_by": recipe.compare.rank_by,
        "sense": recipe.generate.sense,
        "device": [recipe.device, recipe.dtype],
    }


def name_of(ref: ModelRef) -> str:
    """What a model is called in tables: a checkpoint's or folder's name, or the hub name."""
    return ref.path if ref.kind == "hub" else Path(ref.path).absolute().name


def write(found: Results, path: Path, report: Path) -> list[Path]:
    """Write results.json and report.html; returns both."""
    from shelftalker.evaluation.report.report import write_report

    results.write(found, path)
    write_report(found, report)
    return [path, report]


def is_results(path: Path) -> bool:
    """Whether a path is a results file, or a folder that holds one and no model."""
    if path.is_file():
        return path.suffix == ".json"
    holds_model = any((path / name).exists() for name in ("config.json", "adapter_config.json"))
    return (path / "results.json").is_file() and not holds_model and not any(path.glob("checkpoint-*"))


def contenders(systems: Sequence[str | Path], recipe: Recipe) -> list[Contender]:
    """The models that ``systems`` name: of a run every whole checkpoint.

    Raises:
        ShelftalkerError: a name stands for nothing, or a run has no whole checkpoint.
    """
    from shelftalker.models.checkpoints import every, loss_of, step_of, whole
    from shelftalker.models.load import resolve
    from shelftalker.models.open import open_model

    found: list[Contender] = []
    for given in systems:
        folder = Path(given)
        if every(folder):
            steps = whole(folder)
            if not steps:
                raise ShelftalkerError(
                    "the run has no whole checkpoint", where=str(folder), mend="run `shelftalker finetune` again"
                )
            run = folder.absolute().name
            own = open_model(steps[-1], recipe).recipe  # all checkpoints of a run are run alike
            found += [
                Contender(path.name, resolve(path, recipe), "checkpoint", step_of(path), loss_of(path), run, recipe=own)
                for path in steps
            ]
            continue
        opened = open_model(given, recipe)
        ref, own = opened.ref, opened.recipe
        step = step_of(Path(ref.path))
        if step >= 0:
            run = Path(ref.path).absolute().parent.name
            found.append(Contender(name_of(ref), ref, "checkpoint", step, loss_of(Path(ref.path)), run, recipe=own))
        else:
            found.append(Contender(name_of(ref), ref, "model", recipe=own))
    plain = unique(found)
    variants = [
        replace(one, id=f"{one.id} ({name})", variant=name) for name in recipe.compare.variants for one in plain
    ]
    return plain + variants


def varied(recipe: Recipe, variant: str) -> Recipe:
    """The recipe as a variant changes it.

    Raises:
        ShelftalkerError: the variant sets a value that its key does not take.
    """
    if not variant:
        return recipe
    sections: dict[str, dict[str, object]] = {}
    for key, value in recipe.compare.variants[variant].items():
        section, _, name = key.partition(".")
        sections.setdefault(section, {})[name] = value
    with contextlib.suppress(ValidationError):  # what is wrong with it is said by the recipe below
        sections["decoding"] = recipe.decoding.over(sections.get("decoding", {})).model_dump()
    try:
        return recipe.with_flags(**sections)
    except ShelftalkerError as error:
        raise ShelftalkerError(error.what, where=f"recipe key compare.variants.{variant}", mend=error.mend) from None


def is_promoted(target: Path, found: Results) -> bool:
    """Whether ``target`` holds the best system of ``found``, unharmed."""
    best = found.verdict.best
    try:
        noted = files.read_json(target / "manifest.json")
        model = found.system(best or "").model
        return (
            model is not None
            and noted["model"] == model.hash
            and all(files.sha256(target / name) == digest for name, digest in noted["outputs"].items())
        )
    except (ShelftalkerError, KeyError, TypeError, OSError):
        return False
