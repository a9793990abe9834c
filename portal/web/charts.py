"""Small charts as SVG: no script, no inline style, printable; the numbers also stand in the text beside them.

A part is (label, value, tone) or (label, value, tone, url); tone is a Tone or "accent".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import pi
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from portal.tones import Tone

TONES = frozenset({*Tone, "accent"})
WIDTH = 1000.0
SMALLEST = 6.0


@dataclass(frozen=True)
class Part:
    """One share of a whole, or one column of a chart."""

    label: str
    value: float
    tone: str = "accent"
    url: str = ""


def parts_of(items: Iterable[Any]) -> list[Part]:
    """Parts from tuples or Parts. Raises ValueError for a tone that has no colour."""
    parts = [item if isinstance(item, Part) else Part(*item) for item in items]
    for part in parts:
        if part.tone not in TONES:
            raise ValueError(f"{part.tone!r} is not a tone; use one of {', '.join(sorted(TONES))}.")
    return parts


def words_of(parts: Iterable[Part]) -> str:
    return ", ".join(f"{number(part.value)} {part.label}" for part in parts) or "nothing yet"


def number(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


def widths(values: Sequence[float], whole: float = WIDTH, smallest: float = SMALLEST) -> list[float]:
    """Widths in proportion, where whatever is not zero stays visible; they add up to `whole`."""
    total = sum(values)
    if not total:
        return [0.0 for _ in values]
    rough = [max(smallest, value / total * whole) if value else 0.0 for value in values]
    small = sum(width for width in rough if width <= smallest)
    large = sum(width for width in rough if width > smallest)
    scale = (whole - small) / large if large else whole / small
    return [width * scale if width > smallest or not large else width for width in rough]


def stacked_bar(parts: Sequence[Part], title: str) -> SafeString:
    """One bar cut into shares."""
    shown = [part for part in parts if part.value]
    left, pieces = 0.0, []
    for part, width in zip(shown, widths([part.value for part in shown]), strict=True):
        pieces.append((part.tone, f"{left:.1f}", f"{max(width - 2, 1):.1f}", part.label, number(part.value)))
        left += width
    bars = format_html_join(
        "", '<rect class="fill-{}" x="{}" y="0" width="{}" height="12"><title>{}: {}</title></rect>', pieces
    )
    return _svg("stacked-bar", "0 0 1000 12", f"{title}: {words_of(parts)}", bars, stretch=True)


def donut(parts: Sequence[Part], title: str, middle: str = "") -> SafeString:
    """A ring cut into shares, with one figure in the middle."""
    radius, around = 40.0, 2 * pi * 40.0
    shown = [part for part in parts if part.value]
    start, pieces = 0.0, []
    for part, length in zip(shown, widths([p.value for p in shown], around, 2.0), strict=True):
        gap = 1.5 if len(shown) > 1 else 0.0
        pieces.append((part.tone, f"{length - gap:.2f} {around - length + gap:.2f}", f"{-start:.2f}"))
        start += length
    arcs = format_html_join(
        "",
        '<circle class="line-{}" cx="50" cy="50" r="40" stroke-dasharray="{}" stroke-dashoffset="{}"/>',
        pieces,
    )
    ring = format_html(
        '<circle class="track" cx="50" cy="50" r="{}"/><g transform="rotate(-90 50 50)">{}</g>', radius, arcs
    )
    figure = format_html('<text x="50" y="51" class="figure">{}</text>', middle) if middle else ""
    return _svg("donut", "0 0 100 100", f"{title}: {words_of(parts)}", format_html("{}{}", ring, figure))


def bars(parts: Sequence[Part], title: str) -> SafeString:
    """Upright columns, one per part, each with its figure on top."""
    top = max((part.value for part in parts), default=0) or 1
    step = 40
    columns = [_column(part, index * step, step, part.value / top * 92) for index, part in enumerate(parts)]
    body = format_html_join("", "{}", ((column,) for column in columns))
    return _svg("bars", f"0 0 {max(len(parts), 1) * step} 134", f"{title}: {words_of(parts)}", body)


def _column(part: Part, left: int, step: int, height: float) -> SafeString:
    middle, figure = left + step / 2, number(part.value)
    bar = format_html(
        '<rect class="fill-{}" x="{}" y="{}" width="{}" height="{}" rx="2"><title>{}: {}</title></rect>',
        *(part.tone, left + 6, f"{112 - height:.1f}", step - 12, f"{height:.1f}", part.label, figure),
    )
    words = format_html(
        '<text class="figure" x="{}" y="{}">{}</text><text class="tick" x="{}" y="128">{}</text>',
        *(middle, f"{106 - height:.1f}", figure, middle, part.label),
    )
    return bar + words


def line(points: Sequence[tuple[str, float]], title: str, tone: str = "accent") -> SafeString:
    """A trend from the first to the last point, with both ends named."""
    if not points:
        return _svg("trend", "0 0 400 100", f"{title}: nothing yet", SafeString(""))
    top = max(value for _, value in points) or 1
    step = 400 / max(len(points) - 1, 1)
    places = [(index * step, 92 - value / top * 82) for index, (_, value) in enumerate(points)]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    (first, low), (last, high) = points[0], points[-1]
    body = format_html(
        '<polygon class="area-{}" points="0,100 {} 400,100"/><polyline class="line-{}" points="{}"/>',
        tone,
        path,
        tone,
        path,
    )
    label = f"{title}: from {number(low)} ({first}) to {number(high)} ({last})"
    return _svg("trend", "0 0 400 100", label, body, stretch=True)


def heat_strip(cells: Sequence[Part], title: str) -> SafeString:
    """One cell per day or run, in order; the value is not drawn, the tone is."""
    step = WIDTH / max(len(cells), 1)
    pieces = [
        (cell.tone, f"{index * step:.1f}", f"{max(step - 3, 1):.1f}", cell.label)
        for index, cell in enumerate(cells)
    ]
    body = format_html_join(
        "", '<rect class="cell-{}" x="{}" y="0" width="{}" height="24"><title>{}</title></rect>', pieces
    )
    return _svg("heat-strip", "0 0 1000 24", title, body, stretch=True)


def _svg(name: str, box: str, label: str, body: SafeString, *, stretch: bool = False) -> SafeString:
    return format_html(
        '<svg class="chart {}" viewBox="{}" role="img" aria-label="{}"{}>{}</svg>',
        name,
        box,
        label,
        SafeString(' preserveAspectRatio="none"' if stretch else ""),
        body,
    )
