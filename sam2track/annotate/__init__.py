"""Annotation of videos: tracks with classes, and the formats in which tools exchange them."""

from .tracks import Annotations, Attribute, ObjectClass, Track, TrackFrame, Video, VideoTracks

__all__ = [
    "Annotations",
    "Attribute",
    "ObjectClass",
    "Track",
    "TrackFrame",
    "Video",
    "VideoTracks",
]
