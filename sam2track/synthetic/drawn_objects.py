"""Procedural sprites with shading: solid objects made of capsules, in a random material.

Takes a seeded generator. Gives square premultiplied RGBA pictures, and look-alikes: the same figure
in a similar material. The capsules' heights towards the viewer make one surface, whose normals are
used for lighting.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from .capsule_figures import FIGURES, Capsule
from .shapes import fractal_noise, to_premultiplied

SIDE = 256  # height and width of a picture, pixels


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """The surface of an object."""

    palette: Float[np.ndarray, "4 3"]  # RGB, 0..255, one row per colour; the first is the body's
    marks: Float[np.ndarray, "3"]  # RGB of the markings on the body
    kind: str  # `"patches"`, `"stripes"`, `"spots"` or `"plain"`
    cells: float  # how many markings fit across the picture
    angle: float  # of stripes, radians
    cover: float  # share of the body that is marked, 0..1
    grain: float  # how rough its texture is, 0..1
    shininess: float  # how much it shines, 0..1
    seed: int  # places the markings


@dataclass(frozen=True, slots=True, eq=False)
class DrawnObject:
    """A figure, its material and its light."""

    capsules: tuple[Capsule, ...]  # of the figure, from back to front
    material: Material  # of its surface
    # Towards the light, a unit vector (x, y down, z towards the viewer)
    light: tuple[float, float, float]

    @classmethod
    def draw(cls, rng: np.random.Generator, kind: str | None = None) -> DrawnObject:
        """A random object, of a random kind (a key of ``FIGURES``) unless one is given."""
        kind = kind or str(rng.choice(list(FIGURES)))
        light = np.array([rng.uniform(-0.6, 0.6), -0.7, 0.7])
        x, y, z = (light / np.linalg.norm(light)).tolist()
        return cls(FIGURES[kind](rng), _random_material(rng), (x, y, z))

    def lookalike(self, rng: np.random.Generator, *, similarity: float) -> DrawnObject:
        """The same figure with other markings; its colours are others (0) to the same (1)."""
        other = _random_material(rng)
        material = replace(
            self.material,
            palette=similarity * self.material.palette + (1 - similarity) * other.palette,
            marks=similarity * self.material.marks + (1 - similarity) * other.marks,
            seed=other.seed,
        )
        return replace(self, material=material)

    def render(self) -> UInt8[np.ndarray, "256 256 4"]:
        """The picture, premultiplied."""
        height, alpha, colour = _surface(self.capsules)
        albedo = _albedo(self.material, colour)
        shade, shine = _lighting(height, self.light)
        rgb = albedo * shade[..., None] + 255 * 0.5 * self.material.shininess * shine[..., None]
        return to_premultiplied(rgb, alpha)


def _surface(capsules):
    """Height (in picture widths), soft coverage 0..1 and palette colour of each pixel."""
    axis = (np.arange(SIDE, dtype=np.float32) + 0.5) / SIDE - 0.5
    x, y = np.meshgrid(axis, axis)
    top = np.full((SIDE, SIDE), -1, np.float32)
    inside = np.full((SIDE, SIDE), -1, np.float32)  # depth under the outline
    colour = np.zeros((SIDE, SIDE), np.int64)
    for capsule in capsules:
        (x0, y0), (x1, y1) = capsule.start, capsule.end
        way = np.array([x1 - x0, y1 - y0])
        along = ((x - x0) * way[0] + (y - y0) * way[1]) / max(float(way @ way), 1e-9)
        along = np.clip(along, 0, 1)
        distance = np.hypot(x - x0 - along * way[0], y - y0 - along * way[1])
        radius = capsule.radius[0] + (capsule.radius[1] - capsule.radius[0]) * along
        depth = np.clip(1 - distance / radius, 0, None)
        depth = np.minimum(depth, 1 - 0.75 * capsule.flat) / (1 - 0.75 * capsule.flat)
        height = radius * np.sqrt(depth * (2 - depth)) + capsule.lift
        front = (distance < radius) & (height > top)
        top[front] = height[front]
        colour[front] = capsule.colour
        inside = np.maximum(inside, radius - distance)
    alpha = np.clip(inside * SIDE / 1.5 + 0.5, 0, 1)
    top = cv2.GaussianBlur(np.maximum(top, 0), (0, 0), 2.0)
    return top, alpha, colour


def _albedo(material: Material, colour) -> Float[np.ndarray, "h w 3"]:
    """The colour of the surface before light falls on it."""
    rng = np.random.default_rng(material.seed)
    rough = fractal_noise(rng, SIDE, SIDE, material.cells)
    axis = np.linspace(-0.5, 0.5, SIDE, dtype=np.float32)
    if material.kind == "stripes":
        across = axis[None] * np.cos(material.angle) + axis[:, None] * np.sin(material.angle)
        pattern = np.sin(2 * np.pi * material.cells * across + 0.8 * rough) + 0.4 * rough
    elif material.kind == "spots":
        pattern = fractal_noise(rng, SIDE, SIDE, 2.2 * material.cells, octaves=2)
    else:
        pattern = rough
    albedo = material.palette[colour]
    if material.kind != "plain":
        level = np.quantile(pattern, 1 - material.cover)
        marked = np.clip((pattern - level) * 6 + 0.5, 0, 1) * np.isin(colour, (0, 1))
        albedo = albedo + marked[..., None] * (material.marks - albedo)
    fine = fractal_noise(rng, SIDE, SIDE, 40, octaves=3)
    broad = fractal_noise(rng, SIDE, SIDE, 3, octaves=3)
    return albedo * (1 + material.grain * (0.16 * fine + 0.10 * broad))[..., None]


def _lighting(height, light) -> tuple[np.ndarray, np.ndarray]:
    """Diffuse light of each pixel (about 0.3 to 1.2) and specular light (0..1)."""
    slope_x = cv2.Sobel(height, cv2.CV_32F, 1, 0, scale=SIDE / 8)
    slope_y = cv2.Sobel(height, cv2.CV_32F, 0, 1, scale=SIDE / 8)
    normal = np.dstack([-slope_x, -slope_y, np.ones_like(height)])
    normal /= np.linalg.norm(normal, axis=2, keepdims=True)
    facing = np.clip(normal @ np.array(light, np.float32), 0, 1)
    half = np.array([light[0], light[1], light[2] + 1])
    shine = np.clip(normal @ (half / np.linalg.norm(half)).astype(np.float32), 0, 1) ** 40
    return 0.34 + 0.82 * facing, shine


def _random_material(rng: np.random.Generator) -> Material:
    """A material of muted colours, the body lighter or darker than its markings."""
    hue, second = rng.uniform(0, 180), rng.uniform(0, 180)
    hue = rng.uniform(5, 22) if rng.random() < 0.5 else hue  # browns, as of fur and wood
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
    return Material(
        palette=colours[:4],
        marks=colours[4],
        kind=str(rng.choice(["patches", "stripes", "spots", "plain"], p=[0.4, 0.25, 0.25, 0.1])),
        cells=float(rng.uniform(3, 6)),
        angle=float(rng.uniform(0, np.pi)),
        cover=float(rng.uniform(0.25, 0.5)),
        grain=float(rng.uniform(0.3, 1.0)),
        shininess=float(rng.choice([0.0, rng.uniform(0.2, 0.9)])),
        seed=int(rng.integers(2**31)),
    )
