"""LoRA adapters: attaching a fresh one, checking that a saved one fits its base model, merging."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shelftalker.errors import ShelftalkerError
from shelftalker.models import folder as folders
from shelftalker.models.quiet import hushed

if TYPE_CHECKING:
    from shelftalker.recipe.finetuning import LoraSettings

_PREFIX = "base_model.model."
_LORA = re.compile(r"^(?P<module>.+)\.lora_(?P<half>[AB])(?:\.default)?\.weight$")


def read_config(folder: Path) -> dict[str, Any]:
    """The adapter's ``adapter_config.json``, checked to be a LoRA adapter.

    Raises:
        ShelftalkerError: missing, broken, or another kind of adapter.
    """
    path = folder / folders.ADAPTER_CONFIG
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ShelftalkerError(
            f"the adapter's settings cannot be read: {error}", where=str(path), mend="copy the adapter folder again"
        ) from None
    kind = config.get("peft_type") if isinstance(config, dict) else None
    if kind != "LORA":
        raise ShelftalkerError(
            f"not a LoRA adapter (peft_type {kind!r})", where=str(path), mend="give a LoRA adapter saved by PEFT"
        )
    return dict(config)


def tensor_shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """Names and shapes of an adapter's tensors.

    Raises:
        ShelftalkerError: no safetensors, or cut short.
    """
    path = folder / folders.ADAPTER_WEIGHTS
    if not path.is_file():
        pickled = (folder / "adapter_model.bin").is_file()
        raise ShelftalkerError(
            "the adapter's weights are a pickle, which can run code when it is loaded"
            if pickled
            else f"an adapter folder without {folders.ADAPTER_WEIGHTS}",
            where=str(folder),
            mend="save it as safetensors with the tool that made it: model.save_pretrained(folder)"
            if pickled
            else "copy the adapter folder again, or take another checkpoint",
        )
    return folders.tensor_shapes(path)


def misfits(config: dict[str, Any], shapes: dict[str, tuple[int, ...]], base: dict[str, tuple[int, ...]]) -> list[str]:
    """Reasons why an adapter does not fit a base model; empty when it does.

    Args:
        config: the adapter's configuration.
        shapes: the adapter's tensors, named ``base_model.model.<module>.lora_A.weight`` and so on.
        base: shapes of the base model's parameters, named ``<module>.weight``.
    """
    rank, patterns = config.get("r"), config.get("rank_pattern") or {}
    halves: dict[str, set[str]] = {}
    found = []
    for name, shape in shapes.items():
        match = _LORA.match(name.removeprefix(_PREFIX))
        if match is None:
            continue
        module, half = match["module"], match["half"]
        halves.setdefault(module, set()).add(half)
        weight = base.get(f"{module}.weight")
        if weight is None:
            found.append(f"the base model has no module {module}")
            continue
        outer, inner = (weight[1], shape[1]) if half == "A" else (weight[0], shape[0])
        if outer != inner:
            side = "inputs" if half == "A" else "outputs"
            found.append(f"{module} has {outer} {side}, the adapter was made for {inner}")
        got = shape[0] if half == "A" else shape[1]
        if got != rank and not patterns:
            found.append(f"{module} has rank {got}, adapter_config.json says {rank}")
    found += [f"{module} has only one of lora_A and lora_B" for module, seen in halves.items() if len(seen) == 1]
    if not halves:
        found.append("its file holds no LoRA tensor")
    return found


def check_fit(folder: Path, model: Any) -> None:
    """See that the adapter in ``folder`` fits ``model``: module names, their widths, the rank.

    Raises:
        ShelftalkerError: it does not fit; the message names the first misfits.
    """
    shapes = {name: tuple(parameter.shape) for name, parameter in model.named_parameters(remove_duplicate=False)}
    found = misfits(read_config(folder), tensor_shapes(folder), shapes)
    if found:
        more = f" (and {len(found) - 2} more)" if len(found) > 2 else ""
        raise ShelftalkerError(
            f"the adapter does not fit the base model: {'; '.join(found[:2])}{more}",
            where=str(folder),
            mend=f"give the base model that it was trained on ({read_config(folder).get('base_model_name_or_path')})",
        )


def load_onto(model: Any, folder: Path) -> Any:
    """The base model with the adapter of ``folder`` on it, every tensor in its place, for inference.

    Raises:
        ShelftalkerError: the adapter does not fit, or a tensor of its file found no place.
    """
    from peft import PeftModel
    from peft.utils import get_peft_model_state_dict

    check_fit(folder, model)
    try:
        with hushed():
            adapted = PeftModel.from_pretrained(model, str(folder), is_trainable=False)
    except (ValueError, TypeError, RuntimeError, KeyError) as error:
        raise ShelftalkerError(
            f"PEFT cannot load the adapter: {str(error).splitlines()[0]}",
            where=str(folder),
            mend="give an adapter saved by PEFT for this base model",
        ) from None
    loaded = set(get_peft_model_state_dict(adapted, save_embedding_layers=False))
    saved = set(tensor_shapes(folder))
    if loaded != saved:
        lost, missing = sorted(saved - loaded), sorted(loaded - saved)
        raise ShelftalkerError(
            f"the adapter fits only in part: {len(lost)} of its tensors found no place, {len(missing)} are missing"
            f" (such as {(lost + missing)[0]})",
            where=str(folder),
            mend="give the base model that it was trained on, or an adapter whose files belong together",
        )
    return adapted


def merge(adapted: Any) -> Any:
    """The base model with the adapter added into its weights; call it while the weights are float32.

    Raises:
        ShelftalkerError: a merged weight is not finite.
    """
    tied = getattr(adapted.config, "tie_word_embeddings", None)
    try:
        with hushed():
            merged = adapted.merge_and_unload(safe_merge=True)
        # PEFT takes FLAN's separate head for one that the merge untied, and would change the config.
        merged.config.tie_word_embeddings = tied
        return merged
    except ValueError as error:
        raise ShelftalkerError(
            f"the adapter cannot be merged: {error}", where="adapter weights", mend="take another checkpoint"
        ) from None


def linear_modules(model: Any) -> dict[str, list[str]]:
    """Last name of every linear module but the head, to the full names that carry it (q -> encoder.block.0...q)."""
    import torch

    head = model.get_output_embeddings()
    found: dict[str, list[str]] = {}
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear) and module is not head:
            found.setdefault(name.rsplit(".", 1)[-1], []).append(name)
    return found


def untied_head(model: Any) -> str | None:
    """Name of the output head where it has weights of its own (FLAN-T5's lm_head), so that it can be adapted."""
    head, embedding = model.get_output_embeddings(), model.get_input_embeddings()
    if head is None or head.weight is embedding.weight:
        return None
    name: str = next(name for name, module in model.named_modules() if module is head)
    return name


def attach(model: Any, lora: LoraSettings, *, is_seq2seq: bool, base_name: str, revision: str | None) -> Any:
    """A fresh LoRA adapter on ``model``: only its matrices train, in float32.

    Raises:
        ShelftalkerError: a named module is not in the model; the message lists those that are.
    """
    from peft import LoraConfig, TaskType, get_peft_model

    linear = linear_modules(model)
    if lora.target_modules != "all-linear":
        head = untied_head(model)
        known = {**linear, head: [head]} if head else linear
        unknown = [
            name
            for name in lora.target_modules
            if name not in known and not any(full.endswith(f".{name}") for fulls in known.values() for full in fulls)
        ]
        if unknown:
            raise ShelftalkerError(
                f"the base model has no linear module named {', '.join(unknown)}",
                where="recipe key lora.target_modules",
                mend=f"choose among {' '.join(sorted(known))}, or all-linear",
            )
    config = LoraConfig(
        task_type=TaskType.SEQ_2_SEQ_LM if is_seq2seq else TaskType.CAUSAL_LM,
        r=lora.r,
        # Tools that read adapters expect a whole number where it is one.
        lora_alpha=int(lora.alpha) if lora.alpha == int(lora.alpha) else lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=sorted(linear) if lora.target_modules == "all-linear" else list(lora.target_modules),
        use_rslora=lora.rslora,
        use_dora=lora.dora,
        bias="none",
    )
    config.base_model_name_or_path = base_name
    config.revision = revision
    adapted = get_peft_model(model, config)
    config.base_model_name_or_path = base_name
    return adapted
