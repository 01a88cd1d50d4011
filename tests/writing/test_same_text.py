"""What is scored is what ships: one product gets one text through every door, and nobody hands any of them a recipe."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

import shelftalker
from shelftalker import Product, Recipe, ShelftalkerError
from shelftalker.catalogue.examples import load_split
from shelftalker.cli import main
from shelftalker.export.export import export
from shelftalker.playground.desk import Desk
from shelftalker.prompt import TEMPLATE
from shelftalker.recipe.decoding import Decoding

BRANDS = ("Holm", "Acme & Sons", "Stand", "")
PROMPT = "Write about {title} by {brand}.\nBrand: {brand}\nText:"
DECODINGS = {
    "greedy": {"repetition_penalty": 1.4, "max_new_tokens": 14, "min_new_tokens": 3},
    "sampled": {"sample": True, "temperature": 0.8, "top_p": 0.9, "max_new_tokens": 14, "seed": 5},
}


@pytest.fixture(scope="module")
def branded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder whose products have a brand; `prepare` was run with another prompt than training will be."""
    folder = tmp_path_factory.mktemp("branded")
    for split, first, count in (("train", 0, 32), ("val", 32, 6)):
        lines = []
        for number in range(first, first + count):
            title = f"{('blue', 'red', 'oak')[number % 3]} {('bottle', 'lamp')[number % 2]} {number} <3"
            lines.append(
                {
                    "input_text": TEMPLATE.replace("{title}", title),
                    "target_text": f"A soft and warm {title} for the travel bag.",
                    "uid": f"P{number}",
                    "title": title,
                    "columns": {"brand": BRANDS[number % 4], "stock": "16"},
                    "group": f"g{number}",
                }
            )
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


@pytest.fixture(scope="module", params=DECODINGS)
def run_dir(
    request: pytest.FixtureRequest, tiny_t5: Path, branded: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A run with a prompt and a decoding of its own, moved far enough from its base to write other texts."""
    outputs = tmp_path_factory.mktemp("outputs")
    recipe = Recipe().with_flags(
        name="branded",
        base_model=str(tiny_t5),
        device="cpu",
        prompt=PROMPT,
        prompt_tokens=96,
        decoding=DECODINGS[request.param],
        paths={"data": branded, "outputs": outputs, "artifacts": outputs / "artifacts"},
        lora={"r": 4},
        finetune={"max_steps": 4, "learning_rate": 0.05, "save_steps": 2, "val_rows": 0, "batch_size": 8},
    )
    return shelftalker.finetune(recipe).run_dir


def test_one_text_through_every_door(
    run_dir: Path, branded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trained_with = Recipe.load(run_dir / "recipe.yaml")
    is_sampled = trained_with.decoding.sample
    products = load_split(branded, "val")
    wanted = [one.text for one in shelftalker.load(run_dir, trained_with).write(products)]
    assert len(set(wanted)) > 1 and all(wanted)
    plain = Recipe().with_flags(prompt=Recipe().prompt, decoding=Decoding().model_dump())
    assert [one.text for one in shelftalker.load(run_dir, plain).write(products)] != wanted
    assert [one.text for one in shelftalker.load(run_dir).write(products)] == wanted

    assert _evaluated(run_dir, branded, tmp_path) == wanted
    assert [_typed(product, run_dir, capsys) for product in products] == wanted
    assert _described(products, run_dir, tmp_path) == wanted
    assert [_by_hand(run_dir, product) for product in products] == wanted
    assert _served(run_dir, products) == wanted
    desk = Desk(run_dir, Recipe())
    decoding = desk.recipe.decoding
    label = desk.choices[0].label
    assert [desk.write(label, one.title, decoding, one.attributes).text for one in products] == wanted
    promoted = _promoted(run_dir, branded, tmp_path)
    for door in (run_dir / "checkpoint-4", promoted, export(run_dir, "hf", tmp_path / "hf")):
        assert [one.text for one in shelftalker.load(door).write(products)] == wanted, door
    fast = export(promoted, "ct2", tmp_path / "ct2")
    if is_sampled:  # CTranslate2 cannot seed row by row: it says so, and writes no other text
        with pytest.raises(ShelftalkerError, match="cannot honour"):
            shelftalker.load(fast)
    else:
        assert [one.text for one in shelftalker.load(fast).write(products)] == wanted


def _evaluated(run_dir: Path, data: Path, tmp_path: Path) -> list[str]:
    recipe = Recipe.load(None, {"paths.data": str(data), "paths.outputs": str(tmp_path), "evaluate.resamples": 100})
    found = shelftalker.evaluate(run_dir, recipe).results
    return [row.predictions["checkpoint-4"].text for row in found.rows]


def _typed(product: Product, run_dir: Path, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    brand = product.attributes["brand"]
    assert main(["generate", product.title, "--with", f"brand={brand}", "--model", str(run_dir), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["model"]["id"] == str(run_dir)
    (shown,) = answer["descriptions"]
    assert shown["title"] == product.title and shown["publishable"] is (not shown["findings"])
    return str(shown["description"])


def _described(products: Sequence[Product], run_dir: Path, tmp_path: Path) -> list[str]:
    """Through a whole catalogue file, as the shop has it: escaped, with columns that the prompt does not name."""
    with (tmp_path / "shop.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["sku", "title", "Brand", "stock"])
        for product in products:
            title = product.title.replace("<", "&lt;")
            writer.writerow([product.uid, f"  <b>{title}</b> ", product.attributes["brand"].replace("&", "&amp;"), 16])
    source, target = str(tmp_path / "shop.csv"), tmp_path / "described.jsonl"
    assert main(["generate", "--input", source, "--output", str(target), "--model", str(run_dir), "--quiet"]) == 0
    return [json.loads(line)["description"] for line in target.read_text().splitlines()]


def _by_hand(run_dir: Path, product: Product) -> str:
    return shelftalker.load(run_dir).describe(product.title, brand=product.attributes["brand"])


def _served(run_dir: Path, products: Sequence[Product]) -> list[str]:
    pytest.importorskip("fastapi", reason="the extra [serve] is not installed")
    from fastapi.testclient import TestClient

    from shelftalker.serve.app import create_app

    with TestClient(create_app(str(run_dir), Recipe()), base_url="http://127.0.0.1") as client:
        columns = [dict(product.attributes) for product in products]
        answer = client.post("/describe", json={"titles": [one.title for one in products], "columns": columns}).json()
    assert answer["as_scored"]
    return [one["description"] for one in answer["descriptions"]]


def _promoted(run_dir: Path, data: Path, tmp_path: Path) -> Path:
    paths = {"paths.data": str(data), "paths.outputs": str(tmp_path), "paths.artifacts": str(tmp_path / "artifacts")}
    recipe = Recipe.load(None, paths | {"evaluate.resamples": 100, "compare.rank_by": "bleu"})
    done = shelftalker.compare([run_dir / "checkpoint-4"], recipe, promote="best")
    assert done.promoted is not None
    return done.promoted
