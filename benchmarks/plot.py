"""Small line charts as one SVG: logarithmic axes, labels at the ends of the lines, light and dark."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 420, 300
LEFT, RIGHT, TOP, BOTTOM = 52, 118, 46, 44
LABEL = 13
"""Height of a line's label, and the least distance between two."""

_STYLE = """\
  text { font: 12px system-ui, sans-serif; fill: #57606a }
  .title { font-weight: 600; font-size: 14px; fill: #1f2328 }
  .grid { stroke: #d0d7de; stroke-width: 1 }
  .line { fill: none; stroke-width: 2; stroke-linejoin: round }
  .c0 { stroke: #0969da; color: #0969da } .c1 { stroke: #bc4c00; color: #bc4c00 }
  .c2 { stroke: #1a7f37; color: #1a7f37 } .c3 { stroke: #8250df; color: #8250df }
  .dot { fill: currentColor; stroke: none }
  .label { fill: currentColor; stroke: none }
  .back { fill: #ffffff }
  @media (prefers-color-scheme: dark) {
    text { fill: #9198a1 } .title { fill: #f0f6fc } .grid { stroke: #3d444d } .back { fill: #0d1117 }
    .c0 { stroke: #4493f8; color: #4493f8 } .c1 { stroke: #f0883e; color: #f0883e }
    .c2 { stroke: #3fb950; color: #3fb950 } .c3 { stroke: #ab7df8; color: #ab7df8 }
  }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A named course of values."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Lines over one pair of axes."""

    title: str
    x: str
    """What the axis below is."""
    y: str
    """The unit of the values."""
    lines: Sequence[Line]


def svg(charts: Sequence[Chart], columns: int = 2) -> str:
    """Return the charts, side by side and below each other."""
    rows = math.ceil(len(charts) / columns)
    size = f"{columns * WIDTH} {rows * HEIGHT}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" role="img">',
        f"<style>\n{_STYLE}</style>",
        '<rect class="back" width="100%" height="100%"/>',
    ]
    for index, chart in enumerate(charts):
        at = f"{index % columns * WIDTH} {index // columns * HEIGHT}"
        parts += [f'<g transform="translate({at})">', *_chart(chart), "</g>"]
    return "\n".join([*parts, "</svg>\n"])


def _chart(chart: Chart) -> list[str]:
    """Return the elements of one chart."""
    xs = [x for line in chart.lines for x, _ in line.points]
    ys = [y for line in chart.lines for _, y in line.points]
    across = _Axis(min(xs), max(xs), LEFT, WIDTH - RIGHT)
    up = _Axis(10 ** math.floor(math.log10(min(ys))), 10 ** math.ceil(math.log10(max(ys))), HEIGHT - BOTTOM, TOP)
    parts = [f'<text class="title" x="{LEFT}" y="20">{escape(chart.title)}</text>']
    for value in up.decades():
        y = up.place(value)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{_short(value)}</text>')
    parts.append(f'<text x="{LEFT}" y="{TOP - 12}">{escape(chart.y)}</text>')
    for value in _apart(sorted(set(xs)), across):
        x = across.place(value)
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 17}" text-anchor="middle">{_short(value)}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 8}" text-anchor="middle">{escape(chart.x)}</text>')
    return [*parts, *_lines(chart, across, up)]


def _lines(chart: Chart, across: _Axis, up: _Axis) -> list[str]:
    """Return the lines, with their names at their ends, which do not overlap."""
    ends = [up.place(line.points[-1][1]) for line in chart.lines]
    labels = _spread(ends)
    parts = []
    for index, line in enumerate(chart.lines):
        places = [(across.place(x), up.place(y)) for x, y in line.points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        dots = "".join(f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="2.5"/>' for x, y in places)
        name = f'<text class="label" x="{WIDTH - RIGHT + 8}" y="{labels[index] + 4:.1f}">{escape(line.name)}</text>'
        parts.append(f'<g class="c{index}"><polyline class="line" points="{path}"/>{dots}{name}</g>')
    return parts


class _Axis:
    """A logarithmic scale between two places."""

    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        self.low, self.high = low, high
        self._start, self._length = start, end - start

    def place(self, value: float) -> float:
        """Return where a value stands."""
        return self._start + self._length * math.log(value / self.low) / math.log(self.high / self.low)

    def decades(self) -> list[float]:
        """Return the powers of ten on the scale."""
        first, last = round(math.log10(self.low)), round(math.log10(self.high))
        return [10.0**power for power in range(first, last + 1)]


def _spread(places: list[float]) -> list[float]:
    """Move labels apart, downwards, so that none lies on another."""
    found = dict.fromkeys(range(len(places)), 0.0)
    last = -math.inf
    for index in sorted(found, key=places.__getitem__):
        last = found[index] = max(places[index], last + LABEL)
    return list(found.values())


def _apart(values: list[float], axis: _Axis) -> list[float]:
    """Return the values whose labels do not lie on each other."""
    kept: list[float] = []
    for value in values:
        if not kept or axis.place(value) - axis.place(kept[-1]) >= 3 * LABEL:
            kept.append(value)
    return kept


def _short(value: float) -> str:
    """Return a number as an axis shows it."""
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"
