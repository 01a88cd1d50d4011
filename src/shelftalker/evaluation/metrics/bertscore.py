"""BERTScore (Zhang et al. 2020): how near the words of two texts are in an encoder's eyes. Off unless asked for.

Each token of one text is paired with the nearest token of the other by the cosine of their contextual embeddings;
the mean over the prediction's tokens is a precision, over the reference's a recall, and F1 is the score. Tokens count
alike (no idf) and scores are not rescaled. The numbers are those of the authors' bert-score 0.3.13 (a test says so),
which has not moved since 2023 and breaks on empty texts under transformers 5; torchmetrics' differ, because it lets no
token pair with the encoder's start and end tokens.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shelftalker import console, files, manifest
from shelftalker.errors import ShelftalkerError
from shelftalker.evaluation import cache
from shelftalker.evaluation.metrics.metric import Metric, Outputs, Scores, means

if TYPE_CHECKING:
    from torch import Tensor

    from shelftalker.evaluation.metrics.metric import Array
    from shelftalker.models.load import ModelRef
    from shelftalker.recipe.recipe import Recipe

KEY = "recipe key evaluate.bertscore"
LAYERS = {
    "bert-base-uncased": 9,
    "bert-large-uncased": 18,
    "bert-base-cased": 9,
    "bert-base-multilingual-cased": 9,
    "distilbert-base-uncased": 5,
    "roberta-base": 10,
    "roberta-large": 17,
    "distilroberta-base": 5,
    "xlm-roberta-base": 9,
    "xlm-roberta-large": 17,
    "deberta-large-mnli": 18,
    "deberta-xlarge-mnli": 40,
}
"""The layers that bert-score's authors found best, by the last part of the model's name."""
_ROWS = 64  # that are scored together: their embeddings are held until they are
_BATCH = 16


@dataclass(frozen=True)
class Encoder:
    """Which encoder scores: found on disk, not loaded. ``layer`` counts from 1."""

    ref: ModelRef
    layer: int
    max_tokens: int
    kind: str
    """Its model_type."""

    @property
    def signature(self) -> str:
        """What the scores depend on beside the texts."""
        versions = manifest.versions()
        name = self.ref.given if self.ref.kind == "hub" else Path(self.ref.path).name
        return (
            f"bertscore|f1|model:{name}|sha256:{self.ref.content_hash[:12]}|layer:{self.layer}|idf:no|rescaled:no"
            f"|max_tokens:{self.max_tokens}|mean:plain|transformers:{versions.get('transformers')}"
        )


class BertScore(Metric):
    """Made beforehand, by `score`: here its mean."""

    name = "bertscore"
    label = "BERTScore"
    what = "nearest tokens by an encoder's contextual embeddings, F1, about 0 to 1 (Zhang et al. 2020)"
    place = 30
    kind = "quality"

    def count(self, systems: Sequence[Outputs]) -> list[Array | None]:
        """F1 of every row."""
        return [None if system.bertscore is None else means(system.bertscore.rows) for system in systems]

    def definition(self, outputs: Outputs) -> str:
        """The encoder's."""
        return outputs.bertscore.signature if outputs.bertscore else self.name


METRICS = (BertScore(),)


def find(recipe: Recipe) -> Encoder | None:
    """The encoder that the recipe asks for, seen to be whole; None: it asks for none. Loads no weights.

    Raises:
        ShelftalkerError: the encoder cannot be had, is no encoder, or lacks the layer asked for.
    """
    from shelftalker.models import folder as folders
    from shelftalker.models.load import local_folder, resolve

    name = recipe.evaluate.bertscore
    if name is None:
        return None
    try:
        ref = resolve(name)
        folder = local_folder(ref)
        folders.check_model(folder)
    except ShelftalkerError as error:
        mend = (error.mend or "").replace("base_model", "evaluate.bertscore")
        raise ShelftalkerError(f"the encoder for BERTScore: {error.what}", where=f"{KEY}: {name}", mend=mend) from None
    mend = "name an encoder such as roberta-large, or a folder that holds one; none: no BERTScore"
    config = files.read_json(folder / "config.json")
    kind, depth = config.get("model_type"), config.get("num_hidden_layers", config.get("n_layers"))
    causal = any(str(one).endswith(("ForCausalLM", "LMHeadModel")) for one in config.get("architectures") or [])
    is_encoder = ref.kind in ("hub", "folder") and not config.get("is_encoder_decoder") and not causal
    if not is_encoder or kind is None or not isinstance(depth, int):
        raise ShelftalkerError(
            f"BERTScore needs an encoder such as BERT, and this is a {kind}", where=f"{KEY}: {name}", mend=mend
        )
    layer = recipe.evaluate.bertscore_layer or LAYERS.get(Path(name).name) or max(1, round(0.75 * depth))
    if layer > depth:
        raise ShelftalkerError(
            f"the encoder has {depth} layers, not {layer}",
            where="recipe key evaluate.bertscore_layer",
            mend=f"name a layer from 1 to {depth}, or none for the usual one",
        )
    return Encoder(ref, layer, _max_tokens(folder, config), kind)


def score(
    encoder: Encoder, references: Sequence[str], systems: Sequence[Sequence[str]], recipe: Recipe
) -> list[Scores]:
    """BERTScore of every system's texts; what was scored before under the very same conditions is taken from disk.

    Args:
        encoder: what `find` gave.
        references: one a row. One longer than the encoder reads is cut, and that is said.
        systems: each with one text a row.

    Raises:
        ShelftalkerError: the encoder cannot be loaded.
    """
    folder = recipe.paths.outputs / "cache" / "bertscore"
    paths = [folder / f"{_key(encoder, references, texts)}.json" for texts in systems]
    found: list[list[float] | None] = [cache.read(path) for path in paths]
    missing = [number for number, rows in enumerate(found) if rows is None]
    if missing:
        reader = Reader(encoder, recipe.device)
        made = reader.f1(references, [systems[number] for number in missing])
        for number, rows in zip(missing, made, strict=True):
            found[number] = rows
            cache.keep(paths[number], rows)
        if reader.cut:
            console.warn(
                f"BERTScore: {reader.cut} texts are longer than the {encoder.max_tokens} tokens that the encoder reads;"
                " of those only the beginning is scored"
            )
    return [Scores(rows or [], encoder.signature) for rows in found]


class Reader:
    """A loaded encoder. ``cut`` counts the texts that were too long for it."""

    def __init__(self, encoder: Encoder, device: str = "cpu") -> None:
        from shelftalker import device as devices

        self.encoder = encoder
        self.device = devices.resolve(device, "float32").device
        self._model, self._tokenizer = _load(encoder)
        self._model.to(self.device)
        self.cut = 0

    def f1(self, references: Sequence[str], systems: Sequence[Sequence[str]]) -> list[list[float]]:
        """F1 of every system's rows. An empty text has 0. Distinct texts of neighbouring rows are read once."""
        result: list[list[float]] = [[] for _ in systems]
        with console.progress("BERTScore reads", len(references)) as bar:
            for start in range(0, len(references), _ROWS):
                wanted = [references[start : start + _ROWS], *(texts[start : start + _ROWS] for texts in systems)]
                texts_of_all = {text for texts in wanted for text in texts}
                known = self.embed(sorted(texts_of_all, key=lambda text: (len(text), text)))
                for texts, scores in zip(wanted[1:], result, strict=True):
                    scores += [match(known[text], known[one]) for text, one in zip(texts, wanted[0], strict=True)]
                bar.advance(len(wanted[0]))
        return result

    def embed(self, texts: Sequence[str]) -> dict[str, tuple[Tensor, Tensor]]:
        """Per text its tokens' embeddings (tokens x width, of length 1) and whether each token counts."""
        import torch

        # RoBERTa's tokeniser has a first word of its own unless a space stands before it.
        before = " " if self.encoder.kind == "roberta" else ""
        ids = self._tokenizer([before + text.strip() for text in texts], verbose=False)["input_ids"]
        limit = self.encoder.max_tokens
        self.cut += sum(len(row) > limit for row in ids)
        ids = [row if len(row) <= limit else [*row[: limit - 1], row[-1]] for row in ids]
        special = {self._tokenizer.cls_token_id, self._tokenizer.sep_token_id}
        found: dict[str, tuple[Tensor, Tensor]] = {}
        for start in range(0, len(ids), _BATCH):
            batch = ids[start : start + _BATCH]
            width = max(map(len, batch))
            padded = torch.tensor([row + [self._tokenizer.pad_token_id] * (width - len(row)) for row in batch])
            mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in batch])
            with torch.inference_mode():
                given = {"input_ids": padded.to(self.device), "attention_mask": mask.to(self.device)}
                states = self._model(**given, output_hidden_states=True).hidden_states[self.encoder.layer].cpu()
            for text, row, state in zip(texts[start : start + _BATCH], batch, states, strict=True):
                counts = torch.tensor([token not in special for token in row])
                found[text] = torch.nn.functional.normalize(state[: len(row)], dim=-1), counts
        return found


def match(prediction: tuple[Tensor, Tensor], reference: tuple[Tensor, Tensor]) -> float:
    """F1 of the greedy pairing; 0 where either text has no token that counts.

    Start and end tokens are no part of the means, but tokens may pair with them, as in bert-score.
    """
    (written, counts), (wanted, weighs) = prediction, reference
    if not bool(counts.any()) or not bool(weighs.any()):
        return 0.0
    cosines = written @ wanted.T
    precision = float(cosines.max(dim=1).values[counts].mean())
    recall = float(cosines.max(dim=0).values[weighs].mean())
    value = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return value if math.isfinite(value) else 0.0


def _load(encoder: Encoder) -> tuple[Any, Any]:
    import torch
    from transformers import AutoModel, AutoTokenizer

    from shelftalker.models.load import local_folder
    from shelftalker.models.quiet import hushed

    folder = local_folder(encoder.ref)
    with hushed():
        try:
            network, report = AutoModel.from_pretrained(
                folder,
                dtype=torch.float32,
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=False,
                output_loading_info=True,
            )
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        except Exception as error:  # transformers raises anything from KeyError to SafetensorError here
            lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
            raise ShelftalkerError(
                f"transformers cannot load the encoder for BERTScore: {lines[0]}",
                where=f"{KEY}: {encoder.ref.given}",
                mend="name an encoder saved with save_pretrained",
            ) from error
    # The pooler is the one part that no hidden state passes through: checkpoints of masked models lack it.
    absent = sorted(name for name in report["missing_keys"] if "pooler" not in name)
    if absent or report["mismatched_keys"] or tokenizer.pad_token_id is None or tokenizer.cls_token_id is None:
        what = f"lacks weights (such as {absent[0]})" if absent else "and its tokenizer do not belong together"
        raise ShelftalkerError(
            f"the encoder for BERTScore {what}",
            where=f"{KEY}: {encoder.ref.given}",
            mend="copy or download it again; it must be an encoder such as BERT with its own tokenizer",
        )
    return network.eval(), tokenizer


def _max_tokens(folder: Path, config: dict[str, Any]) -> int:
    """Tokens that the encoder can read: the tokenizer's word for it, or else its positions."""
    path = folder / "tokenizer_config.json"
    said = files.read_json(path).get("model_max_length") if path.is_file() else None
    if isinstance(said, int) and 0 < said < 1_000_000:
        return said
    positions = int(config.get("max_position_embeddings") or 512)
    return positions - 2 if config.get("model_type") in ("roberta", "xlm-roberta") else positions


def _key(encoder: Encoder, references: Sequence[str], texts: Sequence[str]) -> str:
    identity = [encoder.signature, encoder.ref.content_hash, manifest.versions().get("torch"), [*references], [*texts]]
    return hashlib.sha256(json.dumps(identity).encode()).hexdigest()
