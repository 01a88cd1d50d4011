"""card.html: the data card as one self-contained page; no script, no request, text escaped."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from typing import Any

from shelftalker.checks.lexicon import lexicon
from shelftalker.pages import charts
from shelftalker.pages.page import render
from shelftalker.version import __version__

Rows = list[tuple[str, ...]]
SIBLING = "another product of the same near-duplicate group: another size, colour, volume or edition"
_OVERLAP = {
    "titles_in_train": "test rows whose title is in train",
    "descriptions_in_train": "test rows whose description is in train",
    "rows_with_run_in_train": "test rows with a run of 13 words that is in train",
    "runs_in_train": "runs of 13 words of test that are in train",
    "rows_with_sibling_in_train": "test rows with a sibling in train",
}


def page(card: Mapping[str, Any]) -> str:
    """The whole page of a card as `card.build` makes it. It is dated by the day, so that a day's pages are equal."""
    rows, split = card["rows"], card["split"]
    reasons = sorted(card["reasons"].items(), key=lambda pair: -pair[1]["rows"])
    return render(
        __name__.rpartition(".")[0],
        "card.html.j2",
        style="card.css",
        card=card,
        summary=_summary(rows, [name for name, _ in reasons]),
        made=f"{datetime.datetime.now(datetime.UTC):%d %B %Y}".lstrip("0"),
        version=__version__,
        places=[(name, f"{rows[name]:,}", _percent(rows[name], rows["raw"])) for name in _places(rows)],
        sources=[_source(source) for source in card["sources"]],
        fields=[_field(name, found) for name, found in card.get("fields", {}).items()],
        added=[_added(file) for file in card.get("added", {}).get("files", ())],
        reasons=[
            (name.replace("_", " "), f"{value['rows']:,}", _percent(value["rows"], rows["raw"]), value["why"])
            for name, value in reasons
        ],
        rules=[
            (name.replace("_", " "), f"{value['texts_changed']:,}", "yes" if value["on"] else "no", value["what"])
            for name, value in card["rules"].items()
        ],
        asked=_asked(split),
        sizes=[(size, f"{count:,}") for size, count in split["groups_by_size"].items()],
        largest=[("; ".join(group["titles"]), f"{group['rows']:,}") for group in split.get("largest_groups", ())],
        overlap=_overlap(card["overlap"]),
        lengths=[
            chart
            for name in ("title_words", "description_words")
            if (chart := _lengths(name.replace("_", " "), card["lengths"][name]))
        ],
        spoken=[
            (_language(code), f"{share:.1%}") for code, share in card.get("languages", {}).get("shares", {}).items()
        ],
        strays=[(_language(one["language"]), one["title"]) for one in card.get("languages", {}).get("strays", ())],
        openings=[(item["text"], f"{item['rows']:,}") for item in card["openings"]],
        sibling=SIBLING,
        settings=json.dumps(card["settings"], indent=2, ensure_ascii=False),
    )


def _places(rows: Mapping[str, int]) -> Sequence[str]:
    return [name for name in ("train", "val", "test", "rejected") if name in rows]


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else ""


def _summary(rows: Mapping[str, int], reasons: Sequence[str]) -> str:
    used = rows["train"] + rows["val"] + rows["test"]
    text = f"{used:,} of {rows['raw']:,} rows can be used ({_percent(used, rows['raw'])}): train {rows['train']:,},"
    text += f" val {rows['val']:,}, test {rows['test']:,}."
    if rows["rejected"]:
        most = " and ".join(name.replace("_", " ") for name in reasons[:2])
        text += f" {rows['rejected']:,} were rejected, most of them for {most}."
    return text.replace(" %", "\u00a0%")


def _source(source: Mapping[str, Any]) -> tuple[str, ...]:
    columns = source["columns"]
    return (
        source["name"],
        f"{source['rows']:,}",
        f"{source['blank_lines']:,}",
        f"{source['rows_not_in_utf8']:,}",
        source["format"],
        columns["title"],
        columns["description"],
        columns["id"] or "",
        "test" if source["is_test"] else "all",
    )


def _field(name: str, found: Mapping[str, Any]) -> tuple[str, ...]:
    spans = [f"{found[unit]['median']:,} and {found[unit]['most']:,}" for unit in ("words", "characters")]
    return (name.replace("_", " "), found["column"], f"{found['rows']:,}", *spans)


def _added(file: Mapping[str, Any]) -> tuple[str, ...]:
    left = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in file["left_out"].items())
    counts = [file["accepted"], file["mended"], file["in_train"]["accepted"], file["in_train"]["mended"]]
    return (file["name"], *(f"{count:,}" for count in counts), left or "none", f"{file['rejected']:,}")


def _asked(split: Mapping[str, Any]) -> str:
    if split["by"] == "group":
        text = "new lines: siblings are all in one split"
    else:
        text = "new products of known lines: a test row may have a sibling in train"
    return text if split["near_duplicates"] else text + "; siblings were not looked for (duplicates.near)"


def _overlap(overlap: Mapping[str, Any]) -> dict[str, Any]:
    before, after = overlap["before"], overlap["after"]
    note = f"Before: a random split of all cleaned rows ({before['test_rows']:,} test rows). After: the split as it is."
    if overlap["gram_share"] > 1:
        note += (
            f" Runs of 13 words are one in {overlap['gram_share']} of all, drawn by hash; rows are those that have one"
            " among them, so that their share is a lower bound."
        )
    rows = [(text, f"{100 * before[key]:.2f} %", f"{100 * after[key]:.2f} %") for key, text in _OVERLAP.items()]
    return {"note": note, "rows": rows}


def _lengths(label: str, histogram: Mapping[str, Any]) -> charts.Plot | None:
    """A histogram, with its numbers in words."""
    if not histogram["counts"]:
        return None
    low, middle, high = histogram["quartiles"]
    said = f"Mean {histogram['mean']:g} words, quartiles {low:g}, {middle:g} and {high:g}"
    said += f", longest {histogram['longest']:,}"
    return charts.bars(histogram["counts"], histogram["width"], label, "rows", said)


def _language(code: str) -> str:
    name = lexicon(code).name
    return name if name == code else f"{name} ({code})"
