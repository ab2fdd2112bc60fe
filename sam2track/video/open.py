"""Opens any source from a value of ``video=``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..files import expand_home
from .arrays import ArrayVideo
from .decord_file import DecordFile
from .file import VideoFile
from .folder import ImageFolder
from .live import LiveVideo
from .source import SeekableSource, VideoError, VideoSource
from .tiff_stack import STACK_SUFFIXES, TiffStack

VIDEO_READERS = ("auto", "pyav", "decord")


def open_video(
    spec: str | Path | int | np.ndarray | Sequence[np.ndarray], *, video_reader: str = "auto"
) -> VideoSource:
    """Open a video file, a folder of pictures, a camera, a stream, or frames in memory.

    Args:
        spec: a whole number (also as text) is a camera, an address with ``://`` a stream, an array
            ``(T, H, W, 3)`` or a list of arrays ``(H, W, 3)`` frames in memory (RGB ``uint8``), a
            directory a folder of pictures, any other text or path a file. A folder that is named by
            a number is written ``./0``.
        video_reader: for a file, see :func:`open_file`.
    """
    if isinstance(spec, (np.ndarray, list, tuple)):
        return ArrayVideo(spec)
    if not isinstance(spec, (str, Path, int, np.integer)) or spec == "":
        what = "an empty text" if spec == "" else f"a {type(spec).__name__}"
        raise VideoError(
            f"{what} is no video; give a path, a camera's number, an address, or RGB uint8 arrays"
        )
    text = str(spec)
    if not isinstance(spec, Path) and text.isascii() and text.isdigit():
        return LiveVideo(int(text))
    if "://" in text:
        return LiveVideo(text)
    path = expand_home(text)
    return ImageFolder(path) if path.is_dir() else open_file(path, video_reader)


def open_file(path: str | Path, video_reader: str = "auto") -> SeekableSource:
    """Open a video file with ``pyav``, ``decord``, or ``auto``; a TIFF file as a stack.

    ``auto`` is ``pyav``: measured as equally fast in random access, and only it gives the correct
    frames of every file (docs/video.md).
    """
    if video_reader not in VIDEO_READERS:
        raise VideoError(
            f"video_reader={video_reader!r} is none of {', '.join(VIDEO_READERS)}; use auto"
        )
    if Path(path).suffix.lower() in STACK_SUFFIXES and Path(path).is_file():
        return TiffStack(path)
    return DecordFile(path) if video_reader == "decord" else VideoFile(path)
