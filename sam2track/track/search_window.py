"""Where to look for an object: a window of the frame around it, or the whole frame.

A window is a few times as long as the object and is seen at the network's full resolution, so that
small objects are not lost between the cells of a coarse grid. After each frame the object's place,
its smoothed size and its velocity are noted; from these follows the window of a frame to come.
Training shows windows of the same kind: a square around the object, clamped into the frame, that
grows while the object is not seen.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from ..masks.boxes import mask_box
from ..types import Resolved, WindowBox

Size = tuple[int, int]  # height, width of a frame, in pixels
Box = tuple[float, float, float, float]  # x0, y0, x1, y1

LEAST_SIDE = 4.0  # pixels: an object's longer side counts as at least this
GROWTH = 1.4  # of the window, in each frame after the object was not seen
CHANGE = (0.6, 1.7)  # of an object's longer side, at most, from frame to frame
SIZE_PACE = 0.5  # weight of the newest size (in logarithms), 0..1
VELOCITY_PACE = 0.5  # weight of the newest step, 0..1


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """What is known of an object's place after a frame, in frame pixels."""

    centre: tuple[float, float]  # of its box, where it was last seen
    side: float  # the longer side of its box, smoothed
    # Of the centre, in pixels a frame in the direction of tracking, smoothed
    velocity: tuple[float, float] = (0.0, 0.0)
    lost: int = 0  # frames since it was last seen; 0 = it was seen on this one

    @classmethod
    def of(cls, box: Box) -> Whereabouts:
        """Of an object that is seen for the first time."""
        x0, y0, x1, y1 = box
        return cls(((x0 + x1) / 2, (y0 + y1) / 2), max(x1 - x0, y1 - y0, LEAST_SIDE))

    def after(self, box: Box | None) -> Whereabouts:
        """The same one frame later, when it was seen in a box, or nowhere (None)."""
        if box is None:
            return replace(self, lost=self.lost + 1)
        now = Whereabouts.of(box)
        change = min(max(now.side / self.side, CHANGE[0]), CHANGE[1])
        return Whereabouts(
            now.centre,
            self.side * change**SIZE_PACE,
            self._velocity(now.centre),
        )

    def _velocity(self, centre: tuple[float, float]) -> tuple[float, float]:
        """Smoothed; an object that comes back may have jumped, which tells no velocity."""
        if self.lost:
            return 0.0, 0.0
        x, y = (
            old + VELOCITY_PACE * (new - before - old)
            for old, new, before in zip(self.velocity, centre, self.centre, strict=True)
        )
        return x, y

    def expected(self, ahead: int) -> tuple[float, float]:
        """The centre some frames later; one that is lost is expected where it was."""
        steps = 0 if self.lost else ahead
        return self.centre[0] + steps * self.velocity[0], self.centre[1] + steps * self.velocity[1]


@dataclass(frozen=True, slots=True)
class Zoom:
    """How windows are cut.

    A small object gets a wide window, since it moves by more of its own length. The window of a
    large one is narrower, so that it is seen at a higher resolution than in the whole frame.

    Attributes:
        factor: a window's side, in longer sides of the object; None = always the whole frame.
        least: a window's side in pixels at least; more magnification shows nothing new.
        wide: a window that is longer than this share of the frame's longer side (and than six times
            ``least``: a small frame is sharp as a whole) is cut down to it,
        tight: but not below so many longer sides of the object.
        share: a window longer than this share of the frame's longer side is the whole frame.
        small: an object is small if ``factor`` of its longer sides are at most this share of the
            frame's longer side. What a click shows is looked at once more if it is small.
        region: the side of the window around a click, as a share of the frame's longer side.
        few: of more objects than this only small ones get windows; the others are seen in the whole
            frame, which is encoded once for all of them.
    """

    factor: float | None
    least: float = 64.0
    wide: float = 0.55
    tight: float = 1.7
    share: float = 0.85
    small: float = 0.7
    region: float = 0.33
    few: int = 4

    def window(self, where: Whereabouts | None, ahead: int, size: Size) -> WindowBox | None:
        """Where to look ``ahead`` frames later; None = in the whole frame."""
        if self.factor is None or where is None:
            return None
        widest = max(self.wide * max(size), 6 * self.least)
        tight = min(self.tight, self.factor) * where.side
        side = max(min(self.factor * where.side, widest), tight)
        side = max(side * GROWTH**where.lost, self.least)
        return None if side > self.share * max(size) else clamped(where.expected(ahead), side, size)

    def windows(
        self, expected: Mapping[int, tuple[Whereabouts | None, int]], size: Size
    ) -> dict[int, WindowBox | None]:
        """Where to look for each object, by its id: from its place some frames before.

        Each has a window of its own, also beside others; large ones only if there are few objects.
        In one window for several an object would be much smaller than in its memories (measured:
        docs/zoom.md).
        """
        few, found = len(expected) <= self.few, {}
        for object_id, (place, ago) in expected.items():
            alone = few or (place is not None and self._is_small(place, size))
            found[object_id] = self.window(place, ago, size) if alone else None
        return found

    def near(self, clicked: Box, size: Size) -> WindowBox | None:
        """The window, in frame pixels, in which small things near clicks are seen; None = none.

        ``clicked`` is the box around the clicks. The window lies on a grid of a quarter of its
        side, so that clicks beside each other share its features.
        """
        side = max(self.region * max(size), 2 * self.least)
        if self.factor is None or side > self.share * max(size):
            return None
        step = side / 4
        x, y = (step * round((clicked[axis] + clicked[axis + 2]) / 2 / step) for axis in (0, 1))
        window = clamped((x, y), side, size)
        return window if contains(window, clicked) else None

    def closer(self, shown: Whereabouts | None, size: Size) -> WindowBox | None:
        """The window around the small object that a click shows; None = there is none."""
        if shown is None:
            return None
        return self.window(shown, 0, size) if self._is_small(shown, size) else None

    def _is_small(self, where: Whereabouts, size: Size) -> bool:
        return self.factor is not None and self.factor * where.side <= self.small * max(size)

    def around(self, box: Box | None, size: Size) -> WindowBox | None:
        """The window around what a prompt shows; None = the whole frame."""
        return self.window(None if box is None else Whereabouts.of(box), 0, size)


def zoom_of(zoom: float | str, usual: float | None, side: int) -> Zoom:
    """The meaning of the option ``zoom``: ``auto``, ``off``, or a factor.

    Args:
        usual: the factor that suits the model; None = no windows.
        side: of the model's square, in pixels.

    Raises:
        ValueError: if it is neither.
    """
    text = str(zoom).lower()
    if text in ("off", "false"):  # YAML reads `off` as false
        return Zoom(None)
    try:
        factor = usual if text == "auto" else float(text)
    except ValueError:
        factor = math.nan
    if factor is not None and not 1 < factor < math.inf:
        raise ValueError(f"zoom={zoom}: give auto, off, or a factor above 1, such as 3.5")
    return Zoom(factor, least=side / 4)


def clamped(centre: tuple[float, float], side: float, size: Size) -> WindowBox:
    """The square of this side around a centre, shifted and cut to lie in the frame."""
    x0, x1 = _span(centre[0], side, size[1])
    y0, y1 = _span(centre[1], side, size[0])
    return x0, y0, x1, y1


def _span(middle: float, length: float, limit: int) -> tuple[int, int]:
    whole = min(max(round(length), 1), limit)
    first = min(max(round(middle - length / 2), 0), limit - whole)
    return first, first + whole


def resolved_box(resolved: Resolved, size: Size) -> Box | None:
    """The box of one row's mask in frame pixels; None where the object is not seen."""
    mask = (resolved.logits[0, 0] > 0).cpu().numpy()
    box = mask_box(mask)
    if box is None:
        return None
    x0, y0, x1, y1 = resolved.window or (0, 0, size[1], size[0])
    across, down = (x1 - x0) / mask.shape[1], (y1 - y0) / mask.shape[0]
    return x0 + box[0] * across, y0 + box[1] * down, x0 + box[2] * across, y0 + box[3] * down


def contains(window: WindowBox | None, box: Box) -> bool:
    """Whether a window shows all of a box."""
    if window is None:
        return True
    x0, y0, x1, y1 = window
    return x0 <= box[0] and y0 <= box[1] and box[2] <= x1 and box[3] <= y1
