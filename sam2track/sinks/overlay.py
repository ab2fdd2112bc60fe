"""The video with its objects drawn on it, as H.264."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from numbers import Real
from pathlib import Path

import av
import cv2
import numpy as np
from av.container import OutputContainer
from av.error import FFmpegError

from ..masks import draw_objects
from ..types import Frame, FrameResult, expect
from .reversed_video import ReversedVideo
from .sink import OutputFile, Sink, check_result
from .sound import Sound

# BT.601, limited range, as OpenCV converts; the file states it, so that players use the same.
_BT601, _LIMITED = 6, 1


class OverlaySink(Sink):
    """An MP4 that plays in browsers: H.264, yuv420p, the index at the front.

    It plays forward in time, also if the frames come in reverse order. H.264 in yuv420p has even
    sizes, so an odd row or column is doubled.

    Args:
        path: the ``.mp4`` to write.
        fps: frames per second.
        direction: how the frames come: 1 = forward, -1 = in reverse order.
        pixel_aspect: width of a pixel by its height, such as ``"16/11"``.
        sound_from: a video file whose sound is copied, if the frames come forward from frame 0;
            None = no sound. AAC, MP3, Opus and FLAC are copied, others are left out.

    Raises:
        ValueError: if fps is not a number above zero.
    """

    def __init__(
        self,
        path: str | Path,
        fps: float,
        direction: int = 1,
        *,
        pixel_aspect: Fraction | str | int = 1,
        sound_from: str | Path | None = None,
    ) -> None:
        expect(fps, Real, "fps", "a number above 0")
        if not (math.isfinite(fps) and fps > 0):
            raise ValueError(f"fps is {fps}; give a number above 0")
        self._output = OutputFile(path)
        self._backward = direction == -1
        self._rate = Fraction(float(fps)).limit_denominator(1001)  # 29.97 is 30000/1001
        self._pixel_aspect = Fraction(pixel_aspect)
        self._sound_from = sound_from
        self._container: OutputContainer | None = None
        self._stream: av.VideoStream
        self._reversed: ReversedVideo | None = None
        self._sound: Sound | None = None
        self._count = 0

    def write(self, frame: Frame, result: FrameResult) -> None:
        check_result(frame, result)
        image = frame.image.copy()
        draw_objects(image, result.object_ids, result.masks.numpy(), result.boxes())
        height, width = image.shape[:2]
        if height % 2 or width % 2:
            image = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), "edge")
        picture = av.VideoFrame.from_ndarray(
            np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2YUV_I420), np.uint8), "yuv420p"
        )
        picture.pts = self._count
        picture.time_base = 1 / self._rate
        with self._output.guarded(), self._abandoned_on_failure():
            if self._container is None:
                self._container = self._open(image.shape[0], image.shape[1], frame.index)
            if self._reversed is not None:
                self._reversed.add(picture)
            else:
                self._container.mux(self._stream.encode(picture))
            self._count += 1
            if self._sound is not None:
                self._sound.copy(until=float(self._count / self._rate))

    def close(self) -> None:
        if self._container is None:
            return
        with self._output.guarded(), self._abandoned_on_failure():
            reversed_ = self._reversed
            packets = self._stream.encode(None) if reversed_ is None else reversed_.packets()
            for packet in packets:
                self._container.mux(packet)
            self._container.close()
            self._container = None
            self._output.commit()

    def _open(self, height: int, width: int, first: int) -> OutputContainer:
        # Without "file:" FFmpeg reads the text before a colon in a name as a protocol.
        container = av.open(
            f"file:{self._output.start()}", "w", format="mp4", options={"movflags": "+faststart"}
        )
        self._stream = stream = container.add_stream("libx264", rate=self._rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"preset": "ultrafast", "crf": "23"}  # the tracker uses the cores
        context = stream.codec_context
        if (os.cpu_count() or 1) <= 2:  # the encoder's own threads would hinder the tracker's
            context.thread_count = 1
        context.sample_aspect_ratio = self._pixel_aspect
        context.color_primaries = context.color_trc = context.colorspace = _BT601
        context.color_range = _LIMITED
        if self._backward:
            folder = self._output.path.parent
            self._reversed = ReversedVideo(stream, folder, height * width * 3 // 2)
        elif first == 0 and self._sound_from is not None:
            self._sound = Sound(self._sound_from, container)
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
