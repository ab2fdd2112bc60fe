"""Checkpoints: the names of tensors in each layout, reading, writing and downloading files."""

from .files import CheckpointError, load_trunk, load_weights, read_state, save_trunk, save_weights
from .hub import fetch_weights, find_weights, packaged_weights

__all__ = [
    "CheckpointError",
    "fetch_weights",
    "find_weights",
    "load_trunk",
    "load_weights",
    "packaged_weights",
    "read_state",
    "save_trunk",
    "save_weights",
]
