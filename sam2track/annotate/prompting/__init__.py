"""Where the prompts of many videos come from: files, detectors, masks of everything."""

from .detectors import Detections

__all__ = ["Detections"]
