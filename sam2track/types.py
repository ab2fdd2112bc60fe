"""The shared vocabulary: what passes between the rooms of the package.

Shapes use these letters: ``H W`` video pixels, ``h w`` the stride-16 grid, ``C`` model channels,
``D`` memory channels, ``N`` objects, ``P`` points, ``M`` candidate masks, and ``R`` rows, where a
row is one hypothesis of one object (usually one row per object).

Coordinates are video pixels ``(x, y)``, the centre of the top-left pixel being ``(0, 0)``. A mask
logit above zero is foreground. Everywhere, ``index`` is a frame's position in the video, ``scores``
are predicted IoUs of masks in 0..1, ``presence`` is the logit that the object is in the frame, and
a ``pointer`` is an object's one-token summary.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, SupportsIndex

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from .masks.boxes import mask_box


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of a video.

    Attributes:
        index: position in the video, from 0.
        image: RGB, ``uint8``.
        name: the file name of its picture, such as ``00005.jpg``; None if it never was a file.

    Raises:
        ValueError: if the picture is not RGB as ``uint8``, or the index not a whole number from 0.
    """

    index: int
    image: UInt8[np.ndarray, "H W 3"]
    name: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "index", whole_number(self.index, "a frame's index", least=0))
        image = self.image
        if not isinstance(image, np.ndarray):
            advice = 'for a PIL picture give np.asarray(picture.convert("RGB"))'
            if image is None:
                advice = "OpenCV gives None for a file that it cannot read: check the path"
            raise ValueError(
                f"frame {self.index} is a {type(image).__name__}, not a NumPy array; {advice}"
            )
        if image.shape[2:] != (3,) or image.dtype != np.uint8 or not image.size:
            raise ValueError(
                f"frame {self.index} is {image.dtype} of shape {image.shape}; "
                "give RGB as uint8 of shape (height, width, 3)"
            )

    @classmethod
    def from_bgr(cls, index: int, image: UInt8[np.ndarray, "H W 3"]) -> Frame:
        """A frame from a BGR picture, as OpenCV reads and captures them."""
        return cls(index, cv2.cvtColor(cls(index, image).image, cv2.COLOR_BGR2RGB))

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.image.shape[0], self.image.shape[1]


@dataclass(frozen=True, slots=True, eq=False)
class FrameFeatures:
    """One image as the encoder sees it; expanded to rows where it is used.

    Attributes:
        stride16: what memory conditions and the decoder reads.
        stride8: skip connection of the decoder's first upscaling, already projected.
        stride4: skip connection of its second upscaling, already projected. Both are None where the
            backbone has no maps at these strides.
        begun: what memory attention makes of the image before it looks at memories, if that is
            known; see :meth:`sam2track.model.sam2.SAM2.begin`.
    """

    stride16: Float[Tensor, "1 C h w"]
    stride8: Float[Tensor, "1 C/4 2*h 2*w"] | None = None
    stride4: Float[Tensor, "1 C/8 4*h 4*w"] | None = None
    begun: Float[Tensor, "1 h*w C"] | None = None

    def images(self, places: Int[Tensor, " R"] | slice) -> FrameFeatures:
        """The features of some of the images, one per row."""
        rest = (self.stride8, self.stride4, self.begun)
        return FrameFeatures(self.stride16[places], *(x if x is None else x[places] for x in rest))


@dataclass(frozen=True, slots=True, eq=False)
class MemoryFrame:
    """What one row remembers of one frame. Immutable, so that hypotheses can share it.

    Attributes:
        features: the spatial memory, ``bfloat16``: T tokens, as many as the memory encoder makes
            (one for each cell of the stride-16 grid in SAM 2).
        score, presence: scalar tensors: reading a value on the host would wait for the device.
        appearance: of a prompted object, by :meth:`sam2track.model.sam2.SAM2.appearance`.
    """

    index: int
    features: Float[Tensor, "T D"]
    pointer: Float[Tensor, " C"]
    score: Float[Tensor, ""]
    presence: Float[Tensor, ""]
    appearance: Float[Tensor, " C"] | None = None


WindowBox = tuple[int, int, int, int]  # x0, y0, x1, y1 in frame pixels, the far edges exclusive
ANCHOR_SLOT = -1  # of an anchor: the last temporal embedding, which tells no time


@dataclass(frozen=True, slots=True, eq=False)
class Recall:
    """What one row attends to on one frame. Without memories it sees the frame alone.

    Attributes:
        memories: spatial memories.
        slots: which temporal embedding each takes: 0 = the frame before, ..., or ``ANCHOR_SLOT``.
        pointers: object pointers.
        offsets: for each pointer, how many frames ago (negative = in the future), in the
            direction of tracking.
        span: the distance that the pointers' positions are measured against, in frames.
        weights: what the attention keys of each spatial memory are multiplied by; None = 1.
    """

    memories: tuple[MemoryFrame, ...]
    slots: tuple[int, ...]
    pointers: tuple[Float[Tensor, " C"], ...]
    offsets: tuple[int, ...]
    span: int = 16
    weights: tuple[float, ...] | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Rows that recall the same shape can run as one batch."""
        return len(self.memories), len(self.pointers)


@dataclass(frozen=True, slots=True, eq=False)
class PromptTokens:
    """Prompts of R rows in model coordinates, ready for the prompt encoder.

    Attributes:
        coords: ``(x, y)`` in pixels of the model's square input.
        labels: 1 and 0 = click on and off the object, 2 and 3 = corners of a box,
            -1 = not a point.
        mask: logits of an earlier mask at stride 4, or None.
    """

    coords: Float[Tensor, "R P 2"]
    labels: Int[Tensor, "R P"]
    mask: Float[Tensor, "R 1 4*h 4*w"] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """The decoder's output before any decision.

    Attributes:
        masks: logits at stride 4.
        tokens: the output token behind each mask.
    """

    masks: Float[Tensor, "R M 4*h 4*w"]
    scores: Float[Tensor, "R M"]
    tokens: Float[Tensor, "R M C"]
    presence: Float[Tensor, "R 1"]

    def rows(self, start: int, stop: int) -> Candidates:
        """Some rows."""
        return Candidates(*_rows(self, start, stop))


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """Which candidates live on. The tensors may lie on the CPU whatever the model's device.

    Attributes:
        parents: for each row that goes on, the row it comes from.
        picks: and which of that row's masks it takes.
        present: whether the object is in the frame; where it is not, the mask is emptied.
    """

    parents: Int[Tensor, " R"]
    picks: Int[Tensor, " R"]
    present: Bool[Tensor, " R"]


@dataclass(frozen=True, slots=True, eq=False)
class Resolved:
    """The decision for R rows: what is shown and what is remembered.

    Attributes:
        logits: mask logits at stride 4; -1024 everywhere where the object is absent.
        window: the part of the frame that the rows were seen through; None = the whole frame.
    """

    logits: Float[Tensor, "R 1 4*h 4*w"]
    pointers: Float[Tensor, "R C"]
    scores: Float[Tensor, " R"]
    presence: Float[Tensor, "R 1"]
    window: WindowBox | None = field(default=None, kw_only=True)

    def rows(self, start: int, stop: int) -> Resolved:
        """Some rows."""
        return Resolved(*_rows(self, start, stop), window=self.window)


def _rows(value: Candidates | Resolved, start: int, stop: int) -> Iterator[Tensor]:
    """Some rows of every tensor."""
    values = (getattr(value, own.name) for own in fields(value))
    return (own[start:stop] for own in values if isinstance(own, Tensor))


@dataclass(frozen=True, slots=True, eq=False)
class FrameOutcome:
    """Every object on one frame as the model sees it, before masks of the video's size are made.

    Attributes:
        object_ids: the objects, in the order of the other fields.
        logits: mask logits at stride 4 of the model's square.
        windows: the part of the frame that each object's square shows, None or () = the whole.
    """

    index: int
    object_ids: tuple[int, ...]
    logits: Float[Tensor, "N 4*h 4*w"]
    scores: Float[Tensor, " N"]
    presence: Float[Tensor, " N"]
    windows: tuple[WindowBox | None, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class FrameResult:
    """Every object on one frame, at the video's size; on the model's device until :meth:`cpu`, the
    masks already on the host where they are made there.

    Attributes:
        object_ids: the objects, in the order of the other fields.
        masks: True on the object; objects may overlap.
        owner: which object a pixel belongs to where masks overlap: a position in ``object_ids``
            (the highest logit), or -1.
        logits: low-resolution mask logits as the model gave them, before holes were filled.
        windows: the part of the frame that each object's logits cover, as in :class:`FrameOutcome`.
        known_boxes: what :meth:`boxes` gives, where it was computed before.
    """

    index: int
    object_ids: tuple[int, ...]
    masks: Bool[Tensor, "N H W"]
    owner: Int[Tensor, "H W"]
    scores: Float[Tensor, " N"]
    presence: Float[Tensor, " N"]
    logits: Float[Tensor, "N 4*h 4*w"]
    windows: tuple[WindowBox | None, ...] = ()
    known_boxes: Sequence[WindowBox | None] = ()

    def cpu(self) -> FrameResult:
        """The same on the host."""
        masks, owner = self.masks.cpu(), self.owner.cpu()
        rest = (x.float().cpu() for x in (self.scores, self.presence, self.logits))
        return FrameResult(self.index, self.object_ids, masks, owner, *rest, windows=self.windows)

    def mask(self, object_id: int) -> Bool[np.ndarray, "H W"]:
        """One object's mask as a NumPy array; KeyError, which names the objects, for another id."""
        if object_id not in self.object_ids:
            known = known_ids(self.object_ids)
            raise KeyError(f"no object {object_id} on frame {self.index}; {known}")
        return self.masks[self.object_ids.index(object_id)].cpu().numpy()

    def boxes(self) -> Sequence[WindowBox | None]:
        """For each object ``(x0, y0, x1, y1)`` in pixels, the far edges exclusive; None = empty."""
        return self.known_boxes or [mask_box(mask) for mask in self.masks.cpu().numpy()]

    def label_map(self) -> UInt8[np.ndarray, "H W"]:
        """Object ids by pixel, 0 = background, as in a palette PNG; ValueError for ids over 255."""
        if max(self.object_ids, default=0) > 255:
            raise ValueError(
                f"a label map holds ids up to 255, but there is object {max(self.object_ids)}; "
                "use mask(object_id), or smaller ids"
            )
        table = np.zeros(256, np.uint8)  # its last entry is what owner -1 reads
        table[: len(self.object_ids)] = self.object_ids
        return np.asarray(cv2.LUT(self.owner.cpu().numpy().astype(np.uint8), table))


def known_ids(object_ids: Iterable[int]) -> str:
    """The end of a message about an unknown object: which ones there are."""
    ids = ", ".join(str(object_id) for object_id in object_ids)
    return f"there are: {ids}" if ids else "there is none"


def expect(value: object, kind: Any, name: str, advice: str) -> None:
    """Raise ValueError, which says what to give, unless a value is of a type."""
    if not isinstance(value, kind):
        raise ValueError(f"{name} is a {type(value).__name__}; give {advice}")


def whole_number(value: SupportsIndex, name: str, *, least: int) -> int:
    """A whole number of any kind (also NumPy's) as ``int``; ValueError if it is below ``least``."""
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if number < least or isinstance(value, bool):
        raise ValueError(f"{name} is a whole number from {least}, but {value!r} was given")
    return number
