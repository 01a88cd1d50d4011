"""Libraries' own bars and advice, silenced: what users must know, shelftalker says itself."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from shelftalker import console


@contextmanager
def hushed() -> Iterator[None]:
    """Silence transformers' and PEFT's own bars and advice for a while, unless --debug was given."""
    if console.debugging():
        yield
        return
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
