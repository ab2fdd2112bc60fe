"""sam2track: click on an object in one frame, and its mask follows it through the whole video."""

from typing import Any

from .model import CheckpointError, load_model
from .prompts import PlacedPrompt, Prompt
from .sinks import BoxSink, CocoSink, FanOut, OverlaySink, PaletteSink, PreviewSink, Sink
from .track import Rendering, TrackingSession
from .types import Frame, FrameOutcome, FrameResult
from .video import VideoError, open_video

__all__ = [
    "BoxSink",
    "CheckpointError",
    "CocoSink",
    "FanOut",
    "Frame",
    "FrameOutcome",
    "FrameResult",
    "OverlaySink",
    "PaletteSink",
    "PlacedPrompt",
    "PreviewSink",
    "Prompt",
    "Rendering",
    "Sink",
    "TrackingSession",
    "VideoError",
    "load_model",
    "open_video",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":  # asked of the installation only when somebody wants to know
        from importlib.metadata import version

        return version("sam2track")
    raise AttributeError(f"module 'sam2track' has no attribute {name!r}")
