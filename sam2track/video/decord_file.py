"""Video files through decord (the package ``decord2``), for random access to a few frames.

It opens a file without listing its frames, which is faster for a short training clip. But
missing or hidden frames are not noticed, and some files have other pixels: docs/video.md.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ..types import Frame
from .file import VideoFile
from .source import SeekableSource, VideoError, frame_index


class DecordFile(SeekableSource):
    """A video file for random access. Reading in order uses :class:`VideoFile`."""

    def __init__(self, path: str | Path) -> None:
        try:
            from decord import DECORDError, VideoReader  # pyright: ignore[reportMissingImports]
        except ImportError as error:
            raise VideoError(
                "video_reader=decord needs decord: pip install 'sam2track[decord]', or use pyav"
            ) from error
        self.path, self.name = Path(path), Path(path).stem
        self._lock = threading.Lock()
        self._errors = (DECORDError, RuntimeError)
        with self._readable():
            self._reader = VideoReader(f"file:{self.path}", num_threads=1)
        self.length = len(self._reader)
        self.fps = float(self._reader.get_avg_fps()) or 30.0
        self.size = self.read(0).size

    def read(self, index: int) -> Frame:
        return self.read_many([frame_index(index)])[0]

    def read_many(self, indices: Sequence[int]) -> list[Frame]:
        with self._lock, self._readable():
            images = self._reader.get_batch(list(indices)).asnumpy()
            # Its thread would decode the rest of the video into memory; a seek stops it.
            self._reader.seek(0)
        return [Frame(index, image) for index, image in zip(indices, images, strict=True)]

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except self._errors as error:
            raise VideoError(f"decord cannot read {self.path}; use video_reader=pyav") from error

    def __iter__(self) -> Iterator[Frame]:
        with VideoFile(self.path) as video:
            yield from video
