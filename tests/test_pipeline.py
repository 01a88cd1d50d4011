"""The chain of stages: what `--force` forgets, and what it leaves alone."""

from __future__ import annotations

from pathlib import Path

from shelftalker.pipeline import forget
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
