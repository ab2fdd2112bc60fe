"""How the objects in a training clip move and deform: random motions and deformations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .camera import FrameTimes
from .motion import Deformation, Excursion, Motion, Waves


@dataclass(frozen=True, slots=True, eq=False)
class MotionSampler:
    """Draws random motions and deformations."""

    rng: np.random.Generator  # all random choices come from it
    frame_times: FrameTimes  # when frames are taken; they limit how far an object moves between two
    aspect: float  # width of the view, world units
    hardness: float  # 0..1; objects are faster in harder clips

    def motion(self, start: np.ndarray) -> Motion:
        """A random motion from a start."""
        rng, end = self.rng, self.frame_times.end
        speed = float(np.exp(rng.normal(np.log(0.006), 1.0))) * (0.3 + 0.7 * self.hardness)
        speed = min(speed, 0.22 / self.frame_times.step)
        turn = rng.uniform(0, 2 * np.pi)
        spin = rng.normal(0, 0.7) / end if rng.random() < 0.4 else 0.0  # as in a hand, or a fall
        spin = float(np.clip(spin, -0.35 / self.frame_times.step, 0.35 / self.frame_times.step))
        grow = rng.normal(0, 0.010) if rng.random() < 0.5 else 0.0
        grow = float(np.clip(grow, -0.6 / end, 0.6 / end))
        rate = np.array([speed * np.cos(turn), 0.6 * speed * np.sin(turn), grow, spin, 0, 0])
        wander = 4 * speed + 0.03 * rng.random()
        reach = np.array([wander, wander, 0.07, 0.25, 0.15, 0.08])
        waves = Waves.draw(rng, reach * rng.uniform(0, 1, 6), (12, 70))
        excursion = None
        if rng.random() < 0.2 * self.hardness:
            far = self.aspect * 0.8 + float(np.exp(start[2]))
            # Mostly back before the clip ends: else the model learns that lost objects stay lost.
            width = end * rng.uniform(0.4, 0.9) + 1
            centre = end * rng.uniform(0.3, 0.6)
            away = np.array([rng.choice([-far, far]), rng.normal(0, 0.2)])
            excursion = Excursion(away, max(centre, width / 2), width)
        bounds = np.array([0.0, 0.0, self.aspect, 1.0]) if rng.random() < 0.6 else None
        return Motion(start - waves(0.0), rate, waves, bounds, excursion)

    def deformation(self, parts: float, reach: float) -> Deformation:
        """A deformation with ripples of about ``reach`` object heights.

        ``parts`` is how likely it also bends or turns at a joint, 0..1.
        """
        rng, count = self.rng, 3
        angle = rng.uniform(0, 2 * np.pi, count)
        wave = np.stack([np.cos(angle), np.sin(angle)], 1) * rng.uniform(2, 7, (count, 1))
        reaches = rng.normal(0, reach * rng.uniform(0.2, 1) / np.sqrt(count), (count, 2))
        moving = None
        if rng.random() < 0.6 * parts:
            strength = np.array([0.35, 0.5, 0.4]) * (rng.random(3) < 0.5) * rng.uniform(0.2, 1, 3)
            moving = Waves.draw(rng, strength, (10, 45))
        return Deformation(
            reaches,
            wave,
            2 * np.pi / rng.uniform(10, 50, count),
            rng.uniform(0, 2 * np.pi, count),
            moving,
            (float(rng.normal(0, 0.05)), float(rng.uniform(-0.2, 0.25))),
            bool(rng.random() < 0.75),
        )
