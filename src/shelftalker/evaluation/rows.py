"""The rows that every system describes, and what the training split has that is near to them."""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING

from shelftalker import console, files
from shelftalker.catalogue.examples import load_split, sample
from shelftalker.checks.house import house_of
from shelftalker.checks.language import MIXED, clear_language, code_of, main_language, spoken_in
from shelftalker.errors import ShelftalkerError
from shelftalker.evaluation import references
from shelftalker.evaluation.entries import ScoredRow
from shelftalker.evaluation.predict import rows_hash
from shelftalker.evaluation.results import Data
from shelftalker.evaluation.training import Training
from shelftalker.retrieve.index import CatalogueIndex

if TYPE_CHECKING:
    from shelftalker.recipe.recipe import Recipe


class Rows:
    """The rows that every system describes; what needs the training split is looked up when it is first asked for.

    Args:
        recipe: where the data is, and the seed of the draw.
        split: val or test.
        rows: how many; none: all.

    Raises:
        ShelftalkerError: the split cannot be read, is empty, or names two rows alike.
    """

    def __init__(self, recipe: Recipe, split: str, rows: int | None) -> None:
        self.path = recipe.paths.data / f"{split}.jsonl"
        self.examples = sample(load_split(recipe.paths.data, split), rows, recipe.seed)
        self._prompt, self._house, self._spoken = recipe.as_prompt, recipe.house, recipe.prepare.language_column
        self._training_path = recipe.paths.data / "train.jsonl"
        if not self.examples:
            raise ShelftalkerError(
                f"there is nothing to score: the {split} split is empty",
                where=str(self.path),
                mend="run `shelftalker prepare` with a larger share for this split",
            )
        repeated = [uid for uid, count in Counter(row.uid for row in self.examples).items() if count > 1]
        if repeated:
            raise ShelftalkerError(
                f"uid {repeated[0]!r} occurs twice, so that rows cannot be told apart",
                where=str(self.path),
                mend="run `shelftalker prepare` again, or make the uids unique",
            )
        self.data = Data(
            split=split,
            split_by=_split_by(recipe),
            rows=len(self.examples),
            sha256=rows_hash(self.examples),
            path=str(self.path),
            name=recipe.name,
        )

    def __len__(self) -> int:
        return len(self.examples)

    @cached_property
    def training(self) -> Training | None:
        """Training descriptions; none without a training split."""
        if not self._training_path.is_file():
            console.warn(f"no {self._training_path}: no nearest-neighbour, no similarity, no novelty")
            return None
        return Training(self._training_path) or None

    @cached_property
    def neighbours(self) -> list[references.Neighbour] | None:
        """The nearest training product of every row; none without a training split."""
        if self.training is None:
            return None
        return references.neighbours(self.examples, CatalogueIndex.build(self.training.titles, self.training))

    @cached_property
    def products(self) -> list[ScoredRow]:
        """The rows as they are scored."""
        near = self.neighbours
        languages = self._languages()
        return [
            ScoredRow(
                uid=example.uid,
                title=example.title,
                reference=example.description,
                columns=dict(example.attributes),
                given=dict(self._prompt.given(example).attributes),
                facts=self._prompt.given(example).facts,
                similarity=near[number].kind if near else None,
                nearest=near[number].title if near else None,
                house=house_of(self._house, example, languages[number]),
                language=languages[number],
            )
            for number, example in enumerate(self.examples)
        ]

    def _languages(self) -> list[str]:
        """What each row is described in: what its column says, or its reference where the catalogue is mixed."""
        references = [example.description for example in self.examples]
        main = main_language(references)
        shares = [share for code, share in spoken_in(references).items() if code != main]
        is_mixed = max(shares, default=0.0) >= MIXED
        told = [code_of(one.attributes.get(self._spoken, "")) if self._spoken else None for one in self.examples]
        return [
            said or (clear_language(text) if is_mixed else None) or main
            for said, text in zip(told, references, strict=True)
        ]


def _split_by(recipe: Recipe) -> str | None:
    """How the data at hand was split: the manifest of `prepare` knows; without one nobody does."""
    path = recipe.paths.data / "manifest.json"
    if not path.is_file():
        return None
    try:
        return str(files.read_json(path)["settings"]["split"]["by"])
    except (ShelftalkerError, KeyError, TypeError):
        return None
