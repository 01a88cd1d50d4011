"""Recipe sections that generation reads: decoding (its class lives in decoding.py) and generate."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from shelftalker.recipe.decoding import Decoding
from shelftalker.recipe.section import Section

__all__ = ["Decoding", "GenerateSettings"]


class GenerateSettings(Section):
    """Which engine writes, and in what portions."""

    model: str | None = None
    """The model that writes; none: the promoted one of this recipe."""
    engine: Literal["auto", "transformers", "ctranslate2"] = "auto"
    """auto: CTranslate2 where the model converts and the decoding allows it, else transformers."""
    quantisation: Literal["int8", "float32"] = "int8"
    """Number format of a CTranslate2 model's weights."""
    batch_size: int = Field(32, ge=1)
    """Titles in one batch of an engine."""
    sense: bool = False
    """Also check whether what the model wrote hangs together, with SmolLM2 as the judge where it is installed; costs
    about one reading of each text by that model."""
    threads: int = Field(0, ge=0)
    """CPU threads of one engine; 0: as many as the process may use."""
    ray_workers: int = Field(0, ge=0)
    """Engines on a Ray cluster (with --ray), which share its CPUs; 0: one a machine."""
    window_rows: int = Field(512, ge=1)
    """Rows that a catalogue job sorts by length and saves together; what a killed job may have to write again."""
    facts: Literal["given", "shared", "any"] = "any"
    """What a text may claim: only what the input says, also what two sources or more say, or anything; what may not
    stand is taken out, and a text of which too little is left is declined."""
    spreadsheet_safe: bool = False
    """CSV and TSV out: an apostrophe before cells of the input, too, that a spreadsheet would take for formulas."""
    only: Literal["all", "empty", "listed"] = "all"
    """Which rows of a catalogue file are written: all, those whose description is empty, or those of a list."""
    listed: str | None = None
    """For `only: listed`, a text file with one id a line."""
    titles: list[str] = []
    """Titles that `run` describes at its end; none: three of the test split."""
