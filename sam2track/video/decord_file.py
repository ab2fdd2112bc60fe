"""Video files through decord (the package ``decord2``), for a few frames here and there.

It opens a file without listing its frames, which makes a short training clip cheaper. In exchange,
frames that are missing or hidden are not noticed, and some files look different: docs/video.md.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ..types import Frame
from .file import VideoFile
from .source import SeekableSource, VideoError


class DecordFile(SeekableSource):
    """A video file for random access. Reading it in order goes through :class:`VideoFile`.

    Args:
        path: the file.

    Raises:
        VideoError: if decord is not installed or cannot read the file.
    """

    def __init__(self, path: str | Path) -> None:
        try:
            from decord import DECORDError, VideoReader  # pyright: ignore[reportMissingImports]
        except ImportError as error:
            raise VideoError(
                "video_reader=decord needs decord: pip install 'sam2track[decord]', or use pyav"
            ) from error
        self.path = Path(path)
        if not self.path.is_file():
            raise VideoError(f"no such video: {path}; check the path")
        self._lock = threading.Lock()
        self._errors = (DECORDError, RuntimeError)
        try:
            self._reader = VideoReader(f"file:{self.path}", num_threads=1)
            self.length = len(self._reader)
            self.fps = float(self._reader.get_avg_fps()) or 30.0
        except self._errors as error:
            raise self._unreadable() from error
        self.name = self.path.stem
        self.size = self._decode([0]).shape[1:3]

    def read(self, index: int) -> Frame:
        return self.read_many([index])[0]

    def read_many(self, indices: Sequence[int]) -> list[Frame]:
        images = self._decode(indices)
        return [Frame(index, image) for index, image in zip(indices, images, strict=True)]

    def _decode(self, indices: Sequence[int]) -> np.ndarray:
        with self._lock:
            try:
                images = self._reader.get_batch(list(indices)).asnumpy()
                # Its thread would decode the rest of the video into memory; seeking stops it.
                self._reader.seek(0)
            except self._errors as error:
                raise self._unreadable() from error
        return images

    def _unreadable(self) -> VideoError:
        return VideoError(f"decord cannot read {self.path}; use video_reader=pyav")

    def __iter__(self) -> Iterator[Frame]:
        with VideoFile(self.path) as video:
            yield from video
