"""A procedural video with exact masks.

Room: SOURCE. A seed enters; frames and the label of every pixel leave. No files are needed. A frame
depends on the seed and its index alone, so that a video of any length can be read in any order and
takes no more memory than a short one.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import UInt8

from ..types import Frame
from ..video.source import SeekableSource
from .compositing import Layer, sample
from .motion import Excursion, Motion, Sway, Waves
from .shapes import blob, noise_texture, premultiply

MARGIN = 0.25  # of the background around the view, in frame heights; beyond it mirrors


class SyntheticVideo(SeekableSource):
    """Textured shapes that wander over a textured ground, seen by an unsteady camera.

    Args:
        size: height and width, pixels.
        length: number of frames.
        objects: how many are labelled, 1 to 200; their labels are 1, 2, ...
        occluders: bars that stand in front, unlabelled.
        lookalikes: unlabelled copies of the objects, at most one an object.
        leaving: every how many frames an object leaves the picture and returns, about; 0 = never.
        seed: another seed, another video.
        fps: frames a second.

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
            raise ValueError(f"lookalikes {lookalikes}: give at most one an object ({objects})")
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
        self._ground = noise_texture(
            rng, round((1 + 2 * MARGIN) * height), round((self._aspect + 2 * MARGIN) * height)
        )
        self._shake = Waves.draw(rng, [0.08, 0.05, 0.04, 0.03], (60, 300), terms=3)
        tracked = [self._wanderer(rng, k, objects, leaving) for k in range(1, objects + 1)]
        copies = [self._copy(rng, layer) for layer in tracked[:lookalikes]]
        self._layers = copies + tracked + [self._bar(rng) for _ in range(occluders)]

    def read(self, index: int) -> Frame:
        return Frame(index, self._draw(index)[0])

    def close(self) -> None:
        """Nothing is open."""

    def mask(self, index: int) -> UInt8[np.ndarray, "H W"]:
        """The object that each pixel of a frame shows: 1, 2, ..., and 0 = none.

        Raises:
            IndexError: if the video has no such frame.
        """
        return self._draw(index)[1]

    def _draw(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        if not 0 <= index <= self._last:
            raise IndexError(f"{self.name} has frames 0 to {self._last}, not {index}")
        camera = self._camera(index)
        height, width = self.size
        middle = np.array([[1.0, 0, self._aspect / 2], [0, 1.0, 0.5], [0, 0, 1.0]])
        middle[0, 0] = middle[1, 1] = 1 + 2 * MARGIN  # the ground's own height is 1
        frame = sample(self._ground, camera @ middle, (0, 0, width, height), repeat=True)
        labels = np.zeros(self.size, np.uint8)
        for layer in self._layers:
            layer.draw(frame, labels, camera, float(index))
        return frame, labels

    def _camera(self, t: float) -> np.ndarray:
        """World (the first view is ``(0, 0)`` to ``(aspect, 1)``) to pixels."""
        x, y, zoom, turn = self._shake(t)
        height, width = self.size
        scale = height * np.exp(zoom)
        cos, sin = scale * np.cos(turn), scale * np.sin(turn)
        centred = np.array([[1.0, 0, -self._aspect / 2 - x], [0, 1.0, -0.5 - y], [0, 0, 1.0]])
        onto = np.array([[cos, -sin, (width - 1) / 2], [sin, cos, (height - 1) / 2], [0, 0, 1.0]])
        return onto @ centred

    def _wanderer(self, rng: np.random.Generator, label: int, objects: int, leaving: int) -> Layer:
        """One object; objects start in columns of their own, so that each is seen in frame 0."""
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
        angle = rng.uniform(0, 2 * np.pi, 2)
        sway = Sway(
            rng.normal(0, 0.03, (2, 2)),
            np.stack([np.cos(angle), np.sin(angle)], 1) * 5,
            2 * np.pi / rng.uniform(20, 60, 2),
            angle,
        )
        return Layer(premultiply(picture), motion, sway, label)

    def _copy(self, rng: np.random.Generator, layer: Layer) -> Layer:
        """The same thing without a label, on a way of its own."""
        start = layer.motion.start + np.array([0, 0.35, 0, 0.3, 0, 0])
        waves = Waves.draw(rng, [0.4, 0.25, 0.1, 0.5, 0.1, 0.1], (80, 400))
        motion = Motion(start, -layer.motion.rate, waves, layer.motion.bounds)
        return Layer(layer.picture, motion, layer.sway)

    def _bar(self, rng: np.random.Generator) -> Layer:
        """A pole that stands in front of everything, as high as the view and more."""
        height = max(32, self.size[0])
        wide = max(4, round(rng.uniform(0.05, 0.1) * height))
        texture = noise_texture(rng, height, wide)
        picture = np.dstack([texture, np.full((height, wide), 255, np.uint8)])
        place = np.array([rng.uniform(0.2, 0.8) * self._aspect, 0.5, np.log(1.8), 0, 0, 0])
        return Layer(premultiply(picture), Motion(place))
