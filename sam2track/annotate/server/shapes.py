"""What goes in and out of the API: typed values of which the OpenAPI document is made.

Coordinates are video pixels, frames count from 0, ``stop`` is the frame after the last.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

MOST = 2**31 - 1
FrameIndex = Annotated[int, Field(ge=0, le=MOST, description="A frame of the video, from 0.")]
Id = Annotated[int, Field(ge=1, le=MOST)]
Name = Annotated[str, Field(max_length=200)]
Colour = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$", description="`#rrggbb`")]
Attributes = Annotated[dict[Name, Annotated[str, Field(max_length=2000)]], Field(max_length=100)]
Coordinate = Annotated[float, Field(allow_inf_nan=False, ge=-1e6, le=1e6)]
Point = Annotated[list[Coordinate], Field(min_length=2, max_length=2, description="`[x, y]`")]
Points = Annotated[list[Point], Field(max_length=1000)]
Labels = Annotated[
    list[Literal[0, 1]], Field(max_length=1000, description="1 = on the object, 0 = not on it.")
]
Box = Annotated[
    list[Coordinate], Field(min_length=4, max_length=4, description="`[x0, y0, x1, y1]`")
]
Counts = Annotated[str, Field(max_length=4_000_000, description="COCO's compressed run lengths.")]
Size = Annotated[
    list[Annotated[int, Field(ge=1, le=100_000)]],
    Field(min_length=2, max_length=2, description="`[height, width]`"),
]
Direction = Literal["forward", "backward", "both"]
ReviewState = Literal["new", "in progress", "review", "accepted", "rejected"]
BaseKind = Literal["prompted", "propagated", "doubtful", "absent", "brush", "imported"]
Kind = Literal[BaseKind, "stale", "accepted", "locked", "rejected"]


class Given(BaseModel):
    """A body of a request: fields that are not known are refused."""

    model_config = ConfigDict(extra="forbid")


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


class AttributeIn(Given):
    """An attribute of a class."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    type: Literal["text", "number", "checkbox", "select"] = "text"
    values: Annotated[list[Name], Field(max_length=1000)] = []
    default: Name = ""


class ClassIn(Given):
    """A class to add, or to change."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    colour: Colour | None = None
    attributes: Annotated[list[AttributeIn], Field(max_length=100)] = []


class ProjectOut(BaseModel):
    """The project that is served."""

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


class PathIn(Given):
    """A video to add, by its path."""

    path: Annotated[str, Field(min_length=1, max_length=4000)]


class AddedOut(BaseModel):
    """A video that was added, or was there."""

    status: Literal["added", "known", "moved", "copy"]
    video: VideoOut


class ObjectIn(Given):
    """An object to add."""

    class_: Annotated[str, Field(alias="class", min_length=1, max_length=200)] = "object"
    name: Name = ""
    colour: Colour | None = None
    attributes: Attributes = {}


class ObjectChange(Given):
    """What to change of an object; what is left out stays."""

    class_: Annotated[str | None, Field(alias="class", min_length=1, max_length=200)] = None
    name: Name | None = None
    colour: Colour | None = None
    attributes: Attributes | None = None


class PromptIn(Given):
    """Clicks and a box on a frame; they add to those that are there."""

    frame: FrameIndex
    points: Points = []
    labels: Labels = []
    box: Box | None = None


class PreviewIn(PromptIn):
    """What would clicks and a box give? Nothing is stored."""

    object: Id | None = None


class ClickOut(BaseModel):
    """The mask that is stored now, and what else the prompts may mean, the largest first."""

    mask: MaskOut
    candidates: list[CandidateOut]


class PreviewOut(BaseModel):
    """The mask that a click would give, first, and what else it may mean."""

    candidates: list[CandidateOut]
    superseded: bool = Field(False, description="A later preview was asked for; none was made.")


class MaskIn(Given):
    """A mask by hand; an empty one says that the object is not there."""

    size: Size
    counts: Counts


class WithdrawnOut(BaseModel):
    """The mask that is there after prompts were taken back."""

    mask: MaskOut | None


class FrameIn(Given):
    """A frame."""

    frame: FrameIndex


class MergeIn(Given):
    """The object that becomes part of this one."""

    other: Id


class SwapIn(Given):
    """The object to swap with, from a frame on."""

    other: Id
    frame: FrameIndex


class RangeIn(Given):
    """Frames from start up to stop, which is left out."""

    start: FrameIndex
    stop: FrameIndex


class TrackIn(Given):
    """What to track. Without a range: from the prompts to the ends, or to barriers."""

    objects: Annotated[list[Id], Field(min_length=1, max_length=1000)]
    start: FrameIndex | None = None
    stop: FrameIndex | None = None
    direction: Direction = "forward"


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


class ReviewIn(Given):
    """The review of a video, of an object, of frames, or of an object on frames."""

    state: ReviewState | None = None
    object: Id | None = None
    frames: Annotated[list[FrameIndex] | None, Field(min_length=2, max_length=2)] = Field(
        None, description="`[start, stop]`; stop is left out."
    )
    comment: Annotated[str | None, Field(max_length=4000)] = None
    locked: bool | None = None


class QueueItem(BaseModel):
    """What deserves a look."""

    video: int
    object: int | None
    frame: int | None
    why: str
    state: ReviewState


class LeaseIn(Given):
    """Take a video to annotate it."""

    take_over: bool = False


class HeartbeatIn(Given):
    """Where the annotator is."""

    frame: FrameIndex | None = None


class ExportIn(Given):
    """What to write."""

    format: Name
    frames: Annotated[str, Field(max_length=40)] = "all"
    classes: Annotated[list[Name] | None, Field(max_length=1000)] = None
    videos: Annotated[list[Id] | None, Field(max_length=100_000)] = None
    images: bool = False


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


class AnnotateIn(Given):
    """Annotate videos automatically."""

    videos: Annotated[list[Id], Field(min_length=1, max_length=100_000)]
    prompts: Literal["auto", "project"] = "auto"
