"""Make the sample catalogue that ships inside: clean products in, AmazonTitles raw form out.

    python tools/make_sample_catalogue.py [CLEAN.jsonl.gz] [OUT/trn.json.gz]

The clean products are `tools/sample_catalogue_clean.jsonl.gz`. The noise is that of the real data set at about its
real rates (share of all rows unless said otherwise): 33.3 % empty content, 5.6 % empty title, 2.9 % of described rows
repeat a title, entities in 17 %, lost characters that leave double spaces in 18 %, and among books a trailing
"--This text refers to thePaperbackedition." in 25 %, a copyright line in 16 %; 2.3 % boilerplate. The file is pure
ASCII, books come first, and every clean product is in it once in a form that `prepare` brings back.
"""

from __future__ import annotations

import argparse
import gzip
import html.entities
import json
import random
import re
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
CLEAN = HERE / "sample_catalogue_clean.jsonl.gz"
RAW = HERE.parent / "src" / "shelftalker" / "assets" / "sample_catalogue" / "trn.json.gz"
SEED = 20240607

EMPTY_CONTENT, EMPTY_TITLE, REPEATED = 0.333, 0.056, 0.029
ENTITIES, DOUBLE_SPACES, BOILERPLATE = 0.17, 0.18, 0.023
EDITION_NOTE, COPYRIGHT = 0.25, 0.16  # of books

BINDINGS = ("Paperback", "Hardcover", "Mass Market Paperback", "Audio CD", "Library Binding", "Board book")
CREDITS = ("Hollin & Marsh Business Information, Inc.", "Quayle Reference Press", "Larkfield Library Journal")
PHRASES = (
    "Click here for more information.",
    "All rights reserved.",
    "Click here to see a larger image.",
)
VARIANTS = ("Pack of 2", "Second Edition", "Large", "Refill", "Black", "Volume 2", "Gift Set", "Spanish Edition")
# The same character as the real file writes it: numeric, hexadecimal, named, and Windows-1252 code points.
QUOTE_FORMS = ("&#x2019;", "&#x92;", "&rsquo;", "&#8217;", "&#146;")
SPACE_FORMS = ("&#160;", "&nbsp;", "&#xa0;")


def read(path: Path) -> list[dict[str, str]]:
    """Rows of a JSON-lines file, gzipped or not."""
    data = path.read_bytes()
    text = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode("utf-8")
    return [json.loads(line) for line in text.splitlines()]


def to_ascii(text: str, dice: random.Random) -> str:
    """Write every character beyond ASCII as an entity, and the ampersand as it stands in running text."""

    def entity(match: re.Match[str]) -> str:
        code = ord(match.group())
        name = html.entities.codepoint2name.get(code)
        return f"&{name};" if name and dice.random() < 0.5 else f"&#x{code:x};"

    return re.sub(r"[^\x00-\x7f]", entity, text)


def with_entities(text: str, dice: random.Random) -> str:
    """Turn one or more plain characters into the entities of the real file."""
    if "'" in text:
        form = dice.choice(QUOTE_FORMS)
        text = re.sub(r"(?<=[a-z])'(?=[a-z])", lambda _: form, text)
    if dice.random() < 0.5 and " & " in text:
        text = text.replace(" & ", " &amp;amp; " if dice.random() < 0.2 else " &amp; ")
    if "&" not in text or dice.random() < 0.3:
        spaces = [match.start() for match in re.finditer(" ", text)]
        for at in sorted(dice.sample(spaces, min(len(spaces), 2)), reverse=True):
            text = text[:at] + dice.choice(SPACE_FORMS) + text[at + 1 :]
    return text


def with_double_spaces(text: str, dice: random.Random) -> str:
    """Leave a gap where a trademark sign or a dash was lost."""
    spaces = [match.start() for match in re.finditer(" ", text)]
    for at in sorted(dice.sample(spaces, min(len(spaces), dice.randint(1, 3))), reverse=True):
        text = text[:at] + "  " + text[at + 1 :]
    return text


def roughen(row: dict[str, str], dice: random.Random) -> tuple[str, str]:
    """The title and content of one product as the raw file would hold them."""
    # The rates are those of all rows; only rows with a description can carry the noise.
    described = 1 - EMPTY_CONTENT
    title, content = row["title"], row["content"]
    if dice.random() < ENTITIES / described:
        content = with_entities(content, dice)
    if dice.random() < DOUBLE_SPACES / described:
        content = with_double_spaces(content, dice)
    if row["department"].startswith("books"):
        if dice.random() < COPYRIGHT:
            content += (
                f" Copyright {'&copy; ' * (dice.random() < 0.5)}{dice.randint(1996, 2009)} {dice.choice(CREDITS)}"
            )
        if dice.random() < EDITION_NOTE:
            note = "This text refers to an out of print or unavailable edition of this title."
            if dice.random() < 0.8:
                note = f"This text refers to the{dice.choice(BINDINGS)}edition."
            content += f"--{note}"
    elif dice.random() < BOILERPLATE / described:
        content += " " + dice.choice(PHRASES)
    return to_ascii(title, dice), to_ascii(content, dice)


def raw_row(uid: str, title: str, content: str, dice: random.Random) -> dict[str, Any]:
    """The five keys, with the click targets that the classification task wants and this project ignores."""
    targets = sorted(dice.sample(range(1_305_265), dice.randint(5, 32)))
    return {
        "uid": uid,
        "title": title,
        "content": content,
        "target_ind": targets,
        "target_rel": [1.0] * len(targets),
    }


def make(clean: list[dict[str, str]], seed: int = SEED) -> list[dict[str, Any]]:
    """The raw rows: every clean product once, and the empty and repeated rows among them."""
    dice = random.Random(seed)
    placed: list[tuple[tuple[bool, float], dict[str, Any]]] = []

    def place(row: dict[str, str], uid: str, title: str, content: str, at: float) -> None:
        is_book = row["department"].startswith("books")
        placed.append(((not is_book, at), raw_row(uid, title, content, dice)))

    position = {row["uid"]: number / len(clean) for number, row in enumerate(clean)}
    for row in clean:
        place(row, row["uid"], *roughen(row, dice), position[row["uid"]])
    described = round(len(clean) / (1 - REPEATED))
    total = round(described / (1 - EMPTY_CONTENT - EMPTY_TITLE + 0.007))
    kinds = ["repeat"] * (described - len(clean))
    kinds += ["no title"] * round(total * EMPTY_TITLE)
    kinds += ["no content"] * (total - len(clean) - len(kinds))
    for number, kind in enumerate(kinds, 1):
        row = dice.choice(clean)
        title, content = roughen(row, dice)
        at = position[row["uid"]] + dice.random() / 50
        if kind == "repeat":
            # The same listing again, letter case and punctuation apart, or the same title with a cut description.
            title = title.upper() if dice.random() < 0.3 and "&" not in title else title
        elif kind == "no title":
            title = ""
            content = content if dice.random() < 0.9 else ""
        else:
            title, content = f"{title}, {dice.choice(VARIANTS)}", " " * dice.randint(0, 1)
        place(row, f"SX{number:08d}", title, content, at)
    return [row for _, row in sorted(placed, key=lambda pair: pair[0])]


def main() -> None:
    """Write the raw catalogue from the clean one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clean", nargs="?", type=Path, default=CLEAN)
    parser.add_argument("out", nargs="?", type=Path, default=RAW)
    arguments = parser.parse_args()
    rows = make(read(arguments.clean))
    text = "".join(json.dumps(row) + "\n" for row in rows)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    # mtime 0: the same rows give the same bytes.
    arguments.out.write_bytes(gzip.compress(text.encode("ascii"), 9, mtime=0))
    print(f"{arguments.out}: {len(rows):,} rows, {arguments.out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
