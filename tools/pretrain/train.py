"""Pretrain a small T5 (v1.1 shape: gated GELU, untied head) from scratch; resumable.

Run it again with the same arguments after any interruption: it continues from ``checkpoint.pt`` in
``--out``, which holds parameters, optimiser states, counters and the data position. The rate warms
up, stays, and falls linearly to a fiftieth over the last part, either by step (``--steps``: a
resumed run then equals an uninterrupted one bit for bit) or by the clock (``--deadline``: training
ends at that time, however fast or slow the machine was).

While a file named ``PAUSE`` lies beside ``--out``, training rests between two steps.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from transformers import AutoTokenizer, PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration

from tools.pretrain.copying import start_copying
from tools.pretrain.examples import PROMPT, Batch, Corpus, Examples, batch
from tools.pretrain.muon import Muon


@dataclass(frozen=True)
class Shape:
    """The model's size.

    Both stacks are equally deep: transformers sizes the decoding cache by the encoder's depth.
    """

    d_model: int = 256
    d_ff: int = 640
    d_kv: int = 64
    heads: int = 4
    encoder_layers: int = 4
    decoder_layers: int = 4


@dataclass(frozen=True)
class Rates:
    """Peak rates per kind of parameter, and the schedule's shape as shares of the run.

    ``weight_decay`` is that of the matrices, as a share of their rate.
    ``warmup`` and ``decay`` are the rate's ramps, ``floor`` its last factor; ``late`` is the share of
    the run, at its end, that draws from the late mixture.
    """

    matrix: float = 0.02
    embedding: float = 0.03
    head: float = 0.003
    other: float = 0.01
    weight_decay: float = 0.1
    warmup: float = 0.01
    decay: float = 0.6
    floor: float = 0.02
    late: float = 0.25


def build(shape: Shape, vocab_size: int) -> T5ForConditionalGeneration:
    """A fresh model that starts with a copying circuit; the head is untied."""
    config = T5Config(
        vocab_size=vocab_size,
        d_model=shape.d_model,
        d_ff=shape.d_ff,
        d_kv=shape.d_kv,
        num_heads=shape.heads,
        num_layers=shape.encoder_layers,
        num_decoder_layers=shape.decoder_layers,
        feed_forward_proj="gated-gelu",
        dropout_rate=0.0,
        tie_word_embeddings=False,
        decoder_start_token_id=0,
        pad_token_id=0,
        eos_token_id=1,
    )
    model = T5ForConditionalGeneration(config)
    # At these lengths plain attention is faster on a CPU than the fused one.
    model.set_attn_implementation("eager")
    model.lm_head.weight = torch.nn.Parameter(torch.empty(vocab_size, shape.d_model))
    start_copying(model)
    assert model.lm_head.weight is not model.shared.weight
    return model


def optimizers(model: T5ForConditionalGeneration, rates: Rates) -> list[torch.optim.Optimizer]:
    """Muon for the matrices, AdamW for embeddings, head, norms and position biases."""
    width = model.config.d_kv
    kinds: dict[str, list[torch.nn.Parameter]] = {
        key: [] for key in ("q", "rows", "columns", "ff_in", "ff_out", "embedding", "head", "other")
    }
    places = {
        "q": "q",
        "k": "rows",
        "v": "rows",
        "o": "columns",
        "wi_0": "ff_in",
        "wi_1": "ff_in",
        "wo": "ff_out",
        "shared": "embedding",
        "lm_head": "head",
    }
    for name, parameter in model.named_parameters():
        kinds[places.get(name.split(".")[-2], "other")].append(parameter)
    hidden = math.gcd(model.config.d_ff, 128)
    matrices = [
        # T5 folds the attention's scaling into q, so q moves in proportion.
        {"params": kinds["q"], "split": "rows", "block": width, "scale": width**-0.5},
        {"params": kinds["rows"], "split": "rows", "block": width},
        {"params": kinds["columns"], "split": "columns", "block": width},
        {"params": kinds["ff_in"], "split": "rows", "block": hidden},
        {"params": kinds["ff_out"], "split": "columns", "block": hidden},
    ]
    vectors = [
        {"params": kinds["embedding"], "lr": rates.embedding},
        {"params": kinds["head"], "lr": rates.head},
        {"params": kinds["other"], "lr": rates.other},
    ]
    adam = torch.optim.AdamW(vectors, lr=rates.other, betas=(0.9, 0.98), eps=1e-8, weight_decay=0.0)
    return [Muon(matrices, lr=rates.matrix, decay=rates.weight_decay), adam]


def token_loss(model: T5ForConditionalGeneration, data: Batch, device: torch.device) -> Tensor:
    """Cross-entropy of every real target token, in nats, as one flat tensor."""
    source = torch.from_numpy(data.source).to(device)
    target = torch.from_numpy(data.target).to(device)
    mask = (source != 0).long()
    states = model.encoder(input_ids=source, attention_mask=mask).last_hidden_state
    shifted = functional.pad(target[:, :-1], (1, 0))
    hidden = model.decoder(
        input_ids=shifted,
        encoder_hidden_states=states,
        encoder_attention_mask=mask,
        use_cache=False,
    ).last_hidden_state
    real = target != 0
    logits = model.lm_head(hidden[real])
    return functional.cross_entropy(logits.float(), target[real], reduction="none")


def rate_factor(progress: float, rates: Rates) -> float:
    """Warm-up, plateau, linear decay; ``progress`` runs from 0 to 1."""
    if progress < rates.warmup:
        return max(progress / rates.warmup, 0.02)
    return max(min((1 - progress) / rates.decay, 1.0), rates.floor)


def held_out_batches(
    path: Path, tokenizer: PreTrainedTokenizerFast, limit: int
) -> Iterator[tuple[str, int, list[Batch]]]:
    """Per source: its name, the targets' size in bytes, and prompt-to-text batches."""
    corpus = Corpus(path, held_out=True)
    for source in sorted(set(corpus.sources)):
        examples, size = [], 0
        for index in range(len(corpus)):
            if corpus.sources[index] != source or not corpus.opening[index]:
                continue
            prompt = tokenizer(PROMPT.format(title=corpus.titles[index])).input_ids
            target = tokenizer(corpus.texts[index]).input_ids
            if len(prompt) > 128 or len(target) > 256:
                continue
            examples.append((prompt, target))
            size += len(corpus.texts[index].encode())
            if len(examples) == limit:
                break
        yield source, size, list(batch(examples, 4096))


@torch.no_grad()
def held_out_loss(
    model: T5ForConditionalGeneration,
    held_out: list[tuple[str, int, list[Batch]]],
    device: torch.device,
) -> dict[str, dict[str, float]]:
    """Per source: mean nats a target token (``</s>`` included) and bits a byte of text."""
    model.eval()
    scores = {}
    for source, size, batches in held_out:
        losses = torch.cat([token_loss(model, data, device) for data in batches])
        total = float(losses.double().sum())
        scores[source] = {
            "tokens": len(losses),
            "nats_per_token": round(total / len(losses), 4),
            "bits_per_byte": round(total / math.log(2) / size, 4),
        }
    model.train()
    return scores


def save(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint so that a kill leaves either the old one or the new one."""
    part = path.with_suffix(".part")
    with part.open("wb") as out:
        torch.save(state, out)
        out.flush()
        os.fsync(out.fileno())
    part.replace(path)


def autocast(device: torch.device) -> AbstractContextManager[Any]:
    """bf16 on CUDA that has it, nothing elsewhere (fp16 breaks T5)."""
    if device.type == "cuda" and torch.cuda.is_bf16_supported():
        return torch.autocast("cuda", dtype=torch.bfloat16)
    return nullcontext()


def wait_while_paused(path: Path) -> float:
    """Sleep while ``path`` exists; returns the seconds spent."""
    began = time.monotonic()
    while path.exists():
        time.sleep(1.0)
    return time.monotonic() - began


def train(args: argparse.Namespace) -> Path:
    """Train until the last step or the deadline; returns the checkpoint's path."""
    out: Path = args.out
    out.mkdir(parents=True, exist_ok=True)
    device = torch.device("cuda" if torch.cuda.is_available() and not args.cpu else "cpu")
    torch.manual_seed(args.seed)
    torch.set_flush_denormal(True)
    if args.threads:
        torch.set_num_threads(args.threads)
    tokenizer = AutoTokenizer.from_pretrained(args.tokenizer)
    shape = Shape(**{key: value for key, value in vars(args).items() if key in asdict(Shape())})
    rates = Rates(**{key: value for key, value in vars(args).items() if key in asdict(Rates())})
    model = build(shape, len(tokenizer)).to(device)
    model.train()
    steppers = optimizers(model, rates)
    peaks = [[group["lr"] for group in stepper.param_groups] for stepper in steppers]
    examples = Examples(Corpus(args.corpus, held_out=False), tokenizer, batch_tokens=args.batch_tokens, seed=args.seed)
    if args.pool:
        examples.pool_size = args.pool
    held_out = list(held_out_batches(args.corpus, tokenizer, args.held_out))
    checkpoint = out / "checkpoint.pt"
    deadline = args.deadline.timestamp() if args.deadline else None
    step, pool, place, tokens, seconds, began, late = 0, 0, 0, 0, 0.0, time.time(), False
    if checkpoint.exists():
        state = torch.load(checkpoint, map_location=device, weights_only=True)
        model.load_state_dict(state["model"])
        for stepper, kept in zip(steppers, state["optimizers"], strict=True):
            stepper.load_state_dict(kept)
        torch.set_rng_state(state["rng"].cpu())
        step, pool, place, tokens = (state[k] for k in ("step", "pool", "place", "tokens"))
        seconds, began, late = state["seconds"], state["began"], state.get("late", False)
        print(f"continuing at step {step}", flush=True)
    count = sum(p.numel() for p in model.parameters())
    print(f"{count:,} parameters, {len(examples.corpus):,} pieces, {device}", flush=True)
    log = (out / "log.jsonl").open("a", encoding="utf-8")
    batches = examples.pool(pool, late=late)
    saved = evaluated = time.time()
    recent: list[float] = []

    def store() -> None:
        save(
            checkpoint,
            {
                "model": model.state_dict(),
                "optimizers": [s.state_dict() for s in steppers],
                "rng": torch.get_rng_state(),
                "step": step,
                "pool": pool,
                "place": place,
                "tokens": tokens,
                "seconds": seconds,
                "began": began,
                "late": late,
                "shape": asdict(shape),
            },
        )

    def progress() -> float:
        if deadline is not None:
            return (time.time() - began) / max(deadline - began, 1.0)
        return float(step / args.steps)

    while progress() < 1:
        wait_while_paused(out.parent / "PAUSE")
        started = time.monotonic()
        factor = rate_factor(progress(), rates)
        for stepper, tops in zip(steppers, peaks, strict=True):
            for group, top in zip(stepper.param_groups, tops, strict=True):
                group["lr"] = top * factor
        data = batches[place]
        with autocast(device):
            loss = token_loss(model, data, device).mean()
        value = float(loss.detach())
        if not math.isfinite(value):
            raise SystemExit(f"step {step}: the loss is {value}; the last checkpoint is kept")
        for stepper in steppers:
            stepper.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for stepper in steppers:
            stepper.step()
        step, place = step + 1, place + 1
        tokens += int(np.count_nonzero(data.target))
        seconds += time.monotonic() - started
        recent.append(value)
        if place == len(batches):
            pool, place = pool + 1, 0
            late = progress() >= 1 - rates.late
            batches = examples.pool(pool, late=late)
        if step % args.log_every == 0:
            row = {
                "step": step,
                "loss": round(sum(recent) / len(recent), 4),
                "tokens": tokens,
                "rate": round(factor, 3),
                "tokens_per_s": round(tokens / seconds),
                "time": datetime.now(UTC).strftime("%H:%M:%S"),
            }
            recent.clear()
            print(json.dumps(row), file=log, flush=True)
            print(json.dumps(row), flush=True)
        if time.time() - evaluated > args.eval_every:
            scores = held_out_loss(model, held_out, device)
            print(json.dumps({"step": step, "tokens": tokens, "held_out": scores}), file=log, flush=True)
            print({k: v["nats_per_token"] for k, v in scores.items()}, flush=True)
            evaluated = time.time()
        if time.time() - saved > args.save_every:
            store()
            saved = time.time()
    store()
    return checkpoint


def arguments() -> argparse.ArgumentParser:
    """The command line; every field of ``Shape`` and ``Rates`` is an option."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder of checkpoint.pt and log.jsonl")
    until = parser.add_mutually_exclusive_group(required=True)
    until.add_argument("--steps", type=int)
    until.add_argument("--deadline", type=datetime.fromisoformat, help="such as 2030-01-31T15:40:00+00:00")
    for name, value in asdict(Shape()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=value)
    for name, rate in asdict(Rates()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=float, default=rate)
    parser.add_argument("--batch-tokens", type=int, default=4096)
    parser.add_argument("--pool", type=int, default=0, help="examples a pool (default: the module's)")
    parser.add_argument("--held-out", type=int, default=48, help="held-out texts a source")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--cpu", action="store_true", help="do not use CUDA")
    parser.add_argument("--log-every", type=int, default=10)
    parser.add_argument("--eval-every", type=float, default=600.0, help="seconds")
    parser.add_argument("--save-every", type=float, default=60.0, help="seconds")
    return parser


if __name__ == "__main__":
    train(arguments().parse_args())
