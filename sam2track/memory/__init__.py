"""BANK: which past frames the tracker remembers. One file a policy, behind one protocol."""

from .adaptive_presence import WaryChooser
from .archive import Archive
from .bank import Bank
from .chooser import BestChooser
from .distractor import DistractorMemory
from .evidence import Evidence
from .fifo import FifoMemory
from .horizon import HorizonMemory
from .motion import MotionChooser, MotionMemory
from .protocol import MemoryFactory, ObjectMemory, best_candidate
from .select import SelectMemory
from .tree import TreeMemory

__all__ = [
    "Archive",
    "Bank",
    "BestChooser",
    "DistractorMemory",
    "Evidence",
    "FifoMemory",
    "HorizonMemory",
    "MemoryFactory",
    "MotionChooser",
    "MotionMemory",
    "ObjectMemory",
    "SelectMemory",
    "TreeMemory",
    "WaryChooser",
    "best_candidate",
]
