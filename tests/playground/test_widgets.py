"""The playground of notebook 04, clicked without a browser."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeEngine

from shelftalker.playground.desk import Desk
from shelftalker.playground.widgets import panel
from shelftalker.recipe.recipe import Recipe
from shelftalker.writing.writer import Writer

ui = pytest.importorskip("ipywidgets", reason="the extra [notebooks] is not installed")


def every(widget: Any) -> list[Any]:
    return [widget, *[inner for child in getattr(widget, "children", ()) for inner in every(child)]]


def test_a_click_writes_with_findings_and_settings_follow_the_controls(data_dir: Path) -> None:
    recipe = Recipe(base_model="base-name").with_flags(paths={"data": data_dir})
    desk = Desk(None, recipe, load=lambda model, recipe: Writer(FakeEngine(model, recipe), recipe))
    page = panel(None, recipe, desk=desk)
    widgets = every(page)
    [button] = [widget for widget in widgets if isinstance(widget, ui.Button)]
    [title] = [widget for widget in widgets if isinstance(widget, ui.Combobox)]
    [sampling] = [widget for widget in widgets if isinstance(widget, ui.Checkbox)]
    sliders = {widget.description: widget for widget in widgets if isinstance(widget, ui.IntSlider | ui.FloatSlider)}

    def shown() -> str:
        return "".join(widget.value for widget in widgets if isinstance(widget, ui.HTML))

    assert title.value in desk.known
    button.click()
    assert f"The {title.value} weighs 90 kg." in re.sub(r"<[^>]+>", "", shown())
    assert "90 kg</mark>" in shown()
    assert "human reference" in shown()
    assert "as in the recipe" in shown()
    assert sliders["temperature"].disabled

    sampling.value = True
    assert sliders["beams"].disabled
    assert not sliders["temperature"].disabled
    assert "--decoding.sample true" in shown()

    title.value = " "
    button.click()
    assert "There is no title yet." in shown()
    assert not button.disabled
