"""Annotation of videos: projects with tracks and classes, and the formats of other tools."""

from .database import (
    STATES,
    Added,
    ChangedVideo,
    Entry,
    ProjectError,
    ProjectMask,
    ProjectObject,
    ProjectVideo,
    Provenance,
    Review,
)
from .engine import Engine, load_engine
from .project import Project
from .review import ReviewItem, review_queue
from .tracking.propagation import Step
from .tracks import Annotations, Attribute, ObjectClass, Track, TrackFrame, Video, VideoTracks

__all__ = [
    "STATES",
    "Added",
    "Annotations",
    "Attribute",
    "ChangedVideo",
    "Engine",
    "Entry",
    "ObjectClass",
    "Project",
    "ProjectError",
    "ProjectMask",
    "ProjectObject",
    "ProjectVideo",
    "Provenance",
    "Review",
    "ReviewItem",
    "Step",
    "Track",
    "TrackFrame",
    "Video",
    "VideoTracks",
    "load_engine",
    "review_queue",
]
