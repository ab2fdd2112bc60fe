"""Annotation of videos: projects with tracks and classes, and the formats of other tools."""

from .engine import Engine, load_engine
from .project import Project
from .propagation import Step
from .records import (
    STATES,
    Entry,
    ProjectMask,
    ProjectObject,
    ProjectVideo,
    Provenance,
    Review,
)
from .review_queue import ReviewItem, review_queue
from .store import ProjectError
from .tracks import Annotations, Attribute, ObjectClass, Track, TrackFrame, Video, VideoTracks
from .videos import Added, ChangedVideo

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
