"""The data of annotation: videos, classes, and tracks with a mask on each of their frames.

The project stores these values, and exchange formats are written from them and read into them.
Masks stay run lengths; one is decoded where its pixels are needed. ``index`` is a frame's position
in its video, from 0. Sizes are height and width, coordinates ``(x, y)``, both in video pixels.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from jaxtyping import Bool
from pycocotools import mask as coco

from ..masks import decode_runs, encode_runs
from ..types import whole_number

MADE = ("prompt", "propagated", "brush", "imported")
KINDS = ("text", "number", "checkbox", "select")

_CONTROL = "control characters"

Box = tuple[float, float, float, float]  # x0, y0, x1, y1 in pixels, the far edges exclusive


@dataclass(frozen=True, slots=True)
class Attribute:
    """A property that the objects of a class have, such as ``team``.

    Attributes:
        name: unique in its class.
        kind: ``text``, ``number``, ``checkbox`` (``true`` or ``false``) or ``select``.
        values: what may be chosen, for ``select``.
        default: the value of a new object.
    """

    name: str
    kind: str = "text"
    values: tuple[str, ...] = ()
    default: str = ""

    def __post_init__(self) -> None:
        check_label(self.name, "an attribute's name")
        if self.kind not in KINDS:
            raise ValueError(
                f"attribute {self.name!r}: kind {self.kind!r} is none of {', '.join(KINDS)}"
            )


@dataclass(frozen=True, slots=True)
class ObjectClass:
    """What an object can be, such as ``car``.

    Attributes:
        id: from 1, unique.
        name: unique.
        colour: RGB, 0..255; None = the colour that its id gives.
        attributes: of each object of this class.
    """

    id: int
    name: str
    colour: tuple[int, int, int] | None = None
    attributes: tuple[Attribute, ...] = ()

    def __post_init__(self) -> None:
        whole_number(self.id, "a class's id", least=1)
        check_label(self.name, f"the name of class {self.id}")


@dataclass(frozen=True, slots=True)
class TrackFrame:
    """One object on one frame: a mask, or only a box where the source has no mask.

    Attributes:
        counts: the mask as COCO's compressed run lengths, of the video's size. An empty mask says
            that the object is not there; None = no mask is known.
        box: where there is no mask; else None, since the mask gives it.
        score: predicted IoU, 0..1; None = unknown.
        made: ``prompt`` (a person prompted this frame), ``propagated``, ``brush`` (edited by hand)
            or ``imported``.
        occluded: partly hidden behind something.
    """

    counts: str | None
    box: Box | None = None
    score: float | None = None
    made: str = "imported"
    occluded: bool = False

    def __post_init__(self) -> None:
        if (self.counts is None) == (self.box is None):
            raise ValueError("a track has either a mask or a box on a frame; give one of them")
        if self.box is not None and not (self.box[0] < self.box[2] and self.box[1] < self.box[3]):
            raise ValueError(
                f"box {self.box} has no area; give x0, y0, x1, y1 with x0 < x1, y0 < y1"
            )
        if self.score is not None and not math.isfinite(self.score):
            raise ValueError(f"score is {self.score}; give a finite number, or None")
        if self.made not in MADE:
            raise ValueError(f"made={self.made!r} is none of {', '.join(MADE)}")

    @classmethod
    def from_mask(
        cls,
        mask: Bool[np.ndarray, "H W"],
        *,
        score: float | None = None,
        made: str = "imported",
        occluded: bool = False,
    ) -> TrackFrame:
        """A frame whose mask is given by its pixels."""
        return cls(encode_runs(mask)["counts"], None, score, made, occluded)

    def mask(self, size: tuple[int, int]) -> Bool[np.ndarray, "H W"] | None:
        """The mask, True on the object; None if only a box is known.

        Raises:
            ValueError: if the run lengths are damaged or of another size.
        """
        if self.counts is None:
            return None
        return decode_runs({"size": size, "counts": self.counts}, "a mask")


@dataclass(frozen=True, slots=True)
class Track:
    """One object through its video.

    Attributes:
        id: from 1, unique in its video.
        class_id: of its :class:`ObjectClass`.
        frames: by index; a frame that is not here is not annotated for this object. Any mapping
            serves, also one that reads frames from a database.
        name: for people; may be empty.
        attributes: values by the names of the class's attributes.
    """

    id: int
    class_id: int
    frames: Mapping[int, TrackFrame]
    name: str = ""
    attributes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        whole_number(self.id, "a track's id", least=1)
        for text in (self.name, *self.attributes.values()):
            if not all(c.isprintable() or c in "\n\t" for c in text):
                raise ValueError(
                    f"track {self.id} has the text {text[:60]!r}; leave out {_CONTROL}"
                )


@dataclass(frozen=True, slots=True)
class Video:
    """What is known of a video.

    Attributes:
        name: unique among the videos, without folders, such as ``cup`` for ``videos/cup.mp4``.
        width, height: in pixels.
        length: number of frames.
        path: a file or a folder of pictures; None = unknown.
        fps: frames a second; None = unknown.
        times: of all frames, in seconds; None = at a constant rate.
        frame_names: files of the pictures, where each frame is one; None = frames of a file.
    """

    name: str
    width: int
    height: int
    length: int
    path: Path | None = None
    fps: float | None = None
    times: tuple[float, ...] | None = None
    frame_names: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        check_name(self.name, "a video's name")
        for side in ("width", "height"):
            whole_number(getattr(self, side), f"{side} of video {self.name!r}", least=1)
        whole_number(self.length, f"length of video {self.name!r}", least=0)
        if self.fps is not None and not (math.isfinite(self.fps) and self.fps > 0):
            raise ValueError(f"fps of video {self.name!r} is {self.fps}; give a number above 0")
        for what, listed in (("times", self.times), ("frame names", self.frame_names)):
            if listed is not None and len(listed) != self.length:
                raise ValueError(
                    f"video {self.name!r} has {self.length} frames, but {len(listed)} {what}"
                )

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.height, self.width


@dataclass(frozen=True, slots=True)
class VideoTracks:
    """A video with the tracks of its objects.

    Attributes:
        tracks: their ids differ.
        accepted: frames that a reviewer accepted.
        split: of a dataset, such as ``train``; empty = none.
    """

    video: Video
    tracks: tuple[Track, ...]
    accepted: frozenset[int] = frozenset()
    split: str = ""


@dataclass(frozen=True, slots=True)
class Annotations:
    """Videos with their tracks, and the classes of these.

    Attributes:
        classes: their ids and names differ.
        videos: their names differ. For writing, a generator that makes one video at a time keeps
            memory flat.
    """

    classes: tuple[ObjectClass, ...]
    videos: Iterable[VideoTracks]


def area_of(counts: str, size: tuple[int, int]) -> int:
    """The pixels of a mask, from its run lengths alone."""
    runs: Any = {"size": list(size), "counts": counts.encode()}
    return int(coco.area(runs))


def hex_of(colour: tuple[int, int, int] | None) -> str | None:
    """A colour as ``#rrggbb``."""
    return None if colour is None else f"#{bytes(colour).hex()}"


def colour_of(text: str | None) -> tuple[int, int, int] | None:
    """The colour in ``#rrggbb``, also without the sign; None for anything else."""
    if text is None or not re.fullmatch("#?[0-9a-fA-F]{6}", text):
        return None
    red, green, blue = bytes.fromhex(text.removeprefix("#"))
    return red, green, blue


def check_label(name: str, what: str) -> None:
    """Raise ValueError unless a name of a class or attribute can be written in every format."""
    if not name.strip() or name != name.strip() or not name.isprintable():
        raise ValueError(
            f"{what} is {name[:60]!r}; give one without {_CONTROL} or spaces around it"
        )


def check_name(name: str, what: str) -> str:
    """A name that can be that of a file or folder, unchanged.

    Raises:
        ValueError: if it is empty, leads to another folder, or has control characters; the message
            begins with ``what``.
    """
    bad = name.strip() in ("", ".", "..") or any(c in "/\\" or not c.isprintable() for c in name)
    if bad or len(name.encode("utf-8", "replace")) > 200:
        raise ValueError(f"{what} is {name[:60]!r}; give one without / and \\, at most 200 bytes")
    return name
