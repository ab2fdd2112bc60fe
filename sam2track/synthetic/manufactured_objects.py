"""Manufactured objects for training clips: vessels, slabs and vehicles, and hands that hold them.

Gives RGBA pictures, alpha not premultiplied, textured from photographs. Objects that people hold
into a camera are rigid and shiny, and their parts differ in colour. A tracker trained only on
cut-outs confuses such a part (the lid of a cup) with the object.
"""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float

from . import photo_objects as objects
from .articulated_objects import cloth, skin, tube
from .assets import Assets
from .compositing import Limb, Reflection
from .motion import Waves
from .shapes import RGB, RGBA, overlap

Grid = Float[np.ndarray, "h w"]


def manufactured_object(assets: Assets, rng: np.random.Generator, side: int) -> RGBA:
    """A random manufactured object whose longer side is ``side`` pixels, or 16 if that is more."""
    kind, side = rng.random(), max(side, 16)
    if kind < 0.5:
        picture = vessel(assets, rng, side)
        return np.rot90(picture) if rng.random() < 0.2 else picture
    return slab(assets, rng, side) if kind < 0.75 else vehicle(assets, rng, side)


def vessel(assets: Assets, rng: np.random.Generator, side: int) -> RGBA:
    """A solid of revolution in two to five sections: a bottle, a cup, a can, a lamp."""
    width = round(side * rng.uniform(0.25, 0.9))
    rows, x = (np.arange(side) + 0.5) / side, np.arange(width) + 0.5 - width / 2
    cuts = np.sort(rng.uniform(0.06, 0.94, int(rng.integers(1, 5))))
    section = np.searchsorted(cuts, rows)
    widths = rng.uniform(0.45, 1.0, len(cuts) + 1)
    widths[int(rng.integers(len(widths)))] = 1.0
    radius = widths[section] * (1 + rng.normal(0, 0.12, len(widths))[section] * (rows - 0.5))
    ease = 2 * int(side * rng.uniform(0.005, 0.08)) + 1  # shoulders, or edges
    radius = cv2.blur(radius[:, None], (1, ease), borderType=cv2.BORDER_REPLICATE)
    cap = np.minimum(np.minimum(rows, 1 - rows) / rng.uniform(0.01, 0.08), 1)[:, None]
    radius = np.clip(radius * np.sqrt(1 - 0.6 * (1 - cap) ** 2), 0.1, 1) * (width / 2 - 1)
    across = x[None] / radius
    rgb = np.zeros((side, width, 3), np.uint8)
    surface = printed_surface(assets, rng, side)[:, :width]
    for number in range(len(widths)):
        if number and rng.random() < 0.6:
            surface = printed_surface(assets, rng, side)[:, :width]
        rgb[section == number] = surface[section == number]
    shade = 1 - rng.uniform(0.1, 0.8) * np.abs(across - rng.uniform(-0.3, 0.3)) ** 2
    shine = np.zeros((side, width))
    for _ in range(int(rng.integers(0, 4))):
        place, wide = rng.uniform(-0.85, 0.85), rng.uniform(0.02, 0.2)
        along = np.clip(smooth_noise(rng, side, 1, cells=4) + rng.uniform(0, 1.5), 0, 1)
        shine += along * np.exp(-(((across - place) / wide) ** 2)) * rng.uniform(0.1, 0.9)
    alpha = np.clip((radius - np.abs(x)[None]) + 0.5, 0, 1)
    return _lit_surface(rgb, shade, shine, alpha)


def slab(assets: Assets, rng: np.random.Generator, side: int) -> RGBA:
    """A flat object with a printed front: a book, a telephone, a packet, a sign."""
    height, width = side, round(side * rng.uniform(0.35, 1.0))
    alpha = _panel(height, width, (0.02, 0.02, 0.98, 0.98), rng.uniform(0.0, 0.3))
    rgb = printed_surface(assets, rng, side)[:, :width].copy()
    for _ in range(int(rng.integers(0, 4))):
        x, y = np.sort(rng.uniform(0.05, 0.95, 2)), np.sort(rng.uniform(0.05, 0.95, 2))
        inset = _panel(height, width, (x[0], y[0], x[1], y[1]), rng.uniform(0.0, 0.3))
        surface = printed_surface(assets, rng, side)[:, :width]
        np.copyto(rgb, surface, where=(inset > 0.5)[..., None])
    rows, columns = np.mgrid[:height, :width] / side
    slope = columns * rng.uniform(-1, 1) + rows
    band = np.exp(-(((slope - rng.uniform(0, 1)) / rng.uniform(0.05, 0.4)) ** 2))
    shine = band * rng.uniform(0, 0.6) * (rng.random() < 0.6)
    picture = _lit_surface(rgb, np.ones((height, width)), shine, alpha)
    return picture if rng.random() < 0.5 else np.rot90(picture)


def vehicle(assets: Assets, rng: np.random.Generator, side: int) -> RGBA:
    """A vehicle with windows and wheels, from its side."""
    height = round(side * rng.uniform(0.35, 0.6))
    roof, bonnet = rng.uniform(0.0, 0.1), rng.uniform(0.3, 0.6)
    back, front = rng.uniform(0.02, 0.3), rng.uniform(0.55, 0.98)
    slant = rng.uniform(0.0, 0.15, 2)
    cabin = [(back + slant[0], roof), (front - slant[1], roof), (front, bonnet), (back, bonnet)]
    alpha = np.maximum(
        _panel(height, side, (0.01, bonnet - 0.05, 0.99, 0.84), rng.uniform(0.1, 0.5)),
        _polygon(height, side, cabin),
    )
    rgb = printed_surface(assets, rng, side)[:height].copy()
    glass = printed_surface(assets, rng, side, dark=0.85)[:height]
    panes = int(rng.integers(1, 6))
    middle = np.mean(cabin, 0)
    window = _polygon(height, side, (np.array(cabin) - middle) * rng.uniform(0.6, 0.88) + middle)
    for pane in range(1, panes):
        x = round(side * (back + (front - back) * pane / panes))
        window[:, x - max(1, side // 90) : x + max(1, side // 90)] = 0
    np.copyto(rgb, glass, where=(window > 0.5)[..., None])
    rows = np.mgrid[:height, :side][0] / height
    shade = 1.15 - rng.uniform(0.2, 0.9) * np.clip(rows - bonnet, 0, 1)
    level = rng.uniform(bonnet - 0.1, 0.7)
    shine = np.exp(-(((rows - level) / rng.uniform(0.02, 0.08)) ** 2)) * rng.uniform(0, 0.6)
    wheel = rng.uniform(0.13, 0.22) * height
    tyre, rim = rng.integers(5, 60), rng.integers(60, 230)
    for at in (rng.uniform(0.12, 0.25), rng.uniform(0.72, 0.88)):
        centre = (round(at * side), round(height - 1 - wheel))
        for share, tone in ((1.0, tyre), (rng.uniform(0.4, 0.7), rim), (0.15, tyre)):
            disc = np.zeros((height, side), np.uint8)
            cv2.circle(disc, centre, max(1, round(wheel * share)), 255, -1, cv2.LINE_AA)
            rgb[disc > 127], shine[disc > 127] = tone, 0
            alpha = np.maximum(alpha, disc / 255)
    picture = _lit_surface(rgb, shade, shine, alpha)
    return picture if rng.random() < 0.5 else picture[:, ::-1]


def hand(assets: Assets, rng: np.random.Generator, held: RGBA) -> tuple[RGBA, tuple[Limb, ...]]:
    """Fingers over the edge of ``held``, and the arm they belong to.

    The fingers' picture is as large as ``held``: with the same motion they stay in place on it.
    """
    height, width = held.shape[:2]
    right = float(rng.choice([-1.0, 1.0]))
    wide = rng.uniform(0.2, 0.5) * height  # of the palm
    row = int(rng.uniform(0.25, 0.8) * height)
    inside = np.flatnonzero(held[row, :, 3] > 127)
    edge = float(inside[-1 if right > 0 else 0]) if len(inside) else width / 2
    flesh = skin(rng, max(height, width))
    if rng.random() < 0.15:  # a glove
        flesh = cloth(assets, rng, max(height, width))
    out = np.zeros((height, width, 4), np.uint8)
    thick, fingers = wide / 4.5, int(rng.integers(1, 5))
    for number in range(fingers):
        reach = rng.uniform(0.5, 1.4) * wide
        piece = np.rot90(tube(flesh, rng, reach, thick * 0.8, thick), 1 if right > 0 else -1)
        top = row + (number - fingers / 2) * thick * 1.05
        left = edge - reach * 0.8 if right > 0 else edge - reach * 0.2
        _paste(out, piece, round(left), round(top))
    sleeve = cloth(assets, rng, max(height, width))
    way = -right * np.pi / 2 + rng.normal(0, 0.5)
    hinge = ((edge - width / 2 + right * wide * 0.1) / height, row / height - 0.5)
    wrist = tube(flesh, rng, wide * 1.6, wide * 0.9, wide * 0.6)
    length = wide * rng.uniform(2, 6)
    fore = tube(
        sleeve if rng.random() < 0.5 else flesh, rng, length, wide * 0.6, wide * rng.uniform(0.7, 1)
    )
    fore = Limb(fore, (0.0, 0.4), len(fore) / len(wrist), rng.normal(0, 0.1), behind=True)
    behind = bool(rng.random() < 0.5)
    return out, (Limb(wrist, hinge, len(wrist) / height, way, behind=behind, limbs=(fore,)),)


def random_reflection(rng: np.random.Generator, side: int) -> Reflection:
    """A reflection in a polished object: windows, lamps, dark corners, ``side`` pixels high."""
    rows, columns = np.mgrid[:side, :side] / side - 0.5
    turn, cells = rng.uniform(0, np.pi), rng.integers(3, 12)
    across = (columns * np.cos(turn) + rows * np.sin(turn) + 0.7) * (side - 1) / 1.4
    room = smooth_noise(rng, side, side, cells=int(cells))
    streaks = smooth_noise(rng, side, 1, cells=int(cells))
    streaks = streaks[np.clip(across, 0, side - 1).astype(int), 0]
    seen = room + rng.uniform(0, 1.5) * streaks - rng.uniform(-0.2, 0.5)
    alpha = np.clip(seen * rng.uniform(1, 12), 0, 1) * rng.uniform(0.15, 0.75)
    tone = rng.uniform(0, 60) if rng.random() < 0.15 else rng.uniform(120, 255)
    rgb = alpha[..., None] * (tone + rng.normal(0, 10, 3)).clip(0, 255)
    drift = Waves.draw(rng, rng.uniform(0, 0.3, 2), (15, 80))
    picture = np.dstack([rgb, 255 * alpha]).astype(np.uint8)
    return Reflection(picture, rng.uniform(-0.3, 0.8), drift)


def printed_surface(
    assets: Assets, rng: np.random.Generator, side: int, *, dark: float = 0.3
) -> RGB:
    """A manufactured surface ``side`` pixels wide: of one colour, printed, striped or textured.

    ``dark`` is how often the colour is nearly black, 0..1.
    """
    tone = np.asarray(rng.uniform(0, 255, 3) if rng.random() < 0.5 else rng.uniform(40, 255))
    tone = tone * (rng.uniform(0.02, 0.25) if rng.random() < dark else 1.0)
    plain = np.clip(
        np.broadcast_to(tone, 3) + smooth_noise(rng, side, side)[..., None] * 12, 0, 255
    )
    kind = rng.random()
    if kind < 0.4:
        return plain.astype(np.uint8)
    if kind < 0.5:
        return objects.texture_patch(assets, rng, side)
    if rng.random() < 0.5:  # a print of another tone
        ink = np.clip(tone + rng.normal(0, 1) * 80, 0, 255) * np.ones(3)
    else:
        ink = objects.texture_patch(assets, rng, side)
    if rng.random() < 0.6:
        pattern = smooth_noise(rng, side, side, cells=int(rng.integers(2, 9)))
    else:
        rows, columns = np.mgrid[:side, :side] / side
        turn, count = rng.uniform(0, np.pi), rng.uniform(2, 12)
        pattern = np.sin(2 * np.pi * count * (columns * np.cos(turn) + rows * np.sin(turn)))
    return np.where((pattern > rng.uniform(-0.3, 0.6))[..., None], ink, plain).astype(np.uint8)


def smooth_noise(rng: np.random.Generator, height: int, width: int, *, cells: int = 6) -> Grid:
    """Smooth noise around 0 with a spread of about 0.5, ``(height, width)``."""
    coarse = rng.normal(0, 0.7, (cells, cells if width > 1 else 1)).astype(np.float32)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).reshape(height, width)


def _lit_surface(rgb: RGB, shade: Grid, shine: Grid, alpha: Grid) -> RGBA:
    """A lit surface: colours times ``shade``, then moved by ``shine`` (0..1) towards white."""
    shine = np.clip(shine, 0, 1)[..., None]
    lit = np.clip(rgb * shade[..., None], 0, 255) * (1 - shine) + 250 * shine
    return np.dstack([lit.astype(np.uint8), (alpha * 255).astype(np.uint8)])


def _polygon(height: int, width: int, corners) -> Grid:
    """A polygon, corners as shares of width and height."""
    out = np.zeros((height, width), np.uint8)
    points = np.round(np.asarray(corners) * (width * 16, height * 16)).astype(np.int32)
    cv2.fillPoly(out, [points], 255, cv2.LINE_AA, 4)
    return out / 255


def _panel(height: int, width: int, box, rounding: float) -> Grid:
    """A box (x0, y0, x1, y1 as shares), its corners rounded by a share of its shorter side."""
    x0, y0, x1, y1 = np.array(box) * (width, height, width, height)
    r = max(0.5, rounding * min(x1 - x0, y1 - y0))
    rows, columns = np.mgrid[:height, :width] + 0.5
    dx = np.maximum(np.maximum(x0 + r - columns, columns - x1 + r), 0)
    dy = np.maximum(np.maximum(y0 + r - rows, rows - y1 + r), 0)
    return np.clip(r - np.hypot(dx, dy) + 0.5, 0, 1)


def _paste(onto: RGBA, piece: RGBA, left: int, top: int) -> None:
    """Put a piece over a picture; what is outside is cut off."""
    onto, piece = overlap(onto, piece, left, top)
    np.copyto(onto, piece, where=piece[..., 3:] > 127)
