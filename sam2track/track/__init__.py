"""TRACK: sessions follow objects through a video."""

from .session import TrackingSession

__all__ = ["TrackingSession"]
