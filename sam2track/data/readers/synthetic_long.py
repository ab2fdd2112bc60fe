"""A long-term benchmark that needs no download: procedural clips with exact masks.

The tables below define it. Frames are drawn when they are asked for, in any order, in constant
memory. One version of the tables always gives the same pixels; a change needs a new version.

Objects hide behind other things, leave and come back elsewhere, meet similar objects, shrink to a
tenth, move fast, turn, and change with the light. Where an object cannot be seen its mask is empty,
so a tracker that still reports it loses points.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from jaxtyping import Bool, UInt8

from ...synthetic.long_events import Event, Story
from ...synthetic.long_scene import Stage
from ...types import Frame
from .listing import choose_names

VERSION = 1
SIZE, SHORT_SIZE = (360, 640), (240, 426)
EVERYTHING = (
    Event("hide", 10), Event("leave", 50), Event("meet", 50), Event("turn", 40),
    Event("hide", 200), Event("dash", 40), Event("leave", 10), Event("scale", 100),
    Event("hide", 50), Event("meet", 50), Event("dusk", 120), Event("leave", 200),
)  # fmt: skip

#      name            frames objects twins events                                        seed
FULL = (
    Story("hidden_10", 300, 1, 0, (Event("hide", 10),), 1),
    Story("hidden_50", 400, 1, 0, (Event("hide", 50),), 2),
    Story("hidden_200", 700, 1, 0, (Event("hide", 200),), 3),
    Story("away_10", 300, 1, 0, (Event("leave", 10),), 4),
    Story("away_50", 400, 1, 0, (Event("leave", 50),), 5),
    Story("away_200", 700, 1, 0, (Event("leave", 200),), 6),
    Story("crossing", 400, 1, 1, (Event("meet", 50),), 7),
    Story("crowd", 400, 2, 1, (Event("meet", 40), Event("hide", 10)), 8),
    Story("stand_in_50", 500, 1, 1, (Event("leave", 50),), 9),
    Story("stand_in_200", 700, 1, 1, (Event("leave", 200),), 10),
    Story("scale", 500, 1, 0, (Event("scale", 100),), 11),
    Story("dash", 300, 1, 0, (Event("dash", 40),), 12),
    Story("change", 400, 1, 0, (Event("turn", 40), Event("dusk", 80)), 13),
    Story("marathon_1", 3000, 1, 1, EVERYTHING, 14),
    Story("marathon_2", 3000, 2, 1, EVERYTHING, 15),
    Story("marathon_3", 3000, 3, 0, EVERYTHING, 16),
)
SHORT = (
    Story("short_hidden", 160, 1, 0, (Event("hide", 20),), 21, 20),
    Story("short_away", 140, 1, 0, (Event("leave", 30),), 22, 20),
    Story("short_crossing", 140, 1, 1, (Event("meet", 40),), 23, 20),
    Story("short_stand_in", 180, 1, 1, (Event("leave", 40),), 31, 20),
    Story("short_scale", 160, 1, 0, (Event("scale", 40), Event("dash", 20)), 25, 20),
    Story("short_medley", 200, 2, 0, (Event("leave", 20), Event("hide", 20)), 26, 20),
)


@dataclass(frozen=True, slots=True)
class LongSequence:
    """One sequence of the benchmark; it holds the story, and draws pictures on demand.

    Attributes:
        story: what happens in it.
        size: height and width, pixels.
        version: of the benchmark.
    """

    story: Story
    size: tuple[int, int]
    version: int = VERSION

    @property
    def name(self) -> str:
        return self.story.name

    @property
    def attributes(self) -> tuple[str, ...]:
        return self.story.attributes

    @property
    def annotated(self) -> tuple[int, ...]:
        """Every frame."""
        return tuple(range(self.story.frames))

    def __len__(self) -> int:
        return self.story.frames

    def frame(self, index: int) -> Frame:
        """The picture at ``index``, which counts from 0.

        Raises:
            IndexError: if there is no such frame.
        """
        return Frame(index, _drawn(self, index)[0].copy())

    def labels(self, index: int) -> UInt8[np.ndarray, "H W"]:
        """The object (1, 2, ...) that each pixel shows, 0 = none.

        Raises:
            IndexError: if there is no such frame.
        """
        return _drawn(self, index)[1].copy()

    def masks(self, index: int) -> dict[int, Bool[np.ndarray, "H W"]]:
        """Each object's mask; objects that do not show are left out."""
        labels = self.labels(index)
        found = np.flatnonzero(np.bincount(labels.ravel()))
        return {int(label): labels == label for label in found if label}

    def starts(self) -> dict[int, dict[int, Bool[np.ndarray, "H W"]]]:
        """All objects, on the first frame."""
        return {0: self.masks(0)}


def synthetic_long(
    short: bool = False, version: int = VERSION, *, draws: int = 1, names=None
) -> tuple[LongSequence, ...]:
    """The benchmark's sequences.

    Args:
        short: the few small clips that are meant for continuous integration.
        version: of the benchmark; there is 1.
        draws: how many clips each story gets, each with another seed: more clips show smaller
            differences. The second clip of ``dash`` is called ``dash.2``.
        names: only these sequences, in this order.

    Raises:
        ValueError: if there is no such version or sequence, or ``draws`` is not positive.
    """
    if version != VERSION:
        raise ValueError(f"synthetic_long has version {VERSION}, not {version}")
    if draws < 1:
        raise ValueError(f"draws {draws}: give 1 or more")
    size = SHORT_SIZE if short else SIZE
    stories = [
        _with_seed(story, draw) for draw in range(draws) for story in (SHORT if short else FULL)
    ]
    found = {story.name: LongSequence(story, size) for story in stories}
    return tuple(found[name] for name in choose_names(found, names or None, "synthetic_long"))


def _with_seed(story: Story, draw: int) -> Story:
    """The story with another seed; draw 0 is the story itself."""
    if not draw:
        return story
    return replace(story, name=f"{story.name}.{draw + 1}", seed=story.seed + 1000 * draw)


@lru_cache(maxsize=2)
def _stage(sequence: LongSequence) -> Stage:
    return Stage(sequence.story, sequence.size, sequence.version)


@lru_cache(maxsize=2)  # a frame and its labels are mostly asked for together
def _drawn(sequence: LongSequence, index: int) -> tuple[np.ndarray, np.ndarray]:
    if not 0 <= index < len(sequence):
        raise IndexError(f"{sequence.name} has frames 0 to {len(sequence) - 1}, not {index}")
    return _stage(sequence).draw(index)
