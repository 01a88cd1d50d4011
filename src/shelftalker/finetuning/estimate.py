"""A dry run: what a fine-tuning would take, from a few measured steps; nothing is written."""

from __future__ import annotations

from typing import Any

from shelftalker.device import DevicePolicy
from shelftalker.models.load import ModelRef
from shelftalker.recipe import Recipe


def estimate(recipe: Recipe, ref: ModelRef, policy: DevicePolicy) -> dict[str, Any]:
    raise NotImplementedError
