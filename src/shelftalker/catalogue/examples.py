"""Examples, what `prepare` writes and every later stage reads: products whose description is the reference."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from shelftalker.errors import ShelftalkerError
from shelftalker.product import Product

SPLITS = ("train", "val", "test")

_TITLE_LINE = re.compile(r"^Title: (.*)$", re.MULTILINE)


def read_examples(path: str | Path) -> list[Product]:
    """All examples of a file, in its order; see `each_example`."""
    return list(each_example(path))


def each_example(path: str | Path) -> Iterator[Product]:
    """Read examples in file order, as products; their prompt is rendered anew by whoever needs it.

    Files made by other tools may hold only ``input_text`` and ``target_text``: the former then stays the product's
    prompt, its title is read from the prompt's ``Title:`` line (else it is the whole prompt), and the uid is the line
    number.

    Raises:
        ShelftalkerError: the file is missing, unreadable or has a line that is no example.
    """
    import msgspec

    from shelftalker.catalogue.publish import recover

    path = Path(path)
    recover(path.parent)
    decode = msgspec.json.Decoder().decode
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                try:
                    row = decode(line)
                except (msgspec.DecodeError, UnicodeDecodeError) as error:
                    raise _broken(path, number, f"broken JSON: {error}") from None
                yield _example(row, path, number)
    except OSError as error:
        raise ShelftalkerError(
            f"cannot read the examples: {error.strerror}",
            where=str(path),
            mend="run `shelftalker prepare` first, or give its folder with --data",
        ) from None


def load_split(data_dir: str | Path, split: str) -> list[Product]:
    """Read one split (train, val or test) of a prepared data folder.

    Raises:
        ShelftalkerError: no such split, or its file cannot be read.
    """
    if split not in SPLITS:
        raise ShelftalkerError(f"no such split: {split}", where=str(data_dir), mend=f"one of {', '.join(SPLITS)}")
    return read_examples(Path(data_dir) / f"{split}.jsonl")


def sample(examples: Sequence[Product], rows: int | None, seed: int) -> list[Product]:
    """Draw ``rows`` examples by a hash of (seed, uid), returned in their given order.

    The draw depends on uids only, not on order; a smaller draw is a subset of a larger one. ``rows`` None, or
    more than there are: all of them.
    """
    if rows is None or rows >= len(examples):
        return list(examples)
    ranked = sorted(range(len(examples)), key=lambda index: (_rank(seed, examples[index].uid), index))
    return [examples[index] for index in sorted(ranked[:rows])]


def _rank(seed: int, uid: str) -> bytes:
    return hashlib.blake2b(f"{seed}\0{uid}".encode("utf-8", "surrogatepass"), digest_size=8).digest()


def _example(row: object, path: Path, number: int) -> Product:
    if not isinstance(row, dict):
        raise _broken(path, number, "not a JSON object")
    prompt, target = row.get("input_text"), row.get("target_text")
    if not isinstance(prompt, str) or not isinstance(target, str):
        raise _broken(path, number, "an example needs the texts input_text and target_text")
    title, columns, fields = row.get("title"), row.get("columns"), row.get("fields")
    is_foreign = not isinstance(title, str)
    if not isinstance(title, str):
        found = _TITLE_LINE.search(prompt)
        title = found.group(1).strip() if found else prompt.strip()
    return Product(
        title=title,
        uid=str(row.get("uid", number)),
        attributes={str(key): str(value) for key, value in columns.items()} if isinstance(columns, dict) else {},
        group=str(row.get("group") or ""),
        description=target,
        input_text=prompt if is_foreign else "",
        weight=_weight(row, path, number),
        texts={str(key): str(value) for key, value in fields.items()} if isinstance(fields, dict) else {},
    )


def _weight(row: dict[str, object], path: Path, number: int) -> float:
    weight = row.get("weight", 1.0)
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight < math.inf:
        raise _broken(path, number, f"the weight {weight!r} is not a number above 0")
    return float(weight)


def _broken(path: Path, number: int, what: str) -> ShelftalkerError:
    return ShelftalkerError(what, where=f"{path}, line {number}", mend="run `shelftalker prepare` again")
