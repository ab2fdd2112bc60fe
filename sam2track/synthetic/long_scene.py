"""A clip of the long-term benchmark, ready to be drawn frame by frame.

What enters: what happens (:mod:`sam2track.synthetic.long_events`) and a seed. What leaves: any frame
with the exact label of every pixel. Nothing but the index decides it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import UInt8

from .compositing import Layer, sample, travel
from .drawn_objects import Thing
from .drawn_places import bush, place, slab
from .long_events import ASPECT, WALK, Passing, Script, Story, follow
from .motion import Keys, Motion, Sway, Waves

MARGIN = 0.2  # of the ground around the view, in frame heights; beyond it mirrors
SHUTTER = 0.4  # frames for which each is exposed
DUSK = (0.34, 0.38, 0.52)  # what is left of red, green and blue


@dataclass(frozen=True, slots=True, eq=False)
class Actor:
    """A thing with two sides.

    Attributes:
        layer: how it moves; its picture is replaced by the one that is seen.
        sides: both sides' pictures, each at falling sizes: the next is half as large.
        turned: the side that is seen: 0, 1, or between while one turns into the other.
    """

    layer: Layer
    sides: tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]
    turned: Keys

    def seen(self, t: float, scale: float) -> Layer:
        """What is drawn at ``t`` by a camera of so many pixels a world unit."""
        height = scale * np.exp(self.layer.motion.state(t)[2])
        level = 0
        while level + 1 < len(self.sides[0]) and self.sides[0][level + 1].shape[0] >= height:
            level += 1
        side = float(self.turned(t)[0])
        front, back = (pictures[level] for pictures in self.sides)
        if side in (0.0, 1.0):
            picture = back if side else front
        else:
            picture = cv2.addWeighted(front, 1 - side, back, side, 0)
        return replace(self.layer, picture=picture)


@dataclass(frozen=True, slots=True, eq=False)
class Screen:
    """A picture that hides things.

    Attributes:
        picture: RGBA, colours multiplied by alpha.
        share: its height over that of the largest thing that it hides.
    """

    picture: np.ndarray
    share: float


class Stage:
    """A place, a camera, objects, look-alikes and what hides them.

    Args:
        story: what happens.
        size: height and width of the frames, pixels.
        version: another version, other pictures.
    """

    def __init__(self, story: Story, size: tuple[int, int], version: int) -> None:
        rng = np.random.default_rng((version, story.seed))
        self.size, height = size, size[0]
        self._ground = place(
            rng, round((1 + 2 * MARGIN) * height), round((ASPECT + 2 * MARGIN) * height)
        )
        self._shake = Waves.draw(rng, [0.05, 0.03, 0.03, 0.012], (70, 300), terms=3)
        self._noise = _grain(rng, size)
        cover = None
        if any(event.kind == "hide" for event in story.events):
            cover = (float(rng.choice([0.17, 0.83])) * ASPECT, 0.6)
        high = float(rng.uniform(0.46, 0.58)) / story.objects**0.25
        screens = [_screen(rng, high, height) for _ in range(3)]
        self._passers: list[tuple[float, float, Layer]] = []
        self._actors = self._cast(rng, story, high, cover)
        for script in self._scripts:
            self._passers += [_passer(rng, when, screens, high) for when in script.passers]
        self._cover = None if cover is None else _cover(rng, cover, screens[0], high)
        times, values = zip(*self._scripts[0].lights, strict=True)
        self._light = Keys(np.array(times), np.array(values)[:, None])

    def _cast(self, rng: np.random.Generator, story: Story, high: float, cover) -> list[Actor]:
        """Objects and look-alikes, back to front; at first they stand side by side."""
        self._scripts: list[Script] = []
        actors = []
        count = story.objects * (1 + story.twins)
        places = iter((rng.permutation(count) + 0.5) / count)
        for label in range(1, story.objects + 1):
            thing = Thing.draw(rng)
            script = Script.begin(rng, next(places), size=high, cover=cover)
            script.stroll(1 + int(rng.integers(story.calm)) * (label > 1))
            events = story.events[label - 1 :] + story.events[: label - 1]
            script.play(events, story.frames, calm=story.calm)
            self._scripts.append(script)
            actors.append(_actor(rng, thing, script, label))
            for _ in range(story.twins):
                twin = Script.begin(rng, next(places), size=high, cover=cover)
                follow(twin, script.spots, story.frames)
                actors.append(_actor(rng, thing.lookalike(rng, alike=0.55), twin, 0))
        return [actors[k] for k in rng.permutation(count)]

    def draw(self, index: int) -> tuple[UInt8[np.ndarray, "H W 3"], UInt8[np.ndarray, "H W"]]:
        """A frame and the object (1, 2, ..., 0 = none) that each of its pixels shows."""
        t = float(index)
        camera, open_, shut = (self._camera(t + s * SHUTTER) for s in (0, -0.5, 0.5))
        height, width = self.size
        middle = np.array([[1.0, 0, ASPECT / 2], [0, 1.0, 0.5], [0, 0, 1.0]])
        middle[0, 0] = middle[1, 1] = 1 + 2 * MARGIN  # the ground's own height is 1
        way = travel(open_, shut, np.array([ASPECT / 2, 0.5, 1.0]))
        frame = sample(self._ground, camera @ middle, (0, 0, width, height), blur=way, repeat=True)
        labels = np.zeros(self.size, np.uint8)
        layers = [actor.seen(t, float(height)) for actor in self._actors]
        layers += [] if self._cover is None else [self._cover]
        layers += [layer for first, last, layer in self._passers if first <= t <= last]
        for layer in layers:
            blur = layer.travel(open_, shut, t, SHUTTER)
            layer.draw(frame, labels, camera, t, blur=blur)
        light = float(self._light(t)[0])
        if light < 1:
            gain = light + (1 - light) * np.array(DUSK)
            frame = cv2.transform(frame, np.diag(gain))
        return self._noisy(frame, index), labels

    def _camera(self, t: float) -> np.ndarray:
        """World to pixels."""
        x, y, zoom, turn = self._shake(t)
        height, width = self.size
        scale = height * np.exp(zoom)
        cos, sin = scale * np.cos(turn), scale * np.sin(turn)
        centred = np.array([[1.0, 0, -ASPECT / 2 - x], [0, 1.0, -0.5 - y], [0, 0, 1.0]])
        onto = np.array([[cos, -sin, (width - 1) / 2], [sin, cos, (height - 1) / 2], [0, 0, 1.0]])
        return onto @ centred

    def _noisy(self, frame: np.ndarray, index: int) -> np.ndarray:
        """The frame with the sensor's noise: a window of one field, elsewhere each time."""
        height, width = self.size
        y, x = index * 37 % 64, index * 53 % 64
        more, less = (field[y : y + height, x : x + width] for field in self._noise)
        return cv2.subtract(cv2.add(frame, more), less)


def _grain(rng: np.random.Generator, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """What noise adds and what it takes away, 64 pixels larger than a frame."""
    noise = rng.normal(0, 3.0, (size[0] + 64, size[1] + 64, 3)).round()
    return np.clip(noise, 0, 255).astype(np.uint8), np.clip(-noise, 0, 255).astype(np.uint8)


def _actor(rng: np.random.Generator, thing: Thing, script: Script, label: int) -> Actor:
    front = thing.render()
    back = np.ascontiguousarray(thing.lookalike(rng, alike=0.5).render()[:, ::-1])
    waves = Waves.draw(rng, [0.015, 0.012, 0.03, 0.05, 0.03, 0.05], (25, 120))
    motion = Motion(np.zeros(6), waves=waves, keys=script.keys())
    angle = rng.uniform(0, 2 * np.pi, 2)
    sway = Sway(
        rng.normal(0, 0.012, (2, 2)),
        np.stack([np.cos(angle), np.sin(angle)], 1) * 5,
        2 * np.pi / rng.uniform(15, 50, 2),
        angle,
    )
    times, sides = zip(*script.sides, strict=True)
    turned = Keys(np.array(times), np.array(sides)[:, None])
    shadow = (0.0, 0.03, 0.02, 0.35)
    layer = Layer(front, motion, sway, label, shadow=shadow)
    return Actor(layer, (_halved(front), _halved(back)), turned)


def _halved(picture: np.ndarray) -> tuple[np.ndarray, ...]:
    """The picture, half of it, a quarter, an eighth: small ones are drawn without aliasing."""
    out = [picture]
    for _ in range(3):
        half = (out[-1].shape[1] // 2, out[-1].shape[0] // 2)
        out.append(cv2.resize(out[-1], half, interpolation=cv2.INTER_AREA))
    return tuple(out)


def _screen(rng: np.random.Generator, high: float, height: int) -> Screen:
    """Something that hides a thing ``high`` world units high."""
    if rng.random() < 0.5:
        return Screen(slab(rng, round(1.25 * high * height)), 1.25)
    return Screen(bush(rng, round(1.8 * high * height), trees=0.0), 1.8)


def _cover(rng, where: tuple[float, float], screen: Screen, high: float) -> Layer:
    """Something that stands in front."""
    place_ = np.array([*where, np.log(screen.share * high), 0.0, 0.0, 0.0])
    return Layer(screen.picture, Motion(place_))


def _passer(rng, when: Passing, screens: list[Screen], high: float) -> tuple[float, float, Layer]:
    """Something that comes, stays in front of a place for a while, and goes on; and from when to
    when it is there."""
    screen = screens[int(rng.integers(len(screens)))]
    own = screen.share * high
    side = float(rng.choice([-1.0, 1.0]))
    from_, to = (ASPECT / 2 + sign * side * (ASPECT / 2 + own + 0.2) for sign in (-1, 1))
    times = np.array([when.first - WALK, when.first, when.last, when.last + WALK])
    values = np.zeros((4, 6))
    values[:, 0] = from_, when.x, when.x, to
    values[:, 1], values[:, 2] = when.y, np.log(own)
    layer = Layer(screen.picture, Motion(np.zeros(6), keys=Keys(times, values)))
    return float(times[0]), float(times[-1]), layer
