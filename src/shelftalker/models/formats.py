"""Number formats of CTranslate2 models (`generate.quantisation`): which there are, by model and by device."""

from __future__ import annotations

from typing import Literal

from shelftalker.errors import ShelftalkerError

Quantisation = Literal["int8", "float32", "bfloat16", "float16"]
KEY = "recipe key generate.quantisation"
COMPUTED: dict[str, str] = {
    "int8": "int8_float32",  # float32 activations on every device: T5 overflows in float16
    "float32": "float32",
    "bfloat16": "bfloat16",
    "float16": "float16",
}
"""What CTranslate2 calls the format that it computes in, by the weights' format."""


def check_model(quantisation: str, model_type: str | None) -> None:
    """See that a model bears the format.

    Raises:
        ShelftalkerError: T5 in float16.
    """
    if quantisation == "float16" and model_type == "t5":
        raise ShelftalkerError(
            "float16 overflows inside T5: what it writes becomes noise (CTranslate2 issues 1074 and 1239)",
            where=f"{KEY}: float16",
            mend="generate.quantisation: bfloat16 where the device has it, else int8 or float32",
        )


def check_device(quantisation: str, device: str, where: str = KEY) -> None:
    """See that CTranslate2 computes in the format there; int8 and float32 it does on every device.

    Args:
        quantisation: the weights' format.
        device: "cpu", "cuda" or "cuda:N".
        where: what asks for the format.

    Raises:
        ShelftalkerError: it does not; the message lists those that it has.
    """
    if quantisation in ("int8", "float32"):
        return
    found = supported(device)
    if quantisation not in found:
        raise ShelftalkerError(
            f"CTranslate2 does not compute in {quantisation} on this {device}",
            where=where,
            mend=f"generate.quantisation: {' or '.join(found)}",
        )


def supported(device: str) -> list[str]:
    """The formats that CTranslate2 computes in on a device."""
    import ctranslate2

    kind, _, index = device.partition(":")
    known = ctranslate2.get_supported_compute_types(kind, int(index or 0))
    return [name for name, computed in COMPUTED.items() if computed in known]
