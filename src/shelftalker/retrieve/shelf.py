"""Products in one file, read one by one from where they lie: a million take no memory until they are asked for."""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, overload

import msgspec

from shelftalker import files
from shelftalker.errors import ShelftalkerError
from shelftalker.product import Product

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROWS, STARTS = "products.jsonl", "starts.npy"


class _Row(msgspec.Struct, array_like=True):
    uid: str
    title: str
    attributes: dict[str, str]
    group: str
    description: str


class Shelf(Sequence[Product]):
    """The products of a folder that `write` made, mapped into memory."""

    def __init__(self, rows: mmap.mmap, starts: NDArray[Any]) -> None:
        self._rows, self._starts = rows, starts
        self._decode = msgspec.json.Decoder(_Row).decode

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open a folder.

        Raises:
            ShelftalkerError: a file is missing or damaged.
        """
        try:
            starts = mapped(folder / STARTS)
            with (folder / ROWS).open("rb") as file:
                rows = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            if starts.ndim != 1 or starts[-1] != len(rows):
                raise ValueError("its files do not belong together")
        except (OSError, ValueError, IndexError) as error:
            raise ShelftalkerError(
                f"the index of sources is broken: {error}",
                where=str(folder),
                mend="make it again: `shelftalker finetune`",
            ) from None
        return cls(rows, starts)

    @staticmethod
    def write(folder: Path, products: Iterable[Product]) -> Iterator[Product]:
        """Write products into ``folder`` while they pass through; both files are whole when the last one did."""
        import numpy as np

        encode, starts = msgspec.json.Encoder().encode, [0]
        with files.atomic(folder / ROWS) as file:
            for product in products:
                row = (product.uid, product.title, dict(product.attributes), product.group, product.description)
                starts.append(starts[-1] + file.write(encode(row) + b"\n"))
                yield product
        with files.atomic(folder / STARTS) as file:
            np.save(file, np.array(starts, dtype=np.int64))

    def __len__(self) -> int:
        return len(self._starts) - 1

    @overload
    def __getitem__(self, place: int) -> Product: ...
    @overload
    def __getitem__(self, place: slice) -> list[Product]: ...
    def __getitem__(self, place: int | slice) -> Product | list[Product]:
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        if not -len(self) <= place < len(self):
            raise IndexError(place)
        place %= len(self)
        row = self._decode(self._rows[int(self._starts[place]) : int(self._starts[place + 1])])
        return Product(row.title, row.uid, row.attributes, (), row.group, row.description)


def mapped(path: Path) -> NDArray[Any]:
    """An array that stays on the disk until its parts are asked for.

    Raises:
        OSError, ValueError: the file is missing, or holds no array.
    """
    import numpy as np

    # A plain array over the map: numpy's memmap pays for its class at every slice.
    array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False).view(np.ndarray)
    return array
