"""Set logic over the keys of all shards: duplicates, groups, splits, caps; and the plan of where each row goes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from shelftalker import console
from shelftalker.catalogue import split
from shelftalker.catalogue.clean.shard import Result, Settings
from shelftalker.catalogue.deliver import LATE_REASONS, SPLITS, Delivery
from shelftalker.catalogue.groups import duplicates
from shelftalker.catalogue.groups.keys import GRAMS, KEYS
from shelftalker.errors import ShelftalkerError

if TYPE_CHECKING:
    from shelftalker.recipe.recipe import Recipe


class Assembly:
    """All kept rows' keys in file order, and what follows from them.

    Attributes:
        keys: one record (shard.KEYS) a row that survived cleaning.
        places: of each row 0, 1, 2 for train, val, test, or 3 + the index of one of LATE_REASONS.
        groups: key of each row's near-duplicate group.
        sizes: bytes of each split's file.
        folder: the scratch folder with the shards' files.
        gram_share: one in so many 13-word runs was kept.
    """

    def __init__(self, recipe: Recipe, settings: Settings, results: list[Result], threads: int) -> None:
        self._results = results
        self.folder = settings.scratch
        self.gram_share = settings.gram_share
        self.first = np.cumsum([0, *(result.kept for result in results)])
        if self.first[-1] == 0:
            raise self._nothing(results)
        self.keys = np.empty(int(self.first[-1]), KEYS)
        for result, at in zip(results, self.first, strict=False):
            self.keys[at : at + result.kept] = np.load(self._file(result, "keys.npy"))
        verdict, self.keepers = duplicates.exact(self.keys, recipe.duplicates, threads)
        alive = verdict == 0
        labels = np.arange(len(self.keys))
        if not recipe.duplicates.titles:
            self._join_equals("title_key", labels, alive)
        if not recipe.duplicates.descriptions:
            self._join_equals("text_key", labels, alive)
        if recipe.duplicates.near:
            shingles = self._shingles()
            with console.progress("group", 100, unit="%", log=False) as bar:
                duplicates.near(
                    shingles, self.keys["row_key"], alive, recipe.duplicates.similarity, labels,
                    lambda share: bar.update(share * 100),
                )  # fmt: skip
        self.groups = split.group_keys(labels, self.keys["row_key"])
        self.places = np.zeros(len(self.keys), np.uint8)
        self.places[verdict == 1] = 3 + LATE_REASONS.index("duplicate_title")
        self.places[verdict == 2] = 3 + LATE_REASONS.index("duplicate_description")
        chosen = np.flatnonzero(alive)
        self.places[chosen] = split.assign(
            self.groups[chosen], self.keys["row_key"][chosen], self.keys["is_test"][chosen], recipe.split, recipe.seed
        )
        self.alive = alive
        sizes = self.keys["size"].astype(np.int64)
        self.sizes = {name: int(sizes[self.places == place].sum()) for place, name in enumerate(SPLITS)}

    def grams(self) -> Any:
        """The 13-word runs that the shards kept, with the row (position in ``keys``) of each."""
        parts = []
        for result, at in zip(self._results, self.first, strict=False):
            part = np.load(self._file(result, "grams.npy"))
            part["row"] += np.uint32(at)
            parts.append(part)
        return np.concatenate(parts) if parts else np.zeros(0, GRAMS)

    def deliveries(self) -> Iterator[Delivery]:
        """One job a shard: which of its rows go where."""
        starts = [0, 0, 0]
        lines: dict[tuple[str, bool], int] = {}
        where: list[tuple[int, str, int]] = []
        for result, at in zip(self._results, self.first, strict=False):
            key = (result.source, result.is_test)
            where.append((int(at), result.source, lines.get(key, 0)))
            lines[key] = lines.get(key, 0) + result.lines
        begins = np.array([at for at, _, _ in where])
        for result, (at, source, first_line) in zip(self._results, where, strict=True):
            rows = slice(at, at + result.kept)
            keys, places = self.keys[rows], self.places[rows]
            keepers = {}
            for inside in np.flatnonzero(self.keepers[rows] >= 0).tolist():
                keeper = int(self.keepers[at + inside])
                shard = int(np.searchsorted(begins, keeper, "right")) - 1
                while where[shard][0] + self._results[shard].kept <= keeper:
                    shard -= 1
                keepers[inside] = f"{where[shard][1]}:{where[shard][2] + int(self.keys['line'][keeper]) + 1}"
            yield Delivery(
                number=result.number,
                source=source,
                first_line=first_line,
                lines=keys["line"],
                sizes=keys["size"],
                places=places,
                groups=self.groups[rows],
                is_regrouped=self.groups[rows] != keys["row_key"],
                keepers=keepers,
                offsets=(starts[0], starts[1], starts[2]),
            )
            sizes = keys["size"].astype(np.int64)
            for place in range(3):
                starts[place] += int(sizes[places == place].sum())

    def _join_equals(self, column: str, labels: Any, alive: Any) -> None:
        """Rows with one title or one description are of one group, where the recipe keeps them both."""
        rows = np.flatnonzero(alive)
        order = rows[np.argsort(self.keys[column][rows], kind="stable")]
        values = self.keys[column][order]
        same = np.flatnonzero(values[1:] == values[:-1])
        duplicates.join(labels, order[same], order[same + 1])

    def _shingles(self) -> duplicates.Shingles:
        path = self.folder / "shingles"
        with path.open("wb") as out:
            for result in self._results:
                part = self._file(result, "shingles.npy")
                np.load(part).tofile(out)
                part.unlink()
        return duplicates.Shingles(path, self.keys["shingles"].astype(np.int64))

    def _file(self, result: Result, suffix: str) -> Path:
        return self.folder / f"{result.number:06d}.{suffix}"

    @staticmethod
    def _nothing(results: list[Result]) -> ShelftalkerError:
        reasons: dict[str, int] = {}
        for result in results:
            for reason, count in result.reasons.items():
                reasons[reason] = reasons.get(reason, 0) + count
        said = ", ".join(f"{name} {count:,}" for name, count in sorted(reasons.items(), key=lambda pair: -pair[1]))
        return ShelftalkerError(
            "no row of the catalogue can be used",
            where=", ".join(dict.fromkeys(result.source for result in results)) + (f" ({said})" if said else ""),
            mend="check the columns (--prepare.title_column, --prepare.description_column) or loosen clean.*",
        )
