"""How objects move and deform: smooth functions of time.

Takes amplitudes, rates and keyframes. Gives, for any time, the matrix from an object's own
coordinates to the world, and the shift of each point inside the object. Coordinates, matrices and
time are those of :mod:`sam2track.synthetic.compositing`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float

CHANNELS = 6  # of a Motion: x, y, log scale, angle, log aspect, shear


@dataclass(frozen=True, slots=True, eq=False)
class Waves:
    """A smooth random function of time with C channels: each a sum of N sines.

    Attributes:
        amplitude: in the unit of the channel.
        frequency: radians per frame.
        phase: radians.
    """

    amplitude: Float[np.ndarray, "N C"]
    frequency: Float[np.ndarray, "N C"]
    phase: Float[np.ndarray, "N C"]

    @classmethod
    def draw(cls, rng: np.random.Generator, amplitude, period: tuple[float, float], *, terms=2):
        """Random waves of about these amplitudes ``(C,)`` with periods (frames) in a range."""
        amplitude = np.atleast_1d(np.asarray(amplitude, np.float64))
        shape = (terms, len(amplitude))
        periods = np.exp(rng.uniform(np.log(period[0]), np.log(period[1]), shape))
        return cls(
            amplitude * rng.uniform(0.4, 1.0, shape) / np.sqrt(terms),
            2 * np.pi / periods,
            rng.uniform(0, 2 * np.pi, shape),
        )

    def __call__(self, t: float) -> Float[np.ndarray, " C"]:
        """The channels at time ``t``."""
        return (self.amplitude * np.sin(self.frequency * t + self.phase)).sum(0)


@dataclass(frozen=True, slots=True, eq=False)
class Excursion:
    """A way out of the frame and back: ``offset`` (world), when, and how long (frames).

    It happens once, around ``centre``, or every ``period`` frames.
    """

    offset: Float[np.ndarray, " 2"]
    centre: float
    width: float
    period: float = np.inf

    def __call__(self, t: float) -> Float[np.ndarray, " 2"]:
        """The displacement at time ``t``: zero outside the excursion, ``offset`` in its middle."""
        since = t - self.centre
        if np.isfinite(self.period):
            since = (since + self.period / 2) % self.period - self.period / 2
        if abs(since) >= self.width / 2:
            return np.zeros(2)
        rise = 0.5 + 0.5 * np.cos(2 * np.pi * since / self.width)
        return self.offset * min(1.0, 1.6 * rise)


@dataclass(frozen=True, slots=True, eq=False)
class Keyframes:
    """A function of time given at some times; in between, values move smoothly to the next ones."""

    times: Float[np.ndarray, " K"]  # frames, ascending
    # One row per time; constant before the first and after the last
    values: Float[np.ndarray, "K C"]

    @classmethod
    def from_pairs(cls, pairs) -> Keyframes:
        """From ``(time, value)`` pairs; a value is a number or a vector."""
        times, values = zip(*pairs, strict=True)
        return cls(np.array(times), np.array(values).reshape(len(times), -1))

    def __call__(self, t: float) -> Float[np.ndarray, " C"]:
        """The channels at time ``t``."""
        after = int(np.searchsorted(self.times, t, side="right"))
        if after == 0 or after == len(self.times):
            return self.values[min(after, len(self.times) - 1)]
        from_, to = self.times[after - 1], self.times[after]
        share = (t - from_) / (to - from_)
        share = share * share * (3 - 2 * share)
        return self.values[after - 1] + share * (self.values[after] - self.values[after - 1])


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """Where an object is at any time: a start, a constant rate, waves and keyframes.

    Attributes:
        start: x, y (world), log height (world), angle (radians), log aspect, shear, at time 0.
        rate: change of the same per frame.
        waves: added to it; they need not be zero at time 0.
        bounds: ``(x0, y0, x1, y1)`` that the centre bounces off, or None.
        excursion: a way out of the frame and back, or None.
        keyframes: values for all six, added last, or None.
    """

    start: Float[np.ndarray, "6"]
    rate: Float[np.ndarray, "6"] = field(default_factory=lambda: np.zeros(CHANNELS))
    waves: Waves | None = None
    bounds: Float[np.ndarray, "4"] | None = None
    excursion: Excursion | None = None
    keyframes: Keyframes | None = None

    def state(self, t: float) -> Float[np.ndarray, "6"]:
        """x, y, log height, angle, log aspect, shear at time ``t``."""
        state = self.start + self.rate * t
        if self.waves is not None:
            state = state + self.waves(t)
        if self.bounds is not None:
            low, span = self.bounds[:2], self.bounds[2:] - self.bounds[:2]
            state[:2] = low + span - np.abs((state[:2] - low) % (2 * span) - span)
        if self.excursion is not None:
            state[:2] += self.excursion(t)
        return state if self.keyframes is None else state + self.keyframes(t)

    def with_rotation(self, share: float) -> Motion:
        """The same motion with only a share of its rotation; at time 0 both have the same state."""
        angle = np.array([1, 1, 1, share, 1, 1])
        start, waves, keys = self.start.copy(), self.waves, self.keyframes
        if waves is not None:
            start[3] += (1 - share) * waves(0.0)[3]
            waves = replace(waves, amplitude=waves.amplitude * angle)
        if keys is not None:
            start[3] += (1 - share) * keys(0.0)[3]
            keys = replace(keys, values=keys.values * angle)
        return replace(self, start=start, rate=self.rate * angle, waves=waves, keyframes=keys)

    def matrix(self, t: float) -> Float[np.ndarray, "3 3"]:
        """Own coordinates to world at time ``t``."""
        x, y, size, angle, aspect, shear = self.state(t)
        cos, sin, scale = np.cos(angle), np.sin(angle), np.exp(size)
        wide, high = scale * np.exp(aspect), scale * np.exp(-aspect)
        return np.array(
            [
                [cos * wide, (cos * shear - sin) * high, x],
                [sin * wide, (sin * shear + cos) * high, y],
                [0.0, 0.0, 1.0],
            ]
        )


@dataclass(frozen=True, slots=True, eq=False)
class Deformation:
    """A non-rigid deformation in an object's own coordinates, smooth in space and time.

    Attributes:
        reach: amplitude of each ripple, a vector.
        wave: its wave vector (radians per unit).
        speed: radians per frame.
        phase: radians.
        parts: three channels: how far the body bends, the angle (radians) by which the part
            beyond ``joint`` turns, and how far its two legs step apart.
        joint: x and y of the joint; the part beyond it has the larger y.
        vertical: whether bend, turn and step act along y; along x otherwise.
    """

    reach: Float[np.ndarray, "K 2"]
    wave: Float[np.ndarray, "K 2"]
    speed: Float[np.ndarray, " K"]
    phase: Float[np.ndarray, " K"]
    parts: Waves | None = None
    joint: tuple[float, float] = (0.0, 0.0)
    vertical: bool = True

    @classmethod
    def ripples(
        cls, rng: np.random.Generator, reach: float, period: tuple[float, float]
    ) -> Deformation:
        """Two random ripples of about ``reach`` with periods (frames) in a range."""
        angle = rng.uniform(0, 2 * np.pi, 2)
        return cls(
            rng.normal(0, reach, (2, 2)),
            np.stack([np.cos(angle), np.sin(angle)], 1) * 5,
            2 * np.pi / rng.uniform(*period, 2),
            angle,
        )

    def __call__(self, q: Float[np.ndarray, "*S 2"], t: float) -> Float[np.ndarray, "*S 2"]:
        """Where in the picture to look for what is seen at ``q`` at time ``t``."""
        out = q + np.sin(q @ self.wave.T + (self.speed * t + self.phase)) @ self.reach
        if self.parts is None:
            return out
        bend, turn, step = self.parts(t)
        x, y = (q[..., 0], q[..., 1]) if self.vertical else (q[..., 1], q[..., 0])
        beyond = np.clip((y - self.joint[1]) * 4, 0, 1)
        beyond = beyond * beyond * (3 - 2 * beyond)
        down = y - self.joint[1]
        along = bend * y * y + step * np.clip(x * 8, -1, 1) * beyond * np.maximum(down, 0)
        along = along + beyond * np.sin(turn) * down
        down = beyond * np.sin(turn) * -(x - self.joint[0])
        shift = (along, down) if self.vertical else (down, along)
        return out + np.stack(shift, -1)
