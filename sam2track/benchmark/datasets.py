"""What the benchmark knows of each dataset: its reader, how it is scored, how it is handed in.

Room: BENCHMARK. A folder enters, a :class:`Dataset` leaves. One function for each dataset, named by
``configs/dataset/*.yaml``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..data.davis import davis
from ..data.sequence import MaskSequence
from ..metrics import DAVIS_2016, DAVIS_2017, Toolkit


@dataclass(frozen=True, slots=True)
class Dataset:
    """The sequences of a split, and how the toolkit of the dataset treats them.

    Attributes:
        name: as in the published tables.
        sequences: in order.
        toolkit: how masks are scored.
        layout: how masks are written, see :mod:`sam2track.benchmark.layouts`.
    """

    name: str
    sequences: tuple[MaskSequence, ...]
    toolkit: Toolkit
    layout: str = "palette"


OpenDataset = Callable[[], Dataset]


def frame_name(sequence: MaskSequence, index: int) -> str:
    """What a frame's files are called: as in its dataset, or by index if it never was a file."""
    name = getattr(sequence, "frame_name", None)
    return f"{index:05d}" if name is None else name(index)


def davis16(root: str, split: str = "val", *, names: Sequence[str] | None = None) -> Dataset:
    """DAVIS 2016: one object a sequence."""
    sequences = davis(root, 2016, split, names=names)
    return Dataset("davis16", sequences, DAVIS_2016, layout="binary")


def davis17(root: str, split: str = "val", *, names: Sequence[str] | None = None) -> Dataset:
    """DAVIS 2017: several objects a sequence."""
    return Dataset("davis17", davis(root, 2017, split, names=names), DAVIS_2017)
