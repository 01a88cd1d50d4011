"""Recipe sections about what a product is written from: ground (its sources), route (who writes it)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from shelftalker.recipe.section import Section


class GroundSettings(Section):
    """Which products of the training split are shown beside a product, where the prompt has {sources}."""

    sources: int = Field(1, ge=0, le=8)
    """Sources of a product at most; 0: none."""
    words: int = Field(90, ge=5)
    """Words of a source that are shown; the rest is cut."""
    order: Literal["nearest_first", "nearest_last"] = "nearest_first"
    """Where the nearest source stands among several."""
    edited: bool = True
    """Show a source with what differs between the two titles replaced; false: as it is."""
    without: float = Field(0.15, ge=0, le=1)
    """Share of training rows that see no source, so that the model can do without (0 to 1)."""
    distractor: float = Field(0.1, ge=0, le=1)
    """Share of training rows whose last source is any product at all, so that the model learns to pass over one."""
    drop_attribute: float = Field(0.1, ge=0, le=1)
    """Share of training rows that lose one of their attributes, so that the model does not count on it (0 to 1)."""

    @model_validator(mode="after")
    def _shares_fit(self) -> GroundSettings:
        if self.without + self.distractor > 1:
            raise ValueError("ground.without and ground.distractor are shares of the same rows: together 1 at most")
        return self


class RouteSettings(Section):
    """Who writes a product: the editor of a sibling's text, the model, or nobody."""

    edit_from: float | Literal["auto"] | None = None
    """Similarity of the titles (0 to 1) from which a sibling's text is edited; auto: compare chooses; none: never."""
    least_words: int = Field(0, ge=0)
    """Products of which fewer words are known (title, attributes, facts) are declined; 0: none is."""

    @model_validator(mode="after")
    def _is_a_share(self) -> RouteSettings:
        if isinstance(self.edit_from, float) and not 0 <= self.edit_from <= 1:
            raise ValueError("route.edit_from is a similarity: 0 to 1, auto or none")
        return self
