"""Frames become features, each window of them once: also ahead of their turn, in another thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import torch

from ..device import autocast
from ..model.sam2 import SAM2
from ..types import Frame, FrameFeatures, WindowBox

Windows = Sequence[WindowBox | None]
FeatureStore = dict[WindowBox | None, FrameFeatures]  # of one picture, by window
WHOLE = (None,)  # the only window of a frame that is seen as it is
# Windows that are encoded together; each takes 6 MB. More do not fit into the cache of a CPU: 48
# windows of nano take 0.26 s of one core, all together 0.48 s. In fp32 half as many: the largest
# map of more has over 32 MiB, which glibc gets anew from the system each time (a tenth more time).
ON_CPU, ON_DEVICE = 4, 16


class FrameEncoder:
    """Encodes frames, and keeps the features of the last one and of those encoded ahead."""

    def __init__(self, model: SAM2) -> None:
        self.model = model
        self.known: deque[tuple[Frame, FeatureStore]] = deque()
        # This frame and the next, as far as they were begun.
        self.begun: deque[tuple[Frame, Windows, Future[FrameFeatures]]] = deque(maxlen=2)
        self.thread: Executor = ThreadPoolExecutor(1, "sam2track-encoder")

    def encode_ahead(self, frame: Frame) -> None:
        """Encode a frame that is to come. From any thread, in the order of tracking."""
        self.known.append((frame, {None: self._encode(frame, WHOLE)}))

    @contextmanager
    def sharing(self, frame: Frame, store: FeatureStore) -> Iterator[None]:
        """While it lasts, a frame's features are looked up and kept in ``store``; after it none."""
        self.known = deque([(frame, store)])
        try:
            yield
        finally:
            self.known.clear()

    def begin(self, frame: Frame, windows: Windows) -> None:
        """Begin to encode windows of the frame that comes next, in a thread."""
        self.begun.append((frame, windows, self.thread.submit(self._encode, frame, windows)))

    def features(self, frame: Frame, windows: Windows = WHOLE) -> FrameFeatures:
        """The frame's features, an image for each of its windows (None = the whole frame).

        What was encoded before the frame is dropped.
        """
        for begun, planned, future in self.begun:
            if planned == windows and same_picture(begun, frame):
                if future.cancel():  # the thread has not come to it: it does something else
                    break
                return future.result()
        self.drop_before(frame)
        if not (self.known and same_picture(self.known[0][0], frame)):
            self.known.clear()
            self.known.append((frame, {}))
        known = self.known[0][1]
        lacking = [window for window in windows if window not in known]
        if lacking:
            made = self._encode(frame, lacking)
            for place, window in enumerate(lacking):
                known[window] = made.images(slice(place, place + 1))
            if len(lacking) == len(windows):
                return made
        return _as_one([known[window] for window in windows])

    def drop_before(self, frame: Frame) -> None:
        """Drop what was encoded before a frame, if that was encoded."""
        for place, (known, _) in enumerate(tuple(self.known)):
            if same_picture(known, frame):
                for _ in range(place):
                    self.known.popleft()
                return

    @torch.inference_mode()
    def _encode(self, frame: Frame, windows: Windows) -> FrameFeatures:
        """Features of windows, as many at a time as the model takes."""
        image = torch.from_numpy(np.ascontiguousarray(frame.image))
        if self.model.device.type == "cuda":
            image = image.pin_memory()
        most = ON_DEVICE
        if self.model.device.type == "cpu":
            most = ON_CPU // 2 if self.model.precision == torch.float32 else ON_CPU
        most = 1 if self.model.compiled else self.model.rows_at_once or most
        with autocast(self.model.device, self.model.precision):
            squares = [self.model.prepare(image, window) for window in windows]
            parts = [squares[first : first + most] for first in range(0, len(squares), most)]
            features = _as_one([self.model.encode(torch.cat(part)) for part in parts])
            # Here in a thread of its own, and once for all objects that see a window.
            return self.model.begin(features) if self.model.small_on_cpu else features


def _as_one(images: Sequence[FrameFeatures]) -> FrameFeatures:
    """Features of several images as those of one batch."""
    if len(images) == 1:
        return images[0]
    stride16 = torch.cat([own.stride16 for own in images])
    rest = zip(*((own.stride8, own.stride4, own.begun) for own in images), strict=True)
    return FrameFeatures(stride16, *(None if x[0] is None else torch.cat(x) for x in rest))


def same_picture(one: Frame, other: Frame) -> bool:
    """Whether two frames are one: their index and all of their pixels."""
    return one.index == other.index and (
        one.image is other.image or np.array_equal(one.image, other.image)
    )
