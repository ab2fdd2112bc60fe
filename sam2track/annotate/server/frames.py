"""Frames as JPEG or WebP: decoded once, kept as far as memory allows."""

from __future__ import annotations

import threading
from collections import OrderedDict

import cv2
import numpy as np

from ...types import Frame
from ...video import SeekableSource
from ..database import ProjectVideo
from ..project import Project
from ..recent import Recent

DECODED_BYTES, ENCODED_BYTES = 192 << 20, 128 << 20
OPEN_VIDEOS = 4
NEAR = 12  # frames ahead that are read in order instead of sought
QUALITY = 88


class _Open:
    """An open video; one thread at a time reads it."""

    def __init__(self, source: SeekableSource) -> None:
        self.source, self.guard = source, threading.Lock()
        self.next = 0  # the frame that comes without a seek


class Frames:
    """The frames of a project's videos."""

    def __init__(self) -> None:
        self._open: OrderedDict[int, _Open] = OrderedDict()
        self._guard = threading.Lock()
        self._decoded = Recent[Frame](DECODED_BYTES, lambda frame: frame.image.nbytes)
        self._encoded = Recent[bytes](ENCODED_BYTES, len)

    def read(self, project: Project, video: ProjectVideo, index: int) -> Frame:
        """A frame; ChangedVideo or VideoError if it cannot be read, IndexError if there is none."""
        found = self._decoded.get((video.id, index))
        if found is not None:
            return found
        opened = self._opened(project, video)
        with opened.guard:
            found = self._decoded.get((video.id, index))
            if found is not None:
                return found
            # Pages ask for several frames at once, in any order: what lies between is kept too.
            first = opened.next if 0 <= index - opened.next <= NEAR else index
            for place in range(first, index + 1):
                found = self._decoded.put((video.id, place), opened.source.read(place))
                opened.next = place + 1
        assert found is not None
        return found

    def picture(
        self, project: Project, video: ProjectVideo, index: int, width: int | None, format: str
    ) -> bytes:
        """A frame as a file, ``jpeg`` or ``webp``; ``width`` only makes it smaller.

        Errors as for :meth:`read`.
        """
        width = None if width is None or width >= video.width else width
        key = (video.id, index, width, format)
        known = self._encoded.get(key)
        if known is not None:
            return known
        image = self.read(project, video, index).image
        if width is not None:
            height = max(1, round(video.height * width / video.width))
            image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        options = {
            "jpeg": (".jpg", [cv2.IMWRITE_JPEG_QUALITY, QUALITY]),
            "webp": (".webp", [cv2.IMWRITE_WEBP_QUALITY, QUALITY]),
        }
        suffix, quality = options[format]
        _, made = cv2.imencode(suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), quality)
        return self._encoded.put(key, np.asarray(made).tobytes())

    def close(self) -> None:
        """Close all videos."""
        with self._guard:
            opened = list(self._open.values())
            self._open.clear()
        for own in opened:
            with own.guard:
                own.source.close()

    def _opened(self, project: Project, video: ProjectVideo) -> _Open:
        with self._guard:
            own = self._open.get(video.id)
            if own is not None:
                self._open.move_to_end(video.id)
                return own
            own = self._open[video.id] = _Open(project.open_video(video.id))
            closing: list[_Open] = []
            while len(self._open) > OPEN_VIDEOS:
                closing.append(self._open.popitem(last=False)[1])
        for other in closing:
            with other.guard:
                other.source.close()
        return own
