"""Charts as plain data for the template: lines and dots in percent of the plot, labels as text beside them.

The drawing is an SVG that stretches with the page while lines, dots and letters keep their size, so that a chart
reads the same on a phone, on a desk and on paper.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Tick:
    """A label at ``at`` percent along an axis."""

    at: float
    text: str


@dataclass(frozen=True)
class Line:
    """A path in a 100 by 100 plot (y grows downwards), drawn in the colour of class ``css``."""

    path: str
    css: str
    kind: str = "line"
    """line, band, dots, level, cloud or bar."""


@dataclass(frozen=True)
class Label:
    """Text at the right edge, ``at`` percent from the top."""

    at: float
    text: str
    css: str


@dataclass(frozen=True)
class Plot:
    """A chart with its axes; ``summary`` says the same in words for those who cannot see it."""

    lines: list[Line]
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    x_name: str
    y_name: str
    summary: str
    labels: list[Label] = field(default_factory=list)
    legend: list[tuple[str, str]] = field(default_factory=list)


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """About ``count`` round values that cover ``low`` to ``high`` (Heckbert's nice numbers)."""
    if not math.isfinite(low) or not math.isfinite(high):
        return [0.0, 1.0]
    if high <= low:
        high = low + (abs(low) or 1.0)
    raw = (high - low) / max(count - 1, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(nice * power for nice in (1, 2, 2.5, 5, 10) if nice * power >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(number * step, 12) for number in range(first, last + 1)]


def number(value: float) -> str:
    """A short label: no trailing zeros, thousands apart."""
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.4g}"


@dataclass(frozen=True)
class Series:
    """Points of one system: (x, y, low, high); ``css`` names its colour."""

    name: str
    css: str
    points: list[tuple[float, float, float | None, float | None]]


def _scale(values: Sequence[float]) -> tuple[list[float], float, float]:
    marks = ticks(min(values), max(values))
    return marks, marks[0], marks[-1] - marks[0]


def curve(series: Sequence[Series], levels: Sequence[tuple[str, float, str]], x_name: str, y_name: str) -> Plot:
    """Lines with bands over x, and ``levels`` (name, y, css) as horizontal lines."""
    xs = [point[0] for line in series for point in line.points]
    ys = [value for line in series for point in line.points for value in point[1:] if value is not None]
    x_marks, x_low, x_range = _scale([*xs, 0.0])
    y_marks, y_low, y_range = _scale([*ys, *(level for _, level, _ in levels)])

    def place(x: float, y: float) -> str:
        return f"{(x - x_low) / x_range * 100:.2f} {100 - (y - y_low) / y_range * 100:.2f}"

    lines = [
        Line(f"M0 {at:.2f}H100", css, "level") for _, y, css in levels for at in [100 - (y - y_low) / y_range * 100]
    ]
    labels = [Label(100 - (y - y_low) / y_range * 100, name, css) for name, y, css in levels]
    for one in series:
        banded = [(x, low, high) for x, _, low, high in one.points if low is not None and high is not None]
        if len(banded) > 1:
            outline = [place(x, high) for x, _, high in banded] + [place(x, low) for x, low, _ in reversed(banded)]
            lines.append(Line(f"M{'L'.join(outline)}Z", one.css, "band"))
        elif banded:
            x, low, high = banded[0]
            lines.append(Line(f"M{place(x, low)}L{place(x, high)}", one.css, "line"))
        places = [place(x, y) for x, y, _, _ in one.points]
        lines.append(Line(f"M{'L'.join(places)}", one.css, "line"))
        lines.append(Line("".join(f"M{at}h0" for at in places), one.css, "dots"))
        labels.append(Label(100 - (one.points[-1][1] - y_low) / y_range * 100, one.name, one.css))
    said = "; ".join(
        f"{one.name}: " + ", ".join(f"{number(y)} at {number(x)}" for x, y, _, _ in one.points) for one in series
    )
    return Plot(
        lines=lines,
        x_ticks=[Tick((x - x_low) / x_range * 100, number(x)) for x in x_marks],
        y_ticks=[Tick((y - y_low) / y_range * 100, number(y)) for y in y_marks],
        x_name=x_name,
        y_name=y_name,
        summary=f"{y_name} by {x_name}. {said}" + "".join(f"; {name}: {number(y)}" for name, y, _ in levels),
        labels=apart(labels),
    )


def apart(labels: Sequence[Label], gap: float = 7.0) -> list[Label]:
    """Labels moved just so far that none covers another."""
    placed: list[Label] = []
    for label in sorted(labels, key=lambda item: item.at):
        at = max(label.at, placed[-1].at + gap) if placed else label.at
        placed.append(Label(at, label.text, label.css))
    over = placed[-1].at - 100 if placed else 0.0
    if over > 0:
        below = 100.0 + gap
        for index in range(len(placed) - 1, -1, -1):
            below = min(placed[index].at, below - gap)
            placed[index] = Label(below, placed[index].text, placed[index].css)
    return placed


def scatter(series: Sequence[Series], x_name: str, y_name: str, *, dots_of: str) -> Plot:
    """Points of the series called ``dots_of``, and for every series the mean in eight equal groups along x."""
    everything = [point for one in series for point in one.points]
    if not everything:
        everything = [(0.0, 0.0, None, None)]
    cap = sorted(point[0] for point in everything)[min(len(everything) - 1, int(0.99 * len(everything)))]
    x_marks, x_low, x_range = _scale([0.0, cap])
    shown = [point[1] for one in series if one.name == dots_of for point in one.points]
    means = [y for one in series for _, y in grouped(one.points)]
    y_marks, y_low, y_range = _scale([0.0, *shown, *means])
    x_high = x_low + x_range

    def place(x: float, y: float) -> str:
        x, y = min(x, x_high), min(y, y_low + y_range)
        return f"{(x - x_low) / x_range * 100:.1f} {100 - (y - y_low) / y_range * 100:.1f}"

    lines: list[Line] = []
    legend: list[tuple[str, str]] = []
    for one in sorted(series, key=lambda item: item.name != dots_of):
        if one.name == dots_of:
            dots = one.points[:: max(1, len(one.points) // 1500)]
            lines.append(Line("".join(f"M{place(x, y)}h0" for x, y, _, _ in dots), one.css, "cloud"))
        lines.append(Line(f"M{'L'.join(place(x, y) for x, y in grouped(one.points))}", one.css, "line"))
        legend.append((one.name, one.css))
    said = "; ".join(
        f"{one.name}: " + ", ".join(f"{number(y)} near {number(x)}" for x, y in grouped(one.points)) for one in series
    )
    return Plot(
        lines=lines,
        x_ticks=[Tick((x - x_low) / x_range * 100, number(x)) for x in x_marks],
        y_ticks=[Tick((y - y_low) / y_range * 100, number(y)) for y in y_marks],
        x_name=x_name,
        y_name=y_name,
        summary=f"{y_name} by {x_name}, means of eight groups. {said}",
        legend=legend,
    )


def grouped(
    points: Sequence[tuple[float, float, float | None, float | None]], groups: int = 8
) -> list[tuple[float, float]]:
    """Mean x and y of ``groups`` equally large groups in the order of x."""
    ordered = sorted(point[:2] for point in points)
    groups = max(1, min(groups, len(ordered) // 4))
    means = []
    for number_ in range(groups):
        part = ordered[number_ * len(ordered) // groups : (number_ + 1) * len(ordered) // groups]
        if part:
            means.append((sum(x for x, _ in part) / len(part), sum(y for _, y in part) / len(part)))
    return means


def bars(counts: Sequence[int], width: int, x_name: str, y_name: str, summary: str) -> Plot:
    """A histogram: ``counts`` of bins of ``width`` whole numbers from 1, the last one open-ended."""
    y_marks, _, y_range = _scale([0.0, float(max(counts, default=0))])
    step = 100 / max(len(counts), 1)
    paths = [
        f"M{at * step + 0.1 * step:.2f} 100V{100 - count / y_range * 100:.2f}H{(at + 0.9) * step:.2f}V100Z"
        for at, count in enumerate(counts)
    ]
    every = max(1, round(len(counts) / 6))
    marks = [at for at in range(0, len(counts), every) if len(counts) - 1 - at >= every // 2] + [len(counts) - 1]
    return Plot(
        lines=[Line("".join(paths), "c0", "bar")],
        x_ticks=[Tick((at + 0.5) * step, f"{at * width + 1:,}{'+' if at == len(counts) - 1 else ''}") for at in marks],
        y_ticks=[Tick(mark / y_range * 100, number(mark)) for mark in y_marks],
        x_name=x_name,
        y_name=y_name,
        summary=summary,
    )
