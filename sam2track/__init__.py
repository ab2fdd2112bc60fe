"""sam2track: click on an object in one frame, and get its masks in the whole video."""

from typing import TYPE_CHECKING, Any

from .model import CheckpointError, load_image_model, load_model
from .prompts import PlacedPrompt, Prompt
from .track import Rendering, TrackingSession
from .types import Frame, FrameOutcome, FrameResult
from .video import VideoError, open_video

if TYPE_CHECKING:
    from .annotate.widget import widget
    from .image import EncodedImage, ImageMasks, ImagePredictor
    from .sinks import BoxSink, CocoSink, FanOut, OverlaySink, PaletteSink, PreviewSink, Sink

SINKS = ("BoxSink", "CocoSink", "FanOut", "OverlaySink", "PaletteSink", "PreviewSink", "Sink")
IMAGE = ("EncodedImage", "ImageMasks", "ImagePredictor")

__all__ = [
    "BoxSink",
    "CheckpointError",
    "CocoSink",
    "EncodedImage",
    "FanOut",
    "Frame",
    "FrameOutcome",
    "FrameResult",
    "ImageMasks",
    "ImagePredictor",
    "OverlaySink",
    "PaletteSink",
    "PlacedPrompt",
    "PreviewSink",
    "Prompt",
    "Rendering",
    "Sink",
    "TrackingSession",
    "VideoError",
    "load_image_model",
    "load_model",
    "open_video",
    "widget",
]


def __getattr__(name: str) -> Any:
    """Import slow and rarely used names when they are first used."""
    if name in SINKS:
        from . import sinks

        return getattr(sinks, name)
    if name in IMAGE:
        from . import image

        return getattr(image, name)
    if name == "widget":
        from .annotate.widget import widget

        return widget
    if name == "__version__":
        from importlib.metadata import version

        return version("sam2track")
    raise AttributeError(f"module 'sam2track' has no attribute {name!r}")
