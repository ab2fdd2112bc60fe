"""Sessions follow objects through a video; the pipeline takes a video through a session."""

from .frame_encoder import FeatureStore
from .pipeline import PlannedPrompts, Session, User, follow, track, walk
from .rendering import Rendering
from .session import TrackingSession

__all__ = [
    "FeatureStore",
    "PlannedPrompts",
    "Rendering",
    "Session",
    "TrackingSession",
    "User",
    "follow",
    "track",
    "walk",
]
