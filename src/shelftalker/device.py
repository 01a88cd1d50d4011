"""Which device and number format a model runs in. fp16 is refused: it destroys T5."""

from __future__ import annotations

from dataclasses import dataclass

from shelftalker.errors import ShelftalkerError


@dataclass(frozen=True)
class DevicePolicy:
    """A device ("cuda", "mps" or "cpu"), a number format ("float32" or "bfloat16") and why they were chosen."""

    device: str
    dtype: str
    reason: str


def resolve(device: str = "auto", dtype: str = "auto") -> DevicePolicy:
    """Choose device and number format for torch.

    ``auto`` takes CUDA, then MPS, then the CPU; bfloat16 on a CUDA device that has it, else float32.

    Raises:
        ShelftalkerError: the device is not there, or the format is unsafe on it.
    """
    import torch

    if dtype in {"float16", "fp16", "half"}:
        raise ShelftalkerError(
            "float16 overflows inside T5: the loss becomes NaN or 0 (transformers issue 23918)",
            where="recipe key dtype",
            mend="use dtype: auto, float32, or bfloat16 on a GPU that has it",
        )
    has_cuda, has_mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if device == "auto":
        device = "cuda" if has_cuda else "mps" if has_mps else "cpu"
    if (device.startswith("cuda") and not has_cuda) or (device == "mps" and not has_mps):
        raise ShelftalkerError(
            f"this machine has no {device} device that torch can use",
            where="recipe key device",
            mend="use device: auto or cpu; `shelftalker doctor` shows what is there",
        )
    has_bf16 = device.startswith("cuda") and torch.cuda.is_bf16_supported(including_emulation=False)
    if dtype == "auto":
        if has_bf16:
            return DevicePolicy(device, "bfloat16", "CUDA with bfloat16 units")
        return DevicePolicy(device, "float32", f"{device} without bfloat16 units: float32 is the safe format for T5")
    if dtype == "bfloat16" and not has_bf16:
        raise ShelftalkerError(
            f"bfloat16 is emulated on this {device} and many times slower than float32",
            where="recipe key dtype",
            mend="use dtype: auto or float32",
        )
    return DevicePolicy(device, dtype, "as asked for")
