"""How a clip is filmed: when frames are taken, by what camera, and what spoils them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from .compositing import travel
from .motion import Motion, Waves


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """When frames are taken.

    Attributes:
        times: in frames of a 24-a-second film; the first is 0.
        step: the longest time between two.
        shutter: how long each is exposed.
    """

    times: Float[np.ndarray, " T"]
    step: float
    shutter: float

    @classmethod
    def draw(cls, rng: np.random.Generator, count: int) -> Moments:
        """Random moments: mostly every frame or every few, sometimes with a gap."""
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
        size: of the screen, pixels; the view is squashed to a square.
        rate: pan x, pan y, log zoom, turn, tilt x, tilt y, a frame.
        waves: the same, around that.
        target: what is followed, or None, and how closely (0..1).
    """

    aspect: float
    size: int
    rate: Float[np.ndarray, "6"]
    waves: tuple[Waves, ...]
    target: Motion | None = None
    closely: float = 0.0

    @classmethod
    def draw(cls, rng: np.random.Generator, aspect: float, size: int, end: float) -> Camera:
        """A random camera: on a tripod, in a hand, or on a vehicle."""
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
            waves.append(
                Waves.draw(rng, [shake, shake, shake / 3, shake, 0, 0], (2.5, 10), terms=3)
            )
        return cls(aspect, size, rate, tuple(waves))

    def following(self, target: Motion, closely: float) -> Camera:
        """The same camera, kept on a moving thing."""
        return replace(self, target=target, closely=closely)

    def travel(self, before, after) -> tuple[float, float]:
        """How far (pixels) the middle of the picture moves between two matrices."""
        return travel(before, after, np.array([self.aspect / 2, 0.5, 1.0]))

    def matrix(self, t: float) -> Float[np.ndarray, "3 3"]:
        """World to screen pixels at time ``t``."""
        state = self.rate * t
        for waves in self.waves:
            state = state + waves(t) - waves(0.0)
        x, y, zoom, turn, tilt_x, tilt_y = state
        if self.target is not None:
            way = self.target.state(t)[:2] - self.target.state(0.0)[:2]
            x, y = x + self.closely * way[0], y + self.closely * way[1]
        cos, sin = np.exp(zoom) * np.cos(turn), np.exp(zoom) * np.sin(turn)
        centred = np.array([[1, 0, -self.aspect / 2 - x], [0, 1, -0.5 - y], [0, 0, 1.0]])
        turned = np.array([[cos, -sin, 0], [sin, cos, 0], [tilt_x, tilt_y, 1.0]])
        half = self.size / 2
        onto = np.array(
            [[self.size / self.aspect, 0, half - 0.5], [0, self.size, half - 0.5], [0, 0, 1]]
        )
        return onto @ turned @ centred


@dataclass(frozen=True, slots=True, eq=False)
class Spoil:
    """What light, lens, sensor and codec do to a frame.

    Attributes:
        light: brightness (log) and contrast over time.
        tone: contrast, brightness offset and gamma of the whole clip.
        blur: defocus, pixels (0 = none).
        noise: of the sensor, as one large random field, or None.
        quality: of the JPEG, or 0 for none.
        saturation: 1 = as it is, 0 = grey.
    """

    light: Waves
    tone: tuple[float, float, float]
    blur: float
    noise: np.ndarray | None
    quality: int
    saturation: float

    @classmethod
    def draw(cls, rng: np.random.Generator, size: int, *, hardness: float) -> Spoil:
        """A random camera and codec, the worse the harder (0..1)."""
        light = Waves.draw(rng, np.array([0.12, 0.10]) * (rng.random() < 0.4 * hardness), (15, 90))
        tone = (1.0, 0.0, 1.0)
        if rng.random() < 0.45 * hardness:
            tone = (
                rng.uniform(0.55, 1.25),
                rng.uniform(-15, 25),
                float(np.exp(rng.normal(0, 0.25))),
            )
        noise = None
        if rng.random() < 0.5 * hardness:
            strength = float(np.exp(rng.uniform(np.log(1.5), np.log(10))))
            grain = rng.standard_normal((size + 64, size + 64, 1), np.float32) * strength
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
            grey = cv2.cvtColor(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
            frame = cv2.addWeighted(frame, self.saturation, grey, 1 - self.saturation, 0)
        gain, contrast = self.light(t)
        wide, offset, gamma = self.tone
        level = np.linspace(0, 1, 256) ** gamma * 255
        level = (level - 110) * wide * (1 + contrast) + 110 + offset
        frame = cv2.LUT(frame, np.clip(level * np.exp(gain), 0, 255).astype(np.uint8))
        if self.noise is not None:
            size = len(frame)
            dy, dx = int(t * 4391) % 64, int(t * 2749) % 64  # another part of the field each time
            frame = cv2.add(frame, self.noise[dy : dy + size, dx : dx + size], dtype=cv2.CV_8U)
        if self.quality:
            coded = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, self.quality])[1]
            frame = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR))
        return frame
