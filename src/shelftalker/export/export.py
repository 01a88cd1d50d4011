"""The stage `export`: a model in a form that needs no adapter, with its tokenizer, decoding and manifest."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from shelftalker import console, files, manifest
from shelftalker.errors import ShelftalkerError
from shelftalker.models import convert
from shelftalker.models.folder import FACTS, SOURCES
from shelftalker.models.formats import check_model
from shelftalker.recipe.carried import carried
from shelftalker.recipe.recipe import Recipe
from shelftalker.version import __version__

if TYPE_CHECKING:
    from shelftalker.models.load import LoadedModel, ModelRef

Target = Literal["hf", "ct2", "onnx", "gguf"]
Write = Callable[["LoadedModel", Path], None]


def export(model: str | Path | ModelRef, to: Target, out: Path, recipe: Recipe | None = None) -> Path:
    """Write a model that needs no adapter: merged in float32, with tokenizer, decoding defaults and manifest.

    Of a merged adapter the manifest says (`merge`) how many of a few descriptions stayed the same.

    Args:
        model: anything that `models.load.resolve` understands.
        to: "hf": a Hugging Face folder in float32; "ct2": a CTranslate2 folder in `generate.quantisation`; "onnx":
            ONNX graphs in float32 for runtimes elsewhere (`export.onnx`); "gguf": a file for llama.cpp and a Modelfile
            for Ollama, Q8_0 for `generate.quantisation: int8`, else F16.
        out: the folder to write; an existing one is replaced only if it is an earlier export or empty.
        recipe: gives quantisation; what it sets of prompt and decoding wins over what the model says of itself.

    Returns:
        ``out``.

    Raises:
        ShelftalkerError: the model cannot be had or converted, ``out`` holds something else, or the disk is full.
    """
    from shelftalker.export.merged import load_merged
    from shelftalker.models.open import open_model

    out = Path(out)
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not (out / "manifest.json").is_file())):
        raise ShelftalkerError(
            "the output folder holds something that is not an export", where=str(out), mend="name a new folder"
        )
    opened = open_model(model, recipe)
    ref, chosen = opened.ref, opened.recipe
    write = _writer(ref, to, chosen)
    settings = {"to": to, **carried(chosen)}
    if to in ("ct2", "gguf"):
        settings["quantisation"] = chosen.generate.quantisation
    console.stage("export", f"{ref.given} to {out} ({to})")
    loaded, check = load_merged(ref, chosen)
    if check is not None:
        console.note(f"merged in float32: {check.identical} of {check.titles} descriptions stay the same to the letter")
    with files.atomic_folder(out) as new:
        stage = manifest.Stage("export", new / "manifest.json", inputs={"model": ref.content_hash}, settings=settings)
        write(loaded, new)
        if ref.sources is not None:
            files.copy_folder(ref.sources, new / SOURCES)
        stage.finish(
            sorted(path for path in new.rglob("*") if path.is_file()),
            model=ref.given,
            merge=check.summary() if check else None,
        )
    return out


def _writer(ref: ModelRef, to: Target, recipe: Recipe) -> Write:
    """What writes the form asked for; refuses a model that has none, before anything is loaded."""
    if to == "ct2":
        if reason := convert.why_not_ct2(ref):
            raise ShelftalkerError(
                f"the model is not converted to CTranslate2: {reason}", where=ref.given, mend="--to hf"
            )
        check_model(recipe.generate.quantisation, convert.config_of(ref).get("model_type"))
        return lambda loaded, folder: convert.write_ct2(loaded, folder, recipe.generate.quantisation, recipe)
    write: Write
    if to == "onnx":
        from shelftalker.export.onnx import check_onnx, write_onnx

        check_onnx(convert.config_of(ref).get("model_type"), ref.given)
        write = write_onnx
    elif to == "gguf":
        from shelftalker.export.gguf import check_gguf, format_of, write_gguf

        check_gguf(convert.config_of(ref), ref.given)
        format_of(recipe)
        write = partial(write_gguf, recipe=recipe)
    else:
        from shelftalker.export.hf import write_hf

        write = write_hf

    def whole(loaded: LoadedModel, folder: Path) -> None:
        write(loaded, folder)
        _write_facts(folder, f"shelftalker.{to}/1", recipe)

    return whole


def _write_facts(folder: Path, schema: str, recipe: Recipe) -> None:
    """How the folder's model is run."""
    said = {"schema": schema, "recipe": carried(recipe), "version": __version__}
    files.write_json(folder / FACTS, said)
