"""What happens in a clip of the long-term benchmark: scripts for its objects and its look-alikes.

What enters: events and a seeded generator. What leaves: key moments for
:class:`~sam2track.synthetic.motion.Motion`. World units: the view is ``(0, 0)`` to ``(ASPECT, 1)``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from .motion import Keys

ASPECT = 16 / 9
WALK = 22  # frames from one place in the view to another, or out of it
EASE = 10  # of them, those in which a thing is already out of view or hidden: motions end softly
ATTRIBUTES = {
    "hide": "occlusion",
    "leave": "out of view",
    "meet": "look-alikes",
    "scale": "scale change",
    "dash": "fast motion",
    "turn": "appearance change",
    "dusk": "appearance change",
}


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happens to an object.

    Attributes:
        kind: ``hide`` (something is in front of it), ``leave`` (it goes out of the picture and
            comes back elsewhere), ``meet`` (its look-alikes pass it), ``scale`` (it comes near,
            goes away until it is a tenth as high, and comes near again), ``dash`` (it moves fast),
            ``turn`` (it shows another side), ``dusk`` (the light changes and changes back).
        frames: about how long it is hidden or out of view, or how long it takes.
    """

    kind: Literal["hide", "leave", "meet", "scale", "dash", "turn", "dusk"]
    frames: int


@dataclass(frozen=True, slots=True)
class Story:
    """One sequence of the benchmark.

    Attributes:
        name: of the sequence.
        frames: its length.
        objects: how many are tracked.
        twins: look-alikes of each that are not.
        events: what happens to each object, over and over.
        seed: decides the rest.
        calm: frames between two events, in which the object is well seen.
    """

    name: str
    frames: int
    objects: int
    twins: int
    events: tuple[Event, ...]
    seed: int
    calm: int = 50

    @property
    def attributes(self) -> tuple[str, ...]:
        """What is hard about it: the kinds of its events, its gaps, its length."""
        found = [ATTRIBUTES[event.kind] for event in self.events]
        found += ["look-alikes"] * bool(self.twins) + ["long"] * (self.frames >= 1000)
        gaps = {event.frames for event in self.events if event.kind in ("hide", "leave")}
        return tuple(dict.fromkeys(found)) + tuple(f"gap {gap}" for gap in sorted(gaps))


@dataclass(frozen=True, slots=True)
class Passing:
    """When (frames) and where something stands still in front of a thing, having come from a side.

    Attributes:
        first, last: the frames between which it stands still.
        x, y: where.
    """

    first: float
    last: float
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Spot:
    """When and where look-alikes come to a thing, or to where it was.

    Attributes:
        frame: when.
        x, y: where.
    """

    frame: float
    x: float
    y: float


@dataclass(eq=False)
class Script:
    """Key moments of one thing, written from its first frame on.

    Attributes:
        rng: decides what the events leave open.
        size: its height (world units).
        cover: where ``(x, y)`` something stands in front, on the left or the right, or None.
        state: x, y, log height, angle, log aspect, shear, now.
        now: frames.
        moments: ``(frame, state)``.
        sides: ``(frame, side)``: 0 = as it began, 1 = the other side.
        lights: ``(frame, light)``: 1 = as it began.
        passers: what passes in front of it.
        spots: where look-alikes come to.
        hidden: how often it was hidden.
    """

    rng: np.random.Generator
    size: float
    state: np.ndarray
    cover: tuple[float, float] | None = None
    now: float = 0.0
    moments: list[tuple[float, np.ndarray]] = field(default_factory=list)
    sides: list[tuple[float, float]] = field(default_factory=lambda: [(0.0, 0.0)])
    lights: list[tuple[float, float]] = field(default_factory=lambda: [(0.0, 1.0)])
    passers: list[Passing] = field(default_factory=list)
    spots: list[Spot] = field(default_factory=list)
    hidden: int = 0

    @classmethod
    def begin(
        cls,
        rng: np.random.Generator,
        across: float,
        *,
        size: float,
        cover: tuple[float, float] | None = None,
    ) -> Script:
        """A thing that stands in the view, so far across (0..1) the part where it is well seen."""
        script = cls(rng, size, np.array([0.0, 0.0, np.log(size), 0.0, 0.0, 0.0]), cover)
        left, right = script.stretch()
        script.go(0, x=left + across * (right - left), y=rng.uniform(0.45, 0.75))
        return script

    def play(self, events: tuple[Event, ...], end: float, *, calm: int) -> None:
        """Events in turn, over and over until ``end``, with a stroll of ``calm`` frames between."""
        turn = 0
        while self.now < end:
            self.stroll(calm)
            event = events[turn % len(events)]
            getattr(self, event.kind)(event.frames)
            turn += 1

    def keys(self) -> Keys:
        """Where it is, as a function of time."""
        times, states = zip(*self.moments, strict=True)
        return Keys(np.array(times), np.array(states))

    def go(self, frames: float, **to: float) -> None:
        """Take some frames to reach ``x``, ``y``, ``size`` (log), ``angle``, ``aspect``."""
        state = self.state.copy()
        for name, value in to.items():
            state[("x", "y", "size", "angle", "aspect").index(name)] = value
        self.now, self.state = self.now + frames, state
        self.moments.append((self.now, state))

    def where(self) -> tuple[float, float]:
        """x and y, now."""
        return float(self.state[0]), float(self.state[1])

    def stretch(self) -> tuple[float, float]:
        """From which x to which it is well seen: not behind what stands there."""
        left, right = 0.3, ASPECT - 0.3
        if self.cover is None:
            return left, right
        if self.cover[0] < ASPECT / 2:
            return self.cover[0] + 1.05 * self.size, right
        return left, self.cover[0] - 1.05 * self.size

    def place(self) -> dict[str, float]:
        """Somewhere in the view where it is well seen."""
        return {"x": self.rng.uniform(*self.stretch()), "y": self.rng.uniform(0.45, 0.75)}

    def elsewhere(self) -> dict[str, float]:
        """Somewhere in the view, rather far from here."""
        return max((self.place() for _ in range(4)), key=self.way)

    def way(self, to: dict[str, float]) -> float:
        """How far a place is from here."""
        x, y = self.where()
        return float(np.hypot(to["x"] - x, to["y"] - y))

    def stroll(self, frames: int) -> None:
        """Go about."""
        stop = self.now + frames
        while self.now < stop:
            to = self.place()
            self.go(max(WALK, 60 * self.way(to)), **to, angle=self.rng.normal(0, 0.12))

    # -- events

    def hide(self, frames: int) -> None:
        """Behind something that stands, and the next time behind something that passes."""
        hold = max(frames - EASE, 1)
        self.hidden += 1
        if self.hidden % 2 and self.cover is not None:
            self.go(WALK, x=self.cover[0], y=self.cover[1])
            self.go(max(hold - 4, 1))  # what stands is wide: hidden early, and seen late
        else:
            self.passers.append(Passing(self.now + WALK, self.now + WALK + hold, *self.where()))
            self.go(WALK + hold + WALK)

    def leave(self, frames: int) -> None:
        """Out on one side, back on a random one; while it is away, look-alikes take its place."""
        self.spots.append(Spot(self.now + WALK, *self.where()))
        to = self.elsewhere()
        margin = 0.5 * float(np.exp(self.state[2])) + 0.3
        out, back = (self.rng.permutation([-margin, ASPECT + margin]) for _ in range(2))
        self.go(WALK, x=out[0])
        self.go(max(frames - EASE, 1))
        self.go(0.5, x=back[0], y=self.rng.uniform(0.45, 0.75))
        self.go(WALK, **to)

    def meet(self, frames: int) -> None:
        """Stay about where it is while look-alikes pass."""
        self.spots.append(Spot(self.now + frames / 2, *self.where()))
        self.go(frames)

    def scale(self, frames: int) -> None:
        """Near, then a tenth as high within so many frames, then near again."""
        before = self.state[2]
        self.go(frames / 2, size=np.log(0.75), x=ASPECT / 2, y=0.5)
        self.go(frames, size=np.log(0.075), **self.place())
        self.go(frames, size=np.log(0.75), x=ASPECT / 2, y=0.5)
        self.go(frames / 2, size=before, **self.place())

    def dash(self, frames: int) -> None:
        """To and fro across the view, up to its own width a frame."""
        stop = self.now + frames
        while self.now < stop:
            to = self.elsewhere()
            self.go(max(3, round(9 * self.way(to))), **to, angle=self.rng.normal(0, 0.5))

    def turn(self, frames: int) -> None:
        """Turn round: narrow as seen from its edge, then its other side, then lean over."""
        side = 1.0 - self.sides[-1][1]
        self.go(frames / 2, aspect=-0.55)
        self.sides += [(self.now - frames / 6, 1.0 - side), (self.now + frames / 6, side)]
        self.go(frames / 2, aspect=0.0, angle=self.state[3] + self.rng.choice([-1, 1]) * 1.2)
        self.go(frames / 2, angle=0.0)

    def dusk(self, frames: int) -> None:
        """The light goes, and comes back."""
        self.lights += [(self.now, 1.0), (self.now + frames / 2, 0.0)]
        self.stroll(frames // 2)
        self.lights += [(self.now, 0.0), (self.now + frames / 2, 1.0)]
        self.stroll(frames // 2)


def follow(script: Script, spots: list[Spot], end: float) -> None:
    """A look-alike: it strolls, and passes the spots at their time, from side to side."""
    for spot in spots:
        side = float(script.rng.choice([-1.0, 1.0])) * 0.3
        begin = spot.frame - WALK
        if script.now + WALK > begin:
            continue  # it is still elsewhere
        while begin - script.now > 4 * WALK:
            script.stroll(WALK)
        script.go(begin - script.now, x=spot.x - side, y=spot.y)
        script.go(2 * WALK, x=spot.x + side, y=spot.y + script.rng.normal(0, 0.03))
    while script.now < end:
        script.stroll(2 * WALK)
