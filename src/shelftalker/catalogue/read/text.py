"""A catalogue's text: decoded, and cut into whole lines."""

from __future__ import annotations

import codecs
import io
from collections import Counter
from collections.abc import Iterator
from typing import IO

from shelftalker import console
from shelftalker.catalogue.read.shape import Shape
from shelftalker.catalogue.read.unpack import Plain, open_binary, read

BLOCK = 8 << 20
HEAD = 1 << 20


_STRAY: Counter[str] = Counter()
_TOLD: set[str] = set()


def _as_cp1252(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    _STRAY["bytes"] += error.end - error.start
    bad = error.object[error.start : error.end]
    return bad.decode("cp1252", "replace"), error.end


def _as_mark(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    _STRAY["bytes"] += error.end - error.start
    return "\N{REPLACEMENT CHARACTER}", error.end


# Single letters of another encoding in a file.
codecs.register_error("shelftalker-cp1252", _as_cp1252)
codecs.register_error("shelftalker-mark", _as_mark)


def errors_of(encoding: str) -> str:
    """What becomes of bytes that an encoding does not know: of UTF-8 Windows-1252, of others a replacement mark."""
    return "shelftalker-cp1252" if encoding in ("utf-8", "utf-8-sig") else "shelftalker-mark"


class Text(io.TextIOWrapper):
    """A text that says at its end, once a file, how many bytes were not of its encoding."""

    def __init__(self, shape: Shape) -> None:
        self._shape, self._before = shape, _STRAY["bytes"]
        raw = Plain(open_binary(shape.path, shape.member, shape.name), shape.name)
        # A mark is no letter, also where the encoding was named by the user.
        encoding = "utf-8-sig" if shape.encoding == "utf-8" else shape.encoding
        super().__init__(io.BufferedReader(raw, 1 << 18), encoding=encoding, errors=errors_of(encoding), newline="")

    def close(self) -> None:
        """Close the file, and say what there is to say."""
        stray = _STRAY["bytes"] - self._before
        if not self.closed and stray and self._shape.name not in _TOLD:
            _TOLD.add(self._shape.name)
            taken = "Windows-1252" if errors_of(self._shape.encoding) == "shelftalker-cp1252" else "unknown letters"
            console.warn(
                f"{self._shape.name}: {stray:,} bytes are not {self._shape.encoding}; read as {taken} "
                "(another: --prepare.encoding)"
            )
        super().close()


def open_text(shape: Shape) -> io.TextIOWrapper:
    """A catalogue as text; line ends stay as they are."""
    return Text(shape)


def decoded(head: bytes, encoding: str) -> str:
    """The beginning of a file as text, without a letter that was cut."""
    encoding = "utf-8-sig" if encoding == "utf-8" else encoding
    decoder = codecs.getincrementaldecoder(encoding)(errors_of(encoding))
    return decoder.decode(head)


def blocks_of_lines(shape: Shape) -> Iterator[bytes]:
    """Whole lines in UTF-8 (or bytes that are not, as they are), some megabytes at a time."""
    if shape.encoding in ("utf-8", "utf-8-sig"):
        with open_binary(shape.path, shape.member, shape.name) as file:
            yield from _whole_lines(_without_mark(file, shape.name))
        return
    with open_text(shape) as text:
        yield from _whole_lines(_encoded(text))


def _without_mark(file: IO[bytes], where: str) -> Iterator[bytes]:
    first = True
    while data := read(file, BLOCK, where):
        yield data.removeprefix(codecs.BOM_UTF8) if first else data
        first = False


def _encoded(text: IO[str]) -> Iterator[bytes]:
    while data := text.read(BLOCK):
        yield data.encode("utf-8", "replace")


def _whole_lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    waiting: list[bytes] = []
    for data in pieces:
        cut = data.rfind(b"\n") + 1
        if cut == 0:
            waiting.append(data)
            continue
        yield b"".join([*waiting, data[:cut]])
        waiting = [data[cut:]] if cut < len(data) else []
    if rest := b"".join(waiting):
        yield rest
