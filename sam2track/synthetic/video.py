"""SyntheticVideo: a procedural video with exact masks, as a video source.

Takes a seed and needs no files. A frame depends only on the seed and its index, so that a video of
any length can be read in any order and takes no more memory than a short one.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from jaxtyping import UInt8

from ..types import Frame
from ..video.source import SeekableSource
from .camera import Camera
from .compositing import Background, Layer
from .motion import Deformation, Excursion, Motion, Waves
from .shapes import blob, noise_texture, premultiply

MARGIN = 0.25  # of the background around the view, world units


class SyntheticVideo(SeekableSource):
    """Textured shapes that move over a textured background, seen by a hand-held camera.

    Args:
        size: height and width, pixels.
        length: number of frames.
        objects: how many are labelled, 1 to 200; their labels are 1, 2, ...
        occluders: bars that stand in front, unlabelled.
        lookalikes: unlabelled copies of the objects, at most one per object.
        leaving: about how many frames from one leaving of an object to the next; 0 = never.
        seed: determines the video.
        fps: frames per second.

    Raises:
        ValueError: if an argument is outside its range; the message names the value.
    """

    def __init__(
        self,
        size: tuple[int, int] = (480, 854),
        length: int = 100,
        *,
        objects: int = 2,
        occluders: int = 1,
        lookalikes: int = 0,
        leaving: int = 0,
        seed: int = 0,
        fps: float = 24.0,
    ) -> None:
        if min(size) < 32:
            raise ValueError(f"size {size[0]}x{size[1]} is too small; give at least 32x32 pixels")
        if length < 1:
            raise ValueError(f"length {length}: a video has at least one frame")
        if not 1 <= objects <= 200:
            raise ValueError(f"objects {objects} is not between 1 and 200")
        if not 0 <= lookalikes <= objects:
            raise ValueError(f"lookalikes {lookalikes}: give at most one per object ({objects})")
        if occluders < 0 or leaving < 0 or 0 < leaving < 20:
            raise ValueError(
                f"occluders {occluders} and leaving {leaving} must not be negative, and an object "
                "needs at least 20 frames between leaving twice"
            )
        self.name, self.size, self.length, self.fps = f"synthetic-{seed}", size, length, fps
        self._last = length - 1
        rng = np.random.default_rng(seed)
        height, width = size
        self._aspect = width / height
        paint, reach = partial(noise_texture, rng), [0.08, 0.05, 0.04, 0.03]
        self._background = Background.around_view(paint, height, self._aspect, MARGIN)
        self._camera = Camera.hand_held(rng, self._aspect, size, reach, (60, 300))
        tracked = [self._object(rng, k, objects, leaving) for k in range(1, objects + 1)]
        copies = [self._lookalike(rng, layer) for layer in tracked[:lookalikes]]
        self._layers = copies + tracked + [self._bar(rng) for _ in range(occluders)]

    def read(self, index: int) -> Frame:
        return Frame(index, self._draw(index)[0])

    def close(self) -> None:
        """Does nothing: no file is open."""

    def mask(self, index: int) -> UInt8[np.ndarray, "H W"]:
        """The object that each pixel of a frame shows: 1, 2, ..., and 0 = none.

        Raises:
            IndexError: if the video has no such frame.
        """
        return self._draw(index)[1]

    def _draw(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        if not 0 <= index <= self._last:
            raise IndexError(f"{self.name} has frames 0 to {self._last}, not {index}")
        return self._camera.render(self._background, self._layers, float(index))

    def _object(self, rng: np.random.Generator, label: int, objects: int, leaving: int) -> Layer:
        """One object; objects start side by side, so that each is visible in frame 0."""
        side = max(16, round(0.4 * self.size[0]))
        picture = np.dstack([noise_texture(rng, side, side), blob(rng, side)])
        scale = rng.uniform(0.25, 0.4) / max(1.0, np.sqrt(objects / 4))
        place = np.array([(label - 0.5) / objects * self._aspect, rng.uniform(0.3, 0.7)])
        waves = Waves.draw(rng, [0.4, 0.25, 0.15, 0.5, 0.1, 0.1], (80, 400))
        start = np.array([*place, np.log(scale), rng.uniform(-0.5, 0.5), 0, 0]) - waves(0.0)
        speed = rng.normal(0, 0.003, 2)
        bounds = np.array([0.05, 0.05, self._aspect - 0.05, 0.95])
        excursion = None
        if leaving:
            away = np.array([rng.choice([-1.0, 1.0]) * (self._aspect + 0.8), 0.0])
            period = leaving * rng.uniform(0.8, 1.2)
            excursion = Excursion(away, period * rng.uniform(0.4, 0.7), 0.3 * period, period)
        motion = Motion(start, np.array([*speed, 0, 0, 0, 0]), waves, bounds, excursion)
        return Layer(premultiply(picture), motion, Deformation.ripples(rng, 0.03, (20, 60)), label)

    def _lookalike(self, rng: np.random.Generator, layer: Layer) -> Layer:
        """An unlabelled copy with its own motion."""
        start = layer.motion.start + np.array([0, 0.35, 0, 0.3, 0, 0])
        waves = Waves.draw(rng, [0.4, 0.25, 0.1, 0.5, 0.1, 0.1], (80, 400))
        motion = Motion(start, -layer.motion.rate, waves, layer.motion.bounds)
        return Layer(layer.picture, motion, layer.deformation)

    def _bar(self, rng: np.random.Generator) -> Layer:
        """A vertical bar in front of everything, higher than the view."""
        height = max(32, self.size[0])
        wide = max(4, round(rng.uniform(0.05, 0.1) * height))
        texture = noise_texture(rng, height, wide)
        picture = np.dstack([texture, np.full((height, wide), 255, np.uint8)])
        place = np.array([rng.uniform(0.2, 0.8) * self._aspect, 0.5, np.log(1.8), 0, 0, 0])
        return Layer(premultiply(picture), Motion(place))
