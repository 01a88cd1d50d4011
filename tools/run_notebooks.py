"""Run the notebooks in order and store what they show: `python tools/run_notebooks.py`, where `make demo` was run.

They skip what the demo has done. Each notebook keeps a hash of the code that its outputs are of; a test says when they
have become stale. Progress and widgets, which mean nothing on paper, are left out.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def execute(path: Path, folder: Path) -> Any:
    """A notebook with all cells run in ``folder``.

    Raises:
        CellExecutionError: a cell failed.
    """
    import nbclient
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    place = {"metadata": {"path": str(folder)}}
    nbclient.NotebookClient(notebook, timeout=1200, kernel_name="python3", resources=place).execute()
    return notebook


def stored(notebook: Any) -> Any:
    """An executed notebook as it is committed: what people read of its outputs, and the hash of its code."""
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if _is_for_paper(output)]
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
        "shelftalker": {"outputs_of": code_hash(notebook)},
    }
    return notebook


def code_hash(notebook: Any) -> str:
    """SHA-256 over the code cells of a notebook, in order."""
    code = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    return hashlib.sha256(code.encode()).hexdigest()


def _is_for_paper(output: Any) -> bool:
    is_progress = output.get("name") == "stderr"
    is_widget = any("widget" in kind for kind in output.get("data", {}))
    return not is_progress and not is_widget


def main() -> None:
    """Run all of them where the project is, and write them back.

    Raises:
        SystemExit: the demo was not run.
    """
    import nbformat

    if not (ROOT / "demo/artifacts/sample_best").is_dir():
        raise SystemExit("error: the notebooks show the demo's run: make demo first")
    done = [(path, stored(execute(path, ROOT))) for path in NOTEBOOKS]
    for path, notebook in done:
        nbformat.write(notebook, path)
        print(f"wrote {path.relative_to(ROOT)}", file=sys.stderr)


if __name__ == "__main__":
    main()
