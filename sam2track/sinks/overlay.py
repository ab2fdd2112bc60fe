"""The video with its objects drawn in.

Room: SINKS. Frames and results enter, an H.264 video leaves.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.container import OutputContainer
from av.error import FFmpegError

from ..masks.drawing import draw_objects
from ..types import Frame, FrameResult
from .reversed_video import Turned
from .sink import PartFile, Sink

# BT.601, limited range, as OpenCV converts; said in the file, so that players need not guess.
_BT601, _LIMITED = 6, 1


class OverlaySink(Sink):
    """An MP4 that plays in browsers: H.264, yuv420p, the index at the front.

    It plays forward in time, also where the frames come last first. H.264 in yuv420p has even
    sizes, so an odd row or column is doubled.

    Args:
        path: the ``.mp4`` to write.
        fps: frames a second.
        direction: how the frames come: 1 = in the order of time, -1 = last first.

    Raises:
        ValueError: if fps is not a number above zero.
    """

    def __init__(self, path: str | Path, fps: float, direction: int = 1) -> None:
        if not (math.isfinite(fps) and fps > 0):
            raise ValueError(f"fps is {fps}; give a number above 0")
        self._part = PartFile(path)
        self._backward = direction == -1
        self._rate = Fraction(fps).limit_denominator(1001)  # 29.97 is 30000/1001
        self._container: OutputContainer | None = None
        self._stream: av.VideoStream
        self._turned: Turned | None = None
        self._count = 0

    def write(self, frame: Frame, result: FrameResult) -> None:
        image = frame.image.copy()
        draw_objects(image, result.object_ids, result.masks.numpy())
        height, width = image.shape[:2]
        if height % 2 or width % 2:
            image = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), "edge")
        picture = av.VideoFrame.from_ndarray(
            np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2YUV_I420), np.uint8), "yuv420p"
        )
        picture.pts = self._count
        picture.time_base = 1 / self._rate
        self._count += 1
        with self._part.guarded(), self._abandoned_on_failure():
            if self._container is None:
                self._container = self._open(image.shape[0], image.shape[1])
            if self._turned is not None:
                self._turned.add(picture)
            else:
                self._container.mux(self._stream.encode(picture))

    def close(self) -> None:
        if self._container is None:
            return
        with self._part.guarded(), self._abandoned_on_failure():
            packets = self._stream.encode(None) if self._turned is None else self._turned.packets()
            for packet in packets:
                self._container.mux(packet)
            self._container.close()
            self._container = None
            self._part.commit()

    def _open(self, height: int, width: int) -> OutputContainer:
        container = av.open(
            str(self._part.start()), "w", format="mp4", options={"movflags": "+faststart"}
        )
        self._stream = stream = container.add_stream("libx264", rate=self._rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"preset": "ultrafast", "crf": "23"}  # the cores are busy tracking
        context = stream.codec_context
        context.color_primaries = context.color_trc = context.colorspace = _BT601
        context.color_range = _LIMITED
        if self._backward:
            self._turned = Turned(stream, self._part.path.parent, height * width * 3 // 2)
        return container

    @contextmanager
    def _abandoned_on_failure(self) -> Iterator[None]:
        """Close the container if anything fails, so that its file can be removed."""
        try:
            yield
        except BaseException:
            container, self._container = self._container, None
            if container is not None:
                with suppress(OSError, FFmpegError):
                    container.close()
            raise
