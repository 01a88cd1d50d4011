"""Build the pretraining corpus: one JSON line a document, with a title and a text.

Sources, each optional:

- a catalogue in AmazonTitles form (``--catalogue``), cleaned of markup and entities;
- Debian package descriptions (``--debian``: ``Translation-en`` lists, uncompressed);
- WordNet's data files (``--wordnet``: the folder that holds ``data.noun`` and ``data.adj``).

Every document carries the ``source`` it came from and whether it is ``held_out``. The choice hashes
the title, so that two documents with one title always fall on the same side.
"""

from __future__ import annotations

import argparse
import hashlib
import html
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

HELD_OUT_PER_MILLE = 15
MIN_WORDS = 6
MAX_WORDS = 400

_TAG = re.compile(r"<[^<>]{1,300}>")
_SPACE = re.compile(r"\s+")
_URL = re.compile(r"<?\(?\b(?:https?|ftp)://\S+>?|\bwww\.\S+")
_CREDIT = re.compile(
    r"[\s(\[\-–—~]*\b(?:Summary|Introduction|Description|Written|Intro|Synopsis)\b[^.]{0,20}"
    r"\b(?:by|from)\b.{0,80}$",
    re.IGNORECASE | re.DOTALL,
)
_LIBRARY = re.compile(
    r"^(lib|golang-|node-|ruby-|r-cran|r-bioc|haskell|python3?-|php-|elpa-|texlive|fonts-|gir1|"
    r"librust|puppet-|task-|linux-|gcc-|g\+\+|gfortran|gnat|gobjc)"
    r"|-(dev|doc|dbg|dbgsym|common|data|l10n|i18n|locale|examples|tests?|utils|tools|bin|plugins?)$"
)


class Document(NamedTuple):
    """A titled text; ``source`` names where it came from (the mixture weighs by it)."""

    source: str
    title: str
    text: str


def squeeze(text: str) -> str:
    """Collapse white space, undo glued punctuation spacing and trim."""
    return _SPACE.sub(" ", text).strip()


def strip_markup(text: str) -> str:
    """Drop tags and decode entities; block tags become a space."""
    return squeeze(_TAG.sub(" ", html.unescape(text)))


def is_held_out(title: str) -> bool:
    """Whether documents of this title are kept from training (1.5 %, by hash)."""
    key = "".join(ch for ch in title.lower() if ch.isalnum())
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=4).digest(), "big") % 1000 < (HELD_OUT_PER_MILLE)


def _book(title: str, text: str) -> tuple[str, str]:
    title = re.sub(r"\s*\([^)]*version[^)]*\)", "", title, flags=re.IGNORECASE)
    match = re.match(r"^(.+), (The|A|An)$", title)
    if match:
        title = f"{match[2]} {match[1]}"
    text = re.split(r"\b(?:Cast|Narrator|CAST)\b ?:", text)[0]
    text = squeeze(_CREDIT.sub("", text)).removesuffix(" .")
    return title, text if not text or text[-1] in ".!?\"”’'" else text + "."


def _features(title: str, text: str) -> tuple[str, str]:
    model = re.sub(r"\s+-\s+\S+$", "", title)
    if text.lower().startswith(title.lower()):
        text = text[len(title) :]
    text = text.lstrip(" /-")
    parts = [part.strip(" .") for part in re.split(r"/ ", text) if part.strip(" .")]
    return (model if len(model.split()) >= 3 else title), ". ".join(parts) + "." if parts else ""


def catalogue(path: Path, exclude: frozenset[str]) -> Iterator[Document]:
    """Documents of a catalogue whose uid prefix (up to ``-``) names the source.

    Prefixes in ``exclude`` are left out: they stay unseen, for trials of fine-tuning.
    """
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            prefix = str(row["uid"]).split("-")[0]
            if prefix in exclude:
                continue
            title, text = strip_markup(row["title"]), strip_markup(row["content"])
            if prefix == "lv":
                title, text = _book(title, text)
            elif prefix == "abt":
                title, text = _features(title, text)
            yield Document(prefix, title, squeeze(_URL.sub("", text)))


def debian_text(body: list[str]) -> str:
    """Join the paragraphs of a Debian long description; bullets become sentences."""
    pieces: list[str] = []
    in_bullet = False
    for raw in body:
        line = raw.strip()
        bullet = re.match(r"^[*\-+o•]\s+(.*)", line)
        if line in {"", "."}:
            pieces.append("\n")
        elif bullet:
            pieces.extend(["\n", bullet[1]])
        elif in_bullet and not raw.startswith("  "):
            pieces.extend(["\n", line])
        else:
            pieces.append(line)
        in_bullet = bool(bullet) or (in_bullet and raw.startswith("  "))
    paragraphs = [squeeze(part) for part in " ".join(pieces).split("\n")]
    kept = []
    for part in paragraphs:
        part = squeeze(_URL.sub("", part))
        if not part or re.match(
            r"(?i)^(homepage|see also|author|note:|this package (contains|provides)"
            r" (the )?(debug|develop|header|static|document|manual))",
            part,
        ):
            continue
        kept.append(part if part[-1] in ".:;!?," else part + ".")
    return " ".join(kept)


def debian(path: Path) -> Iterator[Document]:
    """Package descriptions: the short description is the title, the long one the text.

    Applications and libraries are told apart by the package's name, as sources ``debian`` and
    ``debian-lib``; a text already seen under another package is dropped.
    """
    seen: set[bytes] = set()
    for block in path.read_text(encoding="utf-8").split("\n\n"):
        lines = block.strip("\n").split("\n")
        if len(lines) < 4 or not lines[0].startswith("Package: "):
            continue
        name, title = lines[0][9:], squeeze(lines[2].partition(": ")[2])
        text = debian_text(lines[3:])
        sentences = re.split(r"(?<=[.!?]) (?=[A-Z])", text)
        fresh = []
        for sentence in sentences:
            digest = hashlib.blake2b(sentence.lower().encode(), digest_size=8).digest()
            if digest not in seen:
                seen.add(digest)
                fresh.append(sentence)
        if fresh and fresh[0] is not sentences[0] and len(fresh) < len(sentences):
            continue
        title = (
            re.sub(r"\s+-\s+|\s+\((?=[a-z0-9 .+-]+\)$)", ", ", title).rstrip(")")
            if (title.count("(") != title.count(")"))
            else title
        )
        text = " ".join(fresh)
        if sum(ch.isalpha() or ch in " .,'" for ch in text) < 0.9 * len(text):
            continue
        if name.lower() not in title.lower() and len(name) < 20 and not _LIBRARY.search(name):
            title = f"{name}: {title}"
        if "transitional" in title.lower() or "dummy" in title.lower():
            continue
        title = title[:1].upper() + title[1:]
        yield Document("debian-lib" if _LIBRARY.search(name) else "debian", title, text)


class Synset(NamedTuple):
    """One WordNet entry: its words, its class number and its gloss, with pointers to others."""

    words: list[str]
    lexicographer: int
    gloss: str
    pointers: list[tuple[str, str]]


def read_synsets(path: Path) -> dict[str, Synset]:
    """Parse a WordNet ``data.*`` file into synsets by offset."""
    synsets = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("  "):
            continue
        fields, _, gloss = line.partition(" | ")
        parts = fields.split()
        count = int(parts[3], 16)
        words = [re.sub(r"\(\w+\)$", "", w).replace("_", " ") for w in parts[4 : 4 + 2 * count : 2]]
        rest = parts[5 + 2 * count :]
        pointers = [(rest[i], rest[i + 1]) for i in range(0, 4 * int(parts[4 + 2 * count]), 4)]
        definition = "; ".join(p for p in gloss.strip().split("; ") if not p.startswith('"'))
        synsets[parts[0]] = Synset(words, int(parts[1]), definition, pointers)
    return synsets


# Things that shops sell or that descriptions speak of: acts, animals, artifacts, body parts,
# communication, food, objects, plants, substances.
_CLASSES = {4, 5, 6, 8, 10, 13, 17, 20, 27}


def _sentence(text: str) -> str:
    text = squeeze(text).rstrip(".;: ")
    return text[:1].upper() + text[1:] + "." if text else ""


def wordnet(folder: Path) -> Iterator[Document]:
    """Small articles on nouns: the gloss, the kind, other names, parts and kinds."""
    synsets = read_synsets(folder / "data.noun")
    for synset in synsets.values():
        if synset.lexicographer not in _CLASSES or len(synset.gloss.split()) < 4:
            continue
        name = synset.words[0]
        related = {
            symbol: [synsets[o].words[0] for s, o in synset.pointers if s == symbol and o in synsets]
            for symbol in ("@", "~", "%p", "%s")
        }
        text = [_sentence(synset.gloss)]
        if related["@"]:
            text.append(_sentence(f"{name} is a kind of {related['@'][0]}"))
        if len(synset.words) > 1:
            text.append(_sentence("it is also called " + " or ".join(synset.words[1:4])))
        if related["%s"]:
            text.append(_sentence("it is made of " + " and ".join(related["%s"][:3])))
        if related["%p"]:
            text.append(_sentence("its parts include " + ", ".join(related["%p"][:4])))
        if len(related["~"]) > 1:
            text.append(_sentence("kinds include " + ", ".join(related["~"][:4])))
        yield Document("wordnet", name[:1].upper() + name[1:], " ".join(text))


def usable(document: Document) -> bool:
    """Whether a document is long enough, short enough and not merely its own title."""
    words = document.text.split()
    return len(document.title) >= 3 and len(words) >= MIN_WORDS and document.text.lower() != document.title.lower()


def shorten(document: Document) -> Document:
    """Cut a very long text (a book's foreword, say) at ``MAX_WORDS``."""
    words = document.text.split()
    return document if len(words) <= MAX_WORDS else document._replace(text=" ".join(words[:MAX_WORDS]))


def write_corpus(documents: Iterable[Document], path: Path) -> Counter[str]:
    """Write documents without exact repeats; returns counts by ``source/side``."""
    counts: Counter[str] = Counter()
    seen: set[tuple[str, str]] = set()
    with path.open("w", encoding="utf-8") as out:
        for document in documents:
            key = (document.title.lower(), document.text.lower())
            if key in seen or not usable(document):
                continue
            seen.add(key)
            held_out = is_held_out(document.title)
            row = {**shorten(document)._asdict(), "held_out": held_out}
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
            counts[f"{document.source}/{'held-out' if held_out else 'train'}"] += 1
    return counts


def read_corpus(path: Path) -> list[dict[str, Any]]:
    """All documents of a corpus file, in file order."""
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def main() -> None:
    """Command line: gather the sources that were given into one corpus file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--catalogue", type=Path)
    parser.add_argument("--exclude", nargs="*", default=[], help="uid prefixes to leave out")
    parser.add_argument("--debian", type=Path)
    parser.add_argument("--wordnet", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    documents: list[Document] = []
    if args.catalogue:
        documents.extend(catalogue(args.catalogue, frozenset(args.exclude)))
    if args.debian:
        documents.extend(debian(args.debian))
    if args.wordnet:
        documents.extend(wordnet(args.wordnet))
    for name, count in sorted(write_corpus(documents, args.out).items()):
        print(f"{name:24} {count:8,}")


if __name__ == "__main__":
    main()
