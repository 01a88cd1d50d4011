"""Programs run in forks of one process that has torch and transformers loaded: none waits for their imports again.

A fork starts with nothing else: its own folder, output and arguments, and no thread but one. What it runs is what the
`shelftalker` script or `python FILE` would run.
"""

from __future__ import annotations

import contextlib
import json
import os
import runpy
import select
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path


class Warm:
    """The process that is forked; use it as a context manager.

    Args:
        environment: of all that it runs.
        folder: for what they print.
    """

    def __init__(self, environment: Mapping[str, str], folder: Path) -> None:
        self._folder = folder
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def __enter__(self) -> Warm:
        return self

    def __exit__(self, *_: object) -> None:
        self._kill()

    def _kill(self) -> None:
        """It and whatever it runs."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(60)

    def run(self, words: Sequence[str], cwd: Path, *, timeout: float) -> subprocess.CompletedProcess[str]:
        """Run `shelftalker ...`, `python FILE ...` or `python -c CODE`.

        Raises:
            subprocess.TimeoutExpired: it took longer than ``timeout`` seconds, and was killed.
        """
        out, err = (self._folder / name for name in ("out", "err"))
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps([list(words), str(cwd), str(out), str(err)]) + "\n")
        self._process.stdin.flush()
        if not select.select([self._process.stdout], [], [], timeout)[0]:
            self._kill()
            raise subprocess.TimeoutExpired(list(words), timeout, out.read_text(), err.read_text())
        code = int(self._process.stdout.readline())
        return subprocess.CompletedProcess(list(words), code, out.read_text(), err.read_text())


def _serve() -> None:
    sys.path.pop(0)  # this file's folder
    import ctranslate2
    import peft
    import torch
    import transformers

    del ctranslate2, peft, torch
    from transformers import Trainer  # transformers loads its parts when they are asked for

    del transformers, Trainer
    for line in sys.stdin:
        words, cwd, out, err = json.loads(line)
        child = os.fork()
        if not child:
            _become(words, cwd, out, err)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _become(words: list[str], cwd: str, out: str, err: str) -> None:
    """Be the program: never returns."""
    os.chdir(cwd)
    for number, name in enumerate((os.devnull, out, err)):
        opened = os.open(name, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(opened, number)
    code = 1
    try:
        code = _code_of(words)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _code_of(words: list[str]) -> int:
    program, *rest = words
    if program == "shelftalker":
        from shelftalker.cli import main

        sys.argv = words
        return main()
    assert program == "python", words
    sys.argv = rest
    if rest[0] == "-c":
        exec(compile(rest[1], "<string>", "exec"), {"__name__": "__main__"})
    else:
        sys.path.insert(0, str(Path(rest[0]).resolve().parent))
        runpy.run_path(rest[0], run_name="__main__")
    return 0


if __name__ == "__main__":
    _serve()
