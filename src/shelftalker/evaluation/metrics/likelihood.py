"""How likely a model finds the references."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from shelftalker.evaluation.metrics.metric import Metric, Outputs

if TYPE_CHECKING:
    from shelftalker.evaluation.metrics.metric import Array


class Likelihood(Metric):
    """Mean over tokens, not over rows, of the negative log-likelihood."""

    name = "nll"
    label = "NLL"
    what = "mean negative log-likelihood per token of the references, in nats; depends on the model's tokenizer"
    place = 31
    higher_is_better = False
    decimals = 3
    kind = "quality"

    def count(self, systems: Sequence[Outputs]) -> list[Array | None]:
        """Summed negative log-likelihood and tokens of every row."""
        import numpy as np

        return [
            np.array([pair or (0.0, 0) for pair in system.nll], dtype=np.float64)
            if system.nll is not None and any(pair is not None for pair in system.nll)
            else None
            for system in systems
        ]

    def definition(self, outputs: Outputs) -> str:
        """Of whole references."""
        return "nll|nats|per:token|references:whole"

    def is_comparable(self, a: Array, b: Array) -> bool:
        """Only where both models cut the references into the same tokens."""
        import numpy as np

        return bool(np.array_equal(a[:, 1], b[:, 1]))


METRICS = (Likelihood(),)
