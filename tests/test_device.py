"""Device and number format: safe by default, fp16 refused with its reason."""

from __future__ import annotations

from typing import Any

import pytest

from shelftalker import device
from shelftalker.errors import ShelftalkerError


def test_fp16_is_refused_with_the_reason() -> None:
    with pytest.raises(ShelftalkerError, match="overflows inside T5"):
        device.resolve("cpu", "float16")


def test_writing_on_a_cpu_is_float32_wherever_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "cpu_reports_bfloat16", lambda: True)
    policy = device.resolve("cpu", "auto")
    assert (policy.device, policy.dtype) == ("cpu", "float32")
    assert device.resolve("cpu", "bfloat16").dtype == "bfloat16"


@pytest.mark.parametrize("choose", [device.resolve, device.for_training])
def test_bfloat16_without_units_is_refused(choose: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "cpu_reports_bfloat16", lambda: False)
    with pytest.raises(ShelftalkerError, match="emulate"):
        choose("cpu", "bfloat16")


@pytest.mark.parametrize(
    ("units", "gain", "dtype", "said"),
    [
        (False, 9.0, "float32", "no bfloat16 units"),
        (True, 2.5, "bfloat16", "2.5 times as fast"),
        (True, 0.9, "float32", "only 0.9 times"),
    ],
)
def test_training_takes_bfloat16_where_it_is_reported_and_measured(
    units: bool, gain: float, dtype: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "cpu_reports_bfloat16", lambda: units)
    monkeypatch.setattr(device, "bfloat16_gain", lambda: gain)
    policy = device.for_training("cpu", "auto")
    assert policy.dtype == dtype and said in policy.reason
    assert device.for_training("cpu", "float32").dtype == "float32"


def test_the_gain_is_measured() -> None:
    """On any machine a number; where torch reports no units, emulation is never taken for a gain."""
    gain = device.bfloat16_gain()
    assert gain > 0
    if not device.cpu_reports_bfloat16():
        assert device.for_training("cpu").dtype == "float32"


def test_a_device_that_is_not_there_is_named() -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    with pytest.raises(ShelftalkerError, match="no cuda device"):
        device.resolve("cuda")
