"""What goes into the API: bodies of requests, whose unknown fields are refused.

Coordinates are video pixels, frames count from 0, ``stop`` is the frame after the last.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from .shapes import ReviewState

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


class Given(BaseModel):
    """A body of a request: fields that are not known are refused."""

    model_config = ConfigDict(extra="forbid")


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


class PathIn(Given):
    """A video to add, by its path."""

    path: Annotated[str, Field(min_length=1, max_length=4000)]


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
    candidates: Annotated[
        bool, Field(description="False: only the mask, which is there sooner.")
    ] = True


class PreviewIn(PromptIn):
    """What would clicks and a box give? Nothing is stored."""

    object: Id | None = None


class EmbedIn(Given):
    """A frame that is looked at, and the object that is selected."""

    frame: FrameIndex
    object: Id | None = None


class MaskIn(Given):
    """A mask by hand; an empty one says that the object is not there."""

    size: Size
    counts: Counts


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


class ClearIn(RangeIn):
    """Frames whose masks go."""

    absent: Annotated[
        bool, Field(description="The object is not there: its masks are empty and stay so.")
    ] = False


class TrackIn(Given):
    """What to track. Without a range: from the prompts to the ends, or to barriers."""

    objects: Annotated[list[Id], Field(min_length=1, max_length=1000)]
    start: FrameIndex | None = None
    stop: FrameIndex | None = None
    direction: Direction = "forward"


class ReviewIn(Given):
    """The review of a video, of an object, of frames, or of an object on frames."""

    state: ReviewState | None = None
    object: Id | None = None
    frames: Annotated[list[FrameIndex] | None, Field(min_length=2, max_length=2)] = Field(
        None, description="`[start, stop]`; stop is left out."
    )
    comment: Annotated[str | None, Field(max_length=4000)] = None
    locked: bool | None = None


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


class AnnotateIn(Given):
    """Annotate videos automatically."""

    videos: Annotated[list[Id], Field(min_length=1, max_length=100_000)]
    prompts: Literal["auto", "project"] = "auto"
