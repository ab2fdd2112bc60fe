"""Memory policies: which past frames the tracker remembers. One file per policy.

``protocol.py`` says what a policy is; docs/memory.md says how to write one.
"""

from .adaptive_presence import AdaptivePresenceSelector
from .archive import Archive
from .auto import AutoSettings
from .bank import Bank
from .candidate_selection import (
    BestScoreSelector,
    FrameCandidates,
    HostCandidates,
    Selection,
    Selector,
)
from .distractor import DistractorMemory, DistractorSettings
from .fifo import FifoMemory
from .horizon import HorizonMemory
from .motion import MotionMemory, MotionSelector
from .protocol import MemoryFactory, ObjectMemory, best_candidate
from .redetect import RedetectMemory
from .select import SelectMemory
from .tree import TreeMemory, TreeSettings

__all__ = [
    "AdaptivePresenceSelector",
    "Archive",
    "AutoSettings",
    "Bank",
    "BestScoreSelector",
    "DistractorMemory",
    "DistractorSettings",
    "FifoMemory",
    "FrameCandidates",
    "HorizonMemory",
    "HostCandidates",
    "MemoryFactory",
    "MotionMemory",
    "MotionSelector",
    "ObjectMemory",
    "RedetectMemory",
    "SelectMemory",
    "Selection",
    "Selector",
    "TreeMemory",
    "TreeSettings",
    "best_candidate",
]
