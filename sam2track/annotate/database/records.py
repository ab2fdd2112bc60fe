"""What a project gives back: typed, frozen values of its tables."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool

from ...masks import decode_runs
from ..tracks import area_of

LOW_CONFIDENCE = 0.5  # a person should look at masks below it
STATES = ("new", "in progress", "review", "accepted", "rejected")


@dataclass(frozen=True, slots=True)
class ProjectVideo:
    """A video of the project.

    Attributes:
        id: in the project.
        name: unique, such as ``cup`` for ``videos/cup.mp4``.
        path: relative to the project's folder, or absolute.
        hash: SHA-256 of its content.
        fps: frames a second; a mean where the rate varies.
        width, height, length, times, frame_names: see :class:`.tracks.Video`.
    """

    id: int
    name: str
    path: str
    hash: str
    width: int
    height: int
    length: int
    fps: float
    times: tuple[float, ...] | None
    frame_names: tuple[str, ...] | None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.height, self.width


@dataclass(frozen=True, slots=True)
class ProjectObject:
    """An object that is followed through a video.

    Attributes:
        id: in the project.
        video_id: of its :class:`ProjectVideo`.
        number: in its video, from 1: the id in prompt files, palette PNGs and exports.
        class_id: of its class.
        name: for people; may be empty.
        colour: ``(r, g, b)``; None = that of its class.
        attributes: values by the names of the class's attributes.
    """

    id: int
    video_id: int
    number: int
    class_id: int
    name: str
    colour: tuple[int, int, int] | None
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ProjectMask:
    """An object on a frame.

    Attributes:
        counts: the mask as COCO's compressed run lengths; an empty one: the object is not there.
        size: height and width in pixels.
        score: predicted IoU, 0..1; None = unknown.
        presence: logit that the object is in the frame; None = not made by the model.
        made: ``prompt`` (a person prompted this frame), ``propagated``, ``brush`` or ``imported``.
        occluded: an imported mark: partly hidden behind something.
        provenance_id: see :meth:`Project.provenance`; None = not made by the model.
    """

    object_id: int
    frame: int
    counts: str
    size: tuple[int, int]
    score: float | None = None
    presence: float | None = None
    made: str = "imported"
    provenance_id: int | None = None
    occluded: bool = False

    @property
    def area(self) -> int:
        """In pixels, from the run lengths alone; 0 = the object is not there."""
        return area_of(self.counts, self.size)

    def pixels(self) -> Bool[np.ndarray, "H W"]:
        """The mask, True on the object."""
        return decode_runs({"size": self.size, "counts": self.counts}, "a mask of the project")

    @property
    def confidence(self) -> float:
        """How sure the model is, 0..1: the predicted IoU times the probability that the object is
        there; of an absent object the probability that it is not. 1 for a person's mask."""
        return confidence(self.score, self.presence)


def confidence(score: float | None, presence: float | None) -> float:
    """:attr:`ProjectMask.confidence` of a predicted IoU and a presence logit."""
    if presence is None or score is None:
        return 1.0
    there = 1 / (1 + math.exp(-min(max(presence, -50.0), 50.0)))
    return score * there if presence > 0 else 1 - there


@dataclass(frozen=True, slots=True)
class Provenance:
    """What a mask was made with.

    Attributes:
        key: a hash of all that the mask follows from: video, prompts on the way, model, settings.
        model: its name.
        weights: SHA-256 of its file.
        settings: of the tracker.
        version: of this package.
        direction: 1 = forward, -1 = backward.
    """

    key: str
    model: str
    weights: str
    settings: Mapping[str, Any]
    version: str
    direction: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the log.

    Attributes:
        time: seconds since 1970, UTC.
        who: a person or a command.
        what: ``prompt``, ``unprompt``, ``mask``, ``import``, ``add object``, ``change object``,
            ``remove object``, ``review``, ``undo``, ``redo``, and others that cannot be undone.
        data: more about it; its keys depend on ``what``.
        target: the entry that an ``undo`` or ``redo`` is about.
        undone: whether an ``undo`` is in force.
    """

    id: int
    time: float
    who: str
    what: str
    video_id: int | None
    object_id: int | None
    frame: int | None
    data: Mapping[str, Any]
    target: int | None
    undone: bool


@dataclass(frozen=True, slots=True)
class Review:
    """The state of a video, an object, a frame, or an object on a frame.

    Attributes:
        object_id, frame: None = all.
        state: one of :data:`STATES`.
        locked: propagation does not change it.
    """

    video_id: int
    object_id: int | None = None
    frame: int | None = None
    state: str = "new"
    comment: str = ""
    locked: bool = False
