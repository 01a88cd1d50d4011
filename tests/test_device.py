"""Device and number format: safe by default, fp16 refused with its reason."""

from __future__ import annotations

import pytest

from shelftalker import device
from shelftalker.errors import ShelftalkerError


def test_fp16_is_refused_with_the_reason() -> None:
    with pytest.raises(ShelftalkerError, match="overflows inside T5"):
        device.resolve("cpu", "float16")


def test_cpu_is_float32_unless_told_otherwise() -> None:
    policy = device.resolve("cpu", "auto")
    assert (policy.device, policy.dtype) == ("cpu", "float32")
    with pytest.raises(ShelftalkerError, match="emulated"):
        device.resolve("cpu", "bfloat16")


def test_a_device_that_is_not_there_is_named() -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    with pytest.raises(ShelftalkerError, match="no cuda device"):
        device.resolve("cuda")
