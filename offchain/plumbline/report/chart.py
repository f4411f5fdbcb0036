# SPDX-License-Identifier: AGPL-3.0-only
"""A line chart as SVG, inside the page, and as PNG, for elsewhere. Both draw the same steps: a sample stands until the
next one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from itertools import pairwise
from math import ceil, floor, log10
from pathlib import Path
from typing import Any, Final

from plumbline.errors import PlumblineError
from plumbline.report.figures import MAX_GAP_S, Series

WIDTH: Final = 900
HEIGHT: Final = 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 80, 12, 12, 28
_POINTS: Final = 1_200
_COLORS: Final = ("#2f6db5", "#b06f16", "#72a55a", "#b279a2", "#7a9aa1", "#b08968", "#6f7bbf", "#c07c7c")
_SOFT: Final = "#8a97a3"
_LEVELS: Final = 6
_TIMES: Final = 8
"""At most so many marks on each axis."""
_CLOCK_S: Final = (1, 2, 5, 10, 15, 30, *(60 * n for n in (1, 2, 5, 10, 15, 30, 60, 120, 240, 360, 720)))
_DAY_S: Final = 86_400
_SCALE: Final = 2
"""PNG pixels a unit: sharp on any screen."""


@dataclass(frozen=True, slots=True)
class Line:
    label: str
    series: Series
    soft: bool = False
    """A bound, not a thing that moves: drawn thin and grey."""


@dataclass(frozen=True, slots=True)
class Chart:
    name: str
    """Of the picture's file."""
    title: str
    unit: str
    lines: tuple[Line, ...]

    @property
    def empty(self) -> bool:
        return not any(line.series for line in self.lines)


def svg(chart: Chart) -> str:
    """With a legend below; the caller shows the title."""
    frame = _Frame(chart)
    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(chart.title)}">']
    for y, words in frame.levels():
        parts.append(f'<path d="M{_LEFT} {y:.1f}H{WIDTH - _RIGHT}" class="grid"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{escape(words)}</text>')
    for x, words in frame.times():
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - 8}" text-anchor="middle">{escape(words)}</text>')
    for color, line in _colored(chart):
        for (x, y), *rest in frame.runs(line.series):
            steps = "".join(f"H{x:.1f}V{y:.1f}" for x, y in rest)
            parts.append(
                f'<path d="M{x:.1f} {y:.1f}{steps}" class="{"soft" if line.soft else "line"}" stroke="{color}"/>'
            )
    return "".join([*parts, "</svg>"])


def legend(chart: Chart) -> list[tuple[str, str]]:
    """(colour, label); what two lines share is told once."""
    return list(dict.fromkeys((color, line.label) for color, line in _colored(chart)))


def _colored(chart: Chart) -> list[tuple[str, Line]]:
    return [(_SOFT if line.soft else _COLORS[index % len(_COLORS)], line) for index, line in enumerate(chart.lines)]


def write_png(chart: Chart, path: Path) -> None:
    """Raises PlumblineError without Pillow: the report's own extra."""
    try:
        from PIL import Image, ImageDraw, ImageFont
    except ImportError:
        raise PlumblineError("PNG needs Pillow: pip install 'plumbline[report]', or give --no-png") from None
    frame = _Frame(chart)
    image = Image.new("RGB", (WIDTH * _SCALE, (HEIGHT + 40) * _SCALE), "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(11 * _SCALE)

    def text(x: float, y: float, words: str, anchor: Any, fill: str = "#5a6773") -> None:
        draw.text((x * _SCALE, y * _SCALE), words, font=font, fill=fill, anchor=anchor)

    for y, words in frame.levels():
        draw.line([(_LEFT * _SCALE, y * _SCALE), ((WIDTH - _RIGHT) * _SCALE, y * _SCALE)], fill="#dfe4e8", width=_SCALE)
        text(_LEFT - 8, y, words, "rm")
    for x, words in frame.times():
        text(x, HEIGHT - 12, words, "mm")
    place = float(_LEFT)
    for color, line in _colored(chart):
        for run in frame.runs(line.series):
            corners = [run[0], *(corner for before, now in pairwise(run) for corner in ((now[0], before[1]), now))]
            width = _SCALE if line.soft else _SCALE + 1
            draw.line([(x * _SCALE, y * _SCALE) for x, y in corners], fill=color, width=width)
    for color, label in legend(chart):
        text(place, HEIGHT + 22, label, "lm", color)
        place += font.getlength(label) / _SCALE + 18
    text(WIDTH - _RIGHT, HEIGHT + 22, f"{chart.title}, {chart.unit}, UTC", "rm")
    image.save(path)


class _Frame:
    """From seconds and values to places."""

    def __init__(self, chart: Chart) -> None:
        seconds = [second for line in chart.lines for second, _ in line.series]
        values = [value for line in chart.lines for _, value in line.series]
        self._first, self._last = min(seconds), max(max(seconds), min(seconds) + 1)
        room = (max(values) - min(values) or abs(values[0]) / 1_000 or 1.0) * 0.08
        self._low, self._high = min(values) - room, max(values) + room

    def x(self, second: float) -> float:
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * (second - self._first) / (self._last - self._first)

    def y(self, value: float) -> float:
        return _TOP + (HEIGHT - _TOP - _BOTTOM) * (self._high - value) / (self._high - self._low)

    def levels(self) -> list[tuple[float, str]]:
        """Round numbers, with the digits that tell them apart."""
        step = round_step(self._high - self._low, _LEVELS)
        digits = max(0, -floor(log10(step)))
        marks = range(ceil(self._low / step), floor(self._high / step) + 1)
        return [(self.y(mark * step), f"{mark * step:,.{digits}f}") for mark in marks]

    def times(self) -> list[tuple[float, str]]:
        span = self._last - self._first
        step = (
            next((each for each in _CLOCK_S if span <= each * _TIMES), None) or -(-span // (_TIMES * _DAY_S)) * _DAY_S
        )
        form = "%m-%d %H:%M" if span > _DAY_S else "%H:%M" if step >= 60 else "%H:%M:%S"
        seconds = range(-(-self._first // step) * step, self._last + 1, step)
        return [(self.x(second), datetime.fromtimestamp(second, UTC).strftime(form)) for second in seconds]

    def runs(self, series: Series) -> list[list[tuple[float, float]]]:
        """Polylines without the gaps, thinned out to what a picture can show: lowest and highest of each step."""
        step = max(1, (self._last - self._first) * 2 // _POINTS)
        gap = max(MAX_GAP_S, 2 * step)
        runs: list[list[tuple[float, float]]] = []
        before: int | None = None
        for second, value in _extremes(series, step):
            if before is None or second - before > gap:
                runs.append([])
            runs[-1].append((self.x(second), self.y(value)))
            before = second
        return runs


def round_step(span: float, most: int) -> float:
    """The smallest of 1, 2, 5 times a power of ten that divides `span` into at most `most` parts."""
    power = 10.0 ** floor(log10(span / most))
    return next(factor * power for factor in (1, 2, 5, 10) if span <= factor * power * most)


def _extremes(series: Series, step: int) -> list[tuple[int, float]]:
    buckets: dict[int, list[tuple[int, float]]] = {}
    for sample in series:
        buckets.setdefault(sample[0] // step, []).append(sample)
    found = []
    for bucket in buckets.values():
        ends: Sequence[tuple[int, float]] = (
            min(bucket, key=lambda each: each[1]),
            max(bucket, key=lambda each: each[1]),
        )
        found += sorted(set(ends))
    return found
