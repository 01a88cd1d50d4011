"""Export a checkpoint as a model folder that transformers, PEFT and CTranslate2 load.

Weights are stored in float16 to halve the file; the configuration says float32, so loading casts
them up (T5 must never *compute* in float16). With ``--corpus`` the held-out losses are measured on
the exported folder itself, and the model card reports them.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from string import Template
from typing import Any

import torch
from safetensors.torch import save_file
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer, GenerationConfig

from tools.pretrain.train import Shape, build, held_out_batches, held_out_loss

CARD = Path(__file__).with_name("card.md")
TITLES = [
    "Rustic Oak Coffee Table with Storage Drawer",
    "Ceramic Tea Mug, Blue, 350 ml",
    "The Lighthouse Keeper's Daughter: A Novel",
    "Wireless Bluetooth Headphones with Charging Case",
    "Women's Waterproof Hiking Jacket - Green",
    "Organic Dark Chocolate Bar, 85% Cocoa",
]


def export_weights(state: dict[str, Any], tokenizer_folder: Path, out: Path) -> int:
    """Write weights, configuration and tokenizer into ``out``; returns the parameter count."""
    out.mkdir(parents=True, exist_ok=True)
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder)
    model = build(Shape(**state["shape"]), len(tokenizer))
    model.load_state_dict(state["model"])
    tensors = {
        name: tensor.to(torch.float16).contiguous()
        for name, tensor in model.state_dict().items()
        # The stacks share the embedding; one copy is stored.
        if not name.endswith("embed_tokens.weight")
    }
    if not all(torch.isfinite(tensor).all() for tensor in tensors.values()):
        raise SystemExit("a weight is not finite in float16")
    part = out / "model.safetensors.part"
    save_file(tensors, part, metadata={"format": "pt"})
    part.chmod(0o644)
    part.replace(out / "model.safetensors")
    config = model.config.to_diff_dict()
    config |= {
        "architectures": ["T5ForConditionalGeneration"],
        "dtype": "float32",
        "tie_word_embeddings": False,
        "scale_decoder_outputs": False,
    }
    config.pop("_name_or_path", None)
    (out / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    GenerationConfig(decoder_start_token_id=0, pad_token_id=0, eos_token_id=1, max_new_tokens=128).save_pretrained(out)
    tokenizer.save_pretrained(out)
    for leftover in out.glob("*.jinja"):
        leftover.unlink()
    return sum(tensor.numel() for tensor in tensors.values())


def describe(folder: Path, titles: list[str]) -> list[str]:
    """Zero-shot greedy descriptions, repeated trigrams forbidden."""
    from tools.pretrain.examples import PROMPT

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSeq2SeqLM.from_pretrained(folder).eval()
    inputs = tokenizer([PROMPT.format(title=t) for t in titles], return_tensors="pt", padding=True)
    ids = model.generate(**inputs, max_new_tokens=96, num_beams=1, no_repeat_ngram_size=3)
    texts: list[str] = tokenizer.batch_decode(ids, skip_special_tokens=True)
    return texts


def write_card(folder: Path, state: dict[str, Any], parameters: int, corpus: Path, limit: int = 400) -> None:
    """Measure the exported folder on ``limit`` held-out texts a source and fill in the model card."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSeq2SeqLM.from_pretrained(folder)
    held_out = list(held_out_batches(corpus, tokenizer, limit))
    scores = held_out_loss(model, held_out, torch.device("cpu"))
    rows = [
        f"| {name} | {row['tokens']:,} | {row['nats_per_token']:.3f} | {row['bits_per_byte']:.3f} |"
        for name, row in scores.items()
    ]
    samples = zip(TITLES, describe(folder, TITLES), strict=True)
    shape = Shape(**state["shape"])
    card = Template(CARD.read_text(encoding="utf-8")).substitute(
        parameters=f"{parameters / 1e6:.1f} M",
        shape=", ".join(f"{key} {value}" for key, value in vars(shape).items()),
        vocabulary=f"{len(tokenizer):,}",
        tokens=f"{state['tokens'] / 1e6:.1f} M",
        steps=f"{state['step']:,}",
        minutes=f"{state['seconds'] / 60:.0f}",
        losses="\n".join(rows),
        samples="\n".join(f"- **{title}** → {text}" for title, text in samples),
    )
    (folder / "README.md").write_text(card, encoding="utf-8")
    print(json.dumps(scores, indent=1))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--corpus", type=Path, help="measure held-out losses and write the card")
    parser.add_argument("--held-out", type=int, default=400, help="texts a source to measure on")
    args = parser.parse_args()
    state = torch.load(args.checkpoint, map_location="cpu", weights_only=True)
    stage = args.out.with_name(args.out.name + ".part")
    shutil.rmtree(stage, ignore_errors=True)
    parameters = export_weights(state, args.tokenizer, stage)
    if args.corpus:
        write_card(stage, state, parameters, args.corpus, args.held_out)
    args.out.mkdir(parents=True, exist_ok=True)
    for file in stage.iterdir():
        file.replace(args.out / file.name)
    stage.rmdir()
    size = sum(file.stat().st_size for file in args.out.iterdir())
    print(f"{parameters:,} parameters, {size / 1e6:.1f} MB, {state['tokens']:,} tokens -> {args.out}")


if __name__ == "__main__":
    main()
