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
    """Reasons why an adapter that PEFT does not load does not fit a base model; empty where none is plain.

    Args:
        config: the adapter's configuration.
        shapes: the adapter's tensors, named ``base_model.model.<module>.lora_A.weight`` and so on.
        base: shapes of the base model's parameters (outputs x inputs), named ``<module>.weight``.
    """
    rank, patterns = config.get("r"), config.get("rank_pattern") or {}
    halves: dict[str, set[str]] = {}
    found = []
    for name, shape in shapes.items():
        own = name.removeprefix(_PREFIX)
        if own in base and shape != base[own]:
            same_width = len(shape) > 1 and shape[1:] == base[own][1:]
            what = f"{shape[0]:,} tokens" if same_width else " x ".join(map(str, shape))
            other = f"{base[own][0]:,}" if same_width else " x ".join(map(str, base[own]))
            found.append(f"it was made with {what} in {own}, the base model has {other}")
        match = _LORA.match(own)
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
    return found


def load_onto(model: Any, folder: Path) -> Any:
    """The base model with the adapter of ``folder`` on it, for inference: whatever PEFT loads whole, as PEFT loads it.

    Raises:
        ShelftalkerError: PEFT does not load it, or a tensor of its file or of the adapter's found no counterpart.
    """
    from peft import PeftModel
    from peft.utils import load_peft_weights, set_peft_model_state_dict

    shapes = tensor_shapes(folder)
    base = _shapes_of(model)
    try:
        with hushed():
            adapted = PeftModel.from_pretrained(model, str(folder), is_trainable=False)
            # Once more, because only this tells what found no place.
            report = set_peft_model_state_dict(adapted, load_peft_weights(str(folder), device="cpu"))
    except Exception as error:  # PEFT raises anything here
        lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
        raise _misfit(folder, misfits(read_config(folder), shapes, base) or [f"PEFT says: {lines[0]}"]) from None
    lost = list(report.unexpected_keys)
    # Layers that share trained tokens are saved once.
    own = _OWN if any(_TOKENS in name for name in shapes) else (*_OWN, _TOKENS)
    missing = [key for key in report.missing_keys if any(part in key for part in own)]
    if lost or missing:
        plain = misfits(read_config(folder), shapes, base)
        example = (lost + missing)[0].removeprefix(_PREFIX)
        counts = f"{len(lost)} of its tensors found no place, {len(missing)} are missing (such as {example})"
        raise _misfit(folder, [*plain, counts] if plain else [], f"fits only in part: {counts}")
    return adapted


_OWN, _TOKENS = ("lora_", "modules_to_save.default"), "trainable_tokens_delta"
"""Parts of the names of an adapter's own weights within PEFT's model."""


def _misfit(folder: Path, reasons: list[str], otherwise: str = "") -> ShelftalkerError:
    more = f" (and {len(reasons) - 2} more)" if len(reasons) > 2 else ""
    said = f"does not fit the base model: {'; '.join(reasons[:2])}{more}" if reasons else otherwise
    return ShelftalkerError(
        f"the adapter {said}",
        where=str(folder),
        mend=f"give the base model that it was trained on ({read_config(folder).get('base_model_name_or_path')})",
    )


def _shapes_of(model: Any) -> dict[str, tuple[int, ...]]:
    """Shapes of a model's parameters; GPT-2's layers, which keep inputs x outputs, as the others say it."""
    turned = {name for name, module in model.named_modules() if type(module).__name__ == "Conv1D"}
    return {
        name: tuple(weight.shape)[::-1] if name.removesuffix(".weight") in turned else tuple(weight.shape)
        for name, weight in model.named_parameters(remove_duplicate=False)
    }


def why_unmerged(config: dict[str, Any]) -> str | None:
    """Why an adapter cannot be merged into its base; None: it can."""
    if config.get("lora_bias"):
        return "it adds a bias of its own to layers that have none (lora_bias)"
    targets, tokens = config.get("target_modules") or [], config.get("trainable_token_indices") or []
    if "shared" in [*targets, *tokens]:
        return "it changes the embedding that encoder, decoder and head share, each in its own way"
    return None


def merge(adapted: Any) -> Any:
    """The base model with the adapter added into its weights; call it while the weights are float32.

    Where the head shares the embedding's matrix and the adapter changes one of them, they are parted first: the other
    one would change too.

    Raises:
        ShelftalkerError: a merged weight is not finite, or the adapter cannot be merged.
    """
    config = adapted.peft_config[adapted.active_adapter].to_dict()
    if reason := why_unmerged(config):
        raise ShelftalkerError(
            f"the adapter cannot be merged: {reason}",
            where="adapter_config.json",
            mend="use it unmerged (generate.engine: transformers)",
        )
    tied = getattr(adapted.config, "tie_word_embeddings", None)
    network = adapted.get_base_model()
    _part(network)
    try:
        with hushed():
            merged = adapted.merge_and_unload(safe_merge=True)
    except ValueError as error:
        raise ShelftalkerError(
            f"the adapter cannot be merged: {error}", where="adapter weights", mend="take another checkpoint"
        ) from None
    head, embedding = merged.get_output_embeddings(), merged.get_input_embeddings()
    if head is not None and not merged.config.is_encoder_decoder:
        tied = head.weight is embedding.weight
    # PEFT takes FLAN's separate head for one that the merge untied, and would change the config.
    merged.config.tie_word_embeddings = tied
    return merged


def _part(network: Any) -> None:
    """Give the head a matrix of its own where the adapter changes it, or the embedding that it shares one with."""
    import torch

    layers = [network.get_output_embeddings(), network.get_input_embeddings()]
    plain = [getattr(layer, "base_layer", getattr(layer, "original_module", layer)) for layer in layers]
    is_changed = any(own is not layer for own, layer in zip(plain, layers, strict=True))
    if is_changed and plain[0] is not None and plain[0].weight is plain[1].weight:
        plain[0].weight = torch.nn.Parameter(plain[0].weight.detach().clone(), requires_grad=False)


def linear_modules(model: Any) -> dict[str, list[str]]:
    """Last name of every linear module but the head, to the full names that carry it (q -> encoder.block.0...q)."""
    import torch
    from transformers.pytorch_utils import Conv1D

    head = model.get_output_embeddings()
    found: dict[str, list[str]] = {}
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear | Conv1D) and module is not head:
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
        fan_in_fan_out=any(type(module).__name__ == "Conv1D" for module in model.modules()),
    )
    config.base_model_name_or_path = base_name
    config.revision = revision
    adapted = get_peft_model(model, config)
    config.base_model_name_or_path = base_name
    return adapted
