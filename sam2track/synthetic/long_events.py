"""What happens in a sequence of the long-term benchmark: the timelines of its objects.

Takes a list of events and a seeded generator. Gives keyframes for
:class:`sam2track.synthetic.motion.Motion`. World units: the view is ``(0, 0)`` to ``(ASPECT, 1)``.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

ASPECT = 16 / 9
MOVE = 22  # frames from one place in the view to another, or out of it
EASE = 10  # of them, those in which an object is already out of view or hidden: motions end softly
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
    """Something that happens to an object.

    Attributes:
        kind: ``hide`` (an occluder is in front of it), ``leave`` (it goes out of the picture and
            comes back elsewhere), ``meet`` (its look-alikes pass it), ``scale`` (it comes near,
            goes away until it is a tenth as high, and comes near again), ``dash`` (it moves fast),
            ``turn`` (it shows another side), ``dusk`` (the light changes and changes back).
        frames: about how long it is hidden or out of view, or how long it takes.
    """

    kind: Literal["hide", "leave", "meet", "scale", "dash", "turn", "dusk"]
    frames: int


@dataclass(frozen=True, slots=True)
class SequenceSpec:
    """One sequence of the benchmark.

    Attributes:
        name: of the sequence.
        frames: its length.
        objects: how many are tracked.
        lookalikes: untracked look-alikes of each.
        events: what happens to each object, repeated until the end.
        seed: decides the rest.
        pause: frames between two events, in which the object is well visible.
    """

    name: str
    frames: int
    objects: int
    lookalikes: int
    events: tuple[Event, ...]
    seed: int
    pause: int = 50

    @property
    def attributes(self) -> tuple[str, ...]:
        """Its difficulties: the kinds of its events, its gaps, its length."""
        found = [ATTRIBUTES[event.kind] for event in self.events]
        found += ["look-alikes"] * bool(self.lookalikes) + ["long"] * (self.frames >= 1000)
        gaps = {event.frames for event in self.events if event.kind in ("hide", "leave")}
        return tuple(dict.fromkeys(found)) + tuple(f"gap {gap}" for gap in sorted(gaps))


@dataclass(frozen=True, slots=True)
class Meeting:
    """Something else comes to the place where an object is, or was.

    Attributes:
        first, last: the frames between which it is there.
        x, y: where.
    """

    first: float
    last: float
    x: float
    y: float


@dataclass(eq=False)
class Timeline:
    """Keyframes of one object, added from its first frame on."""

    rng: np.random.Generator  # decides everything else
    size: float  # its height (world units)
    # Where `(x, y)`, on the left or the right, an occluder stands, or None
    fixed_occluder: tuple[float, float] | None
    across: float  # where it stands at first, a share (0..1) of the visible range
    state: np.ndarray = field(init=False)  # x, y, log height, angle, log aspect, shear, now
    now: float = 0.0  # the time, frames
    states: list[tuple[float, np.ndarray]] = field(default_factory=list)  # `(frame, state)`
    # `(frame, side)`: 0 = its front, 1 = its back
    sides: list[tuple[float, float]] = field(default_factory=lambda: [(0.0, 0.0)])
    # `(frame, light)`: 1 = day, 0 = dusk
    lights: list[tuple[float, float]] = field(default_factory=lambda: [(0.0, 1.0)])
    # With occluders, which stop in front of it
    occlusions: list[Meeting] = field(default_factory=list)
    meetings: list[Meeting] = field(default_factory=list)  # with look-alikes, which pass it
    hidden: int = 0  # how often it was hidden

    def __post_init__(self) -> None:
        self.state = np.array([0.0, 0.0, np.log(self.size), 0.0, 0.0, 0.0])
        left, right = self.visible_range()
        self.move(0, x=left + self.across * (right - left), y=self.rng.uniform(0.45, 0.75))

    def add_events(self, events: tuple[Event, ...], end: float, *, pause: int) -> None:
        """Events in order, repeated until ``end``; before each it wanders for ``pause`` frames."""
        for event in itertools.cycle(events):
            if self.now >= end:
                break
            self.wander(pause)
            getattr(self, event.kind)(event.frames)

    def move(self, frames: float, **to: float) -> None:
        """Take some frames to reach ``x``, ``y``, ``size`` (log), ``angle``, ``aspect``."""
        state = self.state.copy()
        for name, value in to.items():
            state[("x", "y", "size", "angle", "aspect").index(name)] = value
        self.now, self.state = self.now + frames, state
        self.states.append((self.now, state))

    def position(self) -> tuple[float, float]:
        """x and y, now."""
        return float(self.state[0]), float(self.state[1])

    def meet_at(self, frame: float) -> None:
        """Let look-alikes pass at a frame, at the place where it is now."""
        self.meetings.append(Meeting(frame, frame, *self.position()))

    def visible_range(self) -> tuple[float, float]:
        """The range of x in which it is well visible: not behind the fixed occluder."""
        left, right = 0.3, ASPECT - 0.3
        if self.fixed_occluder is None:
            return left, right
        if self.fixed_occluder[0] < ASPECT / 2:
            return self.fixed_occluder[0] + 1.05 * self.size, right
        return left, self.fixed_occluder[0] - 1.05 * self.size

    def random_place(self) -> dict[str, float]:
        """Somewhere in the view where it is well visible."""
        return {"x": self.rng.uniform(*self.visible_range()), "y": self.rng.uniform(0.45, 0.75)}

    def distant_place(self) -> dict[str, float]:
        """Somewhere in the view, rather far from here."""
        return max((self.random_place() for _ in range(4)), key=self.distance)

    def distance(self, to: dict[str, float]) -> float:
        """How far a place is from here."""
        x, y = self.position()
        return float(np.hypot(to["x"] - x, to["y"] - y))

    def wander(self, frames: int) -> None:
        """Move from place to place for about this number of frames."""
        stop = self.now + frames
        while self.now < stop:
            to = self.random_place()
            self.move(max(MOVE, 60 * self.distance(to)), **to, angle=self.rng.normal(0, 0.12))

    # -- events

    def hide(self, frames: int) -> None:
        """Alternately behind the fixed occluder and behind a moving one."""
        hold = max(frames - EASE, 1)
        self.hidden += 1
        if self.hidden % 2 and self.fixed_occluder is not None:
            self.move(MOVE, x=self.fixed_occluder[0], y=self.fixed_occluder[1])
            self.move(max(hold - 4, 1))  # it is wide: the object is hidden early and seen late
        else:
            first = self.now + MOVE
            self.occlusions.append(Meeting(first, first + hold, *self.position()))
            self.move(MOVE + hold + MOVE)

    def leave(self, frames: int) -> None:
        """Out on one side, back on a random one; while it is away, look-alikes take its place."""
        self.meet_at(self.now + MOVE)
        to = self.distant_place()
        margin = 0.5 * float(np.exp(self.state[2])) + 0.3
        out, back = (self.rng.permutation([-margin, ASPECT + margin]) for _ in range(2))
        self.move(MOVE, x=out[0])
        self.move(max(frames - EASE, 1))
        self.move(0.5, x=back[0], y=self.rng.uniform(0.45, 0.75))
        self.move(MOVE, **to)

    def meet(self, frames: int) -> None:
        """Stay in place while look-alikes pass."""
        self.meet_at(self.now + frames / 2)
        self.move(frames)

    def scale(self, frames: int) -> None:
        """Near, then a tenth as high within this number of frames, then near again."""
        before = self.state[2]
        self.move(frames / 2, size=np.log(0.75), x=ASPECT / 2, y=0.5)
        self.move(frames, size=np.log(0.075), **self.random_place())
        self.move(frames, size=np.log(0.75), x=ASPECT / 2, y=0.5)
        self.move(frames / 2, size=before, **self.random_place())

    def dash(self, frames: int) -> None:
        """From side to side across the view, up to its own width per frame."""
        stop = self.now + frames
        while self.now < stop:
            to = self.distant_place()
            self.move(max(3, round(9 * self.distance(to))), **to, angle=self.rng.normal(0, 0.5))

    def turn(self, frames: int) -> None:
        """Turn round: narrow as seen from its edge, then the other side, then lean over."""
        side = 1.0 - self.sides[-1][1]
        self.move(frames / 2, aspect=-0.55)
        self.sides += [(self.now - frames / 6, 1.0 - side), (self.now + frames / 6, side)]
        self.move(frames / 2, aspect=0.0, angle=self.state[3] + self.rng.choice([-1, 1]) * 1.2)
        self.move(frames / 2, angle=0.0)

    def dusk(self, frames: int) -> None:
        """The light gets darker, and bright again."""
        self.lights += [(self.now, 1.0), (self.now + frames / 2, 0.0)]
        self.wander(frames // 2)
        self.lights += [(self.now, 0.0), (self.now + frames / 2, 1.0)]
        self.wander(frames // 2)


def follow_meetings(timeline: Timeline, meetings: list[Meeting], end: float) -> None:
    """Let a look-alike wander until ``end``; it passes each meeting at its time."""
    for meeting in meetings:
        side = float(timeline.rng.choice([-1.0, 1.0])) * 0.3
        begin = meeting.first - MOVE
        if timeline.now + MOVE > begin:
            continue  # it cannot arrive in time
        while begin - timeline.now > 4 * MOVE:
            timeline.wander(MOVE)
        timeline.move(begin - timeline.now, x=meeting.x - side, y=meeting.y)
        y = meeting.y + timeline.rng.normal(0, 0.03)
        timeline.move(2 * MOVE, x=meeting.x + side, y=y)
    while timeline.now < end:
        timeline.wander(2 * MOVE)
