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
from .films import Films
from .manufactured_objects import hand, manufactured_object, random_reflection
from .motion import Keyframes, Motion, Waves
from .photo_background import PhotoBackground
from .scene_motion import MotionSampler
from .shapes import RIM, premultiply

ARTICULATED, MANUFACTURED = 0.45, 0.22  # shares of the objects of these kinds
FILMED = 0.42  # share of the objects that are filmed models, if there are films
GROUPS = 0.18  # share of the hardest clips in which a filmed object appears with others like it
HELD_UP = 0.3  # share of the hardest clips in which a hand holds an object up to the camera


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
        filmed: share of the objects that are filmed models, if there are films.
        held_up: share of the hardest clips in which a hand holds an object up to the camera.
        scale: size of the objects, 1 = as usual.
        aspect: width over height of the view; None = random.

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
        filmed: float = FILMED,
        held_up: float = HELD_UP,
        scale: float = 1.0,
        aspect: float | None = None,
    ) -> None:
        self.assets, self.size, self.rng, self.hardness = assets, size, rng, hardness
        self.scale, self.filmed = scale, filmed
        drawn = float(rng.choice([16 / 9, 4 / 3, 1.0, 9 / 16], p=[0.6, 0.25, 0.08, 0.07]))
        self.aspect = drawn if aspect is None else aspect
        self.frame_times = FrameTimes.draw(rng, frames)
        self.motions = MotionSampler(rng, self.frame_times, self.aspect, hardness)
        self.degradation = Degradation.draw(rng, size, hardness=hardness)
        held = self._chance(held_up)
        regions = not held and self._chance(still)  # of a wall, they would be invisible
        self.group = self.assets.films is not None and self._chance(GROUPS)
        self.colour_seeds: dict[int, int] = {}  # by filmed model
        walls = 0.4 if held else 0.12 * (not regions)
        self.background = PhotoBackground(assets, rng, aspect=self.aspect, size=size, walls=walls)
        for _ in range(int(rng.choice([0, 0, 0, 1, 3]) * self._chance(1.0))):
            self.background.bake(self._clutter())
        if rng.random() < 0.15:
            self.background.deformation = self.motions.deformation(0.0, 0.004)
        count = int(rng.integers(1, 2 + round((count - 1) * hardness)))
        tracked = [self._held_up_object()] if held else self._tracked(count, regions)
        layers = tracked + self._distractors(tracked)
        rng.shuffle(layers)
        for rider in [layer for layer in tracked[1:] if layer.motion is tracked[0].motion]:
            layers.remove(rider)
            layers.insert(layers.index(tracked[0]) + 1, rider)
        # An object that deforms would move away from the fingers.
        rigid = [o for o in tracked if not (o.deformation or o.limbs or o.film)]
        for layer in [layer for layer in rigid if held or self._chance(0.4)]:
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
            elif found and self._chance(0.8 if self.group else 0.2):
                found.append(replace(self._lookalike(found[0]), label=label))
            elif label == 2 and self._chance(0.6) and (rider := self._rider(found[0])):
                found.append(replace(rider, label=2))
            else:
                low = (0.22 if label == 1 else 0.15) ** self.hardness * 0.45 ** (1 - self.hardness)
                heights = (low, 0.95 if label == 1 else 0.8)
                found.append(self._recoloured(self._object(label, heights)))
        return found

    # -- objects

    def _object(self, label: int, heights: tuple[float, float]) -> Layer:
        """An object of a random height (world units) at a random place, moving."""
        rng = self.rng
        height = float(np.exp(rng.uniform(*np.log(heights)))) * self.scale
        side = int(np.clip(height * self.size * 1.1, 16, 1.1 * self.size))
        films, limbs, kind = self.assets.films, (), rng.random()
        if films is not None and (rng.random() < self.filmed or (self.group and label == 1)):
            return self._filmed_object(films, label, height, side)
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
        deformation = self.motions.deformation(1.0, 0.05) if deforms else None
        manufactured = ARTICULATED <= kind < ARTICULATED + MANUFACTURED
        polished = rng.random() < (0.6 if manufactured else 0.1)
        shine = random_reflection(rng, picture.shape[0]) if polished else None
        motion = self.motions.motion(start)
        return Layer(picture, motion, deformation, label, gain, shadow, limbs, shine)

    def _filmed_object(self, films: Films, label: int, height: float, side: int) -> Layer:
        """A filmed model that turns and walks, its longer side about ``height`` (world units)."""
        rng = self.rng
        film = films.film(films.draw(rng), rng, side, self.frame_times.times)
        place = rng.uniform(0.12, 0.88, 2) * (self.aspect, 1.0)
        size = np.log(height / _longer_side(film.views[0]))
        start = np.array([*place, size, rng.normal(0, 0.06), 0, 0])
        shadow = None
        if rng.random() < 0.4:
            offset = rng.uniform((-0.04, 0.0), (0.04, 0.05))
            shadow = (*offset, rng.uniform(0.005, 0.05), rng.uniform(0.15, 0.6))
        gain = Waves.draw(rng, [0.12], (10, 80)) if rng.random() < 0.25 else None
        return Layer(film(0.0), self.motions.motion(start), None, label, gain, shadow, film=film)

    def _another_film(self, layer: Layer) -> Layer:
        """A layer that shows another film of the same model, of the same size and colours."""
        rng, films, old = self.rng, self.assets.films, layer.film
        assert films is not None
        assert old is not None
        side = max(old.views.shape[1:3])
        film = films.film(films.another(old.number, rng), rng, side, self.frame_times.times)
        start = layer.motion.start.copy()
        start[2] += np.log(_longer_side(old.views[0]) / _longer_side(film.views[0]))
        motion = replace(layer.motion, start=start)
        return self._recoloured(replace(layer, picture=film(0.0), motion=motion, film=film))

    def _rider(self, mount: Layer) -> Layer | None:
        """The rider of a filmed animal, as an object of its own; None if there is none."""
        films = self.assets.films
        film = films.rider_in(mount.film) if films and mount.film else None
        return film and replace(mount, picture=film(0.0), film=film, shadow=None)

    def _held_up_object(self) -> Layer:
        """An object, mostly polished, turned and moved forth and back in the middle."""
        rng = self.rng
        height = float(np.exp(rng.uniform(*np.log((0.3, 0.85))))) * self.scale
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
        if layer.film is not None and self.assets.films is not None:  # and all films of a model
            seed = self.colour_seeds.setdefault(self.assets.films.model(layer.film.number), seed)

        def paint(picture):
            rng = np.random.default_rng(seed)
            return premultiply(objects.match_colours(picture, near, rng, pull=pull))

        return layer.repainted(paint)

    def _region(self, label: int) -> Layer:
        """A region of the background itself, moving against it or only with the camera."""
        rng, canvas = self.rng, self.background.canvas
        side = int(np.exp(rng.uniform(np.log(0.18), np.log(0.7))) * self.scale * self.size)
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
        deformation = self.motions.deformation(0.6, 0.05) if rng.random() < 0.7 else None
        return Layer(picture, self.motions.motion(start), deformation, label)

    def _distractors(self, tracked: list[Layer]) -> list[Layer]:
        """Look-alikes and other objects that are not tracked."""
        rng, found = self.rng, []
        if self._chance(0.6 if self.group else 0.4):
            for _ in range(int(rng.choice([1, 1, 2, 3]))):
                found.append(self._lookalike(tracked[int(rng.integers(len(tracked)))]))
        for _ in range(int(rng.choice([0, 0, 0, 1, 2]) * self._chance(1.0))):
            found.append(self._recoloured(self._object(0, (0.08, 0.5))))
        return found

    def _lookalike(self, layer: Layer) -> Layer:
        """A look-alike with its own motion, which may cross the first one's."""
        rng, end = self.rng, self.frame_times.end
        if layer.film is not None:
            layer = self._another_film(layer)
        start = layer.motion.state(0.0)
        if self.group:  # side by side
            start[:2] += rng.uniform(0.3, 1.4) * np.exp(start[2]) * rng.choice([-1, 1]), 0
            start[:2] += rng.normal(0, 0.05, 2)
            start[2] += rng.normal(0, 0.06)
        else:
            start[:2] = rng.uniform(0.05, 0.95, 2) * (self.aspect, 1.0)
            start[2] += rng.normal(0, 0.15)
        motion = self.motions.motion(start)
        if self.group and rng.random() < 0.7:
            motion = replace(motion, rate=layer.motion.rate + rng.normal(0, 0.001, 6))
        elif rng.random() < 0.35:  # both meet at one place
            when = end * rng.uniform(0.3, 0.9)
            meet = layer.motion.state(when)[:2] + rng.normal(0, 0.05, 2)
            rate = np.zeros(6)
            rate[:2] = (meet - start[:2]) / max(when, 1.0)
            rate[:2] *= min(1.0, 0.2 / self.frame_times.step / (np.hypot(*rate[:2]) + 1e-9))
            motion = Motion(start, rate)
        deformation = None if layer.deformation is None else self.motions.deformation(1.0, 0.05)
        picture = layer.picture
        if layer.film is None and rng.random() < 0.4:  # slightly different colours
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


def _longer_side(picture: np.ndarray) -> float:
    """The longer side of a picture, as a multiple of its height."""
    return max(picture.shape[:2]) / picture.shape[0]
