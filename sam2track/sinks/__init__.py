"""SINKS: where results go."""

from ..masks.drawing import draw_objects, draw_prompt
from ..masks.palette import davis_palette, object_colour
from .boxes import BoxSink
from .coco import CocoSink
from .fanout import FanOut
from .overlay import OverlaySink
from .png import PaletteSink, check_palette_id
from .preview import PreviewSink
from .sink import Sink, SinkError

__all__ = [
    "BoxSink",
    "CocoSink",
    "FanOut",
    "OverlaySink",
    "PaletteSink",
    "PreviewSink",
    "Sink",
    "SinkError",
    "check_palette_id",
    "davis_palette",
    "draw_objects",
    "draw_prompt",
    "object_colour",
]
