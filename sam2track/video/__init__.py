"""Sources of video: files, folders of pictures, arrays, cameras and streams.

If a source cannot be opened or read, :class:`VideoError` says why and what to do.
"""

from .arrays import ArrayVideo
from .file import VIDEO_SUFFIXES, VideoFile
from .folder import ImageFolder
from .grey import GreyRange
from .latest import LatestFrames, latest_frames
from .live import LiveVideo
from .open import open_file, open_video
from .pictures import (
    PICTURE_SUFFIXES,
    grey_range,
    list_pictures,
    load_picture,
    picture_as_rgb,
    picture_size,
    read_picture,
)
from .prefetch import FramesAhead, read_ahead
from .source import SeekableSource, TruncatedVideo, VideoError, VideoSource, check_size
from .tiff_stack import TiffStack, is_stack

__all__ = [
    "PICTURE_SUFFIXES",
    "VIDEO_SUFFIXES",
    "ArrayVideo",
    "FramesAhead",
    "GreyRange",
    "ImageFolder",
    "LatestFrames",
    "LiveVideo",
    "SeekableSource",
    "TiffStack",
    "TruncatedVideo",
    "VideoError",
    "VideoFile",
    "VideoSource",
    "check_size",
    "grey_range",
    "is_stack",
    "latest_frames",
    "list_pictures",
    "load_picture",
    "open_file",
    "open_video",
    "picture_as_rgb",
    "picture_size",
    "read_ahead",
    "read_picture",
]
