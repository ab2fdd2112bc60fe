"""One door to every source.

Room: SOURCE. What a user writes after ``video=`` enters, a source leaves.
"""

from __future__ import annotations

from pathlib import Path

from .file import VideoFile
from .folder import ImageFolder
from .live import LiveVideo
from .source import VideoSource


def open_video(spec: int | str | Path) -> VideoSource:
    """Open a camera, a stream, a folder of pictures or a video file.

    Args:
        spec: a whole number (also as text) is a camera, an address with ``://`` a stream,
            a directory a folder of pictures, anything else a file. A folder that is named by
            a number is written ``./0``.

    Raises:
        VideoError: if it cannot be opened; the message says why and what to do.
    """
    text = str(spec)
    if isinstance(spec, int) or (isinstance(spec, str) and text.isascii() and text.isdigit()):
        return LiveVideo(int(text))
    if "://" in text:
        return LiveVideo(text)
    path = Path(text).expanduser()
    return ImageFolder(path) if path.is_dir() else VideoFile(path)
