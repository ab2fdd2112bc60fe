"""Training clips cut from annotated videos.

Room: DATA. Sequences of any reader enter, clips leave.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from jaxtyping import Bool, Int, UInt8

from ..readers.sequence import MaskSequence
from ..readers.vos import VOSSequence
from .augment import USUAL, Augment
from .clip import SMALLEST, Clip

TRIES = 100  # clips without a visible object, before it is no accident
OVERLAP = 0.1  # share of the smaller of two objects that may lie under the other


class VideoClips:
    """Draws clips at random speed, forward or backward, from the frames that have masks.

    A clip shows up to ``objects`` objects that are visible in its first frame; where one is absent
    later its mask is empty. Of objects that overlap, such as a part and its whole, one is taken.
    A video that is shorter than a clip is played to and fro.

    Args:
        sequences: where clips come from, each as often as any other.
        size: height and width of the frames, pixels; videos are squashed to it.
        frames: frames a clip, at least 1.
        objects: most tracked objects in a clip.
        stride: most annotated frames from one frame of a clip to the next.
        reverse: how often a clip runs backward.
        augment: what happens to the clips; None = nothing.

    Raises:
        ValueError: if there is no sequence, or a number is below 1.
        FileNotFoundError: if a sequence is incomplete; the message says what is missing.
    """

    def __init__(
        self,
        sequences: Sequence[MaskSequence],
        size: int = 224,
        *,
        frames: int = 8,
        objects: int = 3,
        stride: int = 3,
        reverse: float = 0.5,
        augment: Augment | None = USUAL,
    ) -> None:
        if not sequences:
            raise ValueError("no sequences: the split is empty, or names= leaves none")
        for name, value in (("frames", frames), ("objects", objects), ("stride", stride)):
            if value < 1:
                raise ValueError(f"{name}={value}: at least 1")
        for sequence in sequences:
            if isinstance(sequence, VOSSequence):
                sequence.check()  # now, and not after hours
        self.sequences, self.size, self.frames, self.objects = sequences, size, frames, objects
        self.stride, self.reverse, self.augment = stride, reverse, augment

    def clip(self, rng: np.random.Generator, *, hardness: float = 1.0) -> Clip:
        """One clip with at least one object that is well visible in its first frame.

        At ``hardness`` 0 frames follow one another closely and little is changed.

        Raises:
            ValueError: if a file is damaged, a sequence has no masks, or no object is ever visible.
        """
        sequence = None
        for _ in range(TRIES):
            sequence = self.sequences[int(rng.integers(len(self.sequences)))]
            clip, aspect = self._cut(sequence, rng, hardness)
            if clip is not None and self.augment is not None:
                clip = self.augment(clip, rng, aspect=aspect, hardness=hardness)
            if clip is not None:
                return clip
        raise ValueError(
            f"none of {TRIES} clips shows an object on {SMALLEST:.1%} of its first frame; the last "
            f"was from {sequence!r}: check the masks, or leave such videos out with names="
        )

    def _cut(
        self, sequence: MaskSequence, rng: np.random.Generator, hardness: float
    ) -> tuple[Clip | None, float]:
        """A clip as it is, or None if its first frame shows nothing; and the video's aspect."""
        annotated = sequence.annotated
        if not annotated:
            raise ValueError(f"{sequence!r} has no annotated frame: there is nothing to learn from")
        indices = np.array(annotated)[self._places(len(annotated), rng, hardness)].tolist()
        first = sequence.masks(indices[0])
        seen = [k for k, mask in first.items() if mask.mean() >= SMALLEST]
        if not seen:
            return None, 1.0
        frames: dict[int, np.ndarray] = {}
        masks: dict[int, dict[int, np.ndarray]] = {}
        aspect = 1.0
        for index in sorted(set(indices)):  # in the order in which a video file is read
            image = sequence.frame(index).image
            aspect = image.shape[1] / image.shape[0]
            frames[index] = squash(image, self.size)
            found = first if index == indices[0] else sequence.masks(index)
            masks[index] = {k: squash_mask(found[k], self.size) for k in seen if k in found}
        chosen = choose_apart(list(masks.values()), rng.permutation(seen).tolist(), self.objects)
        labels = {index: paint(masks[index], chosen, self.size) for index in frames}
        return Clip(
            np.stack([frames[index] for index in indices]),
            np.stack([labels[index] for index in indices]),
        ), aspect

    def _places(
        self, length: int, rng: np.random.Generator, hardness: float
    ) -> Int[np.ndarray, " T"]:
        """Which of a video's annotated frames make the clip."""
        gaps = self.frames - 1
        most = 1 + round(hardness * (self.stride - 1))
        if gaps:
            most = max(1, min(most, (length - 1) // gaps))
        step = int(rng.integers(1, most + 1))
        start = int(rng.integers(max(length - step * gaps, 1)))
        places = start + step * np.arange(self.frames)
        if length == 1:
            places = np.zeros_like(places)
        elif places[-1] >= length:  # to and fro
            period = 2 * (length - 1)
            places = length - 1 - np.abs(places % period - (length - 1))
        return places[::-1] if rng.random() < self.reverse else places


def squash(image: UInt8[np.ndarray, "H W 3"], size: int) -> UInt8[np.ndarray, "S S 3"]:
    """A picture at the size of the clips."""
    smaller = min(image.shape[:2]) >= size
    return cv2.resize(
        image, (size, size), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    )


def squash_mask(mask: Bool[np.ndarray, "H W"], size: int) -> Bool[np.ndarray, "S S"]:
    """A mask at the size of the clips: the pixels that it fills by half."""
    return squash(mask.view(np.uint8) * np.uint8(255), size) > 127  # type: ignore[arg-type]


def choose_apart(
    frames: Sequence[Mapping[int, Bool[np.ndarray, "S S"]]], order: Sequence[int], most: int
) -> list[int]:
    """The first objects, at most so many, that nowhere overlap much.

    Args:
        frames: each object's mask by frame.
        order: the objects, the ones wanted most first.
        most: how many.
    """
    chosen: list[int] = []
    for k in order:
        if len(chosen) < most and not any(
            (masks[k] & masks[other]).sum() > OVERLAP * min(masks[k].sum(), masks[other].sum())
            for masks in frames
            if k in masks
            for other in chosen
            if other in masks
        ):
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
