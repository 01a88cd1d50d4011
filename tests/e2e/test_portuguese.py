"""The whole pipeline in a second language: the Portuguese sample prepared, learnt, scored and described."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from shelftalker.bundled import sample_catalogue
from shelftalker.catalogue.prepare import prepare
from shelftalker.checks.check import check
from shelftalker.checks.given import Given
from shelftalker.checks.language import language_of
from shelftalker.cli import main
from shelftalker.evaluation import results
from shelftalker.models.open import open_model
from shelftalker.recipe.recipe import Recipe

ROWS = [json.loads(line) for line in sample_catalogue("bundled-pt").read_text(encoding="utf-8").splitlines()]


def test_the_sample_is_portuguese_varied_and_says_much() -> None:
    assert len(ROWS) == 300
    assert len({row["title"] for row in ROWS}) == len({row["content"] for row in ROWS}) == 300
    assert len({row["category"] for row in ROWS}) > 50
    words = [len(row["content"].split()) for row in ROWS]
    assert min(words) >= 15 and max(words) <= 80 and 30 < sum(words) / 300 < 45
    assert Counter(language_of(row["content"]) for row in ROWS).most_common(1) == [("pt", 300)]
    openings = Counter(tuple(row["content"].split()[:2]) for row in ROWS)
    assert openings.most_common(1)[0][1] <= 6, "no sentence is a template"


def test_its_descriptions_are_well_formed_by_the_checks_of_their_language() -> None:
    form = {"language", "repetition", "markup", "cut_off", "title_copy", "thin"}
    bad = [
        (row["title"], one.check, one.text)
        for row in ROWS
        for one in check(row["content"], Given(row["title"], language="pt"))
        if one.check in form
    ]
    assert bad == []


def test_prepared_it_says_its_language_and_keeps_siblings_together(tmp_path: Path) -> None:
    done = prepare(Recipe.load("sample-pt", {"paths.data": str(tmp_path / "data")}))
    assert done.counts["raw"] == 300 and done.counts["rejected"] == 0
    assert done.card["languages"]["shares"] == {"pt": 1.0} and done.card["languages"]["strays"] == []
    assert "Portuguese (pt)" in (tmp_path / "data" / "card.html").read_text(encoding="utf-8")
    assert done.card["split"]["rows_with_sibling"] >= 20
    assert done.card["split"]["test_rows_with_sibling_in_train"] == 0


def test_the_whole_pipeline_runs_in_portuguese(
    tmp_path: Path, tiny_causal: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    tiny = {
        "base_model": str(tiny_causal),
        "device": "cpu",
        "finetune.max_steps": "4",
        "finetune.save_steps": "2",
        "finetune.val_rows": "4",
        "baseline.rows": "6",
        "compare.rows": "6",
        "evaluate.rows": "6",
        "evaluate.resamples": "100",
        "decoding.max_new_tokens": "12",
        "generate.titles": "[Caneca Azul 300 ml, Rede de Descanso]",
    }
    flags = [part for key, value in tiny.items() for part in (f"--{key}", value)]
    assert main(["run", "sample-pt", *flags]) == 0
    promoted = tmp_path / "demo/pt/artifacts/sample_pt_best"
    recipe = open_model(promoted).recipe
    assert recipe.language == "pt" and recipe.prompt.startswith("Escreva a descrição")
    scored = next((tmp_path / "demo/pt/outputs").rglob("compare*/results.json"), None) or next(
        (tmp_path / "demo/pt/outputs").rglob("results.json")
    )
    found = results.read(scored)
    assert found.reference_checks is not None
    assert "language" not in {name for name, share in found.reference_checks.by_check.items() if share}
    shop = tmp_path / "loja.csv"
    shop.write_text("sku,título,descrição\n1,Caneca Azul 300 ml,\n2,Rede de Descanso,Já tem.\n", encoding="utf-8")
    output = tmp_path / "descritas.jsonl"
    assert (
        main(["generate", "--input", str(shop), "--output", str(output), "--model", str(promoted), "--only", "empty"])
        == 0
    )
    rows = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    assert rows[0]["descrição"] == "" and rows[0]["description"] is not None
    assert rows[1]["descrição"] == "Já tem." and rows[1]["description"] is None
    capsys.readouterr()
