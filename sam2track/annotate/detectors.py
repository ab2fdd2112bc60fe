"""The old place of :class:`sam2track.annotate.prompting.Detections`; importing from here warns."""

from ..moved import moved

__getattr__ = moved(__name__, {"Detections": "sam2track.annotate.prompting.Detections"})
