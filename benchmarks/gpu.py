"""What a CUDA machine makes of it, in one call of at most eight minutes.

    python benchmarks/gpu.py
    python benchmarks/gpu.py --quick   # on a CPU: that every part runs; no figures to quote

Training: FLAN-T5-base's shape (random weights: speed does not depend on them) and SmolLM2-135M, bfloat16, several batch
sizes; from the steady rate the time of 48,500 rows x 3 epochs is reckoned. Writing: both engines on SmolLM2 and on the
bundled T5, in every number format that they have on the card; float16 is refused for T5, and the output says so. And
whether greedy text is the CPU's. Parts that the time does not hold are left out, and the output says which.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROWS, EPOCHS = 48_500, 3
STEPS = 300


def main() -> None:
    """Run the parts in the order of their worth, and print what they found as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=8)
    parser.add_argument("--quick", action="store_true", help="tiny models on the CPU")
    arguments = parser.parse_args()

    import torch

    from shelftalker import console
    from shelftalker.models.quiet import hushed

    if not arguments.quick and not torch.cuda.is_available():
        sys.exit("error: no CUDA device here; --quick runs every part on the CPU")
    console.configure(quiet=True)
    where = "cpu" if arguments.quick else "cuda"
    sizes = (4,) if arguments.quick else (64, 32, 128)
    deadline = time.monotonic() + 60 * arguments.minutes
    found: dict[str, Any] = {"device": "cpu" if arguments.quick else torch.cuda.get_device_name()}
    with tempfile.TemporaryDirectory() as scratch, hushed():
        folder = Path(scratch)
        models = lay_out(folder, quick=arguments.quick)
        parts: list[tuple[str, Callable[[], Any]]] = []
        for size in sizes:
            for name in ("flan-t5-base", "smollm2"):
                part = training(models[name], folder, where, size, quick=arguments.quick)
                parts.append((f"train {name}, batch {size}", part))
        for name in ("smollm2", "bundled"):
            for engine, kind in writers(where):
                part = writing(models[name], folder, where, engine, kind)
                parts.append((f"write {name}, {engine} {kind}", part))
        parts.append(("float16 of a T5", refused(models["bundled"], where)))
        parts += [(f"greedy text of {name}", same_text(models[name], folder, where)) for name in ("smollm2", "bundled")]
        for name, part in parts:
            if time.monotonic() > deadline:
                found[name] = "left out: no time left"
                continue
            try:
                found[name] = part()
            except Exception as error:  # one part that fails must not cost the others
                found[name] = f"failed: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
            print(f"{name}: {found[name]}", file=sys.stderr, flush=True)
    print(json.dumps(found, indent=2))
    if arguments.quick and any(str(value).startswith("failed") for value in found.values()):
        sys.exit(1)


def lay_out(folder: Path, *, quick: bool) -> dict[str, str]:
    """Prepare the sample catalogue; the models by name."""
    from finetune import random_t5

    from shelftalker.catalogue.prepare import prepare
    from shelftalker.recipe.recipe import Recipe

    prepare(Recipe.load("sample", {"paths.data": str(folder / "data")}))
    random_t5("tiny" if quick else "base", folder / "t5")
    return {"flan-t5-base": str(folder / "t5"), "smollm2": "bundled" if quick else "smollm2", "bundled": "bundled"}


def training(model: str, folder: Path, where: str, size: int, *, quick: bool) -> Callable[[], dict[str, float]]:
    """Steady rows a second, and what the whole study would take."""

    def run() -> dict[str, float]:
        import torch

        from shelftalker.device import DevicePolicy
        from shelftalker.finetuning.build import build
        from shelftalker.finetuning.material import gather
        from shelftalker.models.load import resolve
        from shelftalker.recipe.recipe import Recipe

        steps = 4 if quick else STEPS
        tuning = {"batch_size": size, "batch_tokens": None, "accumulation": 1, "max_steps": steps, "val_rows": 0}
        recipe = Recipe(base_model=model, paths={"data": folder / "data"}, finetune=tuning | {"max_target_tokens": 192})
        policy = DevicePolicy(where, "float32" if quick else "bfloat16", "")
        clock = Steady(steps // 10)
        trainer = build(recipe, gather(recipe, resolve(model), policy, None), policy, folder / "run", [clock])
        trainer.args.save_strategy = "no"
        with memory(where) as peak:
            trainer.train()
        if where == "cuda":
            torch.cuda.empty_cache()
        rate = clock.rate
        return {
            "rows_per_second": round(rate, 1),
            "minutes_for_the_study": round(ROWS * EPOCHS / rate / 60, 2),
            "peak_gb": round(peak[0], 2),
        }

    return run


class Steady:
    """A Trainer's callback that counts rows from step ``first`` on."""

    def __new__(cls, first: int) -> Any:
        """The callback; its class needs transformers, which is imported late."""
        import torch
        from transformers import TrainerCallback

        class Counting(TrainerCallback):  # type: ignore[misc]
            trainer: Any = None
            began = (0.0, 0)
            rate = 0.0

            def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
                if state.global_step not in (max(first, 1), state.max_steps):
                    return
                if torch.cuda.is_available():
                    torch.cuda.synchronize()
                now = time.perf_counter(), self.trainer.rows_seen
                if state.global_step == max(first, 1):
                    self.began = now
                else:
                    self.rate = (now[1] - self.began[1]) / (now[0] - self.began[0])

        return Counting()


@contextmanager
def memory(where: str) -> Iterator[list[float]]:
    """The device's most memory over the block (GB); 0 on a CPU."""
    import torch

    peak = [0.0]
    if where == "cuda":
        torch.cuda.reset_peak_memory_stats()
    yield peak
    if where == "cuda":
        peak[0] = torch.cuda.max_memory_allocated() / 1e9


def writers(where: str) -> list[tuple[str, str]]:
    """Engines and their number formats on a device."""
    import torch

    from shelftalker.models.formats import supported

    halves = where == "cuda" and torch.cuda.is_bf16_supported()
    ours = [("transformers", kind) for kind in ("float32", *(["bfloat16"] if halves else []))]
    return ours + [("ctranslate2", kind) for kind in supported(where)]


def tokens_of(where: str) -> int:
    """Tokens of a text at most; --quick runs on the CPU."""
    return 8 if where == "cpu" else 100


def _writer(model: str, where: str, engine: str, kind: str, tokens: int) -> Any:
    """A writer in a number format: transformers' is the model's, CTranslate2's that of its weights."""
    from shelftalker.recipe.recipe import Recipe
    from shelftalker.writing.writer import load

    own = {"dtype": kind} if engine == "transformers" else {"generate": {"quantisation": kind}}
    recipe = Recipe(device=where, decoding={"max_new_tokens": tokens}).with_flags(**own)
    return load(model, recipe.with_flags(generate={"engine": engine, "batch_size": 64}))


def writing(model: str, folder: Path, where: str, engine: str, kind: str) -> Callable[[], dict[str, float]]:
    """Descriptions and tokens a second."""

    def run() -> dict[str, float]:
        from shelftalker.catalogue.examples import load_split, sample

        products = sample(load_split(folder / "data", "val"), 4 if where == "cpu" else 256, 0)
        writer = _writer(model, where, engine, kind, tokens_of(where))
        writer.write(products[:2])
        began = time.perf_counter()
        written = writer.write(products)
        seconds = time.perf_counter() - began
        tokens = sum(one.tokens for one in written)
        return {"rows_per_second": round(len(products) / seconds, 1), "tokens_per_second": round(tokens / seconds)}

    return run


def refused(model: str, where: str) -> Callable[[], str]:
    """How a T5 in float16 is refused."""

    def run() -> str:
        from shelftalker.errors import ShelftalkerError

        products = ["Steel bottle, 500 ml"]
        try:
            _writer(model, where, "ctranslate2", "float16", 8).write(products)
        except ShelftalkerError as error:
            return f"refused: {error.what}"
        raise AssertionError("a T5 was written with in float16")

    return run


def same_text(model: str, folder: Path, where: str) -> Callable[[], str]:
    """Whether the device writes what the CPU writes, greedily."""

    def run() -> str:
        from shelftalker.catalogue.examples import load_split, sample

        products = sample(load_split(folder / "data", "val"), 3 if where == "cpu" else 20, 1)
        ours, theirs = (
            [one.text for one in _writer(model, place, "transformers", "float32", tokens_of(where)).write(products)]
            for place in (where, "cpu")
        )
        return f"{sum(one == other for one, other in zip(ours, theirs, strict=True))} of {len(products)} alike"

    return run


if __name__ == "__main__":
    main()
