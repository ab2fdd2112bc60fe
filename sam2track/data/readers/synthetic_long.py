"""A long-term benchmark that needs no download: procedural sequences with exact masks.

Takes the tables below. Gives sequences whose frames are drawn when they are requested, in any
order, in constant memory. A version of the tables always gives the same pixels; a change that
alters them gets a new version.

Objects are hidden behind occluders that move or stand still, leave and return elsewhere, meet
similar objects, shrink to a tenth, move fast, turn and change with the light. Where an object is
not visible its mask is empty.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from jaxtyping import Bool, UInt8

from ...masks import split_labels
from ...synthetic import Event, LongScene, SequenceSpec
from ...types import Frame
from .listing import choose_names

VERSION = 1
SIZE, SHORT_SIZE = (360, 640), (240, 426)
ALL_EVENTS = (
    Event("hide", 10), Event("leave", 50), Event("meet", 50), Event("turn", 40),
    Event("hide", 200), Event("dash", 40), Event("leave", 10), Event("scale", 100),
    Event("hide", 50), Event("meet", 50), Event("dusk", 120), Event("leave", 200),
)  # fmt: skip

#            name       frames objects lookalikes events                                   seed
FULL = (
    SequenceSpec("hidden_10", 300, 1, 0, (Event("hide", 10),), 1),
    SequenceSpec("hidden_50", 400, 1, 0, (Event("hide", 50),), 2),
    SequenceSpec("hidden_200", 700, 1, 0, (Event("hide", 200),), 3),
    SequenceSpec("away_10", 300, 1, 0, (Event("leave", 10),), 4),
    SequenceSpec("away_50", 400, 1, 0, (Event("leave", 50),), 5),
    SequenceSpec("away_200", 700, 1, 0, (Event("leave", 200),), 6),
    SequenceSpec("crossing", 400, 1, 1, (Event("meet", 50),), 7),
    SequenceSpec("crowd", 400, 2, 1, (Event("meet", 40), Event("hide", 10)), 8),
    SequenceSpec("stand_in_50", 500, 1, 1, (Event("leave", 50),), 9),
    SequenceSpec("stand_in_200", 700, 1, 1, (Event("leave", 200),), 10),
    SequenceSpec("scale", 500, 1, 0, (Event("scale", 100),), 11),
    SequenceSpec("dash", 300, 1, 0, (Event("dash", 40),), 12),
    SequenceSpec("change", 400, 1, 0, (Event("turn", 40), Event("dusk", 80)), 13),
    SequenceSpec("marathon_1", 3000, 1, 1, ALL_EVENTS, 14),
    SequenceSpec("marathon_2", 3000, 2, 1, ALL_EVENTS, 15),
    SequenceSpec("marathon_3", 3000, 3, 0, ALL_EVENTS, 16),
)
SHORT = (
    SequenceSpec("short_hidden", 160, 1, 0, (Event("hide", 20),), 21, 20),
    SequenceSpec("short_away", 140, 1, 0, (Event("leave", 30),), 22, 20),
    SequenceSpec("short_crossing", 140, 1, 1, (Event("meet", 40),), 23, 20),
    SequenceSpec("short_stand_in", 180, 1, 1, (Event("leave", 40),), 31, 20),
    SequenceSpec("short_scale", 160, 1, 0, (Event("scale", 40), Event("dash", 20)), 25, 20),
    SequenceSpec("short_medley", 200, 2, 0, (Event("leave", 20), Event("hide", 20)), 26, 20),
)


@dataclass(frozen=True, slots=True)
class LongSequence:
    """One sequence of the benchmark; frames are drawn on demand.

    Attributes:
        spec: its events.
        size: height and width, pixels.
        version: of the benchmark.
    """

    spec: SequenceSpec
    size: tuple[int, int]
    version: int = VERSION

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def attributes(self) -> tuple[str, ...]:
        return self.spec.attributes

    @property
    def annotated(self) -> tuple[int, ...]:
        """Every frame."""
        return tuple(range(self.spec.frames))

    def __len__(self) -> int:
        return self.spec.frames

    def frame(self, index: int) -> Frame:
        """The picture at ``index``, which counts from 0; IndexError if there is no such frame."""
        return Frame(index, _drawn(self, index)[0].copy())

    def labels(self, index: int) -> UInt8[np.ndarray, "H W"]:
        """The object (1, 2, ...) that each pixel shows, 0 = none.

        Raises:
            IndexError: if there is no such frame.
        """
        return _drawn(self, index)[1].copy()

    def masks(self, index: int) -> dict[int, Bool[np.ndarray, "H W"]]:
        """Each object's mask; objects that are not visible are left out."""
        return dict(split_labels(self.labels(index)))

    def starts(self) -> dict[int, dict[int, Bool[np.ndarray, "H W"]]]:
        """All objects, on the first frame."""
        return {0: self.masks(0)}


def synthetic_long(
    short: bool = False, version: int = VERSION, *, draws: int = 1, names=None
) -> tuple[LongSequence, ...]:
    """The benchmark's sequences.

    Args:
        short: the few small sequences for continuous integration.
        version: of the benchmark; there is 1.
        draws: how many sequences are made of each line of the table, each with another seed: for
            more reliable comparisons. The second ``dash`` is called ``dash.2``.
        names: only these sequences, in this order.

    Raises:
        ValueError: if there is no such version or sequence, or ``draws`` is not positive.
    """
    if version != VERSION:
        raise ValueError(f"synthetic_long has version {VERSION}, not {version}")
    if draws < 1:
        raise ValueError(f"draws={draws}: give at least 1")
    size = SHORT_SIZE if short else SIZE
    specs = [_with_seed(spec, draw) for draw in range(draws) for spec in (SHORT if short else FULL)]
    found = {spec.name: LongSequence(spec, size) for spec in specs}
    return tuple(found[name] for name in choose_names(found, names or None, "synthetic_long"))


def _with_seed(spec: SequenceSpec, draw: int) -> SequenceSpec:
    """The spec with another seed; draw 0 is unchanged."""
    if not draw:
        return spec
    return replace(spec, name=f"{spec.name}.{draw + 1}", seed=spec.seed + 1000 * draw)


@lru_cache(maxsize=2)
def _scene(sequence: LongSequence) -> LongScene:
    return LongScene(sequence.spec, sequence.size, sequence.version)


@lru_cache(maxsize=2)  # a frame and its labels are mostly requested together
def _drawn(sequence: LongSequence, index: int) -> tuple[np.ndarray, np.ndarray]:
    if not 0 <= index < len(sequence):
        raise IndexError(f"{sequence.name} has frames 0 to {len(sequence) - 1}, not {index}")
    return _scene(sequence).draw(index)
