"""Models by name: from the hub's local cache where it is complete, else from the hub, once."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shelftalker import console, files
from shelftalker.errors import ShelftalkerError
from shelftalker.models import folder as folders

# Only what a model needs in the top folder: no pickles, no other frameworks' weights, no subfolders.
_WANTED = ["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja"]
_UNWANTED = ["*/*", "*.fp16.safetensors", "*.bf16.safetensors"]


def snapshot(name: str, revision: str | None = None) -> Path:
    """The local folder of a hub model: the cached one where it is whole, otherwise downloaded now.

    A cached model is taken as it is, without asking the hub for a newer one: the same name stays the same
    weights until the cache is cleared or ``revision`` names another commit.

    Raises:
        ShelftalkerError: no such model, no network, or no right to it; the message names the mend.
    """
    return cached(name, revision) or _download(name, revision)


def cached(name: str, revision: str | None = None) -> Path | None:
    """The complete snapshot of a hub model in the local cache, or None. Makes no request."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        found = Path(
            snapshot_download(
                name, revision=revision, local_files_only=True, allow_patterns=_WANTED, ignore_patterns=_UNWANTED
            )
        )
        folders.check_model(found)
    except HFValidationError:
        raise _no_such(name, "not a valid model name") from None
    except (LocalEntryNotFoundError, ShelftalkerError, OSError):
        return None
    return found


def names_cached() -> list[str]:
    """Names of the whole models in the local cache that `base_model` takes. Makes no request."""
    from huggingface_hub import scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        found = scan_cache_dir().repos
    except CacheNotFound:
        return []
    return sorted(repo.repo_id for repo in found if repo.repo_type == "model" and cached(repo.repo_id))


def _download(name: str, revision: str | None) -> Path:
    from huggingface_hub import HfApi, constants, snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    if constants.HF_HUB_OFFLINE:
        raise ShelftalkerError(
            f"the model {name} is not in the local cache, and HF_HUB_OFFLINE forbids a download",
            where=str(constants.HF_HUB_CACHE),
            mend="unset HF_HUB_OFFLINE for the first run, or give the folder of a copy as base_model",
        )
    console.note(f"downloading {name} from {constants.ENDPOINT} (once; later runs work offline)")
    try:
        # The download itself waits for ever on a hub that accepts and says nothing: ask first, with a limit.
        HfApi().model_info(name, revision=revision, timeout=constants.HF_HUB_DOWNLOAD_TIMEOUT)
        with _bars_on_terminals_only():
            found = Path(snapshot_download(name, revision=revision, allow_patterns=_WANTED, ignore_patterns=_UNWANTED))
    except GatedRepoError:
        raise ShelftalkerError(
            f"the model {name} asks its users to accept terms first",
            where=f"{constants.ENDPOINT}/{name}",
            mend="accept them on that page, then run: hf auth login",
        ) from None
    except RepositoryNotFoundError:
        raise _no_such(name, "the hub has no such model, or it is private") from None
    except RevisionNotFoundError:
        raise ShelftalkerError(
            f"the model {name} has no revision {revision}",
            where="recipe key revision",
            mend="name a branch, tag or commit of the model, or leave revision out",
        ) from None
    except _network_errors() as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ShelftalkerError(
            f"the model {name} is not on this machine, and the hub cannot be reached: {reason}",
            where=str(constants.ENDPOINT),
            mend="check the network and try again, or give the folder of a copy as base_model",
        ) from None
    except OSError as error:
        raise files.disk_error(error, Path(constants.HF_HUB_CACHE)) from None
    folders.check_model(found)
    return found


@contextmanager
def _bars_on_terminals_only() -> Iterator[None]:
    from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    if sys.stderr.isatty() or are_progress_bars_disabled():
        yield
        return
    disable_progress_bars()
    try:
        yield
    finally:
        enable_progress_bars()


def _network_errors() -> tuple[type[BaseException], ...]:
    """What the hub's client raises when there is no network: its HTTP library changed name between versions."""
    from huggingface_hub import errors

    library: type[BaseException] = getattr(errors, "HTTPError", ConnectionError)
    return (library, errors.HfHubHTTPError, errors.LocalEntryNotFoundError, ConnectionError, TimeoutError)


def _no_such(name: str, why: str) -> ShelftalkerError:
    looks_like_path = name.startswith((".", "/", "~")) or os.sep in name.strip(os.sep).replace("/", "", 1)
    return ShelftalkerError(
        f"no such model: {name}" + ("" if looks_like_path else f" ({why})"),
        where=str(Path(name).absolute()) if looks_like_path else "recipe key base_model, or the MODEL given",
        mend="give a hub name such as google/flan-t5-base, a folder that exists, or bundled",
    )
