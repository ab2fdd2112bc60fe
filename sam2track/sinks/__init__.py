"""SINKS: where results go."""

from sam2track.sinks.boxes import BoxSink
from sam2track.sinks.coco import CocoSink
from sam2track.sinks.draw import draw_objects, draw_prompt
from sam2track.sinks.fanout import FanOut
from sam2track.sinks.overlay import OverlaySink
from sam2track.sinks.palette import davis_palette, object_colour
from sam2track.sinks.png import PaletteSink, check_palette_id
from sam2track.sinks.preview import PreviewSink
from sam2track.sinks.sink import Sink, SinkError

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
