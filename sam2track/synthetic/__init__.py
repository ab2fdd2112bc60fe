"""Procedural video with exact masks.

Three products, each drawn from a seed with the same compositing and the same camera:

* :class:`SyntheticVideo` (``video``): textured shapes, as a video source, for tests and timings.
* Training clips: :class:`ScenePlan` and :class:`Assets`, used by
  :class:`sam2track.data.clips.procedural_clips.ProceduralClips`. Sprites over photographs.
* The long-term benchmark: :class:`LongScene`, :class:`SequenceSpec` and :class:`Event`, used by
  :mod:`sam2track.data.readers.synthetic_long`. Its pixels must not change.

The modules:

* all three: ``compositing`` (layers, limbs, reflections, shadows, motion blur), ``camera`` (frame
  times, pan, zoom, shake, rendering of a frame, sensor and codec), ``motion`` (waves, keyframes,
  motion, deformation), ``shapes`` (silhouettes, textures, premultiplied alpha);
* training clips: ``assets`` (packed pictures), ``films`` (of 3D models), ``photo_background``,
  ``photo_objects``, ``articulated_objects`` (people, animals), ``manufactured_objects`` (vessels,
  vehicles, hands), ``scene_motion`` (random motions), ``scene_plan`` (what is in a clip);
* the long-term benchmark: ``capsule_figures`` (bodies), ``drawn_objects`` (their pictures),
  ``drawn_backgrounds``, ``long_events`` (events to keyframes), ``long_scene`` (frames).
"""

from .assets import Assets
from .camera import Camera, FrameTimes
from .compositing import Layer, sample
from .long_events import Event, SequenceSpec
from .long_scene import LongScene
from .motion import Deformation, Motion, Waves
from .scene_plan import FILMED, HELD_UP, ScenePlan
from .video import SyntheticVideo

__all__ = [
    "FILMED",
    "HELD_UP",
    "Assets",
    "Camera",
    "Deformation",
    "Event",
    "FrameTimes",
    "Layer",
    "LongScene",
    "Motion",
    "ScenePlan",
    "SequenceSpec",
    "SyntheticVideo",
    "Waves",
    "sample",
]
