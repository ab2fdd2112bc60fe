"""The plan of a training clip: its background, camera, layers and motion, before it is drawn."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from . import photo_objects as objects
from .articulated_objects import articulated_figure
from .assets import Assets
from .camera import Camera, Degradation, FrameTimes
from .compositing import Layer
from .manufactured_objects import hand, manufactured_object, random_reflection
from .motion import Deformation, Excursion, Keyframes, Motion, Waves
from .photo_background import PhotoBackground
from .shapes import RIM, premultiply

ARTICULATED, MANUFACTURED = 0.33, 0.25  # shares of the objects of these kinds
HELD_UP = 0.45  # share of the hardest clips in which a hand holds an object up to the camera


class ScenePlan:
    """A clip to be drawn.

    Args:
        assets: pictures.
        rng: decides everything.
        size: of the screen, pixels.
        frames: to be taken.
        count: largest number of tracked objects.
        still: chance that the objects are regions of the background, if none is held up.
        hardness: 0 (one large object that moves a little and is well visible) to 1 (everything).

    Attributes:
        frame_times: when frames are taken.
        camera, background: what is seen.
        degradation: what sensor and codec do to it.
        layers: from back to front.
    """

    def __init__(
        self,
        assets: Assets,
        rng: np.random.Generator,
        *,
        size: int,
        frames: int,
        count: int,
        still: float,
        hardness: float,
    ) -> None:
        self.assets, self.size, self.rng, self.hardness = assets, size, rng, hardness
        self.aspect = float(rng.choice([16 / 9, 4 / 3, 1.0, 9 / 16], p=[0.6, 0.25, 0.08, 0.07]))
        self.frame_times = FrameTimes.draw(rng, frames)
        self.degradation = Degradation.draw(rng, size, hardness=hardness)
        held_up = self._chance(HELD_UP)
        regions = not held_up and self._chance(still)  # of a wall, they would be invisible
        walls = 0.4 if held_up else 0.12 * (not regions)
        self.background = PhotoBackground(assets, rng, aspect=self.aspect, size=size, walls=walls)
        for _ in range(int(rng.choice([0, 0, 0, 1, 3]) * self._chance(1.0))):
            self.background.bake(self._clutter())
        if rng.random() < 0.15:
            self.background.deformation = self._random_deformation(0.0, 0.004)
        count = int(rng.integers(1, 2 + round((count - 1) * hardness)))
        tracked = [self._held_up_object()] if held_up else self._tracked(count, regions)
        layers = tracked + self._distractors(tracked)
        rng.shuffle(layers)
        # An object that deforms would move away from the fingers.
        rigid = [layer for layer in tracked if layer.deformation is None and not layer.limbs]
        for layer in [layer for layer in rigid if held_up or self._chance(0.4)]:
            layers.insert(layers.index(layer) + 1, self._hand(layer))
        self.layers = layers + self._occluders(tracked)
        self.camera = Camera.draw(rng, self.aspect, size, self.frame_times.end)
        if rng.random() < 0.45:
            self.camera = self.camera.following(tracked[0].motion, rng.uniform(0.4, 1.0))

    def _chance(self, share: float) -> bool:
        """Whether something that makes a clip hard happens; at full hardness, this often."""
        return bool(self.rng.random() < share * self.hardness)

    def _tracked(self, count: int, regions: bool) -> list[Layer]:
        found: list[Layer] = []
        for label in range(1, count + 1):
            if regions:
                found.append(self._region(label))
            elif found and self._chance(0.2):
                found.append(replace(self._lookalike(found[0]), label=label))
            else:
                low = (0.22 if label == 1 else 0.15) ** self.hardness * 0.45 ** (1 - self.hardness)
                heights = (low, 0.95 if label == 1 else 0.8)
                found.append(self._recoloured(self._object(label, heights)))
        return found

    # -- objects

    def _object(self, label: int, heights: tuple[float, float]) -> Layer:
        """An object of a random height (world units) at a random place, moving."""
        rng = self.rng
        height = float(np.exp(rng.uniform(*np.log(heights))))
        side = int(np.clip(height * self.size * 1.1, 16, 1.1 * self.size))
        limbs, kind = (), rng.random()
        if kind < ARTICULATED:
            picture, limbs = articulated_figure(self.assets, rng, side)
        elif kind < ARTICULATED + MANUFACTURED:
            picture = objects.finish(manufactured_object(self.assets, rng, side), rng)
        else:
            picture = objects.random_object(self.assets, rng, side)
        if limbs:
            height *= 1.35 * picture.shape[0] / side
        else:
            height *= min(1.0, picture.shape[0] / side + 0.15)  # the longer side is meant
        place = rng.uniform(0.12, 0.88, 2) * (self.aspect, 1.0)
        start = np.array([*place, np.log(height), rng.normal(0, 0.15), 0, 0])
        shadow = None
        if rng.random() < 0.2:
            shadow = (*rng.uniform(-0.05, 0.05, 2), rng.uniform(0.01, 0.06), rng.uniform(0.2, 0.6))
        gain = Waves.draw(rng, [0.12], (10, 80)) if rng.random() < 0.25 else None
        deforms = kind >= ARTICULATED + MANUFACTURED and rng.random() < 0.7
        deformation = self._random_deformation(1.0, 0.05) if deforms else None
        manufactured = ARTICULATED <= kind < ARTICULATED + MANUFACTURED
        polished = rng.random() < (0.6 if manufactured else 0.1)
        shine = random_reflection(rng, picture.shape[0]) if polished else None
        motion = self._random_motion(start)
        return Layer(picture, motion, deformation, label, gain, shadow, limbs, shine)

    def _held_up_object(self) -> Layer:
        """An object, mostly polished, turned and moved forth and back in the middle."""
        rng = self.rng
        height = float(np.exp(rng.uniform(*np.log((0.3, 0.85)))))
        side = int(height * self.size * 1.1)
        picture = objects.finish(manufactured_object(self.assets, rng, side), rng)
        height *= min(1.0, picture.shape[0] / side + 0.15)
        place = rng.uniform(0.3, 0.7, 2) * (self.aspect, 1.0)
        start = np.array([*place, np.log(height), rng.normal(0, 0.2), 0, 0])
        gaps = rng.uniform(4, 14, 16) * max(1.0, self.frame_times.step / 3)
        times = np.cumsum(gaps) - rng.uniform(0, gaps[0])
        poses = rng.normal(0, (0.25, 0.14, 0.12, 0.5, 0.06, 0.03), (len(times), 6))
        motion = Motion(start - poses[0], keyframes=Keyframes(times, poses))
        shine = random_reflection(rng, picture.shape[0]) if rng.random() < 0.8 else None
        return self._recoloured(Layer(picture, motion, label=1, reflection=shine))

    def _hand(self, layer: Layer) -> Layer:
        """A hand that holds an object and is no part of it; the object may rotate in it."""
        held = layer.picture[RIM:-RIM, RIM:-RIM]  # the hand gets a rim of its own
        picture, limbs = hand(self.assets, self.rng, held)
        motion = layer.motion.with_rotation(self.rng.uniform(0, 1))
        return self._recoloured(Layer(picture, motion, gain=layer.gain, limbs=limbs))

    def _clutter(self) -> Layer:
        layer = self._object(0, (0.08, 0.5))
        return self._recoloured(replace(layer, deformation=None, gain=None))

    def _recoloured(self, layer: Layer) -> Layer:
        """The layer with colours moved towards those of the background behind it, ready to draw."""
        pull = self.rng.uniform(0, 1) ** 1.5 * 0.7 * self.hardness  # seldom so far that it vanishes
        near = self.background.surroundings(*layer.motion.state(0.0)[:2])
        seed = int(self.rng.integers(2**32))  # the same for all parts of an object

        def paint(picture):
            rng = np.random.default_rng(seed)
            return premultiply(objects.match_colours(picture, near, rng, pull=pull))

        return layer.repainted(paint)

    def _region(self, label: int) -> Layer:
        """A region of the background itself, moving against it or only with the camera."""
        rng, canvas = self.rng, self.background.canvas
        side = int(np.exp(rng.uniform(np.log(0.18), np.log(0.7))) * self.size)
        alpha = objects.silhouette(self.assets, rng, side)
        alpha = alpha[: canvas.shape[0], : canvas.shape[1]]
        h, w = alpha.shape
        x = int(np.clip(rng.uniform(0.25, 0.75) * canvas.shape[1] - w / 2, 0, canvas.shape[1] - w))
        y = int(np.clip(rng.uniform(0.25, 0.75) * canvas.shape[0] - h / 2, 0, canvas.shape[0] - h))
        picture = premultiply(np.dstack([canvas[y : y + h, x : x + w], alpha]))
        sx, sy = self.background.pixels_per_unit
        world = np.linalg.inv(self.background.to_canvas())
        centre = (world @ (x + w / 2, y + h / 2, 1.0))[:2]
        stretch = 0.5 * np.log(sy / sx)  # the canvas is squashed where the frame is wide
        height = picture.shape[0] / sy  # with its rim
        start = np.array([*centre, np.log(height) + stretch, 0.0, stretch, 0.0])
        if rng.random() < 0.2:
            return Layer(picture, Motion(start), label=label)
        self.background.erase(x, y, alpha, rng)
        deformation = self._random_deformation(0.6, 0.05) if rng.random() < 0.7 else None
        return Layer(picture, self._random_motion(start), deformation, label)

    def _distractors(self, tracked: list[Layer]) -> list[Layer]:
        """Look-alikes and other objects that are not tracked."""
        rng, found = self.rng, []
        if self._chance(0.4):
            for _ in range(int(rng.choice([1, 1, 2, 3]))):
                found.append(self._lookalike(tracked[int(rng.integers(len(tracked)))]))
        for _ in range(int(rng.choice([0, 0, 0, 1, 2]) * self._chance(1.0))):
            found.append(self._recoloured(self._object(0, (0.08, 0.5))))
        return found

    def _lookalike(self, layer: Layer) -> Layer:
        """A look-alike with its own motion, which may cross the first one's."""
        rng, end = self.rng, self.frame_times.end
        start = layer.motion.state(0.0)
        start[:2] = rng.uniform(0.05, 0.95, 2) * (self.aspect, 1.0)
        start[2] += rng.normal(0, 0.15)
        motion = self._random_motion(start)
        if rng.random() < 0.35:  # both meet at one place
            when = end * rng.uniform(0.3, 0.9)
            meet = layer.motion.state(when)[:2] + rng.normal(0, 0.05, 2)
            rate = np.zeros(6)
            rate[:2] = (meet - start[:2]) / max(when, 1.0)
            rate[:2] *= min(1.0, 0.2 / self.frame_times.step / (np.hypot(*rate[:2]) + 1e-9))
            motion = Motion(start, rate)
        deformation = None if layer.deformation is None else self._random_deformation(1.0, 0.05)
        picture = layer.picture
        if rng.random() < 0.4:  # slightly different colours
            picture = cv2.transform(picture, np.diag([*rng.uniform(0.75, 1.0, 3), 1.0]))
        return replace(layer, picture=picture, motion=motion, deformation=deformation, label=0)

    def _occluders(self, tracked: list[Layer]) -> list[Layer]:
        """Foreground occluders: they pass over a tracked object, or stand in its way."""
        rng, found = self.rng, []
        if not self._chance(0.4):
            return found
        for _ in range(int(rng.choice([1, 1, 2]))):
            target = tracked[int(rng.integers(len(tracked)))]
            when = self.frame_times.end * rng.uniform(0.2, 0.9) + 0.5
            meet = target.motion.state(when)
            if rng.random() < 0.5:
                picture = objects.pole(self.assets, rng, round(1.2 * self.size))
                size, angle = rng.uniform(1.2, 2.2), rng.normal(0, 0.15)
                angle += np.pi / 2 * (rng.random() < 0.25)
            else:
                size, angle = float(np.exp(meet[2])) * rng.uniform(0.4, 1.3), 0.0
                side = int(np.clip(size * self.size, 16, 1.2 * self.size))
                picture = objects.random_object(self.assets, rng, side)
            turn = rng.uniform(0, 2 * np.pi)
            far = (float(np.exp(meet[2])) + 0.4 * min(size, 1.0)) * rng.uniform(0.5, 1.2)
            far *= rng.random() < 0.5  # or it just stands there
            way = np.array([np.cos(turn), np.sin(turn)]) * far
            rate = np.array([*(way / when), 0, 0, 0, 0])
            start = np.array([*(meet[:2] - way), np.log(size), angle, 0, 0])
            found.append(self._recoloured(Layer(picture, Motion(start, rate))))
        return found

    # -- motion

    def _random_motion(self, start: np.ndarray) -> Motion:
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
        if self._chance(0.2):
            far = self.aspect * 0.8 + float(np.exp(start[2]))
            # Mostly back before the clip ends: else the model learns that lost objects stay absent.
            width = end * rng.uniform(0.4, 0.9) + 1
            centre = end * rng.uniform(0.3, 0.6)
            away = np.array([rng.choice([-far, far]), rng.normal(0, 0.2)])
            excursion = Excursion(away, max(centre, width / 2), width)
        bounds = np.array([0.0, 0.0, self.aspect, 1.0]) if rng.random() < 0.6 else None
        return Motion(start - waves(0.0), rate, waves, bounds, excursion)

    def _random_deformation(self, parts: float, reach: float) -> Deformation:
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
