"""What comes out of the API: typed values, of which the OpenAPI document is made."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

ReviewState = Literal["new", "in progress", "review", "accepted", "rejected"]
BaseKind = Literal["prompted", "propagated", "doubtful", "absent", "brush", "imported"]
Kind = Literal[BaseKind, "stale", "accepted", "locked", "rejected"]


class Problem(BaseModel):
    """Why a request was refused."""

    error: str = Field(description="One sentence: what was wrong and what to do.")


class Done(BaseModel):
    """The change is stored."""

    ok: Literal[True] = True


class AttributeOut(BaseModel):
    """An attribute that objects of a class have."""

    name: str
    type: Literal["text", "number", "checkbox", "select"]
    values: list[str]
    default: str


class ClassOut(BaseModel):
    """What an object can be."""

    id: int
    name: str
    colour: str | None
    attributes: list[AttributeOut]


class ProjectOut(BaseModel):
    """The project that is served."""

    id: str = Field(description="For `X-Project`.")
    name: str
    folder: str


class ModelOut(BaseModel):
    """The state of the model; events of kind `model` say when it changes."""

    name: str
    state: Literal["loading", "ready", "error"]
    message: str


class FormatOut(BaseModel):
    """An exchange format."""

    name: str
    about: str
    reads: bool = Field(description="Whether it can be imported.")
    images: bool = Field(description="Whether it has a place for pictures.")


class SessionOut(BaseModel):
    """What the page begins with."""

    version: str
    project: ProjectOut
    who: str
    model: ModelOut
    classes: list[ClassOut]
    export_formats: list[FormatOut]
    folders: list[str] = Field(description="Folders from which videos may be added by path.")


class LeaseOut(BaseModel):
    """Who annotates a video now."""

    who: str
    frame: int | None
    mine: bool


class VideoOut(BaseModel):
    """A video, as a list shows it."""

    id: int
    name: str
    hash: str = Field(description="Of its content; `h=` of the addresses of its frames.")
    length: int
    width: int
    height: int
    fps: float
    state: ReviewState
    comment: str
    locked: bool
    object_count: int
    tracked_frames: int = Field(description="Frames on which an object has a mask of the model.")
    doubtful: int = Field(description="Frames on which the model is not sure.")
    missing: bool = Field(description="Whether its file is not there any more.")
    tracking: bool
    lease: LeaseOut | None


class ObjectOut(BaseModel):
    """An object that is followed through a video."""

    id: int
    video: int
    number: int = Field(description="In its video, from 1: the id in files.")
    class_: str = Field(alias="class")
    name: str
    colour: str | None = Field(description="Its own; None = that of its class.")
    attributes: dict[str, str]
    state: ReviewState
    locked: bool
    comment: str

    model_config = ConfigDict(populate_by_name=True)


class PromptOut(BaseModel):
    """What a person said of an object on a frame: clicks and a box together, or a mask."""

    object: int
    frame: int
    kind: Literal["clicks", "mask", "brush"]
    points: list[list[float]]
    labels: list[int]
    box: list[float] | None


class ReviewOut(BaseModel):
    """The state of a video, an object, a frame, or an object on a frame; None = all."""

    object: int | None
    frame: int | None
    state: ReviewState
    comment: str
    locked: bool


class VideoDetail(VideoOut):
    """A video with all but its masks."""

    objects: list[ObjectOut]
    prompts: list[PromptOut]
    reviews: list[ReviewOut]


class MaskOut(BaseModel):
    """A mask of an object on a frame."""

    object: int
    size: list[int]
    counts: str
    score: float | None
    presence: float | None
    confidence: float
    made: str = Field(description="prompt, propagated, brush or imported.")
    fresh: bool = Field(description="False: it does not follow from the prompts as they are now.")


class MasksOut(BaseModel):
    """Masks by frame."""

    frames: dict[int, list[MaskOut]]


class CandidateOut(BaseModel):
    """A mask that prompts may mean."""

    size: list[int]
    counts: str
    score: float


class LaneOut(BaseModel):
    """Frames of an object that are alike."""

    start: int
    stop: int
    kind: Kind
    why: str = ""


class LanesOut(BaseModel):
    """Lanes by object."""

    objects: dict[int, list[LaneOut]]


class SpanOut(BaseModel):
    """Frames that tracking again would change."""

    object: int
    start: int
    stop: int
    direction: Literal["forward", "backward"]


class FolderOut(BaseModel):
    """A folder from which videos may be added by path."""

    path: str
    files: list[str]


class AddedOut(BaseModel):
    """A video that was added, or was there."""

    status: Literal["added", "known", "moved", "copy"]
    video: VideoOut


class ClickOut(BaseModel):
    """The mask that is stored now, and what else the prompts may mean, the largest first."""

    mask: MaskOut
    candidates: list[CandidateOut]


class CandidatesOut(BaseModel):
    """What prompts may mean, the largest first."""

    candidates: list[CandidateOut]


class PreviewOut(BaseModel):
    """The mask that a click would give, first, and what else it may mean."""

    candidates: list[CandidateOut]
    superseded: bool = Field(False, description="A later preview was asked for; none was made.")


class WithdrawnOut(BaseModel):
    """The mask that is there after prompts were taken back."""

    mask: MaskOut | None


class JobOut(BaseModel):
    """Work that has begun; its progress comes by events."""

    id: str


class CancelOut(BaseModel):
    """What was cancelled."""

    cancelled: int


class UndoOut(BaseModel):
    """What was undone or brought back."""

    what: str
    object: int | None
    frame: int | None


class EntryOut(BaseModel):
    """A line of the log."""

    id: int
    time: float
    who: str
    what: str = Field(description="In words.")
    object: int | None
    frame: int | None
    undone: bool


class QueueItem(BaseModel):
    """What deserves a look."""

    video: int
    object: int | None
    number: int | None = Field(description="The object's number in its video.")
    frame: int | None = Field(description="The first frame; None = the whole track.")
    last: int | None = Field(description="The last frame.")
    why: str
    state: ReviewState


class FileOut(BaseModel):
    """A file to download."""

    name: str
    size: int


class ExportOut(BaseModel):
    """What was written, and what the format could not hold."""

    id: str
    files: list[FileOut]
    notes: list[str]
    objects: int
    frames: int


class ImportOut(BaseModel):
    """What was read."""

    objects: int
    masks: int
    boxes: int
    notes: list[str]
