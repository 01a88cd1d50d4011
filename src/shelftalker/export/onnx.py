"""ONNX graphs of a merged model, by transformers' own exporter, for runtimes elsewhere; no engine here runs them."""

from __future__ import annotations

import contextlib
import io
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shelftalker.errors import ShelftalkerError
from shelftalker.extras import need
from shelftalker.models.quiet import hushed

if TYPE_CHECKING:
    from shelftalker.models.load import LoadedModel

TITLES = ("Steel bottle, 500 ml", "Lamp")
"""What the graphs are traced on: two lengths, so that neither rows nor lengths become constants."""


def write_onnx(loaded: LoadedModel, folder: Path) -> None:
    """Write a merged T5 as three ONNX graphs, float32, any number of rows and any lengths.

    ``encoder.onnx`` reads the prompt; ``prefill.onnx`` takes the first decoder token and gives logits and the cache;
    ``decode.onnx`` takes one more token and the cache, and gives both again. ``export.json`` says what each input and
    output is (transformers' ``ExportedModel.from_pretrained`` reads it); config and tokenizer lie beside them.

    Args:
        loaded: the model in float32 on the CPU, its adapter merged.
        folder: an empty folder.

    Raises:
        ShelftalkerError: the extra [onnx] or an exporter in transformers is missing, the model is no T5, or the
            exporter fails on it.
    """
    check_onnx(loaded.model.config.model_type, loaded.ref.given)
    from transformers.exporters.base import ExportedModel
    from transformers.exporters.exporter_onnx import OnnxConfig, OnnxExporter

    inputs = loaded.tokenizer(list(TITLES), padding=True, return_tensors="pt")
    given = {name: inputs[name] for name in ("input_ids", "attention_mask")}
    config = OnnxConfig(dynamic=True)
    try:
        with _silent():
            exporter = OnnxExporter()
            encoder = exporter.export(loaded.model.get_encoder(), given, config)
            # A decoder traced on a single step takes the cache's length for a constant.
            decoder = exporter.export_for_generation(loaded.model, given, config, multi_token_decode=True)
            graphs = {"encoder": encoder.components["model"], **decoder.components}
            ExportedModel(graphs, decoder.export_format, loaded.model.config).save_pretrained(folder)
            loaded.tokenizer.save_pretrained(folder)
    except Exception as error:  # torch's exporter raises anything here
        raise ShelftalkerError(
            f"transformers cannot export the model to ONNX: {(str(error).splitlines() or [type(error).__name__])[0]}",
            where=loaded.ref.given,
            mend="use --to ct2 (fast, on CPU and CUDA) or --to hf",
        ) from error


def check_onnx(model_type: str | None, where: str) -> None:
    """See that a model of this type can be exported here.

    Raises:
        ShelftalkerError: the extra [onnx] or an exporter in transformers is missing, or the model is no T5.
    """
    if model_type != "t5":
        raise ShelftalkerError(
            f"the model is not exported to ONNX: its type is {model_type}, and only T5's export is proven here",
            where=where,
            mend="--to hf",
        )
    need("onnx", "onnx", "onnxscript")
    try:
        import transformers.exporters.exporter_onnx  # noqa: F401
    except ImportError:
        raise ShelftalkerError(
            "this transformers has no ONNX exporter", where="--to onnx", mend="pip install -U transformers, or --to ct2"
        ) from None


@contextlib.contextmanager
def _silent() -> Any:
    """Hold back torch's exporter, which reports its steps on standard output, where results go."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with hushed(), contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logger.setLevel(level)
