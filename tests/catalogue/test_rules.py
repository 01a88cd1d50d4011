"""Golden cases of cleaning, modelled on what real catalogues hold, and proofs about the cleaner itself."""

from __future__ import annotations

import html

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shelftalker.catalogue.clean.cleaner import REASONS, Cleaner, cut_off, only_format, repeats_title
from shelftalker.catalogue.clean.rules import RULES, spaces
from shelftalker.recipe.catalogue import CleanSettings

DESCRIPTIONS = {
    # entities
    "named": ("Salt &amp; pepper mill", "Salt & pepper mill"),
    "hexadecimal": ("the reader&#x2019;s guide", "the reader’s guide"),
    "decimal": ("the reader&#8217;s guide", "the reader’s guide"),
    "cp1252 hexadecimal quote": ("It&#x92;s a quiet place", "It’s a quiet place"),
    "cp1252 decimal quote": ("It&#146;s a quiet place", "It’s a quiet place"),
    "cp1252 dash": ("warm&#x97;and dry", "warm—and dry"),
    "cp1252 euro": ("under &#128;20", "under €20"),
    "cp1252 double quotes": ("&#x93;Superb&#x94; they say", "“Superb” they say"),
    "cp1252 ellipsis": ("and then&#x85; silence fell", "and then… silence fell"),
    "cp1252 bullet": ("&#149; oak &#149; ash", "• oak • ash"),
    "double-escaped": ("Salt &amp;amp; pepper mill", "Salt & pepper mill"),
    "double-escaped number": ("the reader&amp;#8217;s guide", "the reader’s guide"),
    "triple-escaped": ("Salt &amp;amp;amp; pepper", "Salt & pepper"),
    "no-break space": ("20&#160;cm wide", "20 cm wide"),
    "no-break space by name": ("20&nbsp;cm&nbsp; wide", "20 cm wide"),
    "registered": ("Velcro&reg; strap", "Velcro® strap"),
    "accents by name": ("caf&eacute; au lait, cr&egrave;me", "café au lait, crème"),
    "fraction": ("a 1&frac12; inch bolt", "a 1½ inch bolt"),
    "lone ampersand": ("R & B and AT&T", "R & B and AT&T"),
    "without semicolon": ("fish &amp chips", "fish & chips"),
    "soft hyphen": ("a hand&shy;made rug", "a handmade rug"),
    "zero code point": ("bad &#0; number", "bad number"),
    "escaped tags": ("&lt;p&gt;Warm socks.&lt;/p&gt;&lt;p&gt;Dry feet.&lt;/p&gt;", "Warm socks. Dry feet."),
    # tags
    "line break": ("Warm.<br>Dry.", "Warm. Dry."),
    "line break, closed": ("Warm.<br/>Dry.<BR />Light.", "Warm. Dry. Light."),
    "paragraphs": ("<p>Warm.</p><p>Dry.</p>", "Warm. Dry."),
    "list": ("<ul><li>oak</li><li>ash</li></ul>", "oak ash"),
    "bold within a word": ("<b>W</b>arm socks", "Warm socks"),
    "subscript": ("CO<sub>2</sub> cartridge", "CO2 cartridge"),
    "link": ('see <a href="http://x.test/?a=1&b=2">the chart</a> first', "see the chart first"),
    "span with style": ('<span style="color: red">red</span> paint', "red paint"),
    "script": ("<script>var a = '<b>';</script>Warm socks", "Warm socks"),
    "style": ("<style type='text/css'>p { color: red }</style>Warm socks", "Warm socks"),
    "comment": ("Warm<!-- not <b>this</b> --> socks", "Warm socks"),
    "table": ("<table><tr><td>Size</td><td>40 cm</td></tr></table>", "Size 40 cm"),
    "less than": ("fits if x < 5 and y > 3", "fits if x < 5 and y > 3"),
    "heart": ("I <3 coffee", "I <3 coffee"),
    "shortcode": ('[gallery ids="1,2"]Warm socks[/caption]', "Warm socks"),
    "brackets that are text": ("Size [EU] 42 [wide]", "Size [EU] 42 [wide]"),
    # characters
    "line breaks": ("Warm.\r\n\r\nDry.\tLight.", "Warm. Dry. Light."),
    "lost character": ("Velcro  strap and  buckle", "Velcro strap and buckle"),
    "ends": ("  Warm socks. ", "Warm socks."),
    "control": ("War\x00m so\x1bcks\x7f", "Warm socks"),
    "zero width": ("Warm\u200b so\ufeffcks", "Warm socks"),
    "C1 quote": ("It\x92s warm", "It’s warm"),
    "C1 dash": ("warm \x96 and dry", "warm – and dry"),
    "combining accent": ("cafe\u0301", "café"),
    "ideographic space": ("warm\u3000socks", "warm socks"),
    "mojibake quote": ("Itâ€™s warm", "It’s warm"),
    "mojibake accent": ("cafÃ© crÃ¨me", "café crème"),
    "mojibake no-break space": ("20Â\xa0cm", "20 cm"),
    "honest circumflex": ("un gâteau pour Âne", "un gâteau pour Âne"),
    "replacement character": ("caf\ufffd au lait", "caf au lait"),
    # what programs print
    "printed list": ("['Made of oak.', 'Ships \\'flat\\'.']", "Made of oak. Ships 'flat'."),
    "printed by numpy": ("['Made of oak.'\n 'Ships flat.']", "Made of oak. Ships flat."),
    "printed with both quotes": ("['Made of oak.' \"It's flat.\"]", "Made of oak. It's flat."),
    "printed by Python 2": ("[u'Made of oak.', u'Ships flat.']", "Made of oak. Ships flat."),
    "JSON list": ('["Made of oak, ash.", "Ships flat."]', "Made of oak, ash. Ships flat."),
    "printed empty list": (" [] ", ""),
    "brackets and quotes that are text": ("['Oak'] is a name", "['Oak'] is a name"),
    "printed list of numbers": ("[1, 2]", "[1, 2]"),
    "written line break": ("<p>Warm.</p>\\n<ul>\\n<li>Dry</li></ul>", "Warm. Dry"),
    "written line breaks in text": ("Size: 40 cm\\nColour: red\\r\\nOak", "Size: 40 cm Colour: red Oak"),
    "written tab": ("Size:\\t40 cm", "Size: 40 cm"),
    "path": ("Saves to C:\\new\\tools daily", "Saves to C:\\new\\tools daily"),
    "share": ("Copy to \\\\server\\new now", "Copy to \\\\server\\new now"),
    "formula": ("angle \\theta and \\nu", "angle \\theta and \\nu"),
    "directive": ('Warm {{widget type="Cms" id="3"}}socks. {{block id=7}}', "Warm socks."),
    "directive in a tag": ('<img src="{{media url="a.jpg"}}" alt="x">Warm socks.', "Warm socks."),
    "braces that are text": ("Use {{name}} as the label", "Use {{name}} as the label"),
    # edition notes
    "edition note": ("A quiet novel.--This text refers to thePaperbackedition.", "A quiet novel."),
    "edition note, spaced": ("A quiet novel. --This text refers to the Paperback edition.", "A quiet novel."),
    "edition note, out of print": (
        "A quiet novel. --This text refers to an out of print or unavailable edition of this title.",
        "A quiet novel.",
    ),
    "edition note, two words": ("A quiet novel.--This text refers to theAudio CDedition.", "A quiet novel."),
    "edition note after copyright": (
        "A quiet novel. Copyright 2001 Hollin & Marsh, Inc.--This text refers to theHardcoveredition.",
        "A quiet novel.",
    ),
    "edition in a sentence": (
        "This text refers to the tides and the moon.",
        "This text refers to the tides and the moon.",
    ),
    # copyright
    "copyright": ("A quiet novel. Copyright 2001 Hollin & Marsh Business Information, Inc.", "A quiet novel."),
    "copyright sign": ("A quiet novel. &copy; 1999 Quayle Press", "A quiet novel."),
    "copyright and sign": (
        "A quiet novel. Copyright &copy; 1999-2003 Quayle Press. All rights reserved.",
        "A quiet novel.",
    ),
    "copyright (c)": ("A quiet novel. (c) 2004 Quayle Press", "A quiet novel."),
    "copyright in the middle": ("Dry wit. Copyright 2001 Quayle Press. For adults.", "Dry wit. For adults."),
    "copyright as a subject": ("A guide to copyright law in 2001", "A guide to copyright law in 2001"),
    "(c) as a letter": ("Model (C) 2000 W heater", "Model (C) 2000 W heater"),
    # boilerplate
    "click here": ("Warm socks. Click here for more information.", "Warm socks."),
    "click first": ("Please click here to see the size chart. Warm socks.", "Warm socks."),
    "rights": ("Warm socks. All rights reserved.", "Warm socks."),
    "picture may differ": ("Warm socks. Picture may differ from the product.", "Warm socks."),
    "visit": ("Warm socks! Visit our store for more.", "Warm socks!"),
    "a click that is meant": ("Pens that click here and there", "Pens that click here and there"),
    # glued words
    "sentences glued": ("Keeps dry.The strap holds.It lasts.", "Keeps dry. The strap holds. It lasts."),
    "small word glued": ("a novel byTony Groom and theHarbour", "a novel by Tony Groom and the Harbour"),
    "camel case stays": ("PlayStation, iPhone and eBay", "PlayStation, iPhone and eBay"),
    "web address stays": ("see Node.js and example.com", "see Node.js and example.com"),
    "abbreviations stay": ("the U.S.A. and e.g. this", "the U.S.A. and e.g. this"),
    # all at once
    "everything": (
        "<p>It&#x92;s  warm.&nbsp;</p>Dry.The&amp;amp;A. Copyright &copy; 2001 Quayle Press."
        "--This text refers to theVHS Tapeedition.",
        "It’s warm. Dry. The&A.",
    ),
}


@pytest.mark.parametrize(("raw", "clean"), DESCRIPTIONS.values(), ids=DESCRIPTIONS)
def test_descriptions_come_out_clean(raw: str, clean: str) -> None:
    assert Cleaner(CleanSettings()).description(raw) == clean


def test_there_are_at_least_sixty_golden_cases() -> None:
    assert len(DESCRIPTIONS) >= 60


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("Walker&#x92;s Guide &amp; Maps", "Walker’s Guide & Maps"),
        ("<b>Oak</b> Table", "Oak Table"),
        ("  Oak\n Table ", "Oak Table"),
        # A title is no running text: these rules leave it alone.
        ("All rights reserved", "All rights reserved"),
        ("Copyright 2001 Law", "Copyright 2001 Law"),
        ("byTony", "byTony"),
    ],
)
def test_titles_get_the_character_rules_only(raw: str, clean: str) -> None:
    assert Cleaner(CleanSettings()).title(raw) == clean


GOOD = "A warm pair of socks for cold mornings at sea."


@pytest.mark.parametrize(
    ("title", "description", "reason"),
    [
        ("", GOOD, "empty_title"),
        (" \t", GOOD, "empty_title"),
        ("&nbsp;", GOOD, "empty_title"),
        ("Socks", "", "empty_description"),
        ("Socks", "<p>&nbsp;</p>", "empty_description"),
        ("Socks", "Warm wool socks.", "short_description"),
        ("Socks", "warm " * 1001, "long_description"),
        ("Sock " * 81, GOOD, "long_title"),
        ("Harbour Lights", "Audio CD", "only_format"),
        ("Harbour Lights", "Mass Market Paperback", "only_format"),
        ("Harbour Lights: A Novel of the Sea", "Harbour lights - a novel of the sea.", "repeats_title"),
        ("Socks", "A warm pair of socks for cold mornings at ...", "cut_off"),
        ("Socks", "A warm pair of socks for cold mornings and the", "cut_off"),
        ("Socks", "A warm pair of socks for cold mornings,", "cut_off"),
        ("Socks", "A warm pair of socks for cold… read more", "cut_off"),
    ],
)
def test_rows_that_cannot_be_used_say_why(title: str, description: str, reason: str) -> None:
    assert Cleaner(CleanSettings()).row(title, description) == reason
    assert reason in REASONS


@pytest.mark.parametrize(
    ("title", "description"),
    [
        ("Socks", GOOD),
        ("Socks", "Six pairs, black finish, wool and cotton"),
        ("42", "What is the answer? Ask away..!"),
        ("Harbour Lights", "Harbour Lights tells of two keepers, one lamp and a winter that will not end."),
        ("Audio CD", "Twelve songs on one audio disc, recorded in a barn."),
    ],
)
def test_good_rows_stay(title: str, description: str) -> None:
    assert Cleaner(CleanSettings()).row(title, description) == (title, description)


@pytest.mark.parametrize("name", RULES)
def test_a_rule_that_is_off_changes_nothing(name: str) -> None:
    raw = next((raw for raw, _ in DESCRIPTIONS.values() if RULES[name].apply(raw) != raw), "“quoted” – text")
    everything_off = dict.fromkeys(RULES, False)
    off, on = Cleaner(CleanSettings(**everything_off)), Cleaner(CleanSettings(**{**everything_off, name: True}))
    assert off.description(raw) == raw
    assert not off.counts
    assert on.description(raw) != raw
    assert on.counts[name] == 1


def test_row_rules_can_be_off() -> None:
    lax = Cleaner(CleanSettings(only_format=False, repeats_title=False, cut_off=False, min_description_words=1))
    assert lax.row("Harbour Lights", "Audio CD") == ("Harbour Lights", "Audio CD")
    assert lax.row("Harbour Lights", "Harbour Lights") == ("Harbour Lights", "Harbour Lights")
    assert lax.row("Socks", "Warm and ...") == ("Socks", "Warm and ...")


@pytest.mark.parametrize(
    "text",
    [
        "丈夫なオーク材の踏み台です。",
        "一把结实的橡木凳子，适合厨房。",
        "เก้าอี้ไม้โอ๊คที่แข็งแรงสำหรับห้องครัว",
        "튼튼한 참나무 의자 부엌 용 입니다",
    ],
)
def test_the_minimum_of_words_fits_languages_without_spaces(text: str) -> None:
    assert Cleaner(CleanSettings()).row("X", text) == ("X", text)
    assert Cleaner(CleanSettings()).row("X", text[:5].strip()) == "short_description"
    assert Cleaner(CleanSettings(max_description_words=30)).row("X", text * 20) == "long_description"


def test_token_limit_counts_with_the_models_tokenizer(tiny_t5: object) -> None:
    limited = Cleaner(CleanSettings(max_description_tokens=12), f"{tiny_t5}/tokenizer.json")
    assert limited.row("Bottle", "steel bottle of 500 ml") == ("Bottle", "steel bottle of 500 ml")
    assert limited.row("Bottle", "zqxj vkwp " * 20) == "long_description"


PIECES = st.one_of(
    st.sampled_from([raw for raw, _ in DESCRIPTIONS.values()]),
    st.sampled_from(
        [*"&#;<>.-©()\x92\u200b\xa0ÂÃâ€™", " ", "  ", "\n", " refers to the", "Copyright 2001", "(c) 1999 "]
    ),
    st.sampled_from([trigger for rule in RULES.values() for trigger in rule.triggers]),
    st.text(max_size=12),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=8).map("".join))
@example("x refers\nto  theXedition.")
def test_triggers_never_hide_a_rule(text: str) -> None:
    """Skipping the rules whose triggers are absent gives what running every rule would give."""
    expected = text.encode("utf-8", "replace").decode()
    text = expected
    for rule in RULES.values():
        if rule.name != "plain_quotes":
            expected = rule.apply(expected)
    assert Cleaner(CleanSettings()).description(text) == spaces(expected)


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=8).map("".join))
def test_the_quick_ways_give_what_the_plain_ones_give(text: str) -> None:
    assert spaces(text) == " ".join(text.split())
    plain = text
    for _ in range(4):
        plain = html.unescape(plain)
    assert RULES["entities"].apply(text) == plain


@settings(max_examples=200, deadline=None)
@given(st.text("aB1 -_é", max_size=40), st.text("aB1 -_é", max_size=40))
def test_words_are_the_same_in_any_script(title: str, text: str) -> None:
    """What is said of ASCII texts, which are read in a quicker way, is said of the same words in other letters."""
    greek = str.maketrans("aB1", "αΒ1")
    assert repeats_title(title, text) == repeats_title(title.translate(greek), text.translate(greek))


@pytest.mark.parametrize(
    ("words", "reason"), [(4, "short_description"), (5, None), (30, None), (31, "long_description")]
)
@pytest.mark.parametrize("word", ["x", "extraordinarily"])
def test_word_limits_are_exact(words: int, reason: str | None, word: str) -> None:
    limited = Cleaner(CleanSettings(min_description_words=5, max_description_words=30, cut_off=False))
    text = " ".join([word] * words)
    assert limited.row("Bottle", text) == (reason or ("Bottle", text))


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200))
def test_no_text_breaks_the_row_rules(text: str) -> None:
    assert isinstance(repeats_title("title", text), bool)
    assert isinstance(only_format(text), bool)
    assert isinstance(cut_off(text), bool)
