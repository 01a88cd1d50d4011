"""What ships inside the package: the small base model and the sample catalogue."""

from __future__ import annotations

from pathlib import Path

from shelftalker.errors import ShelftalkerError

NAME = "bundled"
_ASSETS = Path(__file__).parent / "assets"


def mini_t5() -> Path:
    """Folder of the small T5 that ships inside (FLAN's shape, own tokenizer, safetensors).

    Raises:
        ShelftalkerError: this installation lacks it.
    """
    return _asset("mini_t5")


def sample_catalogue() -> Path:
    """The sample catalogue that ships inside: AmazonTitles raw form, gzipped.

    Raises:
        ShelftalkerError: this installation lacks it.
    """
    return _asset("sample_catalogue/trn.json.gz")


def _asset(name: str) -> Path:
    path = _ASSETS / name
    if not path.exists():
        raise ShelftalkerError(
            "this installation of shelftalker lacks a file that ships with it",
            where=str(path),
            mend="install the package again (pip install --force-reinstall shelftalker), or clone the repository again",
        )
    return path
