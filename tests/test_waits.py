"""No test waits for ever: on a slow machine a hang is a failure with a name."""

from __future__ import annotations

import ast
from pathlib import Path

FOLDER = Path(__file__).parent
ASKING = {"run", "call", "check_call", "check_output", "urlopen", "create_connection"}
WAITING = {"communicate", "join", "wait", "result"}


def test_whoever_waits_for_a_process_a_thread_or_an_answer_says_how_long() -> None:
    endless = []
    for path in sorted(FOLDER.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and _is_endless(node):
                endless.append(f"{path.relative_to(FOLDER)}:{node.lineno}: {ast.unparse(node)[:80]}")
    assert endless == []


def _is_endless(call: ast.Call) -> bool:
    if not isinstance(call.func, ast.Attribute) or "timeout" in {word.arg for word in call.keywords}:
        return False
    owner, name = ast.unparse(call.func.value), call.func.attr
    if name in ASKING:
        return owner in {"subprocess", "socket", "urllib.request"}
    return name in WAITING and not call.args
