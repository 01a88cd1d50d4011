"""card.html: the data card as one self-contained page; no script, no request, text escaped."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

_STYLE = """
:root { color-scheme: light dark; --ink: #1c1e21; --dim: #5d636b; --line: #d9dce0; --paper: #fff; --bar: #2f6fb3; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e8ea; --dim: #9aa1a9; --line: #3a3f45; --paper: #16181b; --bar: #6aa5e3; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 62rem;
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: 0; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
p, caption { color: var(--dim); } caption { text-align: left; padding-bottom: .3rem; }
table { border-collapse: collapse; min-width: 22rem; } th, td { text-align: left; padding: .25rem 1.4rem .25rem 0;
  border-bottom: 1px solid var(--line); vertical-align: top; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
figure { margin: 1rem 0; } svg { width: 100%; height: auto; } svg rect { fill: var(--bar); }
svg text { fill: var(--dim); font-size: 11px; }
svg line { stroke: var(--line); } details { margin: .4rem 0; } summary { cursor: pointer; }
.wide { overflow-x: auto; } .pair { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem; overflow-wrap: anywhere; }
pre { overflow-x: auto; font-size: 12px; }
"""


def page(card: Mapping[str, Any]) -> str:
    """The whole page of a card as `card.build` makes it."""
    rows = card["rows"]
    body = [
        f"<h1>Data card: {escape(str(card['name']))}</h1>",
        f"<p>{rows['raw']:,} raw rows; each is in exactly one place below.</p>",
        _table(("place", "rows", "share"), _shares(_places(rows), rows["raw"])),
        _sources(card["sources"]),
        "<h2>Why rows were rejected</h2>",
        _table(
            ("reason", "rows", "share", "meaning"),
            [
                (name, f"{value['rows']:,}", _percent(value["rows"], rows["raw"]), value["why"])
                for name, value in sorted(card["reasons"].items(), key=lambda pair: -pair[1]["rows"])
            ],
        ),
        "<h2>What the cleaning rules changed</h2>",
        _table(
            ("rule", "texts", "on", "what it does"),
            [
                (name, f"{value['texts_changed']:,}", "yes" if value["on"] else "no", value["what"])
                for name, value in card["rules"].items()
            ],
            "A text is a title or a description.",
        ),
        f"<p>{card['not_prose']:,} of the rows in splits look like lists of specifications, not sentences.</p>",
        _split(card),
        _overlap(card["overlap"]),
        "<h2>Lengths</h2>",
        _chart("Title words", card["lengths"]["title_words"]),
        _chart("Description words", card["lengths"]["description_words"]),
        "<h2>Most frequent openings</h2>",
        _table(("first three words", "rows"), [(item["text"], f"{item['rows']:,}") for item in card["openings"]]),
        _samples(card["samples"]),
        "<h2>Settings</h2><details><summary>The recipe sections behind this card</summary><pre>"
        + escape(json.dumps(card["settings"], indent=2, ensure_ascii=False))
        + "</pre></details>",
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Data card: {escape(str(card['name']))}</title><style>{_STYLE}</style></head><body>"
        + "\n".join(body)
        + "</body></html>\n"
    )


def _places(rows: Mapping[str, int]) -> dict[str, int]:
    return {name: rows[name] for name in ("train", "val", "test", "rejected")}


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else ""


def _shares(counts: Mapping[str, int], whole: int) -> list[tuple[str, str, str]]:
    return [(name, f"{count:,}", _percent(count, whole)) for name, count in counts.items()]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], caption: str = "") -> str:
    """A table whose columns of numbers stand right; all text is escaped."""
    rows = [list(map(str, row)) for row in rows]
    if not rows:
        return "<p>None.</p>"
    numeric = [
        all(row[at].replace(",", "").replace(" %", "").replace(".", "").isdigit() for row in rows)
        for at in range(len(head))
    ]

    def cells(tag: str, row: Sequence[str]) -> str:
        return "".join(
            f"<{tag}{' class=n' if right else ''}>{escape(cell)}</{tag}>"
            for cell, right in zip(row, numeric, strict=True)
        )

    lines = [f"<caption>{escape(caption)}</caption>"] if caption else []
    lines.append(f"<thead><tr>{cells('th', head)}</tr></thead><tbody>")
    lines += [f"<tr>{cells('td', row)}</tr>" for row in rows]
    return '<div class="wide"><table>' + "\n".join(lines) + "</tbody></table></div>"


def _sources(sources: Sequence[Mapping[str, Any]]) -> str:
    return "<h2>Files</h2>" + _table(
        ("file", "rows", "blank lines", "not UTF-8", "read as", "title", "description", "id", "split"),
        [
            (
                source["name"],
                f"{source['rows']:,}",
                f"{source['blank_lines']:,}",
                f"{source['rows_not_in_utf8']:,}",
                source["format"],
                source["columns"]["title"],
                source["columns"]["description"],
                source["columns"]["id"] or "",
                "test" if source["is_test"] else "all",
            )
            for source in sources
        ],
    )


def _split(card: Mapping[str, Any]) -> str:
    split, test = card["split"], card["rows"]["test"]
    siblings = split["test_rows_with_sibling_in_train"]
    if split["by"] == "group":
        asked = "new lines: rows of one near-duplicate group are in one split"
    else:
        asked = "new products of known lines: a test row may have a sibling in train"
    if not split["near_duplicates"]:
        asked += "; near-duplicates were not looked for (duplicates.near)"
    return (
        f"<h2>Split by {escape(split['by'])}, seed {split['seed']}</h2><p>The question is about {escape(asked)}. "
        f"<strong>{siblings:,} of {test:,} test rows have a sibling in train.</strong> "
        f"{split['rows_with_sibling']:,} rows have a sibling; the largest of {split['groups']:,} groups has "
        f"{split['largest_group']:,} rows.</p>"
        + _table(("group size", "groups"), [(size, f"{count:,}") for size, count in split["groups_by_size"].items()])
    )


_OVERLAP = {
    "titles_in_train": "test rows whose title is in train",
    "descriptions_in_train": "test rows whose description is in train",
    "rows_with_run_in_train": "test rows with a run of 13 words that is in train",
    "runs_in_train": "runs of 13 words of test that are in train",
    "rows_with_sibling_in_train": "test rows with a near-duplicate in train",
}


def _overlap(overlap: Mapping[str, Any]) -> str:
    before, after = overlap["before"], overlap["after"]
    note = f"Before: a random split of all cleaned rows ({before['test_rows']:,} test rows). After: the split as it is."
    if overlap["gram_share"] > 1:
        note += (
            f" Runs of 13 words are one in {overlap['gram_share']} of all, drawn by hash; rows are those that have one"
            " among them, so that their share is a lower bound."
        )
    return "<h2>What of test is in train</h2>" + _table(
        ("share of", "before", "after"),
        [(text, f"{100 * before[key]:.2f} %", f"{100 * after[key]:.2f} %") for key, text in _OVERLAP.items()],
        note,
    )


def _chart(label: str, histogram: Mapping[str, Any]) -> str:
    """A histogram as inline SVG, with its numbers in words for those who cannot see it."""
    counts, width = histogram["counts"], histogram["width"]
    if not counts:
        return ""
    top, step = max(counts) or 1, 900 / len(counts)
    bars, ticks = [], []
    for at, count in enumerate(counts):
        low = at * width + 1
        name = f"{low}" if width == 1 else f"{low} to {low + width - 1}"
        if at == len(counts) - 1:
            name = f"{low} or more"
        height = 140 * count / top
        bars.append(
            f'<rect x="{40 + at * step:.1f}" y="{150 - height:.1f}" width="{step - 2:.1f}" height="{height:.1f}">'
            f"<title>{name} words: {count:,} rows</title></rect>"
        )
        if at % 5 == 0 or at == len(counts) - 1:
            more = "+" if at == len(counts) - 1 else ""
            ticks.append(f'<text x="{40 + at * step:.1f}" y="166">{low}{more}</text>')
    low, middle, high = histogram["quartiles"]
    said = f"{label}: mean {histogram['mean']:g}, quartiles {low:g}, {middle:g}, {high:g}"
    said += f", longest {histogram['longest']:,}"
    return (
        f'<figure><figcaption>{escape(said)}</figcaption><svg viewBox="0 0 950 175" role="img" '
        f'aria-label="{escape(said)}"><line x1="40" y1="150" x2="940" y2="150"/><text x="0" y="16">{top:,}</text>'
        + "".join(bars)
        + "".join(ticks)
        + "</svg></figure>"
    )


def _samples(samples: Mapping[str, Sequence[Mapping[str, str]]]) -> str:
    parts = ["<h2>Rows before and after</h2>"]
    for rule, rows in samples.items():
        parts.append(f'<details><summary>{escape(rule)}</summary><div class="pair"><p>before</p><p>after</p></div>')
        parts += [
            f'<div class="pair"><p><b>{escape(row["raw_title"])}</b><br>{escape(row["raw_description"])}</p>'
            f"<p><b>{escape(row['title'])}</b><br>{escape(row['description'])}</p></div>"
            for row in rows
        ]
        parts.append("</details>")
    return "\n".join(parts)
