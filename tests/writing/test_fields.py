"""Fields of a shop, learnt like the description: one adapter, the field in the prompt, lengths that are kept."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from generation.played import MODEL, PlayedEngine

from shelftalker import ShelftalkerError
from shelftalker.catalogue.prepare import prepare
from shelftalker.checks.lexicon import lexicon
from shelftalker.cli import main
from shelftalker.files import read_json
from shelftalker.finetuning.fields import each_field, limits, with_lengths
from shelftalker.finetuning.trainer import finetune
from shelftalker.generation.engine import Generation
from shelftalker.length import Length, length
from shelftalker.product import Product
from shelftalker.prompt import TEMPLATE, Prepared, Prompt
from shelftalker.recipe.decoding import Decoding
from shelftalker.recipe.recipe import Recipe
from shelftalker.writing.ending import closed_early
from shelftalker.writing.fitted import held
from shelftalker.writing.job.job import generate
from shelftalker.writing.writer import Writer, load
from tests.catalogue.conftest import products, write_lines

FIELDS = {"meta_description": "SEO description", "points": "Bullets"}
KNOWS = Recipe().with_flags(prepare={"fields": FIELDS})
TEXT = "A lamp of oak. It folds, turns and stands by itself, approx. 3 kg. The shade is linen! Made to last."


def words_of(product: Product, template: str = TEMPLATE) -> str:
    return Prompt(template).render(product)


def test_a_plain_description_is_asked_for_as_ever() -> None:
    lamp = Product("Lamp", texts={"meta_description": "A lamp."})
    assert words_of(lamp) == TEMPLATE.replace("{title}", "Lamp")
    own = TEMPLATE.replace("Description:", "Field: {field}\nDescription:")
    assert words_of(lamp, own) == words_of(lamp)


def test_a_field_and_a_length_stand_before_the_cue() -> None:
    asked = Product("Lamp", field="meta_description", length="at most 155 characters")
    head, _, cue = TEMPLATE.replace("{title}", "Lamp").rpartition("\n")
    assert words_of(asked) == f"{head}\nWrite: meta description, at most 155 characters\n{cue}"
    assert words_of(Product("Lamp", length="60 words")) == f"{head}\nWrite: description, 60 words\n{cue}"
    assert words_of(asked, "{title}\nAs {field}:") == "Lamp\nAs meta description, at most 155 characters:"
    # Where the title is cut, the field is not.
    [cut] = Prompt(TEMPLATE, 24).prepare(
        [replace(asked, title="long title " * 40)], lambda texts: [list(range(len(text.split()))) for text in texts]
    )
    assert "Write: meta description, at most 155 characters\nDescription:" in cut.text and len(cut.ids) <= 24


@pytest.mark.parametrize("phrase", ["60", "sixty words", "0 words", "60 tokens", "-5 words", "about 60 words"])
def test_what_is_no_length_is_told(phrase: str) -> None:
    with pytest.raises(ShelftalkerError, match="is no length"):
        length(phrase)
    with pytest.raises(ShelftalkerError, match="is no length"):
        Recipe().with_flags(generate={"limits": {"description": phrase}})


def test_a_length_is_kept_within_a_tenth_or_not_exceeded() -> None:
    ten, most = length("10 Words"), length("At most 20 characters")
    assert [ten.is_kept("w " * count) for count in (8, 9, 11, 12)] == [False, True, True, False]
    assert [most.is_kept("w" * count) for count in (1, 20, 21)] == [True, True, False]
    assert (str(ten), str(most)) == ("10 words", "at most 20 characters")


@pytest.mark.parametrize("asked", [f"{kind}{count} {unit}" for kind in ("", "at most ") for count, unit in (
    (1, "words"), (7, "words"), (13, "words"), (40, "words"), (16, "characters"), (67, "characters"),
)])  # fmt: skip
def test_a_text_ends_where_a_sentence_ends(asked: str) -> None:
    wanted = length(asked)
    starts = [TEXT[:end] for end in (14, 66, 86, len(TEXT))]
    text = held(TEXT, wanted, lexicon())
    assert text in starts
    fitting = [start for start in starts if wanted.of(start) <= wanted.longest] or starts[:1]
    assert text == (fitting[-1] if wanted.at_most else min(fitting, key=wanted.off))


def test_a_broken_sentence_goes_and_a_list_ends_with_a_point() -> None:
    assert held("A lamp of oak. It folds and tur", Length(8, "words"), lexicon(), hit_cap=True) == "A lamp of oak."
    assert held("Solid oak • Folds. Turns • Linen shade", Length(5, "words"), lexicon()) == "Solid oak • Folds. Turns"


def test_texts_of_fields_are_examples_of_their_own() -> None:
    rows = [
        Product("Lamp", "1", description="A lamp of oak.", texts={"meta_description": "Oak lamp.", "other": "No."}),
        Product("Mug", "2", description="A mug of clay."),
    ]
    found = each_field(rows, KNOWS)
    assert [(row.uid, row.field, row.description) for row in found] == [
        ("1", "", "A lamp of oak."), ("1", "meta_description", "Oak lamp."), ("2", "", "A mug of clay."),
    ]  # fmt: skip
    assert each_field(rows, Recipe()) == rows and with_lengths(rows, Recipe()) == rows
    with pytest.raises(ShelftalkerError, match="no example has a text of the field points"):
        limits(found, KNOWS)


def test_lengths_in_training_are_those_of_the_texts_and_some_rows_have_none() -> None:
    text = "One of many sentences about a lamp that folds and turns. " * 2
    rows = [Product(f"Lamp {number}", str(number), description=text[: 40 + number]) for number in range(80)]
    told = with_lengths(rows, Recipe().with_flags(finetune={"lengths": True}))
    assert told == with_lengths(rows, Recipe().with_flags(finetune={"lengths": True}))
    kinds = dict.fromkeys(("", "words", "characters", "at most"), 0)
    for row in told:
        if row.length:
            asked = length(row.length)
            assert asked.off(row.description) <= 0.05
            assert not asked.at_most or asked.of(row.description) >= asked.count * 0.85
        kinds["at most" if row.length.startswith("at most") else row.length.partition(" ")[2]] += 1
    assert all(count > 8 for count in kinds.values())


def test_a_limit_is_what_training_texts_keep_to_unless_the_recipe_says() -> None:
    rows = [
        Product("Lamp", str(number), description="x" * number, field=name)
        for number in range(1, 101)
        for name in ("meta_description", "points", "")
    ]
    assert limits(rows, KNOWS) == {"meta_description": "at most 95 characters", "points": "at most 95 characters"}
    said = KNOWS.with_flags(generate={"limits": {"points": "12 words", "description": "at most 60 words"}})
    assert limits(rows, said) == {
        "meta_description": "at most 95 characters", "points": "12 words", "description": "at most 60 words",
    }  # fmt: skip


SAYS = (
    "This lamp stands by itself on a wooden table. It folds flat, so that it fits into a drawer or a bag. "
    "Four screws of brass hold the arm to the base, and a cord of linen leads to the wall. "
) * 4
NATURAL = ("bag", "table", "brass", "arm", "flat", "base", "wall", "wooden")


class Talker(PlayedEngine):
    """Says the beginning of a long text: so many words, or as many as it is held to; would stop behind nouns."""

    def __init__(self, first: int = 9, says: str = SAYS, natural: Sequence[str] = NATURAL, else_: float = -7.0):
        super().__init__()
        self.first, self.says, self.natural, self.else_ = first, says, natural, else_
        self.decodings: list[Decoding] = []

    def generate(self, prompts: Sequence[Prepared], decoding: Decoding, **_: Any) -> list[list[Generation]]:
        self.prompts += [prompt.text for prompt in prompts]
        self.decodings.append(decoding)
        count = decoding.min_new_tokens or self.first
        text = " ".join(self.says.split()[:count])
        return [[Generation(text, count, bool(decoding.min_new_tokens), -1.0)] for _ in prompts]

    def token_log_probs(self, prompts: Sequence[Prepared], targets: Sequence[str]) -> list[list[float]]:
        return [
            [-9.0, -0.5 if text.rstrip(".").endswith(tuple(self.natural)) else self.else_, -0.5] for text in targets
        ]


LENGTHS = [f"{kind}{count} {unit}" for kind in ("", "at most ") for count, unit in (
    (9, "words"), (20, "words"), (33, "words"), (60, "words"), (64, "characters"), (150, "characters"),
    (240, "characters"),
)]  # fmt: skip


@pytest.mark.parametrize("asked", LENGTHS)
def test_a_text_has_the_length_and_ends_as_sentences_end(asked: str) -> None:
    [one] = Writer(Talker(), KNOWS).write([Product("Lamp", length=asked)])
    assert length(asked).is_kept(one.text) and all(finding.check != "length" for finding in one.findings)
    said = one.text.removesuffix(".")
    assert SAYS.startswith(said) and said.split()[-1] in NATURAL and one.text.endswith(".") and not one.hit_cap


def test_what_has_its_length_is_not_written_again() -> None:
    engine = Talker()
    asked = [Product("Lamp", length=phrase) for phrase in ("9 words", "at most 12 words", "20 words", "40 words")]
    found = Writer(engine, KNOWS).write(asked)
    assert [len(one.text.split()) for one in found] == [9, 9, 22, 41]
    assert [decoding.min_new_tokens for decoding in engine.decodings] == [0, 32, 64, 96]
    assert len(engine.prompts) == 4 and all("\nWrite: description, " in prompt for prompt in engine.prompts)


def test_a_first_sentence_that_is_too_long_is_only_closed() -> None:
    engine = Talker()
    [one] = Writer(engine, KNOWS).write([Product("Lamp", length="at most 8 words")])
    assert one.text == "This lamp stands by itself on a wooden." and len(engine.prompts) == 1


def test_a_language_that_takes_more_tokens_is_written_again_with_as_many() -> None:
    class Syllables(Talker):
        def generate(self, prompts: Sequence[Prepared], decoding: Decoding, **more: Any) -> list[list[Generation]]:
            fewer = decoding.over({"min_new_tokens": decoding.min_new_tokens // 3})
            found = super().generate(prompts, fewer, **more)
            return [[replace(one, tokens=decoding.min_new_tokens)] for [one] in found]

    engine = Syllables()
    [one] = Writer(engine, KNOWS).write([Product("Lamp", length="70 words")])
    assert [decoding.max_new_tokens for decoding in engine.decodings] == [128, 288]
    assert length("70 words").is_kept(one.text)


def test_where_no_end_is_natural_further_drafts_are_looked_at() -> None:
    engine = Talker(natural=("arm",))
    [one] = Writer(engine, KNOWS.with_flags(decoding={"repetition_penalty": 1.1})).write(
        [Product("Lamp", length="11 words")]
    )
    assert [decoding.repetition_penalty for decoding in engine.decodings] == [1.1, 1.1, 1.1, 1.1, 1.25, 1.4, 1.55]
    assert [prompt.split("description, ")[1].split("\n")[0] for prompt in engine.prompts] == [
        "11 words", "at most 11 words", "66 characters", "at most 66 characters", "11 words", "11 words", "11 words",
    ]  # fmt: skip
    assert one.text.endswith(" It folds flat.")
    [one] = Writer(Talker(natural=(), else_=-20.0), KNOWS).write([Product("Lamp", length="11 words")])
    assert one.text == "This lamp stands by itself on a wooden table." and one.findings[-1].check == "length"


def test_no_sentence_ends_at_a_word_that_wants_another() -> None:
    text = "The lamp is one of the (very old) ones, with a shade - of linen - that is the maker's own and it folds."
    found = {early.split()[-1] for count in range(4, 24)
             for early in closed_early(text, Length(count, "words"), lexicon())}  # fmt: skip
    assert found == {"ones.", "shade.", "linen.", "own."}
    german = closed_early(
        "Die Lampe steht auf einem Tisch aus Holz und klappt.", Length(8, "words", True), lexicon("de")
    )
    assert german == ["Die Lampe steht auf einem Tisch.", "Die Lampe steht auf einem Tisch aus Holz."]


def test_a_list_ends_behind_a_point_or_a_word_without_a_full_stop() -> None:
    says = "Solid oak from one old tree \u2022 Folds flat for the drawer \u2022 Shade of linen"
    [one] = Writer(Talker(40, says, ("flat",)), KNOWS).write([Product("Lamp", length="9 words")])
    assert one.text == "Solid oak from one old tree \u2022 Folds flat"


def test_a_text_that_cannot_get_its_length_says_so() -> None:
    [one] = Writer(Talker(says="Short. Text."), KNOWS).write([Product("Lamp", length="200 words")])
    assert one.text == "Short. Text." and not one.publishable
    assert one.findings[-1].check == "length" and one.findings[-1].why == "2 words; asked for were 200 words"


@pytest.mark.parametrize("engine", ["transformers", "ctranslate2"])
@pytest.mark.parametrize("kind", ["tiny_t5", "tiny_causal"])
def test_a_length_is_kept_by_both_engines_alone_as_in_a_batch(
    kind: str, engine: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    # With random weights no end is probable.
    monkeypatch.setattr("shelftalker.writing.fitted._POOR", -100.0)
    recipe = KNOWS.with_flags(
        device="cpu", decoding={"max_new_tokens": 6, "repetition_penalty": 1.3},
        generate={"engine": engine, "quantisation": "float32"},
    )  # fmt: skip
    writer = load(request.getfixturevalue(kind), recipe)
    asked = [Product(f"Blue lamp {number}", length=f"{unit}") for number, unit in enumerate(
        ["20 words", "20 words", "12 words", "200 characters", "at most 90 characters"])]  # fmt: skip
    found = writer.write(asked)
    assert [one.text for one in found] == [writer.write([product])[0].text for product in asked]
    for product, one in zip(asked, found, strict=True):
        assert length(product.length).is_kept(one.text), one.text


def test_a_model_that_knows_no_lengths_is_only_held_to_them() -> None:
    engine = Talker(first=60)
    recipe = Recipe().with_flags(generate={"limits": {"description": "at most 30 words"}})
    [one] = Writer(engine, recipe).write([Product("Lamp")])
    assert one.text.endswith(" or a bag.") and engine.prompts == [TEMPLATE.replace("{title}", "Lamp")]
    with pytest.raises(ShelftalkerError, match="has not learnt to write the field meta_description"):
        Writer(engine, recipe).write([Product("Lamp", field="meta_description")])


ROWS = [
    {
        "sku": "A1",
        "title": "Blue lamp",
        "Description": "Theirs.",
        "SEO description": "",
        "length.points": "5 words",
    },
    {"sku": "A2", "title": "Red mug", "Description": "", "SEO description": "Theirs.", "length.points": ""},
    {"sku": "A3", "title": "Oak chair", "Description": "", "SEO description": "", "length.points": "many"},
    {"sku": "A4", "title": "", "Description": "", "SEO description": "", "length.points": ""},
]


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> PlayedEngine:
    engine = PlayedEngine()
    monkeypatch.setattr("shelftalker.generation.load.load_engine", lambda *_: engine)
    monkeypatch.setattr("shelftalker.models.open.resolve", lambda *_: MODEL)
    return engine


Job = Callable[..., Any]


@pytest.fixture
def job(tmp_path: Path, played: PlayedEngine) -> Job:
    def run(suffix: str = ".jsonl", **asked: Any) -> Any:
        source = write_lines(tmp_path / "in.jsonl", ROWS)
        recipe = KNOWS.with_flags(generate=asked)
        done = generate(source, tmp_path / f"out{suffix}", "played", recipe)
        lines = [json.loads(line) for line in done.output.read_text().splitlines()] if suffix == ".jsonl" else []
        return done, lines

    return run


def test_each_field_has_columns_of_its_own(job: Job, played: PlayedEngine) -> None:
    done, rows = job(fields=["description", "meta_description", "points"])
    assert [{key: row[key] for key in ROWS[0]} for row in rows] == ROWS
    assert rows[0]["meta_description"] == rows[0]["generated_description"] == "Fine Blue lamp, 128 tokens."
    assert [one["check"] for one in rows[0]["meta_description_findings"]] == ["number"]
    assert rows[0]["points"] == "Fine Blue lamp, 32 tokens." and rows[0]["points_findings"][-1]["check"] != "length"
    assert "length.points: 'many' is no length" in rows[2]["problem"] and rows[2]["points"] is None
    assert rows[3]["problem"] == "the row has no title"
    assert sum("Write: meta description\n" in prompt for prompt in played.prompts) == 2
    assert sum("Write: points, 5 words\n" in prompt for prompt in played.prompts) == 1
    assert (done.rows, done.described, done.flagged, done.failed, done.left) == (4, 2, 2, 2, 0)


def test_a_field_alone_is_written_where_the_shop_has_none(job: Job, played: PlayedEngine) -> None:
    done, rows = job(fields=["meta_description"], only="empty")
    assert [row["meta_description"] for row in rows] == [
        "Fine Blue lamp, 128 tokens.", None, "Fine Oak chair, 128 tokens.", None,
    ]  # fmt: skip
    assert rows[0].keys() - ROWS[0].keys() == {
        "meta_description", "meta_description_findings", "meta_description_problem", "engine", "model", "problem",
    }  # fmt: skip
    assert rows[1]["engine"] is None and (done.described, done.failed, done.left) == (2, 1, 1)
    _, both = job(".jsonl", fields=["description", "meta_description"], only="empty")
    assert [row["generated_description"] is not None for row in both] == [False, True, True, False]
    assert [row["meta_description"] is not None for row in both] == [True, False, True, False]
    assert both[0]["publishable"] is None and both[1]["meta_description_findings"] is None


def test_drafts_of_fields_are_no_columns_of_the_shop(job: Job) -> None:
    from shelftalker.review.described import described

    for suffix in (".csv", ".jsonl"):
        done, _ = job(suffix, fields=["description", "meta_description"])
        catalogue = described(done.output, Recipe())
        assert catalogue.own == list(ROWS[0])
        assert next(catalogue.drafts()).attributes == {"sku": "A1", "length.points": "5 words"}


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".xlsx"])
def test_fields_come_out_in_every_format(job: Job, suffix: str) -> None:
    done, _ = job(suffix, fields=["points", "description"])
    assert done.described == 2 and done.output.stat().st_size > 0


def test_a_field_that_is_not_known_is_told_before_anything_is_written(
    tmp_path: Path, played: PlayedEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write_lines(tmp_path / "in.jsonl", ROWS)
    asked = ["--input", str(source), "--output", str(tmp_path / "out.csv"), "--model", "played", "--fields", "seo"]
    assert main(["generate", *asked]) == 2
    assert "the model has not learnt to write the field seo" in capsys.readouterr().err and not played.prompts


def shop(path: Path, count: int = 60) -> Path:
    """Descriptions, meta descriptions, and points as HTML has them."""
    rows = [
        row
        | {
            "SEO description": f"Buy the {row['title']} &amp; more." if number % 3 else "",
            "Bullets": f"<ul><li>{row['title'].split()[1]}</li><li>made well</li></ul>",
        }
        for number, row in enumerate(products(count))
    ]
    return write_lines(path, rows)


def prepared(tmp_path: Path, **keys: Any) -> Recipe:
    paths = {name: tmp_path / name for name in ("data", "outputs", "artifacts")}
    return Recipe(paths=paths, prepare={"inputs": [str(shop(tmp_path / "shop.jsonl"))], **keys})


def test_prepare_keeps_the_texts_beside_the_description(tmp_path: Path) -> None:
    plain = prepared(tmp_path)
    prepare(plain)
    before = (tmp_path / "data/train.jsonl").read_text("utf-8").splitlines()
    done = prepare(prepared(tmp_path, fields=FIELDS))
    after = (tmp_path / "data/train.jsonl").read_text("utf-8").splitlines()
    for old, new in zip(map(json.loads, before), map(json.loads, after), strict=True):
        fields = new.pop("fields")
        assert new == old and fields["points"] == f"{new['title'].split()[1]} • made well"
        number = int(new["uid"][1:])
        assert fields.get("meta_description") == (f"Buy the {new['title']} & more." if number % 3 else None)
    found = done.card["fields"]["meta_description"]
    assert found["column"] == "SEO description" and found["rows"] == 40 and found["words"]["median"] == 7
    assert "meta description" in (tmp_path / "data/card.html").read_text("utf-8")


def test_columns_that_cannot_be_learnt_are_told(tmp_path: Path) -> None:
    path = shop(tmp_path / "shop.jsonl")
    rows = [json.loads(line) | {"nearly": "A text." if number == 0 else ""} for number, line in
            enumerate(path.read_text().splitlines())]  # fmt: skip
    for wrong, message in (
        ({"seo": "nearly"}, "'nearly' is empty in nearly all rows: 1 of 60 have a text"),
        ({"seo": "nothing"}, "there is no column 'nothing'"),
        ({"seo": "content"}, "the field seo is the description itself"),
    ):
        recipe = prepared(tmp_path, fields=wrong)
        write_lines(path, rows)
        with pytest.raises(ShelftalkerError, match=message):
            prepare(recipe)
    with pytest.raises(ShelftalkerError, match="cannot be a field's name"):
        Recipe().with_flags(prepare={"fields": {"description": "content"}})
    assert Recipe().with_flags(prepare={"fields": ["SEO description"]}).prepare.fields == {
        "seo_description": "SEO description"
    }


def test_one_adapter_learns_and_writes_all_of_them(tiny_causal: Path, tmp_path: Path) -> None:
    recipe = prepared(tmp_path, fields=FIELDS).with_flags(
        base_model=str(tiny_causal), device="cpu", dtype="float32", prompt_tokens=256, language="en",
        finetune={"epochs": 1, "val_rows": 4, "save_steps": 1000}, decoding={"max_new_tokens": 12},
    )  # fmt: skip
    prepare(recipe)
    run = finetune(recipe)
    rows = [json.loads(line) for line in (tmp_path / "data/train.jsonl").read_text("utf-8").splitlines()]
    assert run.facts["examples"] == sum(1 + len(row["fields"]) for row in rows)
    said = read_json(run.last / "shelftalker.json")["recipe"]
    assert said["prepare"]["fields"] == FIELDS and said["generate"]["limits"].keys() == FIELDS.keys()
    # What the folder says is enough to write them, and to refuse what was not learnt.
    output = tmp_path / "out.csv"
    asked = ["--input", str(tmp_path / "shop.jsonl"), "--output", str(output), "--model", str(run.run_dir)]
    more = ["--fields", "description,points", "--device", "cpu"]
    assert main(["generate", *asked, *more]) == 0
    with output.open(newline="") as file:
        header = next(csv.reader(file))
    assert {"description", "points", "points_findings", "points_problem"} <= set(header)
    [one] = load(run.run_dir, Recipe(device="cpu")).write([Product("Lamp", field="points")])
    assert one.field == "points" and one.heading == "Lamp (points)" and one.summary()["field"] == "points"
