"""Manifests: what lets `run` skip a stage, and what makes it run again."""

from __future__ import annotations

import json
from pathlib import Path

from shelftalker.manifest import Stage


def _stage(folder: Path, settings: dict[str, object]) -> Stage:
    return Stage("prepare", folder / "manifest.json", inputs={"file": folder / "in.txt"}, settings=settings)


def test_a_stage_is_done_until_an_input_a_setting_or_an_output_changes(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("rows")
    (tmp_path / "out.txt").write_text("result")
    stage = _stage(tmp_path, {"seed": 1})
    assert not stage.is_done()
    stage.finish([tmp_path / "out.txt"], rows=3)
    assert _stage(tmp_path, {"seed": 1}).is_done()
    assert not _stage(tmp_path, {"seed": 2}).is_done()
    (tmp_path / "out.txt").write_text("tampered")
    assert not _stage(tmp_path, {"seed": 1}).is_done()
    (tmp_path / "out.txt").write_text("result")
    (tmp_path / "in.txt").write_text("other rows")
    assert not _stage(tmp_path, {"seed": 1}).is_done()


def test_a_broken_manifest_means_not_done(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("rows")
    for text in ("", "{", "[]", '{"fingerprint": 1}'):
        (tmp_path / "manifest.json").write_text(text)
        assert not _stage(tmp_path, {}).is_done()


def test_a_manifest_says_what_was_used(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("rows")
    (tmp_path / "out.txt").write_text("result")
    _stage(tmp_path, {"seed": 1}).finish([tmp_path / "out.txt"], rows=3)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["stage"] == "prepare"
    assert manifest["settings"] == {"seed": 1}
    assert manifest["rows"] == 3
    assert len(manifest["inputs"]["file"]["sha256"]) == 64
    assert {"shelftalker", "python", "torch", "transformers"} <= set(manifest["versions"])
