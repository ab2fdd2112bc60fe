"""Cameras and network streams, read through OpenCV."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import cv2
import numpy as np

from ..types import Frame
from .source import VideoError, VideoSource, check_size

_TIMEOUT_MS = 10_000


class LiveVideo(VideoSource):
    """A camera (an index from 0) or a stream (an address, ``rtsp://`` or ``http://``).

    It ends when the camera or stream gives no more frames; for a stream, after ten seconds without
    one. The first frame after opening is frame 0.
    """

    length = None

    def __init__(self, address: int | str) -> None:
        if isinstance(address, int):
            self.name, self._label = f"camera{address}", f"camera {address}"
            advice = "connect it, close other programs that use it, or try another index"
        else:  # for messages: without user name and password
            self.name, self._label = _short_name(address), re.sub(r"//[^/@]*@", "//", address)
            advice = "check the address, the network, and that it sends video"
        self._capture = _open(address)
        image = self._grab()
        if image is None:
            self._capture.release()
            raise VideoError(f"cannot open {self._label}: {advice}")
        self._first: np.ndarray | None = image
        self._count = 0
        self.size = image.shape[:2]
        fps = self._capture.get(cv2.CAP_PROP_FPS)
        self.fps = fps if math.isfinite(fps) and 1 <= fps <= 1000 else 30.0

    def __iter__(self) -> Iterator[Frame]:
        while True:
            image, self._first = self._first, None
            image = self._grab() if image is None else image
            if image is None:
                return
            what = f"frame {self._count} of {self._label}"
            check_size(what, image.shape[:2], self.size, "its size changed: open it again")
            self._count += 1
            yield Frame(self._count - 1, image)

    def _grab(self) -> np.ndarray | None:
        """The next picture as RGB, or None at the end."""
        good, image = self._capture.read()
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB) if good and image is not None else None

    def close(self) -> None:
        self._capture.release()


def _open(address: int | str) -> cv2.VideoCapture:
    """Open quietly: OpenCV and its FFmpeg write warnings to stderr that the error replaces."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        if isinstance(address, int):
            return cv2.VideoCapture(address)
        timeouts = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, cv2.CAP_PROP_READ_TIMEOUT_MSEC]
        options = [value for timeout in timeouts for value in (timeout, _TIMEOUT_MS)]
        return cv2.VideoCapture(address, cv2.CAP_FFMPEG, options)
    finally:
        cv2.utils.logging.setLogLevel(level)


def _short_name(address: str) -> str:
    """A name fit for a file from the last part of the address, or from its host."""
    parts = urlsplit(address)
    last = parts.path.rstrip("/").rsplit("/", 1)[-1].rsplit(".", 1)[0]
    return re.sub(r"[^A-Za-z0-9_-]+", "_", last or parts.hostname or "").strip("_") or "stream"
