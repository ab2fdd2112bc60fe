"""The database of a project: its tables, the log, and the typed values that come from it."""

from .anchors import Anchor, find_anchors, pack_prompt
from .edits import Edits, check_frame
from .log import Log, follow_move
from .objects import Objects
from .records import (
    LOW_CONFIDENCE,
    STATES,
    Entry,
    ProjectMask,
    ProjectObject,
    ProjectVideo,
    Provenance,
    Review,
)
from .reviews import Reviews
from .saved_states import SavedStates
from .store import DATABASE, ProjectError, ProjectInUse, Store, project_beside
from .stored_masks import StoredMasks, provenance_id
from .videos import Added, ChangedVideo, Videos

__all__ = [
    "DATABASE",
    "LOW_CONFIDENCE",
    "STATES",
    "Added",
    "Anchor",
    "ChangedVideo",
    "Edits",
    "Entry",
    "Log",
    "Objects",
    "ProjectError",
    "ProjectInUse",
    "ProjectMask",
    "ProjectObject",
    "ProjectVideo",
    "Provenance",
    "Review",
    "Reviews",
    "SavedStates",
    "Store",
    "StoredMasks",
    "Videos",
    "check_frame",
    "find_anchors",
    "follow_move",
    "pack_prompt",
    "project_beside",
    "provenance_id",
]
