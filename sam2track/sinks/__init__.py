"""Sinks write results to files: masks, run lengths, boxes, videos and contact sheets."""

from .boxes import BoxSink
from .coco import CocoSink
from .fanout import FanOut
from .overlay import OverlaySink
from .png import PaletteSink
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
]
