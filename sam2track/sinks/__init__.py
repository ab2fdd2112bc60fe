"""Sinks write results to files: masks, run lengths, boxes, videos and contact sheets."""

from .boxes import BoxSink
from .coco import CocoSink
from .fanout import FanOut
from .journal import JournalSink, read_results, read_state, remove_journal
from .overlay import OverlaySink
from .png import PaletteSink
from .preview import PreviewSink
from .sink import Sink, SinkError

__all__ = [
    "BoxSink",
    "CocoSink",
    "FanOut",
    "JournalSink",
    "OverlaySink",
    "PaletteSink",
    "PreviewSink",
    "Sink",
    "SinkError",
    "read_results",
    "read_state",
    "remove_journal",
]
