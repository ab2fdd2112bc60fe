"""A video with masks of a dataset: a reader of its frames, and its annotations.

One module for each dataset (such as :mod:`.davis`) says where the folders are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Bool, UInt8

from ...masks import flatten
from ...types import Frame
from .annotations import Annotations, LabelMaps, match_files
from .frames import FrameReader, PictureFrames


@dataclass(eq=False, repr=False)
class VOSSequence:
    """One video and its annotations: a :class:`.sequence.MaskSequence`, which explains the methods.

    Attributes:
        name: the folder's name.
        load: lists the folders, at the first use; raises FileNotFoundError or ValueError if they
            are incomplete.
        attributes: its difficulties.
        late_objects: objects may first appear after the first annotated frame.
        groups: the group of each object, such as ``seen``; the server averages by group.
        spans: for each object, the frames that are scored: the first number and the one after the
            last, as numbers in the frames' names.
        submitted: names of the frames that the server needs; none = all.
    """

    name: str
    load: Callable[[], tuple[FrameReader, Annotations]]
    _: KW_ONLY
    attributes: tuple[str, ...] = ()
    late_objects: bool = True
    groups: dict[int, str] = field(default_factory=dict)
    spans: dict[int, tuple[int, int]] = field(default_factory=dict)
    submitted: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"VOSSequence({self.name!r})"

    @cached_property
    def _parts(self) -> tuple[FrameReader, Annotations]:
        return self.load()

    def check(self) -> None:
        """List its folders now; raises what ``load`` raises."""
        _ = self._parts

    @property
    def annotated(self) -> tuple[int, ...]:
        return self._parts[1].annotated

    @property
    def object_names(self) -> dict[int, str]:
        """Folders of the objects, by id, where each object has its own (SA-V); else empty."""
        return dict(self._parts[1].object_names)

    def __len__(self) -> int:
        return len(self._parts[0])

    def frame_name(self, index: int) -> str:
        """The name of the frame in its dataset, such as ``00005``; predictions are named so."""
        return self._parts[0].name(index)

    def frame(self, index: int) -> Frame:
        return self.frames([index])[0]

    def frames(self, indices: Sequence[int]) -> list[Frame]:
        """Several frames; ascending indices are fastest. Raises as :meth:`frame`."""
        return self._parts[0].read(indices)

    def labels(self, index: int) -> UInt8[np.ndarray, "H W"]:
        return flatten(self.masks(index), self._parts[0].size(index))

    def masks(self, index: int) -> dict[int, Bool[np.ndarray, "H W"]]:
        frames, annotations = self._parts
        if index not in annotations.annotated:
            raise KeyError(index)
        return annotations.masks(index, frames.size(index))

    def starts(self) -> dict[int, dict[int, Bool[np.ndarray, "H W"]]]:
        # Every annotation is read, unless all objects appear at the start.
        starts: dict[int, dict[int, np.ndarray]] = {}
        known: set[int] = set()
        for index in self.annotated if self.late_objects else self.annotated[:1]:
            new = {k: mask for k, mask in self.masks(index).items() if k not in known}
            if new:
                starts[index] = new
                known |= new.keys()
        return starts


def read_sequence(
    images: Path,
    annotations: Path,
    *,
    binary: bool = False,
    void: int | None = None,
    gapless: bool = False,
    whole: bool = False,
    listed: tuple[str, ...] = (),
) -> tuple[PictureFrames, LabelMaps]:
    """The parts of a sequence from its two folders; a picture and its map share the file's stem.

    Args:
        images: folder of the pictures.
        annotations: folder of the label maps (PNG); not every frame needs one.
        binary, void: see :class:`.LabelMaps`.
        gapless: see :class:`.PictureFrames`.
        whole: either only the first frame has a map, or every frame has.
        listed: names of pictures that must be there.
    """
    pictures = PictureFrames(images, gapless=gapless)
    files = match_files(annotations, pictures)
    missing = set(listed) - {pictures.name(index) for index in range(len(pictures))}
    if missing:
        raise FileNotFoundError(
            f"{images} has no picture {min(missing)}, which meta.json lists; copy the folder again"
        )
    if whole and len(files) not in (1, len(pictures)):
        lacking = next(index for index in range(len(pictures)) if index not in files)
        raise FileNotFoundError(
            f"{annotations} has no {pictures.name(lacking)}.png, though others: {len(files)} of "
            f"{len(pictures)} pictures have a mask; copy the folder again"
        )
    return pictures, LabelMaps(files, binary=binary, void=void)
