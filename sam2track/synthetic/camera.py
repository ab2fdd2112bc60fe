"""The camera: when frames are taken, where it looks, and how sensor and codec degrade the image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Float, Int8, UInt8

from .compositing import Background, Layer, displacement
from .motion import Motion, Waves
from .shapes import desaturate

NOISE_MARGIN = 64  # pixels by which a field of noise is larger than a frame, each way


@dataclass(frozen=True, slots=True, eq=False)
class FrameTimes:
    """When frames are taken.

    Attributes:
        times: in frames of a video of 24 frames per second; the first is 0.
        step: the longest time between two.
        shutter: exposure time of each.
    """

    times: Float[np.ndarray, " T"]
    step: float
    shutter: float

    @classmethod
    def draw(cls, rng: np.random.Generator, count: int) -> FrameTimes:
        """Random times: mostly every frame or every few, sometimes with a gap."""
        pace = float(rng.choice([1, 2, 3, 4, 6, 8], p=[0.38, 0.24, 0.15, 0.11, 0.07, 0.05]))
        steps = pace * rng.uniform(0.6, 1.4, max(count - 1, 0))
        if len(steps) and rng.random() < 0.15:
            steps[int(rng.integers(len(steps)))] *= rng.uniform(2, 4)
        shutter = rng.uniform(0.2, 0.9) if rng.random() < 0.55 else 0.0
        step = float(steps.max()) if len(steps) else 1.0
        return cls(np.concatenate([[0.0], np.cumsum(steps)]), step, shutter)

    @property
    def end(self) -> float:
        """When the last frame is taken, at least 1."""
        return max(float(self.times[-1]), 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Camera:
    """World to screen at any time.

    Attributes:
        aspect: width of the view, world units (its height is 1).
        size: height and width of the screen, pixels.
        scale: pixels per world unit, across and down, before zooming.
        start: pan x, pan y, log zoom, roll, tilt x, tilt y.
        rate: change of the same per frame.
        waves: sway and shake, added to the first channels; they need not be zero at time 0.
        target: what is followed, or None, and how closely (0..1).
    """

    aspect: float
    size: tuple[int, int]
    scale: tuple[float, float]
    start: Float[np.ndarray, "6"]
    rate: Float[np.ndarray, "6"]
    waves: tuple[Waves, ...]
    target: Motion | None = None
    closely: float = 0.0

    @classmethod
    def draw(cls, rng: np.random.Generator, aspect: float, size: int, end: float) -> Camera:
        """A random camera: on a tripod, in a hand, or on a vehicle.

        The view is squashed to a square of ``size`` pixels; ``end`` is the last frame's time.
        """
        rate, waves = np.zeros(6), []
        if rng.random() < 0.8:
            pan = min(float(np.exp(rng.normal(np.log(0.006), 1.0))), 0.6 / end)
            turn = rng.uniform(0, 2 * np.pi)
            rate[:2] = pan * np.cos(turn), 0.5 * pan * np.sin(turn)
            rate[2] = np.clip(rng.normal(0, 0.006), -0.35 / end, 0.35 / end) * (rng.random() < 0.5)
            rate[3] = rng.normal(0, 0.003) * (rng.random() < 0.3)
            reach = np.array([0.06, 0.04, 0.06, 0.04, 0.06, 0.06]) * rng.uniform(0, 1, 6)
            waves.append(Waves.draw(rng, reach, (30, 120)))
            shake = min(float(np.exp(rng.normal(np.log(0.003), 0.8))), 0.03)
            reach = [shake, shake, shake / 3, shake, 0, 0]
            waves.append(Waves.draw(rng, reach, (2.5, 10), terms=3))
        start = -sum((wave(0.0) for wave in waves), np.zeros(6))
        return cls(aspect, (size, size), (size / aspect, size), start, rate, tuple(waves))

    @classmethod
    def hand_held(
        cls, rng: np.random.Generator, aspect: float, size: tuple[int, int], reach, period
    ) -> Camera:
        """A camera that shakes without end, for a screen of ``size`` (height, width) pixels.

        ``reach`` is about how far it pans x, pans y, zooms (log) and rolls; ``period`` (frames) is
        the range of how long that takes.
        """
        still, shake = np.zeros(6), Waves.draw(rng, reach, period, terms=3)
        return cls(aspect, size, (size[0], size[0]), still, still, (shake,))

    def following(self, target: Motion, closely: float) -> Camera:
        """The same camera, following a moving object."""
        return replace(self, target=target, closely=closely)

    def matrix(self, t: float) -> Float[np.ndarray, "3 3"]:
        """World to screen pixels at time ``t``."""
        state = self.start + self.rate * t
        for waves in self.waves:
            offset = waves(t)
            state[: len(offset)] += offset
        x, y, zoom, roll, tilt_x, tilt_y = state
        if self.target is not None:
            way = self.target.state(t)[:2] - self.target.state(0.0)[:2]
            x, y = x + self.closely * way[0], y + self.closely * way[1]
        (height, width), cos, sin = self.size, np.cos(roll), np.sin(roll)
        centred = np.array([[1, 0, -self.aspect / 2 - x], [0, 1, -0.5 - y], [0, 0, 1.0]])
        to_pixels = np.array([[1, 0, (width - 1) / 2], [0, 1, (height - 1) / 2], [0, 0, 1.0]])
        rolled = np.array([[cos, -sin, 0], [sin, cos, 0], [tilt_x, tilt_y, 1.0]])
        rolled[:2] *= np.reshape(self.scale, (2, 1)) * np.exp(zoom)
        return to_pixels @ rolled @ centred

    def render(
        self, background: Background, layers: Sequence[Layer], t: float, *, shutter: float = 0.0
    ) -> tuple[UInt8[np.ndarray, "H W 3"], UInt8[np.ndarray, "H W"]]:
        """The frame taken at time ``t``, and the label of the layer that each pixel shows.

        ``layers`` are in order from back to front; ``shutter`` is the exposure time in frames.
        """
        now = self.matrix(t)
        opened, closed = (self.matrix(t + s * shutter) if shutter else now for s in (-0.5, 0.5))
        blur = displacement(opened, closed, np.array([self.aspect / 2, 0.5, 1.0]))
        frame = background.draw(now, self.size, t, blur=blur)
        labels = np.zeros(self.size, np.uint8)
        for layer in layers:
            blur = layer.displacement(opened, closed, t, shutter) if shutter else (0.0, 0.0)
            layer.draw(frame, labels, now, t, blur=blur)
        return frame, labels


@dataclass(frozen=True, slots=True, eq=False)
class Degradation:
    """What light, lens, sensor and codec do to a frame: exposure, blur, noise, compression."""

    light: Waves  # brightness (log) and contrast over time
    tone: tuple[float, float, float]  # contrast, brightness offset and gamma of the whole clip
    blur: float  # defocus, pixels (0 = none)
    noise: np.ndarray | None  # of the sensor, see add_noise, or None
    quality: int  # of the JPEG, or 0 for none
    saturation: float  # 1 = as it is, 0 = grey

    @classmethod
    def draw(cls, rng: np.random.Generator, size: int, *, hardness: float) -> Degradation:
        """Random light, lens, sensor and codec; the effects grow with ``hardness`` (0..1)."""
        light = Waves.draw(rng, np.array([0.12, 0.10]) * (rng.random() < 0.4 * hardness), (15, 90))
        tone = (1.0, 0.0, 1.0)
        if rng.random() < 0.45 * hardness:
            wide, offset, gamma = rng.uniform(0.55, 1.25), rng.uniform(-15, 25), rng.normal(0, 0.25)
            tone = (wide, offset, float(np.exp(gamma)))
        noise = None
        if rng.random() < 0.5 * hardness:
            strength = float(np.exp(rng.uniform(np.log(1.5), np.log(10))))
            side = size + NOISE_MARGIN
            grain = rng.standard_normal((side, side, 1), np.float32) * strength
            noise = np.repeat(np.clip(grain, -60, 60).astype(np.int8), 3, axis=2)
        return cls(
            light,
            tone,
            rng.uniform(0.4, 1.3) if rng.random() < 0.3 * hardness else 0.0,
            noise,
            int(rng.integers(20, 95)) if rng.random() < 0.7 else 0,
            float(rng.choice([1.0, 0.0, 0.5, 1.2], p=[0.75, 0.05, 0.12, 0.08])),
        )

    def __call__(self, frame: UInt8[np.ndarray, "S S 3"], t: float) -> UInt8[np.ndarray, "S S 3"]:
        """The frame as it is recorded at time ``t``."""
        if self.blur:
            frame = cv2.GaussianBlur(frame, (0, 0), self.blur)
        if self.saturation != 1.0:
            frame = desaturate(frame, self.saturation)
        gain, contrast = self.light(t)
        wide, offset, gamma = self.tone
        level = np.linspace(0, 1, 256) ** gamma * 255
        level = (level - 110) * wide * (1 + contrast) + 110 + offset
        frame = cv2.LUT(frame, np.clip(level * np.exp(gain), 0, 255).astype(np.uint8))
        if self.noise is not None:
            frame = add_noise(frame, self.noise, int(t * 4391), int(t * 2749))
        if self.quality:
            coded = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, self.quality])[1]
            frame = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR))
        return frame


def add_noise(
    frame: UInt8[np.ndarray, "H W 3"], noise: Int8[np.ndarray, "h w 3"], row: int, column: int
) -> UInt8[np.ndarray, "H W 3"]:
    """The frame with sensor noise: a part of one random field, which is larger than the frame.

    ``row`` and ``column`` choose the part; give others for each frame.
    """
    (height, width), y, x = frame.shape[:2], row % NOISE_MARGIN, column % NOISE_MARGIN
    return cv2.add(frame, noise[y : y + height, x : x + width], dtype=cv2.CV_8U)
