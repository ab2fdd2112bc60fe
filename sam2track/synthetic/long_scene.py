"""The frames of one sequence of the long-term benchmark, and the exact label of every pixel.

Takes what happens (:mod:`sam2track.synthetic.long_events`) and a seed. A frame depends only on
its index, so that frames can be drawn in any order.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import cv2
import numpy as np
from jaxtyping import UInt8

from .camera import NOISE_MARGIN, Camera, add_noise
from .compositing import Background, Layer
from .drawn_backgrounds import bush, outdoor_or_room, panel
from .drawn_objects import DrawnObject
from .long_events import ASPECT, MOVE, Meeting, SequenceSpec, Timeline, follow_meetings
from .motion import Deformation, Keyframes, Motion, Waves
from .shapes import RGBA

MARGIN = 0.2  # of the background around the view, world units
SHUTTER = 0.4  # exposure time, frames
DUSK = (0.34, 0.38, 0.52)  # the share of red, green and blue that remains at dusk


@dataclass(frozen=True, slots=True, eq=False)
class TwoSidedObject:
    """An object that shows a front or a back.

    Attributes:
        layer: how it moves; its picture is replaced by the one that is visible.
        sides: mipmaps of the front and of the back: each picture is half as large as the last.
        turned: which side is visible over time: 0, 1, or between while one fades into the other.
    """

    layer: Layer
    sides: tuple[tuple[RGBA, ...], tuple[RGBA, ...]]
    turned: Keyframes

    def layer_at(self, t: float, scale: float) -> Layer:
        """The layer at time ``t``, for a camera of ``scale`` pixels per world unit."""
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


class LongScene:
    """A background, a camera, objects, look-alikes and occluders.

    Args:
        spec: what happens.
        size: height and width of the frames, pixels.
        version: of the benchmark; another version has other pictures.

    Attributes:
        objects: tracked objects (labels 1, 2, ...) and look-alikes (0), from back to front.
    """

    def __init__(self, spec: SequenceSpec, size: tuple[int, int], version: int) -> None:
        rng = np.random.default_rng((version, spec.seed))
        self._height = height = size[0]
        paint = partial(outdoor_or_room, rng)
        self._background = Background.around_view(paint, height, ASPECT, MARGIN)
        self._camera = Camera.hand_held(rng, ASPECT, size, [0.05, 0.03, 0.03, 0.012], (70, 300))
        noise = rng.normal(0, 3.0, (height + NOISE_MARGIN, size[1] + NOISE_MARGIN, 3))
        self._noise = noise.round().astype(np.int8)
        fixed = None
        if any(event.kind == "hide" for event in spec.events):
            fixed = (float(rng.choice([0.17, 0.83])) * ASPECT, 0.6)
        largest = float(rng.uniform(0.46, 0.58)) / spec.objects**0.25
        occluders = [_occluder(rng, largest, height) for _ in range(3)]
        self.objects, timelines = _objects(rng, spec, largest, fixed)
        # The first and the last frame of each, and its layer.
        self._occluders: list[tuple[float, float, Layer]] = []
        if fixed is not None:
            picture, share = occluders[0]
            place = np.array([*fixed, np.log(share * largest), 0.0, 0.0, 0.0])
            self._occluders = [(0.0, float(spec.frames), Layer(picture, Motion(place)))]
        for timeline in timelines:
            for when in timeline.occlusions:
                self._occluders.append(_passing_occluder(rng, when, occluders, largest))
        self._light = Keyframes.from_pairs(timelines[0].lights)

    def draw(self, index: int) -> tuple[UInt8[np.ndarray, "H W 3"], UInt8[np.ndarray, "H W"]]:
        """A frame and the object (1, 2, ..., 0 = none) that each of its pixels shows."""
        t = float(index)
        layers = [one.layer_at(t, float(self._height)) for one in self.objects]
        layers += [layer for first, last, layer in self._occluders if first <= t <= last]
        frame, labels = self._camera.render(self._background, layers, t, shutter=SHUTTER)
        light = float(self._light(t)[0])
        if light < 1:
            gain = light + (1 - light) * np.array(DUSK)
            frame = cv2.transform(frame, np.diag(gain))
        return add_noise(frame, self._noise, index * 37, index * 53), labels


def _objects(
    rng: np.random.Generator, spec: SequenceSpec, height: float, fixed_occluder
) -> tuple[list[TwoSidedObject], list[Timeline]]:
    """Objects and look-alikes in order from back to front, and the timelines of the tracked ones.

    In the first frame they stand side by side.
    """
    timelines: list[Timeline] = []
    objects = []
    count = spec.objects * (1 + spec.lookalikes)
    places = iter((rng.permutation(count) + 0.5) / count)
    for label in range(1, spec.objects + 1):
        drawn = DrawnObject.draw(rng)
        timeline = Timeline(rng, height, fixed_occluder, next(places))
        timeline.wander(1 + int(rng.integers(spec.pause)) * (label > 1))
        events = spec.events[label - 1 :] + spec.events[: label - 1]
        timeline.add_events(events, spec.frames, pause=spec.pause)
        timelines.append(timeline)
        objects.append(_two_sided(rng, drawn, timeline, label))
        for _ in range(spec.lookalikes):
            other = Timeline(rng, height, fixed_occluder, next(places))
            follow_meetings(other, timeline.meetings, spec.frames)
            objects.append(_two_sided(rng, drawn.lookalike(rng, similarity=0.55), other, 0))
    return [objects[k] for k in rng.permutation(count)], timelines


def _two_sided(
    rng: np.random.Generator, drawn: DrawnObject, timeline: Timeline, label: int
) -> TwoSidedObject:
    front = drawn.render()
    back = np.ascontiguousarray(drawn.lookalike(rng, similarity=0.5).render()[:, ::-1])
    waves = Waves.draw(rng, [0.015, 0.012, 0.03, 0.05, 0.03, 0.05], (25, 120))
    motion = Motion(np.zeros(6), waves=waves, keyframes=Keyframes.from_pairs(timeline.states))
    deformation = Deformation.ripples(rng, 0.012, (15, 50))
    layer = Layer(front, motion, deformation, label, shadow=(0.0, 0.03, 0.02, 0.35))
    turned = Keyframes.from_pairs(timeline.sides)
    return TwoSidedObject(layer, (_mipmaps(front), _mipmaps(back)), turned)


def _mipmaps(picture: RGBA) -> tuple[RGBA, ...]:
    """The picture at full, half, quarter and eighth size, so that small ones do not alias."""
    out = [picture]
    for _ in range(3):
        half = (out[-1].shape[1] // 2, out[-1].shape[0] // 2)
        out.append(cv2.resize(out[-1], half, interpolation=cv2.INTER_AREA))
    return tuple(out)


def _occluder(rng: np.random.Generator, largest: float, height: int) -> tuple[RGBA, float]:
    """A picture that hides objects, and its height over that of the largest of them.

    ``largest`` is in world units, ``height`` (of the frame) in pixels.
    """
    if rng.random() < 0.5:
        return panel(rng, round(1.25 * largest * height)), 1.25
    return bush(rng, round(1.8 * largest * height), trees=0.0), 1.8


def _passing_occluder(
    rng: np.random.Generator, when: Meeting, occluders: list[tuple[RGBA, float]], largest: float
) -> tuple[float, float, Layer]:
    """An occluder that comes in on one side, stays for a while and goes out on the other; its first
    and last frame, and its layer."""
    picture, share = occluders[int(rng.integers(len(occluders)))]
    height = share * largest
    side = float(rng.choice([-1.0, 1.0]))
    start, end = (ASPECT / 2 + sign * side * (ASPECT / 2 + height + 0.2) for sign in (-1, 1))
    times = np.array([when.first - MOVE, when.first, when.last, when.last + MOVE])
    values = np.zeros((4, 6))
    values[:, 0] = start, when.x, when.x, end
    values[:, 1], values[:, 2] = when.y, np.log(height)
    layer = Layer(picture, Motion(np.zeros(6), keyframes=Keyframes(times, values)))
    return float(times[0]), float(times[-1]), layer
