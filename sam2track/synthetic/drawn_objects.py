"""Procedural things with the look of something filmed: solid, lit, in a coat of their own.

What enters: a seeded generator. What leaves: square RGBA pictures with colours multiplied by alpha,
as :class:`~sam2track.synthetic.compositing.Layer` wants them, and the recipe that a look-alike is made from.

A thing is a union of capsules, each a colour of a palette. Their heights towards the viewer make
one surface; its normals take the light.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from .body_plans import KINDS, Part

SIDE = 256  # pixels of a thing's picture
COLOURS = 4  # of a palette: the first is the body's


@dataclass(frozen=True, slots=True, eq=False)
class Coat:
    """What covers a thing.

    Attributes:
        palette: RGB, 0..255, one row a colour.
        marks: RGB of the markings on the body.
        kind: ``"patches"``, ``"stripes"``, ``"spots"`` or ``"plain"``.
        cells: how many markings fit across the picture.
        angle: of stripes, radians.
        cover: share of the body that is marked, 0..1.
        grain: how rough its texture is, 0..1.
        gloss: how much it shines, 0..1.
        seed: places the markings.
    """

    palette: Float[np.ndarray, "4 3"]
    marks: Float[np.ndarray, "3"]
    kind: str
    cells: float
    angle: float
    cover: float
    grain: float
    gloss: float
    seed: int


@dataclass(frozen=True, slots=True, eq=False)
class Thing:
    """The recipe of a thing.

    Attributes:
        parts: back to front.
        coat: what covers them.
        light: towards the light, a unit vector (x, y down, z towards the viewer).
    """

    parts: tuple[Part, ...]
    coat: Coat
    light: tuple[float, float, float]

    @classmethod
    def draw(cls, rng: np.random.Generator, kind: str | None = None) -> Thing:
        """A random thing, of a random kind (a key of ``KINDS``) unless one is given."""
        kind = kind or str(rng.choice(list(KINDS)))
        light = np.array([rng.uniform(-0.6, 0.6), -0.7, 0.7])
        x, y, z = (light / np.linalg.norm(light)).tolist()
        return cls(KINDS[kind](rng), _coat(rng), (x, y, z))

    def lookalike(self, rng: np.random.Generator, *, alike: float) -> Thing:
        """Another of its kind: 0 = in colours of its own, 1 = in the same, differently marked."""
        other = _coat(rng)
        coat = replace(
            self.coat,
            palette=alike * self.coat.palette + (1 - alike) * other.palette,
            marks=alike * self.coat.marks + (1 - alike) * other.marks,
            seed=other.seed,
        )
        return replace(self, coat=coat)

    def render(self) -> UInt8[np.ndarray, "256 256 4"]:
        """The picture: RGBA, colours multiplied by alpha."""
        height, alpha, colour = _surface(self.parts)
        albedo = _painted(self.coat, colour)
        shade, shine = _lit(height, self.light)
        rgb = albedo * shade[..., None] + 255 * 0.5 * self.coat.gloss * shine[..., None]
        rgb = np.clip(rgb, 0, 255) * alpha[..., None]
        return np.dstack([rgb, 255 * alpha]).round().astype(np.uint8)


def fractal(
    rng: np.random.Generator, height: int, width: int, cells: float, *, octaves: int = 4
) -> Float[np.ndarray, "h w"]:
    """Smooth noise of mean 0 and deviation 1, ``cells`` bumps high, with finer ones on it."""
    out = np.zeros((height, width), np.float32)
    for octave in range(octaves):
        n = max(2, round(cells * 2**octave))
        coarse = rng.random((n, max(2, round(n * width / height))), np.float32) - 0.5
        out += 0.55**octave * cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return (out - out.mean()) / (out.std() + 1e-6)


def _surface(parts):
    """Height (in picture widths), soft coverage 0..1 and palette colour of each pixel."""
    axis = (np.arange(SIDE, dtype=np.float32) + 0.5) / SIDE - 0.5
    x, y = np.meshgrid(axis, axis)
    top = np.full((SIDE, SIDE), -1, np.float32)
    inside = np.full((SIDE, SIDE), -1, np.float32)  # depth under the outline
    colour = np.zeros((SIDE, SIDE), np.int64)
    for part in parts:
        (x0, y0), (x1, y1) = part.start, part.end
        way = np.array([x1 - x0, y1 - y0])
        along = ((x - x0) * way[0] + (y - y0) * way[1]) / max(float(way @ way), 1e-9)
        along = np.clip(along, 0, 1)
        distance = np.hypot(x - x0 - along * way[0], y - y0 - along * way[1])
        radius = part.radius[0] + (part.radius[1] - part.radius[0]) * along
        depth = np.clip(1 - distance / radius, 0, None)
        depth = np.minimum(depth, 1 - 0.75 * part.flat) / (1 - 0.75 * part.flat)
        height = radius * np.sqrt(depth * (2 - depth)) + part.lift
        front = (distance < radius) & (height > top)
        top[front] = height[front]
        colour[front] = part.colour
        inside = np.maximum(inside, radius - distance)
    alpha = np.clip(inside * SIDE / 1.5 + 0.5, 0, 1)
    top = cv2.GaussianBlur(np.maximum(top, 0), (0, 0), 2.0)
    return top, alpha, colour


def _painted(coat: Coat, colour) -> Float[np.ndarray, "h w 3"]:
    """The colour of the surface before light falls on it."""
    rng = np.random.default_rng(coat.seed)
    rough = fractal(rng, SIDE, SIDE, coat.cells)
    axis = np.linspace(-0.5, 0.5, SIDE, dtype=np.float32)
    if coat.kind == "stripes":
        across = axis[None] * np.cos(coat.angle) + axis[:, None] * np.sin(coat.angle)
        pattern = np.sin(2 * np.pi * coat.cells * across + 0.8 * rough) + 0.4 * rough
    elif coat.kind == "spots":
        pattern = fractal(rng, SIDE, SIDE, 2.2 * coat.cells, octaves=2)
    else:
        pattern = rough
    level = np.quantile(pattern, 1 - (0 if coat.kind == "plain" else coat.cover))
    marked = np.clip((pattern - level) * 6 + 0.5, 0, 1) * np.isin(colour, (0, 1))
    if coat.kind == "plain":
        marked = np.zeros_like(marked)
    albedo = coat.palette[colour]
    albedo = albedo + marked[..., None] * (coat.marks - albedo)
    fine = fractal(rng, SIDE, SIDE, 40, octaves=3)
    broad = fractal(rng, SIDE, SIDE, 3, octaves=3)
    return albedo * (1 + coat.grain * (0.16 * fine + 0.10 * broad))[..., None]


def _lit(height, light) -> tuple[np.ndarray, np.ndarray]:
    """How much light each pixel returns (about 0.3 to 1.2), and how much of it as shine (0..1)."""
    slope_x = cv2.Sobel(height, cv2.CV_32F, 1, 0, scale=SIDE / 8)
    slope_y = cv2.Sobel(height, cv2.CV_32F, 0, 1, scale=SIDE / 8)
    normal = np.dstack([-slope_x, -slope_y, np.ones_like(height)])
    normal /= np.linalg.norm(normal, axis=2, keepdims=True)
    facing = np.clip(normal @ np.array(light, np.float32), 0, 1)
    half = np.array([light[0], light[1], light[2] + 1])
    shine = np.clip(normal @ (half / np.linalg.norm(half)).astype(np.float32), 0, 1) ** 40
    return 0.34 + 0.82 * facing, shine


def _coat(rng: np.random.Generator) -> Coat:
    """Colours as things have them: muted, the body lighter or darker than its marks."""
    hue, second = rng.uniform(0, 180), rng.uniform(0, 180)
    hue = rng.uniform(5, 22) if rng.random() < 0.5 else hue  # browns, of fur and wood
    value = rng.uniform(70, 235)
    saturation = rng.uniform(20, 190)
    near = (hue + rng.normal(0, 8)) % 180
    hsv = [
        (hue, saturation, value),
        (near, saturation, value * rng.uniform(0.65, 1.0)),
        (second, rng.uniform(20, 200), rng.uniform(40, 230)),
        (rng.uniform(0, 180), rng.uniform(0, 60), rng.uniform(15, 70)),
        (second, rng.uniform(0, 170), value - 110 if value > 140 else value + 110),
    ]
    rows = np.array([hsv]).round().astype(np.uint8)
    colours = cv2.cvtColor(rows, cv2.COLOR_HSV2RGB)[0].astype(np.float64)
    return Coat(
        palette=colours[:COLOURS],
        marks=colours[COLOURS],
        kind=str(rng.choice(["patches", "stripes", "spots", "plain"], p=[0.4, 0.25, 0.25, 0.1])),
        cells=float(rng.uniform(3, 6)),
        angle=float(rng.uniform(0, np.pi)),
        cover=float(rng.uniform(0.25, 0.5)),
        grain=float(rng.uniform(0.3, 1.0)),
        gloss=float(rng.choice([0.0, rng.uniform(0.2, 0.9)])),
        seed=int(rng.integers(2**31)),
    )
