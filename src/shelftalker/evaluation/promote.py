"""Promotion: the best checkpoint becomes a standard PEFT adapter folder of its own."""

from __future__ import annotations

import datetime
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from shelftalker import files, manifest
from shelftalker.errors import ShelftalkerError
from shelftalker.evaluation.model_card import CARD, model_card
from shelftalker.evaluation.results import Results
from shelftalker.recipe.carried import carried

if TYPE_CHECKING:
    from shelftalker.models.load import ModelRef
    from shelftalker.recipe.recipe import Recipe

# What training needs to go on, and nobody else does.
_TRAINING_ONLY = ("optimizer.pt", "scheduler.pt", "scaler.pt", "trainer_state.json", "training_args.bin", "rng_state")


def promote(ref: ModelRef, target: Path, found: Results, recipe: Recipe) -> Path:
    """Copy a checkpoint's adapter to ``target``, atomically, with the scores it was chosen by, a card and a manifest.

    The folder says that it is run as it was scored, and can be put on a model hub as it is. A run that the checkpoint
    belongs to stands for it from now on.

    Args:
        ref: the checkpoint.
        target: the folder to write.
        found: the comparison that chose it.
        recipe: what it was scored with.

    Raises:
        ShelftalkerError: the best system is no adapter, the rows are test rows, or ``target`` is something else.
    """
    from shelftalker.models import folder as folders
    from shelftalker.models.checkpoints import mark_promoted, step_of

    if found.data.split == "test":
        raise ShelftalkerError(
            "test rows do not choose a checkpoint",
            where=found.data.path,
            mend="compare on validation rows, promote, then evaluate the promoted one on test once",
        )
    if ref.kind != "adapter":
        raise ShelftalkerError(
            f"the best system, {ref.given}, is not an adapter, so that there is nothing to promote",
            where=ref.path,
            mend="use the model where it is, or `shelftalker export` it",
        )
    if target.exists() and not (target / folders.ADAPTER_CONFIG).is_file():
        raise ShelftalkerError(
            "the folder to promote to holds something else",
            where=str(target),
            mend="give another name with --promote, or move that folder away",
        )
    source = Path(ref.path)
    left_out = (*_TRAINING_ONLY, CARD, "manifest.json", "scores.json")
    best = found.verdict.best or ""
    with files.atomic_folder(target) as new:
        for path in sorted(source.iterdir()):
            if path.is_file() and not path.name.startswith(left_out):
                shutil.copyfile(path, new / path.name)
        if ref.sources is not None:
            files.copy_folder(ref.sources, new / folders.SOURCES)
        run_recipe = source.parent / "recipe.yaml"
        if run_recipe.is_file():
            files.write_text(new / "recipe.yaml", _without_places(run_recipe))
        files.write_json(new / folders.FACTS, _named(folders.facts(source)) | {"recipe": carried(recipe)})
        scores = {
            "data": msgspec.to_builtins(found.data) | {"path": Path(found.data.path).name},
            "verdict": found.verdict.sentence,
            "scores": {name: msgspec.to_builtins(score) for name, score in found.system(best).scores.items()},
        }
        files.write_json(new / "scores.json", scores)
        files.write_json(
            new / "manifest.json",
            {
                "stage": "promote",
                "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
                "from": f"{source.parent.name}/{source.name}",
                "model": ref.content_hash,
                "base": _named(ref.base),
                "chosen_by": {"rank_by": found.settings.get("rank_by"), "rows": found.data.rows, "split": "val"},
                "outputs": {
                    path.relative_to(new).as_posix(): files.sha256(path)
                    for path in sorted(new.rglob("*"))
                    if path.is_file()
                },
                "versions": manifest.versions(),
            },
        )
        # After the manifest, which does not watch it: its licence is for the user to fill in.
        files.write_text(new / CARD, model_card(ref, target.name, found, recipe))
    if step_of(source) >= 0:
        mark_promoted(source)
    return target


def _without_places(recipe: Path) -> str:
    """A run's recipe without the places of the machine that it ran on."""
    import yaml

    settings = yaml.safe_load(recipe.read_text(encoding="utf-8"))
    return str(yaml.safe_dump(_named(settings), sort_keys=False, allow_unicode=True))


def _named(value: Any) -> Any:
    """A value in which of every absolute path its last name stays; prompts are no paths."""
    if isinstance(value, dict):
        return {key: inner if key == "prompt" else _named(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_named(inner) for inner in value]
    return Path(value).name if isinstance(value, str) and Path(value).is_absolute() else value
