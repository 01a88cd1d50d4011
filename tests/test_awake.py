"""The machine stays awake while a stage runs, says so once, and lets itself be told otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
import wakepy

from shelftalker.awake import kept_awake


@pytest.mark.parametrize(("wanted", "active", "said"), [(True, True, 1), (True, False, 0), (False, True, 0)])
def test_it_is_said_once(
    wanted: bool, active: bool, said: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    held: list[str] = []

    @contextmanager
    def running(on_fail: str) -> Iterator[SimpleNamespace]:
        held.append("begun")
        yield SimpleNamespace(active=active)
        held.append("over")

    monkeypatch.setattr(wakepy.keep, "running", running)
    with kept_awake(wanted), kept_awake(wanted):
        assert held == (["begun"] if wanted else [])
    assert held == (["begun", "over"] if wanted else [])
    assert capsys.readouterr().err.count("kept awake") == said


def test_a_system_that_cannot_be_kept_awake_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    """The real library, on whatever machine this is: the block runs, and its own errors come through."""
    with pytest.raises(ZeroDivisionError), kept_awake():
        _ = 1 / 0
    assert "Traceback" not in capsys.readouterr().err
