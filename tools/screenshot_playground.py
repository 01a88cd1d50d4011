"""Take the README's picture of the playground: python tools/screenshot_playground.py MODEL [--recipe sample] ...

Opens the page on loopback in headless Chromium, lets it describe one title, and writes a PNG. Needs the extras
[playground] and [dev], and Chromium on the machine.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

from shelftalker.playground.app import launch
from shelftalker.recipe.recipe import Recipe


def main() -> None:
    """Open the playground, write once, keep the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--recipe", default="sample")
    parser.add_argument("--title", help="what to describe; none: the first example title")
    parser.add_argument("--scheme", choices=["light", "dark"], default="light")
    parser.add_argument("--size", default="900x1000", help="width x height in pixels")
    parser.add_argument("--out", type=Path, default=Path("docs/img/playground.png"))
    arguments = parser.parse_args()
    width, height = (int(part) for part in arguments.size.split("x"))
    page = launch(arguments.model, Recipe.load(arguments.recipe), port=0, block=False)
    try:
        with sync_playwright() as playwright:
            chromium = playwright.chromium.launch(
                executable_path=shutil.which("chromium") or shutil.which("google-chrome"), args=["--no-sandbox"]
            )
            view = chromium.new_page(
                viewport={"width": width, "height": height}, color_scheme=arguments.scheme, reduced_motion="reduce"
            )
            view.goto(page.local_url)
            view.wait_for_selector("#st-write")
            if arguments.title:
                view.fill("#st-title textarea, #st-title input", arguments.title)
                view.click("#st-write")
            else:
                view.click(".st-titles button >> nth=0")
            view.wait_for_selector("#st-mine .st-badge, #st-mine .st-fault", timeout=240_000)
            view.wait_for_selector("#st-write:not([disabled])")
            view.mouse.move(0, 0)
            view.wait_for_timeout(500)
            arguments.out.parent.mkdir(parents=True, exist_ok=True)
            view.screenshot(path=arguments.out)
            chromium.close()
    finally:
        page.close(verbose=False)
    print(f"{arguments.out}: {arguments.out.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
