"""The way of a product through the writer: grounded, routed, edited or written, checked, under a policy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fakes import FakeEngine

from shelftalker.errors import ShelftalkerError
from shelftalker.generation.engine import Generation
from shelftalker.models.load import ModelRef
from shelftalker.product import Product
from shelftalker.recipe.recipe import Recipe
from shelftalker.retrieve.ground import Sources
from shelftalker.writing.writer import Writer, open_sources

SPLIT = [
    Product(
        "Oak Lamp, Brass, 30 cm",
        "1",
        description="A brass lamp on a foot of oak for the table beside your bed, 30 cm tall. Weighs 2 kg.",
    ),
    Product("Wool Scarf, Blue", "2", description="A blue scarf of wool for cold mornings on the hill."),
    Product("Mug, Green", "3", description="A green mug for tea that holds more than you would think."),
]
PROMPT = "Similar: {sources}\nTitle: {title}\nDescription:"


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    return Sources.build(SPLIT, tmp_path / "sources", "abc", "row")


def writer(sources: Sources | None, **sections: Any) -> Writer:
    recipe = Recipe().with_flags(**sections)
    return Writer(FakeEngine("fake", recipe), recipe, sources)


def test_siblings_are_edited_and_the_rest_is_written_in_order(sources: Sources) -> None:
    here = writer(sources, route={"edit_from": 0.4})
    done: list[int] = []
    found = here.write([Product("Vase"), Product("Oak Lamp, Copper, 40 cm"), Product("Spade")], advance=done.append)
    assert [one.route for one in found] == ["written", "edited", "written"]
    assert found[1].text == "A copper lamp on a foot of oak for the table beside your bed, 40 cm tall. Weighs 2 kg."
    assert (found[1].engine, found[1].tokens, found[1].score) == ("editor", 0, None)
    assert [source.product.uid for source in found[1].sources] == ["1"]
    assert found[0].text == "The Vase weighs 90 kg." and not found[0].sources
    assert len(here.engine.calls) == 1 and len(here.engine.calls[0][0]) == 2, "the model saw two products"
    assert sum(done) == 1, "the fake engine reports nothing of its own"


def test_no_engine_is_asked_where_everything_is_edited(sources: Sources) -> None:
    here = writer(sources, route={"edit_from": 0.3})
    (one,) = here.write([Product("Mug, Ivory")])
    assert one.text == "An ivory mug for tea that holds more than you would think."
    assert here.engine.calls == []


def test_sources_stand_in_the_prompt_and_in_the_answer(sources: Sources) -> None:
    here = writer(sources, prompt=PROMPT, ground={"sources": 1, "words": 5})
    (one,) = here.write([Product("Wool Scarf, Red")])
    ((text,), _) = here.engine.calls[0]
    assert text == "Similar: A red scarf of wool\nTitle: Wool Scarf, Red\nDescription:"
    assert [source.product.title for source in one.sources] == ["Wool Scarf, Blue"]
    plain = writer(sources, prompt=PROMPT, ground={"sources": 1, "edited": False})
    plain.write([Product("Wool Scarf, Red")])
    assert plain.engine.calls[0][0][0].startswith("Similar: Wool Scarf, Blue: A blue scarf of wool")
    none = writer(None, prompt=PROMPT)
    none.write([Product("Wool Scarf, Red")])
    assert none.engine.calls[0][0] == ["Title: Wool Scarf, Red\nDescription:"], "a line without a source is left out"


def test_what_the_policy_forbids_is_taken_out(sources: Sources) -> None:
    here = writer(sources, route={"edit_from": 0.4}, generate={"facts": "given"})
    lamp, vase = here.write([Product("Oak Lamp, Brass, 40 cm", "9"), Product("Vase", "8")])
    assert lamp.route == "edited" and lamp.publishable
    assert "40 cm" in lamp.text
    assert vase.route == "declined" and vase.text == "" and vase.problem and not vase.publishable


class CopiesItsSource(FakeEngine):
    """Invents where it sees a source, and is modest where it sees none."""

    def generate(self, prompts: Any, decoding: Any, *, advance: Any = None) -> Any:
        super().generate(prompts, decoding, advance=advance)
        told = [
            "Weighs 90 kg." if "Similar:" in prompt.text else "A scarf for a cold morning, soft on the neck all day."
            for prompt in prompts
        ]
        return [[Generation(text, 7, False, -0.5)] for text in told]


def test_a_text_of_which_nothing_may_stand_is_written_again_without_its_source(sources: Sources) -> None:
    recipe = Recipe().with_flags(prompt=PROMPT, generate={"facts": "given"})
    here = Writer(CopiesItsSource("fake", recipe), recipe, sources)
    vase, scarf = here.write([Product("Vase"), Product("Wool Scarf, Red")])
    assert (scarf.route, scarf.sources) == ("written", ())
    assert scarf.text == vase.text == "A scarf for a cold morning, soft on the neck all day."
    assert [len(prompts) for prompts, _ in here.engine.calls] == [2, 1], "only what was declined is asked again"


def test_too_little_known_is_declined_before_anyone_writes(sources: Sources) -> None:
    here = writer(sources, route={"least_words": 3})
    (one,) = here.write([Product("Mug")])
    assert (one.route, one.text) == ("declined", "")
    assert one.problem and "would help" in one.problem
    assert here.engine.calls == []


def test_attributes_that_contradict_the_title_are_told_and_the_row_is_kept(sources: Sources) -> None:
    here = writer(sources, prompt="{attributes}\nTitle: {title}\nDescription:")
    (one,) = here.write([Product("Mug, Green", attributes={"colour": "blue"})])
    assert one.text and one.problem and "colour" in one.problem


def test_claims_say_where_they_come_from(sources: Sources) -> None:
    (one,) = writer(sources, route={"edit_from": 0.4}).write([Product("Oak Lamp, Copper, 30 cm", "7")])
    said = {claim.text: claim.support for claim in one.claims()}
    assert said["30 cm"] == "given" and said["2 kg"] == "source"


class TestIndexBesideTheModel:
    recipe = Recipe().with_flags(route={"edit_from": 0.5})

    def folder(self, tmp_path: Path, hash: str) -> ModelRef:
        model = tmp_path / "adapter"
        Sources.build(SPLIT, model / "sources", "abc", "row")
        (model / "shelftalker.json").write_text(f'{{"sources": "{hash}"}}')
        return ModelRef(str(model), "adapter", str(model), "base")

    def test_it_is_opened_with_the_model(self, tmp_path: Path) -> None:
        found = open_sources(self.folder(tmp_path, "abc"), self.recipe)
        assert found is not None and len(found) == 3
        assert open_sources(self.folder(tmp_path, "abc"), Recipe()) is None, "nobody has a use for it"

    def test_anothers_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ShelftalkerError, match="not the one that this model was trained with"):
            open_sources(self.folder(tmp_path, "def"), self.recipe)

    def test_a_model_without_one_writes_without(self, tmp_path: Path) -> None:
        ref = ModelRef("m", "folder", str(tmp_path))
        assert open_sources(ref, self.recipe) is None

    def test_a_checkpoint_has_its_runs(self, tmp_path: Path) -> None:
        run = tmp_path / "run"
        Sources.build(SPLIT, run / "sources", "abc", "row")
        (run / "checkpoint-10").mkdir()
        ref = ModelRef("m", "adapter", str(run / "checkpoint-10"), "base")
        assert ref.sources == run / "sources"
