"""The playground for a notebook: the same desk and the same cards, made of ipywidgets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from shelftalker.errors import ShelftalkerError
from shelftalker.extras import need
from shelftalker.playground import view
from shelftalker.playground.desk import CONTROLS, Desk, decoding_of
from shelftalker.playground.one import Asked, cards
from shelftalker.recipe.recipe import Recipe

_WIDE = {"width": "100%"}


def panel(model: str | Path | None, recipe: Recipe, *, desk: Desk | None = None) -> Any:
    """A playground to display in a notebook, as an ``ipywidgets.VBox``; models are loaded when they are first asked.

    Args:
        model: MODEL to begin with: a run (its promoted or latest checkpoint), an adapter, a hub name, a folder.
        recipe: paths, engine, base model; what it sets of prompt and decoding wins over what the models say.
        desk: what writes, instead of one made from ``model`` and ``recipe``.

    Raises:
        ShelftalkerError: the extra is missing, or the model cannot be found.
    """
    need("notebooks", "ipywidgets")
    import ipywidgets as ui  # type: ignore[import-untyped]

    desk = desk or Desk(model, recipe)
    recipe = desk.recipe
    title = ui.Combobox(
        value=desk.titles[0], options=desk.titles, description="Title", ensure_option=False, layout=_WIDE
    )
    fields = {name: ui.Text(description=name, layout=_WIDE) for name in desk.fields}
    labels = [choice.label for choice in desk.choices]
    checkpoint = ui.Dropdown(options=labels, value=labels[0], description="Checkpoint", layout=_WIDE)
    controls = _controls(ui, recipe)
    write = ui.Button(description="Write", button_style="primary", icon="pencil")
    said = ui.HTML(view.settings(recipe, recipe.decoding))
    mine, base, human = ui.HTML(layout={"width": "50%"}), ui.HTML(layout={"width": "50%"}), ui.HTML()

    def values() -> dict[str, Any]:
        return {name: control.value for name, control in controls.items()}

    def say(_: Any = None) -> None:
        sample = controls["sample"].value
        controls["beams"].disabled = sample
        for name in ("temperature", "top_p", "seed"):
            controls[name].disabled = not sample
        try:
            own = desk.recipe_of(checkpoint.value)
            said.value = view.settings(own, decoding_of(own, values()))
        except ShelftalkerError as error:
            said.value = view.fault("settings", error)

    def describe(_: Any = None) -> None:
        known = desk.reference(title.value)
        human.value = view.plain("human reference", known, kind="st-human") if known is not None else ""
        columns = {name: field.value for name, field in fields.items()}
        try:
            decoding = decoding_of(desk.recipe_of(checkpoint.value), values())
        except ShelftalkerError as error:
            mine.value, base.value = view.fault("settings", error), ""
            return
        write.disabled = True
        try:
            label = checkpoint.value
            mine.value, base.value = view.plain(label, "Writing ..."), view.plain(desk.base.label, "Waiting ...")
            for card, _ in cards(desk, Asked(label, title.value, decoding, columns)):
                mine.value = card
            if label == desk.base.label:
                base.value = view.plain(desk.base.label, "The chosen model is the base model itself.")
            else:
                for card, _ in cards(desk, Asked(desk.base.label, title.value, decoding, columns), kind="st-base"):
                    base.value = card
        finally:
            write.disabled = False

    def follow(_: Any) -> None:
        scored = desk.recipe_of(checkpoint.value).decoding
        for name, control in controls.items():
            control.value = getattr(scored, name)
        say()

    write.on_click(describe)
    checkpoint.observe(follow, names="value")
    for control in controls.values():
        control.observe(say, names="value")
    say()
    settings = ui.Accordion(children=[ui.VBox([*controls.values(), said])], titles=("Decoding",))
    style = ui.HTML(f"<style>{view.STYLE}</style>")
    return ui.VBox([style, title, *fields.values(), checkpoint, settings, write, ui.HBox([mine, base]), human])


def _controls(ui: Any, recipe: Recipe) -> dict[str, Any]:
    scored = recipe.decoding
    look: dict[str, Any] = {"style": {"description_width": "12em"}, "layout": {"width": "28em"}}
    whole = {"beams": (1, 8), "no_repeat_ngram": (0, 8), "max_new_tokens": (8, 512)}
    parts = {"temperature": (0.1, 2.0), "top_p": (0.05, 1.0), "repetition_penalty": (0.8, 2.0)}
    made: dict[str, Any] = {}
    for name in CONTROLS:
        value, label = getattr(scored, name), name.replace("_", " ")
        if name == "sample":
            made[name] = ui.Checkbox(value=value, description="sampling", **look)
        elif name == "seed":
            made[name] = ui.IntText(value=value, description=label, **look)
        elif name in parts:
            low, high = parts[name]
            made[name] = ui.FloatSlider(
                value=value, min=min(low, value), max=max(high, value), step=0.01, description=label, **look
            )
        else:
            low, high = whole[name]
            made[name] = ui.IntSlider(value=value, min=min(low, value), max=max(high, value), description=label, **look)
    return made
