"""Objects are followed onto a frame: each through its window, shared out among threads."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from ..device import model_threads
from ..model.sam2 import SAM2
from ..types import Frame, WindowBox
from .frame_encoder import FrameEncoder
from .objects import TrackedObject
from .propagation import Hypotheses, propagate
from .search_window import Zoom
from .workers import Workers

Objects = Mapping[int, TrackedObject]  # by their ids


class Follower:
    """Follows objects onto frames.

    Attributes:
        next: the frame after the one that is to be tracked, if it is known: it is encoded in
            another thread while objects are followed onto the one before.
    """

    def __init__(self, model: SAM2, encoder: FrameEncoder, workers: Workers, zoom: Zoom) -> None:
        self.model, self.encoder, self.workers, self.zoom = model, encoder, workers, zoom
        self.next: Frame | None = None

    def follow(
        self, objects: Objects, followed: Objects, frame: Frame, direction: int
    ) -> dict[int, Hypotheses]:
        """What becomes of some objects on a frame, by their ids.

        Args:
            objects: all of the session's, which the next frame may need.
            followed: those that are followed onto this one.
        """
        self._begin_next(objects, direction)
        if not followed:
            return {}
        seen = self._windows(followed, frame, direction)
        windows = tuple(dict.fromkeys(seen.values()))
        images = {object_id: windows.index(window) for object_id, window in seen.items()}
        with model_threads(self.model.small_on_cpu):
            onto_frame = partial(
                propagate,
                self.model,
                self.encoder.features(frame, windows),
                frame.index,
                direction,
                windows=windows,
                images=images,
            )
            count = self.workers.count(len(followed))
            shares = [dict(list(followed.items())[first::count]) for first in range(count)]
            found = self.workers.map(onto_frame, shares)
        return {object_id: own for part in found for object_id, own in part.items()}

    def _begin_next(self, objects: Objects, direction: int) -> None:
        """Begin to encode the next frame, through the windows that it will be seen through."""
        frame, self.next = self.next, None
        if frame is None or self.workers.most == 1 or not self.zoom.factor:
            return
        reached = {k: own for k, own in objects.items() if own.reached(frame.index, direction)}
        windows = self._windows(reached, frame, direction)
        if windows:
            self.encoder.begin(frame, tuple(dict.fromkeys(windows.values())))

    def _windows(
        self, objects: Objects, frame: Frame, direction: int
    ) -> dict[int, WindowBox | None]:
        """Where each object is looked for on a frame; None = in the whole frame."""
        expected = {k: own.expected(frame.index, direction) for k, own in objects.items()}
        return self.zoom.windows(expected, frame.size)
