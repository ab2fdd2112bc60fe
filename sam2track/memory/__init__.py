"""BANK: which past frames the tracker remembers. One file a policy, behind one protocol."""

from .archive import Archive
from .bank import Bank
from .fifo import FifoMemory
from .protocol import MemoryFactory, ObjectMemory, best_candidate

__all__ = ["Archive", "Bank", "FifoMemory", "MemoryFactory", "ObjectMemory", "best_candidate"]
