"""SOURCE: where frames come from."""

from .arrays import ArrayVideo
from .file import VideoFile
from .folder import ImageFolder
from .live import LiveVideo
from .open import open_video
from .prefetch import read_ahead
from .source import SeekableSource, TruncatedVideo, VideoError, VideoSource

__all__ = [
    "ArrayVideo",
    "ImageFolder",
    "LiveVideo",
    "SeekableSource",
    "TruncatedVideo",
    "VideoError",
    "VideoFile",
    "VideoSource",
    "open_video",
    "read_ahead",
]
