"""report.html in a real browser: sorts, searches, filters, fits a phone, stays silent about hostile texts.

With SHELFTALKER_PICTURES=docs/img in the environment it also takes the README's picture.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
from browser import chromium, open_page  # noqa: F401
from evaluation.hostile import hostile_results
from evaluation.samples import sample_results

from shelftalker.evaluation.report.report import write_report

pytestmark = pytest.mark.browser

CONTRAST = """() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgb = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const linear = (value) => value / 255 <= .03928 ? value / 255 / 12.92 : ((value / 255 + .055) / 1.055) ** 2.4;
  const light = (c) => .2126 * linear(c[0]) + .7152 * linear(c[1]) + .0722 * linear(c[2]);
  const below = (node) => {
    const layers = [];
    for (; node; node = node.parentElement) {
      const colour = rgb(getComputedStyle(node).backgroundColor);
      if (colour[3] > 0) layers.push(colour);
      if (colour[3] === 1) break;
    }
    const over = (base, c) => [0, 1, 2].map((i) => base[i] * (1 - c[3]) + c[i] * c[3]);
    return layers.reverse().reduce(over, [255, 255, 255]);
  };
  const bad = new Set();
  for (const node of document.querySelectorAll('body *')) {
    const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim());
    const unseen = ['SCRIPT', 'STYLE', 'NOSCRIPT', 'OPTION'].includes(node.tagName) || !node.offsetParent;
    if (!own || unseen || node.disabled) continue;
    const [a, b] = [light(rgb(getComputedStyle(node).color)), light(below(node))];
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) bad.add(`${node.tagName}.${node.className} ${ratio.toFixed(2)} ${node.textContent.slice(0, 30)}`);
  }
  return [...bad];
}"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(sample_results(1200), path)
    return path


def titles(page: Any) -> list[str]:
    return list(page.locator("#rows .item h3").all_inner_texts())


def counted(page: Any, number: str) -> None:
    page.locator("#count", has_text=re.compile(rf"^{number} of ")).wait_for()


def test_sorts_searches_filters_and_turns_pages(chromium: Any, report: Path) -> None:  # noqa: F811
    page, errors = open_page(chromium, report)
    assert page.locator("#count").inner_text() == "1,200 of 1,200 rows"
    assert len(titles(page)) == 20

    page.select_option("#sort", "right:0")
    scores = [
        float(text.split()[-1]) for text in page.locator("#rows .texts > div:nth-child(2) .score").all_inner_texts()
    ]
    assert scores == sorted(scores, reverse=True)
    page.select_option("#order", "up")
    lowest = page.locator("#rows .texts > div:nth-child(2) .score").first.inner_text()
    assert float(lowest.split()[-1]) < scores[0]

    page.fill("#search", "leather wallet")
    counted(page, "200")
    assert all("Slim Leather Wallet" in title for title in titles(page))
    first = titles(page)
    page.click("#next")
    assert page.locator("#page").inner_text() == "Page 2 of 10"
    assert not set(first) & set(titles(page))

    page.fill("#search", "no such thing")
    counted(page, "0")
    page.fill("#search", "")
    counted(page, "1,200")
    page.select_option("#right", label="checkpoint-100")
    page.select_option("#check", "is:numbers")
    assert page.locator("#rows .item").count() == page.locator("#rows .texts > div:nth-child(2):has(mark)").count() > 0
    page.select_option("#check", "clean")
    assert page.locator("#count").inner_text() == "0 of 1,200 rows"
    assert errors == []


def test_marks_explain_themselves_to_the_keyboard(chromium: Any, report: Path) -> None:  # noqa: F811
    page, errors = open_page(chromium, report)
    page.select_option("#right", label="checkpoint-100")
    mark = page.locator("#rows mark").first
    mark.scroll_into_view_if_needed()
    mark.focus()
    assert mark.inner_text() == "90 kg"
    assert "does not say" in page.locator("#tip").inner_text()
    page.keyboard.press("Escape")
    assert page.locator("#tip").is_hidden()
    assert errors == []


def test_one_metric_rules_all_charts(chromium: Any, report: Path) -> None:  # noqa: F811
    page, _ = open_page(chromium, report)
    assert page.locator("#parts [data-metric=chrf]").is_visible()
    page.select_option("#metric", "rougeL")
    assert page.locator("#parts [data-metric=chrf]").is_hidden()
    for section in ("scores", "differences", "parts"):
        assert page.locator(f"#{section} [data-metric=rougeL]").is_visible()


@pytest.mark.parametrize("dark", [False, True])
def test_no_page_scrolls_sideways(chromium: Any, report: Path, dark: bool) -> None:  # noqa: F811
    page, _ = open_page(chromium, report, dark=dark)
    for width in (375, 768, 1280):
        page.set_viewport_size({"width": width, "height": 812})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("dark", [False, True])
def test_text_has_contrast(chromium: Any, report: Path, dark: bool) -> None:  # noqa: F811
    """Every text on the page has at least 4.5 to 1 against what it stands on (WCAG AA)."""
    page, _ = open_page(chromium, report, dark=dark)
    page.select_option("#right", label="checkpoint-100")
    low = page.evaluate(CONTRAST)
    assert low == []


def test_hostile_texts_run_nothing(chromium: Any, tmp_path: Path) -> None:  # noqa: F811
    path = tmp_path / "report.html"
    results = hostile_results()
    write_report(results, path)
    page, errors = open_page(chromium, path)
    page.wait_for_timeout(200)
    assert errors == []
    assert titles(page)[0] == results.rows[0].title
    assert page.locator("img").count() == 0
    assert page.locator("h1").inner_text() == results.verdict.sentence
    assert page.title().startswith("Comparison of </script>")


def test_the_page_runs_no_script_but_its_own(chromium: Any, report: Path) -> None:  # noqa: F811
    page, _ = open_page(chromium, report)
    assert titles(page)
    page.evaluate("""() => {
      document.body.insertAdjacentHTML('beforeend', '<img src="x" onerror="document.title = 1">');
      const script = document.createElement('script');
      script.textContent = 'document.title = 2';
      document.body.append(script);
    }""")
    page.wait_for_timeout(200)
    assert "shelftalker" in page.title()


def test_prints_on_paper_without_controls(chromium: Any, report: Path) -> None:  # noqa: F811
    page, _ = open_page(chromium, report, dark=True)
    page.emulate_media(media="print")
    assert page.locator("#controls").is_hidden()
    assert page.locator("#pages").is_hidden()
    assert page.locator("#samples").is_visible()
    assert page.locator("#rows .item").first.is_visible(), "the predictions that were chosen are printed"
    assert page.evaluate(
        "[...document.querySelectorAll('table')].every((t) => t.scrollWidth <= t.parentNode.clientWidth)"
    )
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.pdf(format="A4").startswith(b"%PDF")


def test_takes_the_picture_of_the_readme(chromium: Any, report: Path, tmp_path: Path) -> None:  # noqa: F811
    folder = Path(os.environ.get("SHELFTALKER_PICTURES", tmp_path))
    source = Path(os.environ.get("SHELFTALKER_REPORT", report))
    page, _ = open_page(chromium, source, width=1180, height=1180)
    picture = folder / "report.png"
    page.screenshot(path=str(picture))
    assert 10_000 < picture.stat().st_size < 300_000
