"""Which device and number format a model runs in. fp16 is refused: it destroys T5."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from shelftalker.errors import ShelftalkerError

# Side of the square matrices whose products are timed, and how often: some 30 ms where bfloat16 has units.
_SIDE, _TIMES = 512, 9
# Products must gain at least so much for a whole training step to gain anything.
_WORTH = 1.2


@dataclass(frozen=True)
class DevicePolicy:
    """A device ("cuda", "mps" or "cpu"), a number format ("float32" or "bfloat16") and why they were chosen."""

    device: str
    dtype: str
    reason: str


def resolve(device: str = "auto", dtype: str = "auto") -> DevicePolicy:
    """Choose device and number format for writing and scoring with torch.

    ``auto`` takes CUDA, then MPS, then the CPU; bfloat16 on a CUDA device that has it, else float32: on a CPU the
    same text comes out on every machine.

    Raises:
        ShelftalkerError: the device is not there, or the format is unsafe or slow on it.
    """
    device = _present(device, dtype)
    if dtype == "auto":
        if _cuda_has_bfloat16(device):
            return DevicePolicy(device, "bfloat16", "CUDA with bfloat16 units")
        return DevicePolicy(device, "float32", f"the same text on every machine ({device})")
    _check_bfloat16(device, dtype)
    return DevicePolicy(device, dtype, "as asked for")


def for_training(device: str = "auto", dtype: str = "auto") -> DevicePolicy:
    """Choose device and number format for fine-tuning.

    ``auto`` takes bfloat16 for the base model wherever its products are faster: on CUDA devices that have it, and on
    processors with units for it. The adapter and its optimiser stay in float32.

    Raises:
        ShelftalkerError: the device is not there, or the format is unsafe or slow on it.
    """
    device = _present(device, dtype)
    if dtype != "auto":
        _check_bfloat16(device, dtype)
        return DevicePolicy(device, dtype, "as asked for")
    if _cuda_has_bfloat16(device):
        return DevicePolicy(device, "bfloat16", "CUDA with bfloat16 units; the adapter in float32")
    if device != "cpu":
        return DevicePolicy(device, "float32", f"the safe format on {device}")
    if not cpu_reports_bfloat16():
        return DevicePolicy(device, "float32", "this processor has no bfloat16 units")
    gain = bfloat16_gain()
    if gain < _WORTH:
        return DevicePolicy(
            device, "float32", f"this processor has bfloat16 units, but its products are only {gain:.1f} times as fast"
        )
    return DevicePolicy(
        device,
        "bfloat16",
        f"this processor's bfloat16 products are {gain:.1f} times as fast as float32; the adapter stays in float32",
    )


def cpu_reports_bfloat16() -> bool:
    """Whether torch reports units for bfloat16 products in this processor (AVX-512, AMX or ARM's)."""
    import torch

    try:
        capabilities = torch.cpu.get_capabilities()
    except (AttributeError, RuntimeError):  # an older torch, which does not say
        return False
    return any(bool(capabilities.get(name)) for name in ("avx512_bf16", "amx_bf16", "bf16", "arm_bf16"))


def bfloat16_gain() -> float:
    """How many times faster this processor multiplies two matrices in bfloat16 than in float32, best of a few.

    The two take turns, so that a busy moment slows both.
    """
    import torch

    pairs = {dtype: torch.ones(2, _SIDE, _SIDE, dtype=dtype) for dtype in (torch.float32, torch.bfloat16)}
    times: dict[torch.dtype, list[float]] = {dtype: [] for dtype in pairs}
    for _ in range(_TIMES + 1):  # the first prepares the product
        for dtype, (left, right) in pairs.items():
            began = time.perf_counter()
            torch.mm(left, right)
            times[dtype].append(time.perf_counter() - began)
    return min(times[torch.float32][1:]) / min(times[torch.bfloat16][1:])


def _present(device: str, dtype: str) -> str:
    import torch

    if dtype in {"float16", "fp16", "half"}:
        raise ShelftalkerError(
            "float16 overflows inside T5: the loss becomes NaN or 0 (transformers issue 23918)",
            where="recipe key dtype",
            mend="use dtype: auto, float32, or bfloat16 where there are units for it",
        )
    has_cuda, has_mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if device == "auto":
        return "cuda" if has_cuda else "mps" if has_mps else "cpu"
    if (device.startswith("cuda") and not has_cuda) or (device == "mps" and not has_mps):
        raise ShelftalkerError(
            f"this machine has no {device} device that torch can use",
            where="recipe key device",
            mend="use device: auto or cpu; `shelftalker doctor` shows what is there",
        )
    return device


def _cuda_has_bfloat16(device: str) -> bool:
    import torch

    return device.startswith("cuda") and torch.cuda.is_bf16_supported(including_emulation=False)


def _check_bfloat16(device: str, dtype: str) -> None:
    if dtype != "bfloat16" or _cuda_has_bfloat16(device) or (device == "cpu" and cpu_reports_bfloat16()):
        return
    raise ShelftalkerError(
        f"this {device} has no bfloat16 units: it would emulate them, many times slower than float32",
        where="recipe key dtype",
        mend="use dtype: auto or float32",
    )


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
