"""sam2track: click on an object in one frame, and get its masks in the whole video.

Names are imported when they are first used: PyTorch alone takes a second.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .annotate.widget import widget
    from .image import EncodedImage, ImageMasks, ImagePredictor
    from .model import CheckpointError, load_image_model, load_model
    from .prompts import PlacedPrompt, Prompt
    from .sinks import BoxSink, CocoSink, FanOut, OverlaySink, PaletteSink, PreviewSink, Sink
    from .track import Rendering, TrackingSession
    from .types import Frame, FrameOutcome, FrameResult
    from .video import VideoError, open_video

SINKS = ("BoxSink", "CocoSink", "FanOut", "OverlaySink", "PaletteSink", "PreviewSink", "Sink")

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

_NAMES = {
    ".annotate.widget": ("widget",),
    ".image": ("EncodedImage", "ImageMasks", "ImagePredictor"),
    ".model": ("CheckpointError", "load_image_model", "load_model"),
    ".prompts": ("PlacedPrompt", "Prompt"),
    ".sinks": SINKS,
    ".track": ("Rendering", "TrackingSession"),
    ".types": ("Frame", "FrameOutcome", "FrameResult"),
    ".video": ("VideoError", "open_video"),
}
_MODULES = {name: module for module, names in _NAMES.items() for name in names}
_ROOMS = (  # found without their import
    *("device", "files", "image", "masks", "memory", "model"),
    *("prompts", "sinks", "track", "types", "video"),
)


def __getattr__(name: str) -> Any:
    """Import a name when it is first used."""
    if name in _MODULES:
        found = getattr(import_module(_MODULES[name], __name__), name)
        globals()[name] = found
        return found
    if name in _ROOMS:
        return import_module(f".{name}", __name__)
    if name == "__version__":
        from importlib.metadata import version

        return version("sam2track")
    raise AttributeError(f"module 'sam2track' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_ROOMS})
