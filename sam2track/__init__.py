"""sam2track: click on an object in one frame, and its mask follows it through the whole video."""

from .model import CheckpointError, load_model
from .prompts import Prompt
from .track import TrackingSession
from .types import Frame, FrameResult
from .video import VideoError, open_video

__all__ = [
    "CheckpointError",
    "Frame",
    "FrameResult",
    "Prompt",
    "TrackingSession",
    "VideoError",
    "load_model",
    "open_video",
]
