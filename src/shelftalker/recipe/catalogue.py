"""Recipe sections that `prepare` reads: prepare, clean, duplicates, split."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from shelftalker.recipe.section import Section

RESERVED = ("title", "description", "attributes", "facts", "sources", "field", "engine", "model", "problem")
"""What no further field may be called."""


def field_name(column: str) -> str:
    """A column's name as a field's: letters and digits, parted by _."""
    return "_".join("".join(letter if letter.isalnum() else " " for letter in column.casefold()).split())


class PrepareSettings(Section):
    """Where the catalogue is and which of its columns mean what."""

    inputs: list[str] = []
    """Catalogue files, globs or URLs; `bundled` is the sample catalogue that ships inside, `bundled-pt` the one in
    Portuguese."""
    test: list[str] = []
    """Files whose rows make the test split; none: the test split is drawn from the inputs."""
    title_column: str | None = None
    """Column with the title; none: found by its name (title, name, product_name, ...)."""
    description_column: str | None = None
    """Column with the description; none: found by its name (content, description, body_html, ...)."""
    id_column: str | None = None
    """Column that names a row; none: found by its name (uid, id, sku, ...), else a hash of its text."""
    add: list[str] = []
    """Decisions of `review` whose accepted and mended texts train, too: their files, the described catalogues beside
    which they are, or `reviewed` for all beside the inputs."""
    added_weight: float = Field(1, gt=0)
    """How much such a text counts in training; 2: as much as if it stood there twice."""
    keep_columns: list[str] = []
    """Further columns to carry into every example: usable as prompt fields and for breakdowns."""
    language_column: str | None = None
    """Column that says each row's language (pt, pt-BR, Portuguese), kept as keep_columns are; none: texts tell."""
    fields: dict[str, str] = {}
    """Further texts to learn to write: the field's name, as the prompt says it, to its column (meta_description: "SEO
    description"); a list of columns names them as they are."""
    encoding: str | None = None
    """Encoding of text files (utf-8, cp1252, cp850, cp932, ...); none: found out, and said where it is not UTF-8."""
    records: str | None = None
    """Where the rows are in a nested file: JSON keys with dots (data.products), a workbook's sheet, an XML element."""
    locale: str | None = None
    """Language or store view to take where a catalogue has several (de, de_DE, a store view's code)."""
    workers: int = Field(0, ge=0)
    """Worker processes; 0: one a core."""

    @field_validator("fields", mode="before")
    @classmethod
    def _columns_may_name_themselves(cls, value: Any) -> Any:
        return {field_name(column): column for column in value} if isinstance(value, list) else value

    @field_validator("fields")
    @classmethod
    def _names_are_words(cls, value: dict[str, str]) -> dict[str, str]:
        for name in value:
            if not name.isidentifier() or name in RESERVED:
                raise ValueError(f"{name!r} cannot be a field's name: letters, digits and _, and none of {RESERVED}")
        return value

    def deciding(self) -> dict[str, Any]:
        """What of it decides an output, as plain values; keys that came later only where they ask for something."""
        unasked = ({"add", "added_weight"} if not self.add else set()) | ({"fields"} if not self.fields else set())
        return self.model_dump(mode="json", exclude={"workers"} | unasked)


class CleanSettings(Section):
    """Which text rules run; every rule is named in the card with the number of rows that it changed."""

    entities: bool = True
    """Decode HTML entities, Windows-1252 (`&#x92;`) and double-escaped (`&amp;amp;`) ones included."""
    lists: bool = True
    """Join the texts of a printed list (`['...', '...']`)."""
    escapes: bool = True
    """Line breaks that are written as a backslash and an n become line breaks, where that is certain."""
    mojibake: bool = True
    """Mend UTF-8 that was read as Windows-1252."""
    tags: bool = True
    """Take HTML tags, shortcodes and shop systems' `{{...}}` out; a block tag separates words."""
    controls: bool = True
    """Drop control and invisible characters."""
    unicode_form: bool = True
    """Unicode normal form C."""
    spaces: bool = True
    """One space between words."""
    edition_note: bool = True
    """Cut a trailing "--This text refers to the Paperback edition."."""
    copyright_lines: bool = True
    """Cut copyright lines."""
    boilerplate: bool = True
    """Cut sentences about the shop ("Click here ...")."""
    glued: bool = True
    """Part words that removed tags glued together, where that is certain."""
    plain_quotes: bool = False
    """Typographic quotes, dashes and ellipses as ASCII."""
    repeats_title: bool = True
    """Reject descriptions that only repeat the title."""
    only_format: bool = True
    """Reject descriptions that only name a format ("Audio CD")."""
    cut_off: bool = True
    """Reject descriptions that break off ("...", or a last word that needs another)."""
    min_title_words: int = Field(1, ge=1)
    """Titles with fewer words are rejected (words)."""
    max_title_words: int = Field(80, ge=1)
    """Titles with more words are rejected (words)."""
    min_description_words: int = Field(5, ge=1)
    """Descriptions with fewer words are rejected (words; two letters of Chinese or Japanese, four of Thai, are one)."""
    max_description_words: int = Field(1000, ge=1)
    """Descriptions with more words are rejected (words)."""
    max_description_tokens: int | None = Field(None, ge=1)
    """Descriptions with more tokens of the base model are rejected (tokens); none: no such limit."""
    not_prose: bool = False
    """Reject descriptions that are lists of specifications; off: they are only counted in the card."""


class DuplicateSettings(Section):
    """What counts as the same product, and as a sibling."""

    titles: bool = True
    """Keep one of the rows whose titles are the same but for letter case, punctuation and spaces."""
    descriptions: bool = True
    """Keep one of the rows whose descriptions are the same but for letter case, punctuation and spaces."""
    near: bool = True
    """Group near-duplicates (other size, colour, volume, edition) so that no group crosses a split."""
    similarity: float = Field(0.2, gt=0, le=1)
    """Rows are siblings from this Jaccard similarity of 3-word shingles (0 to 1); far below 0.2 some are missed."""


class SplitSettings(Section):
    """Which rows go to train, val and test."""

    by: Literal["group", "row"] = "group"
    """group: new lines (no near-duplicate was seen); row: new products of known lines (a sibling may have been)."""
    train: float = Field(0.8, gt=0, lt=1)
    """Share of groups (or rows) for training (0 to 1)."""
    val: float = Field(0.1, gt=0, lt=1)
    """Share for validation (0 to 1)."""
    test: float = Field(0.1, ge=0, lt=1)
    """Share for the test split (0 to 1); the files of prepare.test, if any, are that split instead."""
    train_rows: int | None = Field(None, ge=1)
    """Cap on training rows, drawn uniformly over the whole catalogue (rows)."""
    val_rows: int | None = Field(None, ge=1)
    """Cap on validation rows (rows)."""
    test_rows: int | None = Field(None, ge=1)
    """Cap on test rows (rows)."""

    @model_validator(mode="after")
    def _shares_add_up(self) -> SplitSettings:
        total = self.train + self.val + self.test
        if abs(total - 1) > 1e-9:
            raise ValueError(f"train + val + test must be 1, not {total:g}")
        return self
