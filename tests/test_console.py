"""What a person reads on a terminal, and what a file gets."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from shelftalker import console

SENTENCE = "checkpoint-300 is significantly better than the untrained base model, and copying beats it all the same."
PATH = "/a/folder/with-a-long-name/and-another/that-nobody-would-like/to-see-torn/report.html"


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    screen = io.StringIO()
    for name in ("_out", "_err"):
        monkeypatch.setattr(
            console, name, Console(file=screen, force_terminal=True, width=40, highlight=False, color_system=None)
        )
    return screen


def test_prose_breaks_at_words_on_a_terminal(terminal: io.StringIO) -> None:
    console.say(SENTENCE)
    console.warn(SENTENCE)
    lines = terminal.getvalue().splitlines()
    assert max(map(len, lines)) <= 40
    assert " ".join(" ".join(lines).replace("!", "").split()) == f"{SENTENCE} {SENTENCE}"
    assert lines[-1].startswith("    "), "what goes on stands under its beginning"


def test_a_path_stays_whole_so_that_it_can_be_copied(terminal: io.StringIO) -> None:
    console.result(f"report: {PATH}", None)
    assert PATH in terminal.getvalue()


def test_in_a_file_a_sentence_stays_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    console.say(SENTENCE)
    assert capsys.readouterr().out == f"{SENTENCE}\n"


def test_a_table_is_80_columns_wide_at_most(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    console.table("t", ["what", "where"], [["report", PATH], [SENTENCE, "x"]], caption=SENTENCE)
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80
