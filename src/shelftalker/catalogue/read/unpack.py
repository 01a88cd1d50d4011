"""The bytes of a file, whatever it is packed in: gzip, Zstandard, bzip2, xz, ZIP, or one in another."""

from __future__ import annotations

import bz2
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import IO, Any, TypeVar

from shelftalker.errors import ShelftalkerError

_T = TypeVar("_T")
_DEPTH = 3
_FAULTS = (EOFError, ValueError, OSError, lzma.LZMAError, zlib.error, zipfile.BadZipFile, NotImplementedError)
_NO_TABLES = (".txt.license", ".ds_store", "thumbs.db", "desktop.ini")
_READ_ME = ("readme", "license", "licence", "notice", "manifest", "changelog")


def open_binary(path: Path, member: str | None = None, where: str = "") -> IO[bytes]:
    """A file's bytes (of a ZIP archive: of one of its files), unpacked as often as they are packed.

    Raises:
        ShelftalkerError: it is packed, and broken at its beginning.
    """
    file: IO[bytes] = path.open("rb") if member is None else _guarded(lambda: _member(path, member), where)
    for depth in range(_DEPTH):
        try:
            magic = _guarded(lambda file=file: _peek(file), where)  # type: ignore[misc]
        except ShelftalkerError:
            # A reader in a thread of its own would keep the program from ending.
            file.close()
            raise
        if magic[:2] == b"\x1f\x8b":
            file = _gunzip(path if not depth and member is None else file)
        elif magic[:4] == b"\x28\xb5\x2f\xfd":
            from backports import zstd

            file = zstd.open(file, "rb")  # type: ignore[assignment]
        elif magic[:3] == b"BZh":
            file = bz2.BZ2File(file)
        elif magic == b"\xfd7zXZ\0":
            file = lzma.LZMAFile(file)  # noqa: SIM115
        else:
            break
    return file


def is_packed(path: Path) -> bool:
    """Whether a file begins like a compressed one."""
    with path.open("rb") as file:
        magic = file.read(6)
    starts = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ\0", b"PK\x03\x04")
    return magic.startswith(starts)


def _member(path: Path, member: str) -> IO[bytes]:
    return zipfile.ZipFile(path).open(member)


def _peek(file: IO[bytes]) -> bytes:
    if hasattr(file, "peek"):
        return bytes(file.peek(6)[:6])
    head = file.read(6)
    file.seek(0)
    return head


def _gunzip(of: Path | IO[bytes]) -> IO[bytes]:
    if isinstance(of, Path):
        from isal import igzip_threaded

        return igzip_threaded.open(str(of), "rb", threads=1)  # type: ignore[no-any-return]
    from isal import igzip

    return igzip.open(of, "rb")  # type: ignore[no-any-return]


def member_of(path: Path, name: str, *, is_test: bool) -> str:
    """The file of a ZIP archive that is read: its only one, or trn (for a test split: tst) as AmazonTitles has them.

    Raises:
        ShelftalkerError: none or several could be meant, or they are locked with a password.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            found = [entry for entry in archive.infolist() if _is_table(entry.filename)]
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise broken(name, error) from None
    wanted = "tst" if is_test else "trn"
    named = [entry for entry in found if PurePosixPath(entry.filename).name.split(".")[0].casefold() == wanted]
    if len(named) == 1:
        found = named
    if len(found) != 1:
        names = ", ".join(entry.filename for entry in found[:10])
        raise ShelftalkerError(
            "a ZIP archive with " + ("several files" if found else "no file in it"),
            where=f"{name}: {names}" if names else name,
            mend="unpack it, and name the file that is the catalogue",
        )
    if found[0].flag_bits & 1:
        raise ShelftalkerError(
            "a ZIP archive that is locked with a password", where=name, mend="unpack it, and name the file"
        )
    return found[0].filename


def _is_table(name: str) -> bool:
    path = PurePosixPath(name)
    if name.endswith("/") or "__MACOSX" in path.parts or path.name.startswith("."):
        return False
    return path.name.casefold() not in _NO_TABLES and path.stem.casefold() not in _READ_ME


def read(file: IO[bytes], size: int, where: str) -> bytes:
    """Read from a file that may be packed.

    Raises:
        ShelftalkerError: it is cut short or broken.
    """
    return _guarded(lambda: file.read(size), where)


def _guarded(read: Callable[[], _T], where: str) -> _T:
    try:
        return read()
    except _FAULTS as error:
        raise broken(where, error) from None
    except Exception as error:
        if type(error).__name__ in ("ZstdError", "IsalError", "error", "BadGzipFile"):
            raise broken(where, error) from None
        raise


def broken(where: str, error: Exception) -> ShelftalkerError:
    """The error for a file whose bytes cannot be had."""
    return ShelftalkerError(
        f"the file is cut short or broken: {error}", where=where, mend="download or make the file again"
    )


class Plain(io.RawIOBase):
    """A plain binary stream around one of the unpackers, whose own interfaces and errors differ."""

    def __init__(self, file: IO[bytes], where: str) -> None:
        self._file, self._where = file, where

    def readable(self) -> bool:
        """It is there to be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """As `io.RawIOBase.readinto`; faults of the file are told as ours."""
        data = read(self._file, len(buffer), self._where)
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Close the file too."""
        if not self.closed:
            self._file.close()
        super().close()
