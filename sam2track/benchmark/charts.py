"""Draws curves as SVG inside a page, in the page's colours (``currentColor`` and CSS classes)."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

BINS = 40  # of relative time


def over_time(curves: Sequence[Sequence[float | None]]) -> str:
    """Mean and interquartile range of many curves over relative time, values in percent."""
    rows = []
    for curve in curves:
        values = np.array([np.nan if v is None else v for v in curve], float)
        known = np.flatnonzero(~np.isnan(values))
        if len(known):
            places = np.linspace(0, len(values) - 1, BINS)
            rows.append(np.interp(places, known, values[known]))
    if not rows:
        return ""
    table = np.array(rows)
    mean, (low, high) = table.mean(0), np.percentile(table, [25, 75], axis=0)
    width, height, left, top = 720, 240, 40, 12
    right, bottom = width - 12, height - 30
    x = np.linspace(left, right, BINS)

    def y(values: np.ndarray) -> np.ndarray:
        return bottom - (bottom - top) * values / 100

    band = [*zip(x, y(high), strict=True), *zip(x[::-1], y(low)[::-1], strict=True)]
    grid = "".join(
        f'<line class="grid" x1="{left}" x2="{right}" y1="{y(np.array(v)):.0f}" '
        f'y2="{y(np.array(v)):.0f}"/><text x="{left - 6}" y="{y(np.array(v)) + 4:.0f}" '
        f'text-anchor="end">{v}</text>'
        for v in (0, 25, 50, 75, 100)
    )
    ticks = "".join(
        f'<text x="{left + (right - left) * share / 100:.0f}" y="{height - 10}" '
        f'text-anchor="{"end" if share == 100 else "middle"}">{share} %</text>'
        for share in (0, 25, 50, 75, 100)
    )
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="J over time">{grid}{ticks}'
        f'<polygon class="band" points="{_points(band)}"/>'
        f'<polyline class="line" points="{_points(zip(x, y(mean), strict=True))}"/></svg>'
    )


def sparkline(curve: Sequence[float | None], label: str) -> str:
    """One small curve in percent, without axes, with a line at one half."""
    width, height = 220, 48
    values = [(i, v) for i, v in enumerate(curve) if v is not None]
    if not values:
        return ""
    # More points than pixels would only make the page heavy.
    step = max(1, len(values) // width)
    last = max(len(curve) - 1, 1)
    points = [(i * width / last, height - 2 - (height - 4) * v / 100) for i, v in values[::step]]
    area = [(points[0][0], height), *points, (points[-1][0], height)]
    return (
        f'<svg class="spark" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{escape(label)}">'
        f'<polygon class="band" points="{_points(area)}"/>'
        f'<line class="grid" x1="0" x2="{width}" y1="{height / 2}" y2="{height / 2}"/>'
        f'<polyline class="line" points="{_points(points)}"/></svg>'
    )


def by_round(values: Sequence[float]) -> str:
    """J&F in percent by number of annotated frames."""
    width, height, left, top = 720, 240, 40, 18
    right, bottom = width - 24, height - 30
    low, high = min(values) - 2, max(values) + 2
    count = max(len(values) - 1, 1)
    places = [
        (left + (right - left) * i / count, bottom - (bottom - top) * (v - low) / (high - low))
        for i, v in enumerate(values)
    ]
    marks = "".join(
        f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="4"/>'
        f'<text x="{x:.1f}" y="{y - 9:.1f}" text-anchor="middle">{value:.1f}</text>'
        f'<text x="{x:.1f}" y="{height - 10}" text-anchor="middle">{number}</text>'
        for number, ((x, y), value) in enumerate(zip(places, values, strict=True), start=1)
    )
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="J&amp;F by annotated frames">'
        f'<line class="grid" x1="{left}" x2="{right}" y1="{bottom}" y2="{bottom}"/>'
        f'<polyline class="line" points="{_points(places)}"/>{marks}</svg>'
    )


def interval(low: float, high: float, mid: float, reach: float) -> str:
    """A confidence interval around zero, on a scale from ``-reach`` to ``reach``."""
    width, height = 220, 18

    def x(value: float) -> float:
        return width / 2 * (1 + max(-1.0, min(1.0, value / reach if reach else 0.0)))

    kind = "better" if low > 0 else "worse" if high < 0 else "even"
    return (
        f'<svg class="interval {kind}" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{low:.1f} to {high:.1f}">'
        f'<line class="grid" x1="{width / 2}" x2="{width / 2}" y1="0" y2="{height}"/>'
        f'<line class="line" x1="{x(low):.1f}" x2="{x(high):.1f}" y1="9" y2="9"/>'
        f'<circle class="dot" cx="{x(mid):.1f}" cy="9" r="4.5"/></svg>'
    )


def _points(places) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
