"""Frames become features, each once: also ahead of their turn, in another thread."""

from __future__ import annotations

from collections import deque

import numpy as np
import torch

from ..device import autocast
from ..model.sam2 import SAM2
from ..types import Frame, FrameFeatures


class FrameEncoder:
    """Encodes frames, and keeps the features of the last one and of those encoded ahead."""

    def __init__(self, model: SAM2) -> None:
        self.model = model
        self.known: deque[tuple[Frame, FrameFeatures]] = deque()

    def encode_ahead(self, frame: Frame) -> None:
        """Encode a frame that is to come. From any thread, in the order of tracking."""
        self.known.append((frame, self._encode(frame)))

    def features(self, frame: Frame) -> FrameFeatures:
        """The frame's features; what was encoded before it is dropped."""
        self.drop_before(frame)
        if self.known and same_picture(self.known[0][0], frame):
            return self.known[0][1]
        features = self._encode(frame)
        self.known.clear()
        self.known.append((frame, features))
        return features

    def drop_before(self, frame: Frame) -> None:
        """Drop what was encoded before a frame, if that was encoded."""
        for place, (known, _) in enumerate(tuple(self.known)):
            if same_picture(known, frame):
                for _ in range(place):
                    self.known.popleft()
                return

    @torch.inference_mode()
    def _encode(self, frame: Frame) -> FrameFeatures:
        image = torch.from_numpy(np.ascontiguousarray(frame.image))
        if self.model.device.type == "cuda":
            image = image.pin_memory()
        with autocast(self.model.device, self.model.precision):
            return self.model.encode(self.model.prepare(image))


def same_picture(one: Frame, other: Frame) -> bool:
    """Whether two frames are one: their index and all of their pixels."""
    return one.index == other.index and (
        one.image is other.image or np.array_equal(one.image, other.image)
    )
