"""Training clips cut from annotated videos, from any reader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import partial

import cv2
import numpy as np
from jaxtyping import Bool, Int, UInt8

from ..readers.sequence import MaskSequence
from ..readers.vos import VOSSequence
from .augment import USUAL, Augment
from .clip import SMALLEST, Clip, at_least_one

TRIES = 100  # clips without a visible object before this is an error
OVERLAP = 0.1  # largest share of the smaller of two objects that the other may cover


@dataclass(eq=False, repr=False)
class VideoClips:
    """Draws clips at random speed, forward or backward, from the frames that have masks.

    A clip shows up to ``objects`` objects that are visible in its first frame; where one is absent
    later its mask is empty. Of objects that overlap, such as a part and its whole, one is used. A
    video that is shorter than a clip is played forward and backward alternately.

    Attributes:
        sequences: where clips come from, each with the same probability.
        size: height and width of the frames, pixels; videos are resized to it.
        frames: frames per clip, at least 1.
        objects: largest number of tracked objects in a clip.
        stride: largest step from one frame of a clip to the next, in annotated frames.
        reverse: probability that a clip runs backward.
        augment: applied to the clips; None = no change.
    """

    sequences: Sequence[MaskSequence]
    size: int = 224
    _: KW_ONLY
    frames: int = 8
    objects: int = 3
    stride: int = 3
    reverse: float = 0.5
    augment: Augment | None = USUAL

    def __post_init__(self) -> None:
        if not self.sequences:
            raise ValueError("no sequences: the split is empty, or names= leaves none")
        at_least_one(frames=self.frames, objects=self.objects, stride=self.stride)
        for sequence in self.sequences:
            if isinstance(sequence, VOSSequence):
                sequence.check()  # an error now, not after hours

    def clip(self, rng: np.random.Generator, *, hardness: float = 1.0) -> Clip:
        """A clip; at ``hardness`` 0 frames are close in time and changes are small."""
        sequence = None
        for _ in range(TRIES):
            sequence = self.sequences[int(rng.integers(len(self.sequences)))]
            clip = self._cut(sequence, rng, hardness)
            if clip is not None and self.augment is not None:
                clip = self.augment(clip, rng, hardness=hardness)
            if clip is not None:
                return clip
        raise ValueError(
            f"none of {TRIES} clips shows an object on {SMALLEST:.1%} of its first frame; the last "
            f"was from {sequence!r}: check the masks, or leave such videos out with names="
        )

    def _cut(
        self, sequence: MaskSequence, rng: np.random.Generator, hardness: float
    ) -> Clip | None:
        """A clip before augmentation; None if its first frame shows no object."""
        annotated = sequence.annotated
        if not annotated:
            raise ValueError(
                f"{sequence!r} has no annotated frame; add masks, or leave it out with names="
            )
        indices = np.array(annotated)[self._places(len(annotated), rng, hardness)].tolist()
        first = sequence.masks(indices[0])
        seen = [k for k, mask in first.items() if mask.mean() >= SMALLEST]
        if not seen:
            return None
        frames: dict[int, np.ndarray] = {}
        masks: dict[int, dict[int, np.ndarray]] = {}
        aspect = 1.0
        # From a file all are read together, which is fastest.
        read = (
            sequence.frames if isinstance(sequence, VOSSequence) else partial(map, sequence.frame)
        )
        for frame in read(sorted(set(indices))):
            height, width = frame.size
            aspect = width / height
            frames[frame.index] = squash(frame.image, self.size)
            found = first if frame.index == indices[0] else sequence.masks(frame.index)
            masks[frame.index] = {k: squash_mask(found[k], self.size) for k in seen if k in found}
        chosen = choose_separate(list(masks.values()), rng.permutation(seen).tolist(), self.objects)
        labels = {index: paint(masks[index], chosen, self.size) for index in frames}
        images, maps = (np.stack([found[index] for index in indices]) for found in (frames, labels))
        return Clip(images, maps, aspect)

    def _places(
        self, length: int, rng: np.random.Generator, hardness: float
    ) -> Int[np.ndarray, " T"]:
        """Which of a video's annotated frames make the clip, as positions among them."""
        gaps = self.frames - 1
        most = 1 + round(hardness * (self.stride - 1))
        if gaps:
            most = max(1, min(most, (length - 1) // gaps))
        step = int(rng.integers(1, most + 1))
        start = int(rng.integers(max(length - step * gaps, 1)))
        places = start + step * np.arange(self.frames)
        if length == 1:
            places = np.zeros_like(places)
        elif places[-1] >= length:  # forward and backward alternately
            period = 2 * (length - 1)
            places = length - 1 - np.abs(places % period - (length - 1))
        return places[::-1] if rng.random() < self.reverse else places


def squash(image: UInt8[np.ndarray, "H W 3"], size: int) -> UInt8[np.ndarray, "S S 3"]:
    """A picture at the size of the clips."""
    how = cv2.INTER_AREA if min(image.shape[:2]) >= size else cv2.INTER_LINEAR
    return cv2.resize(image, (size, size), interpolation=how)


def squash_mask(mask: Bool[np.ndarray, "H W"], size: int) -> Bool[np.ndarray, "S S"]:
    """A mask at the size of the clips: the pixels that it covers by more than half."""
    return squash(mask.view(np.uint8) * np.uint8(255), size) > 127  # type: ignore[arg-type]


def choose_separate(
    frames: Sequence[Mapping[int, Bool[np.ndarray, "S S"]]], order: Sequence[int], most: int
) -> list[int]:
    """The first of the objects in ``order``, at most ``most``, that hardly overlap on any frame."""

    def overlap(k: int, other: int) -> bool:
        pairs = [(masks[k], masks[other]) for masks in frames if k in masks and other in masks]
        return any((a & b).sum() > OVERLAP * min(a.sum(), b.sum()) for a, b in pairs)

    chosen: list[int] = []
    for k in order:
        if len(chosen) < most and not any(overlap(k, other) for other in chosen):
            chosen.append(k)
    return chosen


def paint(
    masks: Mapping[int, Bool[np.ndarray, "S S"]], chosen: Sequence[int], size: int
) -> UInt8[np.ndarray, "S S"]:
    """The chosen objects as labels 1, 2, ... in their order."""
    labels = np.zeros((size, size), np.uint8)
    for label, k in enumerate(chosen, start=1):
        if k in masks:
            labels[masks[k]] = label
    return labels
