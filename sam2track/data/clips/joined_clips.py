"""Training clips in which objects that touch are one: a rider and a horse, a man and what he holds.

People prompt such things as one object, and benchmarks annotate them so. A network that only ever
saw the parts leaves the smaller one out as soon as it follows both. Some of the objects that touch
only pass each other; they too teach to follow what the prompt shows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import UInt8

from .clip import Clip, ClipSource

NEAR = 3  # largest distance of objects that touch, in pixels


@dataclass(frozen=True, slots=True)
class JoinedClips:
    """The clips of a source, in some of which two objects that touch are one.

    Attributes:
        source: draws the clips.
        share: fraction of the clips, 0..1, in which two random objects are joined if they touch in
            the first frame. Their labels have a gap then.
    """

    source: ClipSource
    share: float

    @property
    def objects(self) -> int:
        """The largest number of objects in a clip."""
        return self.source.objects

    def clip(self, rng: np.random.Generator, *, hardness: float = 1.0) -> Clip:
        """A clip of the source."""
        clip = self.source.clip(rng, hardness=hardness)
        if rng.random() >= self.share:
            return clip
        return replace(clip, masks=joined(clip.masks, rng))


def joined(
    masks: UInt8[np.ndarray, "T S S"], rng: np.random.Generator
) -> UInt8[np.ndarray, "T S S"]:
    """The masks with two random objects as one; unchanged if these do not touch in frame 0."""
    first = masks[0]
    present = np.unique(first[first > 0])
    if len(present) < 2:
        return masks
    one, other = rng.choice(present, 2, replace=False)
    around = np.ones((2 * NEAR + 1,) * 2, np.uint8)
    near = cv2.dilate((first == one).view(np.uint8), around).view(bool)
    if not (near & (first == other)).any():
        return masks
    return np.where(masks == other, one, masks)
