"""What it saves to compute the vocabulary head at description tokens only, and to hold its logits once.

    python benchmarks/loss.py

SmolLM2's head (49,152 words, width 576) and the loss over it, forward and backward, on a batch of the sample
catalogue's lengths: 8 rows of 37 prompt and up to 130 description tokens. Each way in a process of its own, because
memory is measured by its peak; processor time, best of two.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time

WORDS, WIDTH, PROMPT = 49_152, 576, 37
LENGTHS = (52, 61, 70, 79, 88, 97, 112, 130)
WAYS = {
    "everywhere": "head everywhere, torch's loss",
    "learnt": "head at description tokens, torch's loss",
    "ours": "head at description tokens, logits held once (this tool)",
}


def main() -> None:
    """Measure each way and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a small vocabulary; no figures to quote")
    parser.add_argument("--way", choices=list(WAYS), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.way:
        print(json.dumps(measured(arguments.way, 500 if arguments.quick else WORDS)))
        return
    from shelftalker import console

    rows = []
    for way, words in WAYS.items():
        command = [sys.executable, __file__, "--way", way, *(["--quick"] if arguments.quick else [])]
        found = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
        rows.append([words, f"{found['seconds']:.2f}", f"{found['mb']:,.0f}", f"{found['loss']:.5f}"])
    console.table("vocabulary head and loss", ["way", "seconds", "MB beyond the start", "loss"], rows)


def measured(way: str, words: int) -> dict[str, float]:
    """Seconds, memory and loss of one way."""
    import resource

    import torch

    from shelftalker.finetuning.encoding import IGNORED
    from shelftalker.finetuning.loss import _SummedCrossEntropy

    torch.manual_seed(0)
    torch.set_num_threads(1)
    head = torch.randn(words, WIDTH) * 0.02
    hidden = torch.randn(len(LENGTHS), PROMPT + max(LENGTHS), WIDTH, requires_grad=True)
    labels = torch.full(hidden.shape[:2], IGNORED)
    for row, length in zip(labels, LENGTHS, strict=True):
        row[PROMPT : PROMPT + length] = torch.randint(0, words, (length,))
    learnt = labels.ne(IGNORED)
    start, seconds, total = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, [], torch.zeros(())
    for _ in range(2):
        hidden.grad = None
        began = time.process_time()
        if way == "everywhere":
            logits = (hidden @ head.T).flatten(0, 1)
            total = torch.nn.functional.cross_entropy(logits, labels.flatten(), reduction="sum", ignore_index=IGNORED)
        elif way == "learnt":
            total = torch.nn.functional.cross_entropy(hidden[learnt] @ head.T, labels[learnt], reduction="sum")
        else:
            total = _SummedCrossEntropy.apply(hidden[learnt] @ head.T, labels[learnt], True)
        total.backward()
        seconds.append(time.process_time() - began)
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - start
    return {
        "seconds": min(seconds),
        "mb": used / (1e6 if sys.platform == "darwin" else 1e3),
        "loss": total.item() / int(learnt.sum()),
    }


if __name__ == "__main__":
    main()
