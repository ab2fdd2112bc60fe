"""Sinks write results to files: masks, run lengths, boxes, videos and contact sheets."""

from typing import TYPE_CHECKING

from ..moved import moved
from .boxes import BoxSink
from .coco import CocoSink
from .fanout import FanOut
from .journal import JournalSink, SavedState, read_results, read_state, remove_journal
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
    "SavedState",
    "Sink",
    "SinkError",
    "read_results",
    "read_state",
    "remove_journal",
]

_DRAWING = ("check_palette_id", "davis_palette", "draw_objects", "draw_prompt", "object_colour")
if not TYPE_CHECKING:
    __getattr__ = moved(__name__, {name: f"sam2track.masks.{name}" for name in _DRAWING})
