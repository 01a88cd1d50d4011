"""What stands behind the page: the queue, the checks on a text that is being edited, and another version of it."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from shelftalker.catalogue.clean.product import ProductCleaner
from shelftalker.checks.check import FORM, Finding, check
from shelftalker.checks.claims import claims
from shelftalker.checks.given import Given
from shelftalker.checks.house import house_of
from shelftalker.checks.language import clear_language, code_of
from shelftalker.errors import ShelftalkerError
from shelftalker.pages.highlight import marked, marks
from shelftalker.product import Product
from shelftalker.review.queue import Filter, Queue

if TYPE_CHECKING:
    from shelftalker.recipe.recipe import Recipe
    from shelftalker.review.described import Described
    from shelftalker.review.store import Store
    from shelftalker.writing.writer import Writer

HOLD_SECONDS = 120
"""How long a row that a tab shows is kept from other tabs."""


class Desk:
    """One catalogue under review.

    Args:
        catalogue: the described catalogue.
        store: its rows and decisions.
        recipe: the cleaning rules of titles and attributes.
        writer: what writes another version; None: nobody does.
    """

    def __init__(self, catalogue: Described, store: Store, recipe: Recipe, writer: Writer | None = None) -> None:
        self.catalogue, self.store, self.queue, self.writer = catalogue, store, Queue(store), writer
        self.language = store.meta("language") or "en"
        self._cleaner = ProductCleaner(recipe.clean)
        self._held: dict[int, tuple[str, float]] = {}
        self._lock = threading.Lock()

    def next(self, chosen: Filter, tab: str, after: int | None = None) -> dict[str, Any] | None:
        """The row that a tab is to look at, marked, and kept from other tabs for a while."""
        with self._lock:
            now = time.monotonic()
            self._held = {row: by for row, by in self._held.items() if by[1] > now and by[0] != tab}
            row = self.queue.next(chosen, list(self._held), after)
            if row is None:
                return None
            self._held[row["number"]] = (tab, now + HOLD_SECONDS)
        return self.shown(row)

    def row(self, number: int) -> dict[str, Any]:
        """One row, marked.

        Raises:
            ShelftalkerError: there is none of that number.
        """
        return self.shown(self.queue.row(number))

    def shown(self, row: dict[str, Any]) -> dict[str, Any]:
        """A row with its draft as HTML, what was found and what is claimed marked by kind."""
        known = {"check", "text", "start", "end", "why"}
        found = [Finding(**one) for one in row["findings"] if one.keys() == known]
        return row | {"html": self._marked(row, row["draft"], found)}

    def judged(self, number: int, text: str) -> dict[str, Any]:
        """What the checks find in a text for a row: findings, and the text as HTML.

        Raises:
            ShelftalkerError: there is no such row.
        """
        row = self.queue.row(number)
        found = check(text, self._given(row))
        return {
            "html": self._marked(row, text, found),
            "findings": [{"check": one.check, "text": one.text, "why": one.why} for one in found],
        }

    def another(self, number: int, seed: int) -> dict[str, Any]:
        """Another version of a row's text, sampled, with what the checks find in it.

        Raises:
            ShelftalkerError: no model was given, there is no such row, or the model cannot write it.
        """
        if self.writer is None:
            raise ShelftalkerError("there is no model here to write another version", mend="review ... --model MODEL")
        decoding = self.writer.recipe.decoding.over({"sample": True, "seed": seed})
        [written] = self.writer.write([self._product(self.queue.row(number))], decoding)
        if not written.text:
            raise ShelftalkerError(written.problem or "nothing was written", where=written.title)
        return {"text": written.text} | self.judged(number, written.text)

    def plain(self, text: str) -> str:
        """A text without its markup, as one line."""
        return self._cleaner.line(text)

    def _product(self, row: dict[str, Any]) -> Product:
        known = {name: row["attributes"].get(column, "") for name, column in self.catalogue.plan.fields.items()}
        for name in self.catalogue.house.columns:
            known.setdefault(name, row["attributes"].get(self.catalogue.plan.also.get(name, name), ""))
        return self._cleaner.product(Product(row["title"], uid=row["key"], attributes=known))

    def _given(self, row: dict[str, Any]) -> Given:
        product = self._product(row)
        told = {name: text for name, text in product.attributes.items() if text and name in self.catalogue.plan.fields}
        language = self._language_of(row)
        house = house_of(self.catalogue.house, product, language)
        return Given(product.title, told, language=language, house=house)

    def _language_of(self, row: dict[str, Any]) -> str:
        """What the row is to be in: its column says so, or the draft that was found to be in the right language."""
        said = code_of(row["attributes"].get(self.catalogue.spoken, "")) if self.catalogue.spoken else None
        is_right = all(one.get("check") != "language" for one in row["findings"])
        return said or (clear_language(row["draft"]) if is_right else None) or self.language

    def _marked(self, row: dict[str, Any], text: str, found: list[Finding]) -> str:
        titles = [str(source.get("title", "")) for source in row["sources"]]
        return marked(text, marks(found, FORM, claims(text, self._given(row), titles)))
