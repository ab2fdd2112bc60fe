"""What is tracked in a parity check: a procedural clip, and who prompts what when.

One scenario is a list of steps; each side of a comparison plays them with its own predictor.
Coordinates are fractions of the frame, so that a scenario fits every size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor


@dataclass(frozen=True)
class Ask:
    """One object is prompted on one frame: clicks ``(x, y, label)``, a box, or a mask."""

    object_id: int
    frame: int
    clicks: tuple[tuple[float, float, int], ...] = ()
    box: tuple[float, float, float, float] | None = None
    mask: bool = False  # the exact mask of the object in the clip

    def points(self, height: int, width: int) -> np.ndarray:
        """The clicks in pixels, ``(P, 2)``."""
        points = np.array([click[:2] for click in self.clicks], np.float32).reshape(-1, 2)
        return points * np.array([width, height], np.float32)

    def labels(self) -> np.ndarray:
        """1 = on the object, 0 = off it, ``(P,)``."""
        return np.array([click[2] for click in self.clicks], np.int32)

    def corners(self, height: int, width: int) -> np.ndarray | None:
        """The box in pixels."""
        if self.box is None:
            return None
        return np.array(self.box, np.float32) * np.array([width, height] * 2, np.float32)


@dataclass(frozen=True)
class Track:
    """Every object is followed from one frame to another, both included, either way."""

    first: int
    last: int

    @property
    def direction(self) -> int:
        return 1 if self.last >= self.first else -1

    def frames(self) -> range:
        return range(self.first, self.last + self.direction, self.direction)


Step = Ask | Track


@dataclass(frozen=True)
class Outcome:
    """What one side says about one object on one frame."""

    frame: int
    object_id: int
    logits: Tensor  # (4h, 4w), at a quarter of the model's input
    mask: Tensor  # (H, W), bool, at the size of the video
    presence: float


CLICK = Ask(1, 0, clicks=((0.42, 0.45, 1),))


def _scenarios(last: int) -> dict[str, tuple[Step, ...]]:
    """The scenarios over frames 0 to ``last`` (at least 7)."""
    middle = last // 2
    negatives = ((0.42, 0.45, 1), (0.50, 0.55, 1), (0.15, 0.80, 0), (0.85, 0.20, 0))
    box = (0.25, 0.30, 0.62, 0.66)
    second = Ask(2, 3, box=(0.55, 0.12, 0.93, 0.55))
    return {
        "click": (CLICK, Track(0, last)),
        "clicks": (Ask(1, 0, clicks=negatives), Track(0, last)),
        "box": (Ask(1, 0, box=box), Track(0, last)),
        "box_clicks": (Ask(1, 0, clicks=negatives[1:3], box=box), Track(0, last)),
        "mask": (Ask(1, 0, mask=True), Track(0, last)),
        "two_objects": (CLICK, Track(0, 2), second, Track(3, last)),
        "correction": (
            CLICK,
            Track(0, last),
            Ask(1, middle, clicks=((0.55, 0.60, 1), (0.30, 0.25, 0))),
            Track(middle, last),
        ),
        "correction_click": (
            CLICK,
            Track(0, last),
            Ask(1, middle, clicks=((0.55, 0.60, 0),)),
            Track(middle, last),
        ),
        "reverse": (Ask(1, middle + 1, clicks=((0.5, 0.5, 1),)), Track(middle + 1, 0)),
        "both_ways": (
            Ask(1, middle, clicks=((0.5, 0.5, 1),)),
            Track(middle, last),
            Track(middle, 0),
        ),
        "two_anchors": (CLICK, Ask(1, middle + 2, box=box), Track(0, last)),
        "second_click": (CLICK, Ask(1, 0, clicks=((0.15, 0.80, 0),)), Track(0, last)),
        "long": (CLICK, Track(0, 19)),
        "wide": (Ask(1, 0, clicks=negatives), Ask(2, 0, mask=True), Track(0, last)),
    }


def scenario(name: str, frames: int = 8) -> tuple[Step, ...]:
    """The steps of one scenario over a number of frames (``long`` always has 20)."""
    return _scenarios(frames - 1)[name]


SCENARIOS = tuple(_scenarios(7))


def length(name: str, frames: int = 8) -> int:
    """How many frames the clip of a scenario has."""
    return 20 if name == "long" else frames


def frame_size(name: str, side: int) -> tuple[int, int]:
    """Height and width of a scenario's clip, for a model whose input has this side.

    The model's own size, so that resizing has no part in the comparison; but ``wide`` is half as
    high, which Pillow and PyTorch resize to the same last bit.
    """
    return (side // 2, side) if name == "wide" else (side, side)


@dataclass(frozen=True)
class Clip:
    """A procedural clip and the exact masks of its object 1."""

    images: np.ndarray  # (T, H, W, 3), uint8
    masks: np.ndarray  # (T, H, W), bool


def clip(frames: int, height: int, width: int, seed: int = 0) -> Clip:
    """Two textured discs over a drifting texture, in whole-number arithmetic.

    Whole numbers, because a frame must be the same to the last bit wherever it is drawn.
    """
    bits = np.random.Generator(np.random.PCG64(seed))
    cell = max(height, width) // 16
    layers = [_texture(bits, 2 * height, 2 * width, size) for size in (cell, cell // 2, cell // 4)]
    rows, columns = np.mgrid[:height, :width]
    images = np.empty((frames, height, width, 3), np.uint8)
    masks = np.empty((frames, height, width), bool)
    for t in range(frames):
        shift = (t * height) // 50
        image = layers[0][shift : shift + height, 2 * shift // 3 :][:, :width] * 2 // 3
        for number, (y, x, radius, dy, dx) in enumerate(
            ((46, 42, 17, 1, 2), (33, 74, 19, 1, -2)), start=1
        ):
            # A position is a hundredth of the frame; discs turn around before they leave it.
            centre_y = height * _bounce(y + dy * t) // 100
            centre_x = width * _bounce(x + dx * t) // 100
            reach_y, reach_x = height * radius // 100, width * radius // 100
            inside = (rows - centre_y) ** 2 * reach_x**2 + (columns - centre_x) ** 2 * reach_y**2
            inside = inside <= (reach_y * reach_x) ** 2
            texture = layers[number][height - centre_y :, width - centre_x :][:height, :width]
            tint = np.array(((90, 20, 0), (0, 60, 110))[number - 1])
            image = np.where(inside[..., None], texture * 3 // 5 + tint, image)
            if number == 1:
                masks[t] = inside
            else:
                masks[t] &= ~inside
        images[t] = image
    return Clip(images, masks)


def _bounce(position: int) -> int:
    """A path between 15 and 85 and back."""
    phase = (position - 15) % 140
    return 15 + (phase if phase <= 70 else 140 - phase)


def _texture(bits: np.random.Generator, height: int, width: int, cell: int) -> np.ndarray:
    """Smooth colour noise, ``(height, width, 3)``, 0..255: random cells, blurred over a cell."""
    grid = bits.integers(0, 256, (height // cell + 3, width // cell + 3, 3), dtype=np.int64)
    image = grid.repeat(cell, axis=0).repeat(cell, axis=1)
    for axis in (0, 1):
        total = image.cumsum(axis=axis)
        ends = np.take(total, np.arange(cell, total.shape[axis]), axis=axis)
        starts = np.take(total, np.arange(total.shape[axis] - cell), axis=axis)
        image = (ends - starts) // cell
    return image[:height, :width]
