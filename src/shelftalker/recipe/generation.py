"""Recipe sections that generation reads: decoding (its class lives in decoding.py) and generate."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from shelftalker.errors import ShelftalkerError
from shelftalker.length import length
from shelftalker.recipe.decoding import Decoding
from shelftalker.recipe.section import Section

__all__ = ["Decoding", "GenerateSettings"]


class GenerateSettings(Section):
    """Which engine writes, and in what portions."""

    model: str | None = None
    """The model that writes; none: the promoted one of this recipe."""
    engine: Literal["auto", "transformers", "ctranslate2"] = "auto"
    """auto: CTranslate2 where the model converts and the decoding allows it, else transformers."""
    quantisation: Literal["int8", "float32", "bfloat16", "float16"] = "int8"
    """Number format of a CTranslate2 model's weights; bfloat16 and float16 are for CUDA devices that have them, float16
    not for T5, which it destroys."""
    batch_size: int = Field(32, ge=1)
    """Titles in one batch of an engine."""
    sense: bool | None = None
    """Whether a text in which nothing else was found must also hang together, with SmolLM2 as the judge where it is
    installed; costs one reading by that model. null: for titles on the command line, in the playground, the server and
    Python, not in catalogue jobs."""
    threads: int = Field(0, ge=0)
    """CPU threads of one engine; 0: as many as the process may use."""
    ray_workers: int = Field(0, ge=0)
    """Engines on a Ray cluster (with --ray), which share its CPUs; 0: one a machine."""
    workers: int = Field(0, ge=0)
    """Processes that find sources, edit and check the rows of a catalogue job that need no model, where siblings are
    edited (route.edit_from); 0: as many as cores, or none for a few thousand rows; 1: none beside the model's. What is
    written does not depend on it."""
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
    fields: list[str] = []
    """What is written: description, and any of the fields that the model learnt (prepare.fields); none: the
    description."""
    limits: dict[str, str] = {}
    """How long a field's text is to be, by its name: `60 words`, `at most 155 characters`; a model that learnt several
    fields brings the 95th percentile of its training texts along for each but the description."""
    titles: list[str] = []
    """Titles that `run` describes at its end; none: three of the test split."""

    @field_validator("fields")
    @classmethod
    def _names_may_share_a_flag(cls, value: list[str]) -> list[str]:
        return [name.strip() for part in value for name in part.split(",") if name.strip()]

    @field_validator("limits")
    @classmethod
    def _limits_are_lengths(cls, value: dict[str, str]) -> dict[str, str]:
        try:
            return {name: str(length(phrase)) for name, phrase in value.items()}
        except ShelftalkerError as error:
            raise ValueError(f"{error.what}: {error.mend}") from None
