"""Sessions follow objects through a video; the pipeline takes a video through a session."""

from .automatic_prompts import AutomaticPrompts, Find, Proposal
from .frame_encoder import FeatureStore
from .pipeline import PlannedPrompts, Session, User, follow, track, walk
from .rendering import Rendering
from .session import TrackingSession

__all__ = [
    "AutomaticPrompts",
    "FeatureStore",
    "Find",
    "PlannedPrompts",
    "Proposal",
    "Rendering",
    "Session",
    "TrackingSession",
    "User",
    "follow",
    "track",
    "walk",
]
