"""The background of a training clip: a photograph, one with a textured floor, or a wall."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from .assets import Assets
from .compositing import Background, Layer
from .motion import Deformation
from .shapes import RGB, perspective_floor

MARGIN = 0.15  # of the world around the first view, world units; beyond it the picture mirrors


class PhotoBackground:
    """A picture that fills the world; the first view is ``(0, 0)`` to ``(aspect, 1)``.

    Args:
        assets: where it is taken from.
        rng: decides everything.
        aspect: width of the view, world units.
        size: of the screen, pixels.
        walls: how often it is a nearly even wall, 0 to 0.82.

    Attributes:
        canvas: the picture.
        pixels_per_unit: pixels of the canvas per world unit, across and down.
        deformation: how it ripples, as leaves and water do, or None.
    """

    def __init__(
        self,
        assets: Assets,
        rng: np.random.Generator,
        *,
        aspect: float,
        size: int,
        walls: float,
    ) -> None:
        wide, high = aspect + 2 * MARGIN, 1 + 2 * MARGIN
        # Where the frame is wider than high, the screen squashes it: so is the canvas.
        shape = (round(wide * size / max(1.0, aspect)), round(high * size))
        self.pixels_per_unit = (shape[0] / wide, shape[1] / high)
        kind = rng.random()
        source = assets.photo(rng) if kind < 0.93 else assets.texture(rng)
        self.canvas: RGB = _crop(source, rng, wide / high, shape)
        if kind < 0.18:
            _draw_floor(self.canvas, assets.texture(rng), rng)
        elif kind < 0.18 + walls:
            self.canvas = _wall(self.canvas, rng)
        self.deformation: Deformation | None = None

    def to_canvas(self) -> Float[np.ndarray, "3 3"]:
        """World to canvas pixels."""
        sx, sy = self.pixels_per_unit
        return np.array([[sx, 0, MARGIN * sx - 0.5], [0, sy, MARGIN * sy - 0.5], [0, 0, 1.0]])

    def bake(self, layer: Layer) -> None:
        """Make a layer part of the picture."""
        labels = np.zeros(self.canvas.shape[:2], np.uint8)
        layer.draw(self.canvas, labels, self.to_canvas(), 0.0)

    def to_background(self) -> Background:
        """What the camera takes: the picture as it is now."""
        height, width = self.canvas.shape[:2]
        own = np.diag([height, height, 1.0])
        own[:2, 2] = (width - 1) / 2, (height - 1) / 2
        return Background(self.canvas, np.linalg.inv(self.to_canvas()) @ own, self.deformation)

    def surroundings(self, x: float, y: float) -> RGB:
        """The pixels around a point of the world, at half the resolution."""
        height, width = self.canvas.shape[:2]
        column, row = (self.to_canvas() @ (x, y, 1.0))[:2]
        column, row = int(np.clip(column, 0, width - 1)), int(np.clip(row, 0, height - 1))
        return self.canvas[max(0, row - 40) : row + 40 : 2, max(0, column - 40) : column + 40 : 2]

    def erase(self, x: int, y: int, alpha: UInt8[np.ndarray, "h w"], rng) -> None:
        """Paint over a region at canvas pixel ``(x, y)``.

        It gets the colours that surround it and the detail of another place.
        """
        canvas, (h, w) = self.canvas, alpha.shape
        hole = np.zeros(canvas.shape[:2], np.float32)
        hole[y : y + h, x : x + w] = alpha / np.float32(255)
        hole = cv2.dilate(hole, np.ones((7, 7), np.uint8))
        known = canvas * (1 - hole)[..., None]
        small = (max(2, canvas.shape[1] // 16), max(2, canvas.shape[0] // 16))
        colour = cv2.resize(known, small, interpolation=cv2.INTER_AREA)
        weight = cv2.resize(1 - hole, small, interpolation=cv2.INTER_AREA)
        colour, weight = (cv2.GaussianBlur(v, (0, 0), 3) for v in (colour, weight))
        fill = cv2.resize(colour / np.maximum(weight, 1e-3)[..., None], canvas.shape[1::-1])
        detail = canvas.astype(np.float32)
        detail -= cv2.blur(detail, (25, 25))
        rows, columns = rng.integers(h // 2, canvas.shape[0]), rng.integers(w, canvas.shape[1] + w)
        fill += np.roll(detail, (int(rows), int(columns)), (0, 1))
        self.canvas = (known + np.clip(fill, 0, 255) * hole[..., None]).astype(np.uint8)


def _crop(source, rng: np.random.Generator, aspect: float, shape: tuple[int, int]) -> np.ndarray:
    """A random part of this aspect, as ``shape`` (width, height)."""
    height, width = source.shape[:2]
    h = min(height, width / aspect) * rng.uniform(0.5, 1.0)
    h, w = max(8, int(h)), max(8, int(h * aspect))
    y, x = int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1))
    piece = np.ascontiguousarray(source[y : y + h, x : x + w])
    way = cv2.INTER_AREA if h > shape[1] else cv2.INTER_LINEAR
    canvas = cv2.resize(piece, shape, interpolation=way)
    return np.ascontiguousarray(canvas[:, ::-1]) if rng.random() < 0.5 else canvas


def _wall(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A nearly even wall, lit as the picture is."""
    light = cv2.blur(picture, (2 * (len(picture) // 4) + 1,) * 2, borderType=cv2.BORDER_REPLICATE)
    paint = rng.uniform(20, 250) + rng.normal(0, 12, 3)
    share = rng.uniform(0.4, 0.95)
    grain = cv2.addWeighted(picture, 1.0, light, -1.0, 128).astype(np.float32) - 128
    wall = light * (1 - share) + paint * share + grain * rng.uniform(0, 0.08)
    return np.clip(wall, 0, 255).astype(np.uint8)


def _draw_floor(canvas: np.ndarray, texture: np.ndarray, rng: np.random.Generator) -> None:
    """Replace the lower part of the canvas by a floor in perspective."""
    height, width = canvas.shape[:2]
    horizon = int(height * rng.uniform(0.35, 0.75))
    deep = height - horizon
    side = texture.shape[0]
    spread = rng.uniform(1.5, 4.0)
    middle = width * rng.uniform(0.3, 0.7)
    far, close = side * spread, side * rng.uniform(0.5, 1.2)
    corners = [[-far, -far], [far, -far], [close * (width / middle - 1), close], [-close, close]]
    floor = perspective_floor(texture, corners, width, deep)
    light = np.linspace(rng.uniform(0.6, 1.0), rng.uniform(0.7, 1.1), deep)[:, None, None]
    canvas[horizon:] = np.clip(floor * light, 0, 255).astype(np.uint8)
    edge = slice(max(0, horizon - 2), horizon + 2)
    canvas[edge] = cv2.blur(canvas[edge], (1, 3))
