"""The one highlighter: nothing lost, nothing smuggled in."""

from __future__ import annotations

import html
import re

from shelftalker.checks.check import FORM, Finding, check
from shelftalker.checks.claims import claims
from shelftalker.checks.given import Given
from shelftalker.pages.highlight import marked, marks, segments


def test_segments_cut_text_at_findings_and_lose_nothing() -> None:
    def finding(start: int, end: int) -> Finding:
        return Finding(check="x", text="", start=start, end=end, why="")

    text = "a 😀 red 500 ml bottle"
    pieces = segments(text, [finding(4, 14), finding(8, 14), finding(22, 22)])
    assert "".join(piece if isinstance(piece, str) else piece[0] for piece in pieces) == text
    assert [piece for piece in pieces if not isinstance(piece, str)] == [("red ", [0]), ("500 ml", [0, 1])]
    assert segments("", []) == []


def test_overlapping_findings_keep_the_text_whole() -> None:
    text = "It <weighs> 90 kg & more"
    findings = [
        Finding("unit", "90 kg", 12, 17, 'said "nowhere"'),
        Finding("repetition", "> 90", 10, 14, "again"),
        Finding("cut_off", "", 24, 24, "ends"),
    ]
    shown = marked(text, marks(findings, FORM))
    assert shown.count("<mark") == 3
    assert shown.count('<mark class="form"') == 2
    assert html.unescape(re.sub(r"<[^>]+>", "", shown)) == text
    assert '"nowhere"' not in shown
    assert 'data-why="repetition: again unit: said &quot;nowhere&quot;"' in shown


def test_every_claim_is_marked_by_where_it_comes_from() -> None:
    given = Given("Oak Stool", {"brand": "Harbour"})
    sources = ["Oak Stool A. A green stool of 45 cm.", "Oak Stool B. A green stool, 3 legs."]
    text = "An oak stool by Harbour, green, 45 cm high, which carries 90 kg."
    shown = marked(text, marks(check(text, given), FORM, claims(text, given, sources)))
    kinds = {piece: kind for kind, piece in re.findall(r'<mark class="(\w+)"[^>]*>([^<]*)</mark>', shown)}
    assert kinds["Harbour"] == "given"
    assert kinds["green"] == "shared"
    assert kinds["45 cm"] == "source"
    assert kinds["90 kg"] == "invented"
    assert html.unescape(re.sub(r"<[^>]+>", "", shown)) == text
