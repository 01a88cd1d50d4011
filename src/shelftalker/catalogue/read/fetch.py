"""A catalogue that a URL names, copied to this machine."""

from __future__ import annotations

import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from shelftalker import console
from shelftalker.errors import ShelftalkerError


def fetch(url: str, target: Path) -> Path:
    """Copy what a URL names into ``target``.

    http, https and file are read here; every other scheme (s3, gs, hf, ...) by DuckDB, with its own extension and
    credentials; that one holds a file that is not Parquet in memory.

    Raises:
        ShelftalkerError: it cannot be had.
    """
    scheme = urllib.parse.urlsplit(url).scheme
    try:
        if scheme in ("http", "https", "file"):
            with urllib.request.urlopen(url, timeout=60) as reply, target.open("wb") as file:
                total = int(reply.headers.get("Content-Length") or 0) or None
                came = 0
                with console.progress(f"fetch {url}", total, unit="bytes") as bar:
                    while data := reply.read(1 << 20):
                        came += file.write(data)
                        bar.update(came)
                if total and came < total:
                    raise OSError(f"{came:,} of {total:,} bytes came")
        else:
            copy_with_duckdb(url, target)
    except (OSError, ValueError) as error:
        raise ShelftalkerError(f"cannot fetch: {error}", where=url, mend="check the address, or download it") from None
    return target


def copy_with_duckdb(url: str, target: Path) -> None:
    """Copy a file that DuckDB can read (any of its file systems) into ``target``.

    Raises:
        OSError: DuckDB cannot read it.
    """
    import duckdb

    try:
        with duckdb.connect() as connection:
            if urllib.parse.urlsplit(url).path.endswith((".parquet", ".pq")):
                quoted = str(target).replace("'", "''")
                connection.execute(f"copy (from read_parquet(?)) to '{quoted}' (format parquet)", [url])
            else:
                row = connection.execute("select content from read_blob(?)", [url]).fetchone()
                target.write_bytes(row[0] if row else b"")
    except duckdb.Error as error:
        raise OSError(str(error)) from None
