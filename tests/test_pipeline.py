"""The chain of stages: what it shows first, what `--force` forgets, and what that leaves alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from shelftalker.catalogue.examples import load_split
from shelftalker.pipeline import describe_unseen, first_look, forget
from shelftalker.recipe.recipe import Recipe


def test_force_forgets_one_run_and_no_other(tmp_path: Path) -> None:
    paths = {"data": str(tmp_path / "data"), "outputs": str(tmp_path / "outputs")}
    for name in ("data/manifest.json", "outputs/baseline_val200.manifest.json", "outputs/a/manifest.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
    other = tmp_path / "outputs/b/compare/manifest.json"
    other.parent.mkdir(parents=True)
    other.write_text("{}")
    forget(Recipe().with_flags(name="a", paths=paths))
    assert other.is_file()
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.json")] == [
        "outputs/b/compare/manifest.json"
    ]


def test_the_first_look_is_one_text_of_the_base_model_and_says_so(
    tiny_t5: Path, data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = Recipe(base_model=str(tiny_t5), paths={"data": data_dir}, decoding={"max_new_tokens": 8}, device="cpu")
    first_look(recipe)
    shown = capsys.readouterr().err
    (first, *others) = describe_unseen(recipe, recipe.base_model)
    assert f"zero-shot, before any training: {first['title']}\n    {first['description']}" in shown
    assert len(others) == 2 and all(other["title"] not in shown for other in others)
    rows = load_split(recipe.paths.data, "test")
    unseen = [row for row in rows if row.title not in {first["title"], *(other["title"] for other in others)}]
    asked = describe_unseen(recipe, recipe.base_model, [unseen[0].uid])
    assert [one["title"] for one in asked] == [unseen[0].title, first["title"], others[0]["title"]]
    named = recipe.with_flags(generate={"titles": ["Blue mug", "Red mug", "Oak mug", "Tin mug"]})
    assert [one["title"] for one in describe_unseen(named, recipe.base_model)] == named.generate.titles
