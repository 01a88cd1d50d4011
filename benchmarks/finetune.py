"""Fine-tuning against the clock: the study's loop, what a user would write instead of this tool, and this tool.

    python benchmarks/finetune.py --model small
    python benchmarks/finetune.py --model smollm2 --rounds 3

Each contender trains in a process of its own (but with --quick), in turns, over the same rows of the sample catalogue,
through the same door that a user takes: one pass, from its first step to its last. Ratios are taken round by round
against the study's loop, so that a busy machine slows all alike, and their median is shown. `small` and `base` are
FLAN-T5's shapes with random weights (speed does not depend on them), `smollm2` is the model itself.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SHAPES = {
    "small": {"d_model": 512, "d_ff": 1024, "num_layers": 8, "num_heads": 6},
    "base": {"d_model": 768, "d_ff": 2048, "num_layers": 12, "num_heads": 12},
    "tiny": {"d_model": 32, "d_ff": 64, "num_layers": 1, "num_heads": 2},  # for --quick
}
CONTENDERS = {
    "study": "the study's loop: batch 1 x 16, activation checkpointing",
    "stock": "transformers' Trainer with PEFT, batch 8 x 2",
    "ours": "this tool, float32",
    "ours-bfloat16": "this tool, bfloat16",
}
PROMPT_TOKENS, TARGET_TOKENS = 128, 192


def main() -> None:
    """Measure and print a table; with --json, the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=["small", "base", "smollm2", "tiny"], default="small")
    parser.add_argument("--rows", type=int, default=64, help="training rows of a round (a multiple of 16)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", help=f"contenders beside the study's loop, of {', '.join(CONTENDERS)}")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall", help="cpu: where others use the machine")
    parser.add_argument("--profile", action="store_true", help="where this tool's time goes, by operation")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true", help="a tiny model, to see that it runs; no figures to quote")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        print(json.dumps(worker(arguments)))
        return
    if arguments.quick:
        arguments.model, arguments.rows, arguments.rounds, arguments.only = "tiny", 16, 1, "ours"
    chosen = [name for name in CONTENDERS if not arguments.only or name in ("study", *arguments.only.split(","))]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        lay_out(folder, arguments)
        rounds = [{name: measured(name, folder, arguments) for name in chosen} for _ in range(arguments.rounds)]
    report(rounds, arguments)


def lay_out(folder: Path, arguments: argparse.Namespace) -> None:
    """Write the rows that all contenders train on, and the model where it has random weights."""
    from shelftalker import console
    from shelftalker.catalogue.prepare import prepare
    from shelftalker.recipe.recipe import Recipe

    console.configure(quiet=True)
    prepare(Recipe.load("sample", {"paths.data": str(folder / "data")}))
    if arguments.model != "smollm2":
        random_t5(arguments.model, folder / "model")
    console.configure()


def random_t5(shape: str, folder: Path) -> None:
    """FLAN-T5's shape: 32,128 words, gated GELU, untied head, dropout 0.1; the bundled model's tokenizer."""
    from transformers import AutoTokenizer, T5Config, T5ForConditionalGeneration

    from shelftalker.models.load import resolve

    config = T5Config(
        vocab_size=32128,
        d_kv=64,
        feed_forward_proj="gated-gelu",
        tie_word_embeddings=False,
        decoder_start_token_id=0,
        dropout_rate=0.1,
        **SHAPES[shape],
    )
    T5ForConditionalGeneration(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(resolve("bundled").path).save_pretrained(folder)


def measured(name: str, folder: Path, arguments: argparse.Namespace) -> dict[str, float]:
    """One contender's round, in a process of its own; with --quick only the study's is."""
    if arguments.quick and name != "study":
        from shelftalker import console

        arguments.worker, arguments.folder = name, str(folder)
        found = worker(arguments)
        console.configure()
        return found
    command = [sys.executable, __file__, "--worker", name, "--folder", str(folder), "--model", arguments.model]
    command += ["--rows", str(arguments.rows), "--threads", str(arguments.threads)]
    command += ["--profile"] if arguments.profile and name.startswith("ours") else []
    done = subprocess.run(
        command, env=os.environ | {"OMP_NUM_THREADS": str(arguments.threads)}, stdout=subprocess.PIPE, check=True
    )
    told: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return told


def worker(arguments: argparse.Namespace) -> dict[str, float]:
    """Train one pass; rows and tokens a second of wall and of processor time, peak memory."""
    import resource

    import torch

    from shelftalker import console
    from shelftalker.catalogue.examples import load_split, sample
    from shelftalker.models.load import resolve
    from shelftalker.models.quiet import hushed

    torch.set_num_threads(arguments.threads)
    console.configure(quiet=True)
    folder = Path(arguments.folder)
    model = "smollm2" if arguments.model == "smollm2" else str(folder / "model")
    rows = sample(load_split(folder / "data", "train"), arguments.rows, 0)
    clock = Clock()
    with hushed():
        if arguments.worker.startswith("ours"):
            ours(model, folder, arguments, clock)
        else:
            by_hand(resolve(model), rows, folder, clock, study=arguments.worker == "study")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {**clock.rates(), "peak_gb": peak / (1e9 if sys.platform == "darwin" else 1e6)}


class Clock:
    """Counts rows and seconds from where training begins to its last step."""

    def __init__(self) -> None:
        self.rows = 0
        self._began = self._ended = (0.0, 0.0)

    def callback(self) -> Any:
        """The same as a Trainer's callback."""
        from transformers import TrainerCallback

        clock = self

        class Tick(TrainerCallback):  # type: ignore[misc]
            trainer: Any = None

            def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
                clock._began = time.perf_counter(), time.process_time()

            def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
                clock._ended = time.perf_counter(), time.process_time()

        return Tick()

    def rates(self) -> dict[str, float]:
        """Rows a second of both clocks."""
        wall, processor = (end - first for end, first in zip(self._ended, self._began, strict=True))
        return {"wall": self.rows / wall, "cpu": self.rows / processor}


def ours(model: str, folder: Path, arguments: argparse.Namespace, clock: Clock) -> None:
    """This tool's trainer, as `finetune` builds it."""
    from contextlib import nullcontext

    import torch

    from shelftalker.device import DevicePolicy
    from shelftalker.finetuning.build import build
    from shelftalker.finetuning.material import gather
    from shelftalker.models.load import resolve
    from shelftalker.recipe.recipe import Recipe

    causal = arguments.model == "smollm2"
    recipe = Recipe(
        base_model=model,
        paths={"data": folder / "data"},
        seed=0,
        prompt_tokens=PROMPT_TOKENS,
        lora=lora(causal),
        finetune={"rows": arguments.rows, "epochs": 1, "batch_size": 8, "accumulation": 2, "val_rows": 0}
        | {"max_target_tokens": TARGET_TOKENS, "learning_rate": 3e-4},
    )
    policy = DevicePolicy("cpu", "bfloat16" if arguments.worker.endswith("bfloat16") else "float32", "")
    trainer = build(recipe, gather(recipe, resolve(model), policy, None), policy, folder / "run", [clock.callback()])
    counted(trainer, clock)
    trainer.args.save_strategy = "no"
    kinds = [torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(activities=kinds) if arguments.profile else nullcontext() as profile:
        trainer.train()
    if arguments.profile:
        print(profile.key_averages().table(sort_by="self_cpu_time_total", row_limit=12), file=sys.stderr)


def lora(causal: bool) -> dict[str, Any]:
    """The adapter of every contender: the study's on T5, all linear layers on SmolLM2."""
    return (
        {"r": 16, "alpha": 32, "dropout": 0.0}
        if causal
        else {"r": 8, "alpha": 16, "dropout": 0.05, "target_modules": ["q", "v"]}
    )


def by_hand(ref: Any, rows: list[Any], folder: Path, clock: Clock, *, study: bool) -> None:
    """What the documentation of transformers and PEFT shows: Trainer, LoraConfig, a padding collator."""
    from peft import LoraConfig, TaskType, get_peft_model
    from transformers import DataCollatorForSeq2Seq, Trainer, TrainingArguments

    from shelftalker.models.load import load_base
    from shelftalker.prompt import Prompt

    loaded = load_base(ref)
    causal, tokenizer = not loaded.is_seq2seq, loaded.tokenizer
    wanted = lora(causal)
    kind = TaskType.CAUSAL_LM if causal else TaskType.SEQ_2_SEQ_LM
    config = LoraConfig(
        task_type=kind,
        r=wanted["r"],
        lora_alpha=wanted["alpha"],
        lora_dropout=wanted["dropout"],
        target_modules=wanted.get("target_modules", "all-linear"),
    )
    model = get_peft_model(loaded.model, config)
    if study:
        model.enable_input_require_grads()
    features = []
    for row in rows:
        prompt = tokenizer(Prompt().render(row), truncation=True, max_length=PROMPT_TOKENS)["input_ids"]
        text = f" {row.description}" if causal else row.description
        target = tokenizer(text, truncation=True, max_length=TARGET_TOKENS - 1, add_special_tokens=False)["input_ids"]
        target = [*target, tokenizer.eos_token_id]
        if causal:
            features.append({"input_ids": prompt + target, "labels": [-100] * len(prompt) + target})
        else:
            features.append({"input_ids": prompt, "labels": target})
    trainer = Trainer(
        model=model,
        args=TrainingArguments(
            output_dir=str(folder / "by_hand"),
            per_device_train_batch_size=1 if study else 8,
            gradient_accumulation_steps=16 if study else 2,
            gradient_checkpointing=study,
            gradient_checkpointing_kwargs={"use_reentrant": False} if study else None,
            num_train_epochs=1,
            learning_rate=3e-4,
            save_strategy="no",
            logging_strategy="no",
            report_to="none",
            use_cpu=True,
            disable_tqdm=True,
        ),
        train_dataset=features,
        data_collator=DataCollatorForSeq2Seq(tokenizer, model=None if causal else loaded.model),
        callbacks=[clock.callback()],
    )
    counted(trainer, clock)
    trainer.train()


def counted(trainer: Any, clock: Clock) -> None:
    """Have the trainer tell the clock how many rows it has seen."""
    step = trainer.training_step

    def training_step(model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        clock.rows += len(inputs["input_ids"])
        return step(model, inputs, *args, **kwargs)

    trainer.training_step = training_step


def report(rounds: list[dict[str, dict[str, float]]], arguments: argparse.Namespace) -> None:
    """Medians over the rounds, and the median of the ratios pair by pair."""
    from shelftalker import console

    clock = arguments.clock
    figures = {
        name: {
            "rows_per_second": round(statistics.median(one[name][clock] for one in rounds), 2),
            "ratio": round(statistics.median(one[name][clock] / one["study"][clock] for one in rounds), 2),
            "peak_gb": round(max(one[name]["peak_gb"] for one in rounds), 2),
        }
        for name in rounds[0]
    }
    if arguments.json:
        print(json.dumps(figures, indent=2))
        return
    console.table(
        f"fine-tuning {arguments.model}, {arguments.threads} threads, {clock} time",
        ["loop", "rows/s", "times the study's", "peak GB"],
        [
            [CONTENDERS[name], f"{one['rows_per_second']:.2f}", f"{one['ratio']:.2f}", f"{one['peak_gb']:.1f}"]
            for name, one in figures.items()
        ],
        caption=f"{arguments.rows} rows a round; medians of {arguments.rounds} rounds",
    )


if __name__ == "__main__":
    main()
