"""The folded part of the page, for whoever tunes: checkpoint, base model beside it, every slider, and what it means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from shelftalker.errors import ShelftalkerError
from shelftalker.playground import view
from shelftalker.playground.desk import CONTROLS, Desk, decoding_of
from shelftalker.recipe.decoding import Decoding

_QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
_FADED = ("beams", "temperature", "top_p", "seed")


@dataclass(frozen=True)
class Tuning:
    """The components; ``inputs`` in the order that `settings_of` reads."""

    checkpoint: Any
    beside: Any
    controls: dict[str, Any]

    @property
    def inputs(self) -> list[Any]:
        """Checkpoint, and the controls in order."""
        return [self.checkpoint, *self.controls.values()]


def build(gr: Any, desk: Desk) -> Tuning:
    """Lay it out, folded, and wire what belongs to it alone."""
    with gr.Accordion("Advanced: checkpoint, base model, decoding", open=False, elem_id="st-advanced"):
        checkpoint = gr.Dropdown(
            [choice.label for choice in desk.choices],
            value=desk.choices[0].label,
            label="Checkpoint",
            filterable=False,
            elem_id="st-checkpoint",
        )
        beside = gr.Checkbox(False, label="Show what the base model writes beside it", elem_id="st-beside")
        said = gr.HTML(view.settings(desk.recipe, desk.recipe.decoding))
        sample = gr.Checkbox(
            desk.recipe.decoding.sample, label="Sampling", info="draw at random instead of the likeliest"
        )
        with gr.Row():
            controls = _sliders(gr, desk.recipe.decoding) | {"sample": sample}
        controls = {name: controls[name] for name in CONTROLS}
        reset = gr.Button("Back to the recipe's settings", size="sm")

    def say(label: str, *given: Any) -> str:
        try:
            return view.settings(desk.recipe_of(label), settings_of(desk, label, given))
        except ShelftalkerError as error:
            return view.fault("settings", error)

    def own(label: str) -> list[Any]:
        return [getattr(desk.recipe_of(label).decoding, name) for name in CONTROLS]

    def fade(sample: bool) -> list[Any]:
        off = {"beams": not sample, "temperature": sample, "top_p": sample, "seed": sample}
        return [gr.update(interactive=off[name]) for name in _FADED]

    tuning = Tuning(checkpoint, beside, controls)
    for control in controls.values():
        control.change(say, tuning.inputs, said, **_QUIET)
    controls["sample"].change(fade, controls["sample"], [controls[name] for name in _FADED], **_QUIET)
    for event in (reset.click, checkpoint.change):
        event(own, checkpoint, list(controls.values()), **_QUIET).then(say, tuning.inputs, said, **_QUIET)
    return tuning


def settings_of(desk: Desk, label: str, given: Sequence[Any]) -> Decoding:
    """The decoding that the controls say, over the chosen model's own.

    Raises:
        ShelftalkerError: a field was emptied, or a value is out of range.
    """
    values = dict(zip(CONTROLS, given, strict=True))
    empty = next((name for name, value in values.items() if value is None), None)
    if empty is not None:
        name = "seed of sampling" if empty == "seed" else empty.replace("_", " ")
        raise ShelftalkerError(f"the {name} is empty", mend="type a number, or take the recipe's again")
    return decoding_of(desk.recipe_of(label), values)


def another(decoding: Decoding, number: int) -> Decoding:
    """A decoding that draws another text: by sampling, with another seed each time."""
    drawn = decoding if decoding.sample else decoding.over({"sample": True, "temperature": 0.8, "top_p": 0.95})
    return drawn.over({"seed": decoding.seed + number})


def _sliders(gr: Any, decoding: Decoding) -> dict[str, Any]:
    """A control for each key in CONTROLS but sampling, set to the model's own value and reaching at least as far."""
    sampling = decoding.sample
    width: dict[str, Any] = {"min_width": 240}
    return {
        "beams": gr.Slider(
            1, max(8, decoding.beams), decoding.beams, step=1, label="Beams", info="1: greedy",
            interactive=not sampling, **width,
        ),
        "temperature": gr.Slider(
            0.1, max(2.0, decoding.temperature), decoding.temperature, step=0.01, label="Temperature",
            interactive=sampling, **width,
        ),
        "top_p": gr.Slider(
            0.05, 1.0, decoding.top_p, step=0.01, label="Top-p", interactive=sampling, **width
        ),
        "repetition_penalty": gr.Slider(
            min(0.8, decoding.repetition_penalty), max(2.0, decoding.repetition_penalty), decoding.repetition_penalty,
            step=0.01, label="Repetition penalty", info="1: off", **width,
        ),
        "no_repeat_ngram": gr.Slider(
            0, max(8, decoding.no_repeat_ngram), decoding.no_repeat_ngram, step=1, label="No-repeat n-gram",
            info="0: off", **width,
        ),
        "max_new_tokens": gr.Slider(
            8, max(512, decoding.max_new_tokens), decoding.max_new_tokens, step=1, label="Max new tokens", **width
        ),
        "seed": gr.Number(
            decoding.seed, label="Seed of sampling", precision=0, info="another seed, another draw",
            interactive=sampling, **width,
        ),
    }  # fmt: skip
