"""How the reference engine chooses each token, greedily or by sampling, the same for a row whatever its batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shelftalker.recipe.decoding import Decoding

if TYPE_CHECKING:
    from torch import Tensor


class Steps:
    """The last processor of greedy decoding and sampling: chooses each token, and keeps its log-probability.

    Sampling is by inversion: one uniform number a row and step, out of the row's own generator, falls into the
    cumulative distribution. So a row's text depends on its seed alone, not on its neighbours, as it would with the one
    global generator that transformers' own sampling draws from.
    """

    def __init__(self, decoding: Decoding, seeds: list[int], start: int, device: str) -> None:
        import numpy as np
        import torch

        self._decoding, self._start = decoding, start
        self._logs: list[Tensor] = []
        self._uniform: Tensor | None = None
        if decoding.sample:
            drawn = [np.random.Generator(np.random.Philox(seed)).random(decoding.max_new_tokens) for seed in seeds]
            self._uniform = torch.tensor(np.array(drawn)).to(device=device, dtype=_float64(device))

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Scores of shape (rows, words), all -inf but the chosen word's of each row."""
        import torch

        if self._uniform is None:
            chosen = scores.argmax(-1, keepdim=True)
        else:
            chosen = self._draw(scores, self._uniform[:, input_ids.shape[1] - self._start, None])
        self._logs.append((scores.gather(1, chosen) - scores.logsumexp(-1, keepdim=True))[:, 0])
        return torch.full_like(scores, -torch.inf).scatter_(1, chosen, 0.0)

    def _draw(self, scores: Tensor, uniform: Tensor) -> Tensor:
        import torch

        ids, logits = _kept(scores / self._decoding.temperature, self._decoding.top_k, self._decoding.top_p)
        mass = logits.to(uniform.dtype).softmax(-1).cumsum(-1)
        place = torch.searchsorted(mass, uniform * mass[:, -1:], right=True).clamp_(max=mass.shape[1] - 1)
        return place if ids is None else ids.gather(1, place)

    def means(self, lengths: list[int]) -> list[float]:
        """Mean log-probability of each row's first ``length`` tokens."""
        import torch

        logs = torch.stack(self._logs, 1).double().cpu()
        return [float(row[:length].mean()) if length else 0.0 for row, length in zip(logs, lengths, strict=True)]


def _kept(logits: Tensor, top_k: int, top_p: float) -> tuple[Tensor | None, Tensor]:
    """The tokens that top-k, then top-p leave: their ids in ascending order (None: all) and logits (-inf: not kept).

    The nucleus (Holtzman et al. 2020) is the smallest set of likeliest tokens whose share reaches ``top_p``. It is
    looked for among the 256 likeliest first, because sorting a whole vocabulary costs more than the model's step.
    """
    import torch

    vocabulary = logits.shape[1]
    if not top_k and top_p >= 1:
        return None, logits
    size = min(top_k or 256, vocabulary)
    total = None if top_k else logits.logsumexp(-1, keepdim=True)
    while True:
        values, ids = logits.topk(size)
        if top_p >= 1:
            break
        shares = (values - (values.logsumexp(-1, keepdim=True) if total is None else total)).exp()
        before = shares.cumsum(-1) - shares
        if top_k or size == vocabulary or bool((before[:, -1] + shares[:, -1] >= top_p).all()):
            values = values.masked_fill((before >= top_p) & (torch.arange(size, device=ids.device) > 0), -torch.inf)
            break
        size = min(size * 8, vocabulary)
    ids, order = ids.sort(-1)
    return ids, values.gather(1, order)


def _float64(device: str) -> Any:
    import torch

    return torch.float32 if device == "mps" else torch.float64
