"""The training split as evaluation needs it: titles in memory, descriptions read from the file when asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import overload

import msgspec

from shelftalker.catalogue.examples import read_examples
from shelftalker.errors import ShelftalkerError


class _Line(msgspec.Struct):
    input_text: str
    target_text: str
    title: str | None = None


class Training(Sequence[str]):
    """Descriptions of a train.jsonl as a sequence that stays on disk; ``titles`` are in memory.

    A full catalogue has a gigabyte of descriptions, of which a comparison needs one a row, and all of them once
    in passing.

    Raises:
        ShelftalkerError: the file cannot be read, or has a line that is no example.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.titles: list[str] = []
        self._starts: list[int] = []
        decoder = msgspec.json.Decoder(_Line)
        start = 0
        try:
            with path.open("rb") as file:
                for line in file:
                    if line.strip():
                        row = decoder.decode(line)
                        self.titles.append(row.title if row.title is not None else "")
                        self._starts.append(start)
                    start += len(line)
        except OSError as error:
            raise ShelftalkerError(
                f"cannot read the training examples: {error.strerror}", where=str(path), mend="check the file"
            ) from None
        except (msgspec.DecodeError, UnicodeDecodeError):
            # The reader of examples says what is wrong in which line.
            read_examples(path)
            raise
        if "" in self.titles:
            # A file of another tool: its titles stand in the prompts.
            self.titles = [row.title for row in read_examples(path)]

    def __len__(self) -> int:
        return len(self._starts)

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> list[str]: ...
    def __getitem__(self, place: int | slice) -> str | list[str]:
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        with self.path.open("rb") as file:
            file.seek(self._starts[place])
            return msgspec.json.decode(file.readline(), type=_Line).target_text

    def __iter__(self) -> Iterator[str]:
        decoder = msgspec.json.Decoder(_Line)
        with self.path.open("rb") as file:
            for line in file:
                if line.strip():
                    yield decoder.decode(line).target_text
