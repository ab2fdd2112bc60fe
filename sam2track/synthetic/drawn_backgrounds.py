"""Procedural backgrounds and occluders.

Takes a seeded generator. Gives RGB pictures of an outdoor place or a room, and premultiplied RGBA
pictures of bushes, rocks, panels and pillars, which stand in them or hide objects.
"""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float

from .shapes import RGB, RGBA, fractal_noise, overlap, perspective_floor, to_premultiplied


def outdoor_or_room(rng: np.random.Generator, height: int, width: int) -> RGB:
    """A random background: hills and meadows, or a room, with objects standing in it."""
    canvas = np.zeros((height, width, 3), np.float32)
    horizon = int(height * rng.uniform(0.35, 0.55))
    outside = rng.random() < 0.6
    if outside:
        _draw_sky(canvas, horizon, rng)
        _draw_hills(canvas, horizon, rng)
        _draw_floor(canvas, horizon, _meadow(rng), rng)
    else:
        canvas[:] = _wall(height, width, rng)
        _draw_floor(canvas, horizon, _boards(rng) if rng.random() < 0.6 else _carpet(rng), rng)
    kinds = (bush, bush, rock) if outside else (pillar, panel, panel)
    count = int(rng.integers(8, 16)) if outside else int(rng.integers(4, 8))
    for near in np.sort(rng.uniform(0.03, 1.0, count) ** 1.4):
        side = int(height * (0.08 + 0.42 * near))
        prop = kinds[int(rng.integers(len(kinds)))](rng, side)
        place = int(rng.uniform(0, width)), int(horizon + near * (height - horizon) * 0.8)
        _draw_standing(canvas, prop, *place, haze=0.45 * (1 - near) * outside)
    y, x = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)[None]
    light = 1.04 - 0.12 * (x * x + y * y) + rng.uniform(-0.12, 0.12) * x
    canvas *= light[..., None].astype(np.float32)
    canvas = cv2.GaussianBlur(canvas, (0, 0), 0.7)
    return np.clip(canvas, 0, 255).astype(np.uint8)


def bush(rng: np.random.Generator, side: int, *, trees: float = 0.4) -> RGBA:
    """A bush, or (a share ``trees`` of them) a crown on its trunk; lit from above."""
    leaf = _colour(rng, (25, 60), (60, 160), (70, 150))
    clumps = fractal_noise(rng, side, side, 5, octaves=4)
    leaves = fractal_noise(rng, side, side, max(6.0, side / 9), octaves=2)
    y, x = _axes(side)
    trunk = rng.random() < trees
    centre, span = (0.36, 0.36) if trunk else (0.56, 0.46)
    depth = 1 - np.hypot((x - 0.5) / 0.47, (y - centre) / span) + 0.10 * clumps + 0.05 * leaves
    alpha = np.clip(depth * side / 5 + 0.5, 0, 1)
    shade = 0.85 + 0.16 * clumps + 0.20 * leaves - 0.55 * (y - centre)
    rgb = leaf * shade[..., None]
    if trunk:
        wood = np.clip((0.05 - np.abs(x - 0.5 + 0.02 * clumps)) * side / 2 + 0.5, 0, 1)
        wood = wood * (y > 0.55) * (1 - alpha)
        bark = _colour(rng, (8, 20), (40, 110), (50, 110)) * (0.8 + 0.2 * leaves)[..., None]
        rgb = rgb * alpha[..., None] + bark * (1 - alpha[..., None])
        alpha = np.maximum(alpha, wood)
    return to_premultiplied(rgb, alpha)


def rock(rng: np.random.Generator, side: int) -> RGBA:
    """A boulder."""
    bumps, grain = fractal_noise(rng, side, side, 3), fractal_noise(rng, side, side, 24)
    y, x = _axes(side)
    depth = 1 - np.hypot((x - 0.5) / 0.47, (y - 0.62) / 0.38) + 0.09 * bumps
    alpha = np.clip(depth * side / 3 + 0.5, 0, 1)
    lean = float(rng.uniform(-0.5, 0.5))
    shade = 1.05 - 0.7 * (y - 0.5) + lean * (x - 0.5) + 0.10 * bumps + 0.10 * grain
    return to_premultiplied(_colour(rng, (0, 40), (5, 50), (80, 180)) * shade[..., None], alpha)


def panel(rng: np.random.Generator, side: int) -> RGBA:
    """A board, a cupboard or a piece of wall, with a grid of gaps."""
    y, x = _axes(side)
    grain = fractal_noise(rng, side, side, 30, octaves=3)
    veins = _veins(rng, 4, 8, (side, side))
    rows, columns = rng.integers(1, 4, 2)
    gap = np.minimum(np.abs(np.sin(np.pi * rows * y)), np.abs(np.sin(np.pi * columns * x)))
    shade = 0.9 + 0.07 * grain + 0.10 * veins - 0.45 * (gap < 0.06) + rng.uniform(-0.4, 0.4) * x
    alpha = np.ones((side, side), np.float32)
    return to_premultiplied(_colour(rng, (0, 180), (15, 130), (70, 215)) * shade[..., None], alpha)


def pillar(rng: np.random.Generator, side: int) -> RGBA:
    """A pillar or a trunk, as high as the picture and a third as wide."""
    width = max(4, side // 3)
    x = np.linspace(-1, 1, width, dtype=np.float32)[None]
    grain = fractal_noise(rng, side, width, 40, octaves=3)
    veins = _veins(rng, 3, 6, (width, side))
    shade = 1.05 - 0.5 * x * x - 0.2 * x + 0.09 * grain + 0.14 * veins
    colour = _colour(rng, (0, 40), (10, 110), (70, 190))
    return to_premultiplied(colour * shade[..., None], np.ones((side, width), np.float32))


def _draw_sky(canvas, horizon: int, rng: np.random.Generator) -> None:
    height, width = canvas.shape[:2]
    top = _colour(rng, (95, 120), (40, 150), (150, 230))
    low = _colour(rng, (0, 120), (0, 50), (190, 245))
    down = np.linspace(0, 1, height, dtype=np.float32)[:, None, None] * (height / horizon)
    clouds = np.clip(fractal_noise(rng, height, width, 4, octaves=5) * 0.5, 0, 1)[..., None]
    clear = top + np.clip(down, 0, 1) * (low - top)
    canvas[:] = clear + clouds * 0.7 * (245 - clear)


def _draw_hills(canvas, horizon: int, rng: np.random.Generator) -> None:
    height, width = canvas.shape[:2]
    row = np.arange(height, dtype=np.float32)[:, None]
    for far in (1.0, 0.6, 0.25):
        ridge = horizon - height * 0.10 * far + height * 0.05 * fractal_noise(rng, 8, width, 1.5)[4]
        cover = np.clip(row - ridge[None], 0, 1)[..., None]
        leaves = fractal_noise(rng, height, width, 60, octaves=3)[..., None]
        green = _colour(rng, (25, 65), (40, 130), (60, 130)) * (1 + 0.22 * leaves)
        canvas[:] = canvas + cover * (green + far * 0.5 * (185 - green) - canvas)


def _draw_floor(canvas, horizon: int, floor, rng: np.random.Generator) -> None:
    """Lay a square texture below the horizon, in perspective."""
    height, width = canvas.shape[:2]
    side, deep = floor.shape[0], height - horizon
    far, close = float(rng.uniform(2.5, 4.5)), float(rng.uniform(0.5, 0.9))
    corners = np.array([[-far, -far], [far + 1, -far], [0.5 + close, 1], [0.5 - close, 1]]) * side
    seen = perspective_floor(floor, corners, width, deep)
    # Far away the texture is finer than the pixels: there it fades into its mean.
    near = np.linspace(0, 1, deep, dtype=np.float32)[:, None, None]
    mean = floor.mean((0, 1))
    canvas[horizon:] = mean + (seen - mean) * np.clip(near * 3, 0.15, 1)
    canvas[horizon:] *= 0.88 + 0.2 * near


def _meadow(rng: np.random.Generator) -> Float[np.ndarray, "s s 3"]:
    grass = _colour(rng, (28, 50), (50, 140), (90, 160))
    earth = _colour(rng, (8, 24), (30, 110), (90, 180))
    share = fractal_noise(rng, 512, 512, 5) * 0.8 + rng.uniform(-0.6, 0.6) + 0.5
    share = np.clip(share, 0, 1)[..., None]
    blades = fractal_noise(rng, 512, 512, 90, octaves=2)[..., None]
    return (grass + share * (earth - grass)) * (1 + 0.20 * blades)


def _boards(rng: np.random.Generator) -> Float[np.ndarray, "s s 3"]:
    wood = _colour(rng, (8, 20), (50, 140), (90, 190))
    planks = 12
    tone = np.repeat(rng.uniform(0.8, 1.15, planks), 512 // planks + 1)[:512].astype(np.float32)
    veins = _veins(rng, 10, 16, (512, 512))
    gap = (np.arange(512) % (512 // planks + 1) < 3) * 0.45
    shade = tone[None] + 0.10 * veins + 0.05 * fractal_noise(rng, 512, 512, 60) - gap[None]
    return (wood * shade[..., None]).astype(np.float32)


def _carpet(rng: np.random.Generator) -> Float[np.ndarray, "s s 3"]:
    one = _colour(rng, (0, 180), (10, 110), (60, 200))
    two = _colour(rng, (0, 180), (10, 90), (80, 210))
    figure = np.clip(np.abs(fractal_noise(rng, 512, 512, 8, octaves=2)) * 2 - 1, 0, 1)[..., None]
    knots = fractal_noise(rng, 512, 512, 110, octaves=2)[..., None]
    return (one + 0.6 * figure * (two - one)) * (1 + 0.12 * knots)


def _wall(height: int, width: int, rng: np.random.Generator) -> Float[np.ndarray, "h w 3"]:
    """Plaster or wallpaper with pictures on it."""
    colour = _colour(rng, (0, 180), (8, 70), (130, 225))
    plaster = 0.05 * fractal_noise(rng, height, width, 3)
    plaster += 0.03 * fractal_noise(rng, height, width, 60)
    bands = np.sin(np.linspace(0, rng.uniform(30, 120), width, dtype=np.float32))[None]
    wall = colour * (1 + plaster + rng.choice([0.0, 0.08]) * np.sign(bands))[..., None]
    rim = max(1, round(0.007 * height))
    for _ in range(int(rng.integers(2, 7))):
        h, w = (int(height * v) for v in rng.uniform(0.08, 0.28, 2))
        y, x = int(rng.uniform(0.02, 0.3) * height), int(rng.uniform(0, width - w))
        wall[y : y + h, x : x + w] = _colour(rng, (0, 40), (20, 120), (30, 140))
        inner = (h - 2 * rim, w - 2 * rim)
        grey = 130 + 45 * fractal_noise(rng, *inner, 2.5)
        tints = np.stack([fractal_noise(rng, *inner, 2, octaves=2) for _ in range(3)], -1)
        wall[y + rim : y + h - rim, x + rim : x + w - rim] = grey[..., None] + 18 * tints
    return wall


def _draw_standing(canvas, prop: RGBA, x: int, base: int, *, haze: float) -> None:
    """Draw a picture that stands on the ground, its lower edge at ``base``, with a shadow."""
    height, width = canvas.shape[:2]
    h, w = prop.shape[:2]
    shade = np.zeros((height, width), np.float32)
    cv2.ellipse(shade, (x, base), (max(2, w // 2), max(2, h // 14)), 0, 0, 360, 0.5, -1)
    canvas *= 1 - cv2.blur(shade, (max(3, w // 6), max(3, h // 12)))[..., None]
    region, piece = overlap(canvas, prop, x - w // 2, base - h)
    piece = piece.astype(np.float32)
    alpha = piece[..., 3:] / 255
    colour = piece[..., :3] + haze * (185 * alpha - piece[..., :3])
    region[:] = region * (1 - alpha) + colour


def _veins(rng: np.random.Generator, cells: float, height: int, size: tuple[int, int]):
    """Noise of a low height, stretched down to ``size`` (width, height)."""
    noise = fractal_noise(rng, height, size[0], cells)
    return cv2.resize(noise, size, interpolation=cv2.INTER_CUBIC)


def _axes(side: int) -> tuple[np.ndarray, np.ndarray]:
    """y as a column and x as a row, 0 to 1."""
    axis = np.linspace(0, 1, side, dtype=np.float32)
    return axis[:, None], axis[None]


def _colour(rng: np.random.Generator, hue, saturation, value) -> Float[np.ndarray, "3"]:
    """A random RGB colour within ranges of OpenCV's hue (0..180), saturation and value (0..255)."""
    hsv = np.array([[[rng.uniform(*hue) % 180, rng.uniform(*saturation), rng.uniform(*value)]]])
    return cv2.cvtColor(hsv.round().astype(np.uint8), cv2.COLOR_HSV2RGB)[0, 0].astype(np.float32)
