"""SOURCE: where frames come from."""

from sam2track.video.arrays import ArrayVideo
from sam2track.video.file import VideoFile
from sam2track.video.folder import ImageFolder
from sam2track.video.live import LiveVideo
from sam2track.video.open import open_video
from sam2track.video.prefetch import Prefetch
from sam2track.video.source import SeekableSource, TruncatedVideo, VideoError, VideoSource

__all__ = [
    "ArrayVideo",
    "ImageFolder",
    "LiveVideo",
    "Prefetch",
    "SeekableSource",
    "TruncatedVideo",
    "VideoError",
    "VideoFile",
    "VideoSource",
    "open_video",
]
