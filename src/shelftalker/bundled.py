"""What ships inside the package: the small base model and the sample catalogues."""

from __future__ import annotations

from pathlib import Path

from shelftalker.errors import ShelftalkerError

NAME = "bundled"
CATALOGUES = {NAME: "sample_catalogue/trn.json.gz", "bundled-pt": "sample_catalogue/pt.jsonl"}
"""The sample catalogues by what `prepare` calls them: 3,500 products in English, 300 in Portuguese."""
_ASSETS = Path(__file__).parent / "assets"


def mini_t5() -> Path:
    """Folder of the small T5 that ships inside (FLAN's shape, own tokenizer, safetensors).

    Raises:
        ShelftalkerError: this installation lacks it.
    """
    return _asset("mini_t5")


def sample_catalogue(name: str = NAME) -> Path:
    """A sample catalogue that ships inside: the English one in AmazonTitles' raw form, gzipped, or another language's.

    Args:
        name: one of ``CATALOGUES``.

    Raises:
        ShelftalkerError: this installation lacks it.
    """
    return _asset(CATALOGUES[name])


def _asset(name: str) -> Path:
    path = _ASSETS / name
    if not path.exists():
        raise ShelftalkerError(
            "this installation of shelftalker lacks a file that ships with it",
            where=str(path),
            mend="install the package again (pip install --force-reinstall shelftalker), or clone the repository again",
        )
    return path
