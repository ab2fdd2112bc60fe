"""A session's state as bytes, so that another process can continue from it.

PyTorch's loader reads the bytes. It builds only tensors and the classes of this package that are
listed here, so that a file cannot run code.
"""

from __future__ import annotations

import inspect
import io
from collections import OrderedDict, defaultdict, deque
from types import ModuleType

import numpy as np
import torch

from .. import memory, prompts, types
from . import objects
from .session import TrackingSession


def cannot_resume(session: TrackingSession) -> str | None:
    """Why a session's state cannot be saved, or None if it can."""
    if session.archive is not None:
        return "it keeps every frame on disk, in a file without a name"
    for tracked in session.objects.values():
        if tracked.memory.lag != 0:
            return "its memory decides some frames later (memory.lag)"
        if type(tracked.memory) not in _known_classes():
            return f"its memory, {type(tracked.memory).__name__}, is not of this package"
    return None


def save_session(session: TrackingSession) -> bytes:
    """The state after a frame. Tracking from it gives the same masks as the session itself."""
    file = io.BytesIO()
    torch.save({"objects": session.objects, "size": session.size}, file)
    return file.getvalue()


def load_session(session: TrackingSession, state: bytes) -> None:
    """Load a state into a session; objects that it follows already stay, unless they are loaded.

    Raises:
        ValueError: if the bytes are damaged, or hold something else.
    """
    try:
        with torch.serialization.safe_globals(_known_classes()):
            loaded = torch.load(
                io.BytesIO(state), map_location=session.model.device, weights_only=True
            )
        session.objects |= loaded["objects"]
        session.size = loaded["size"]
    except Exception as error:
        raise ValueError(
            f"the saved state cannot be read ({type(error).__name__}); run again without it"
        ) from error


def _known_classes() -> list:
    """What a state may hold."""
    modules = [types, prompts, objects, *_submodules(memory)]
    own = [
        cls
        for module in modules
        for cls in vars(module).values()
        if inspect.isclass(cls) and cls.__module__.startswith("sam2track.")
    ]
    rebuild = np.zeros(0).__reduce__()[0]  # NumPy's own function, under a private name
    kinds = (bool, np.float32, np.float64, np.int32, np.int64)
    numbers = [np.ndarray, np.dtype, rebuild, *(type(np.dtype(kind)) for kind in kinds)]
    return [*own, *numbers, OrderedDict, defaultdict, deque, set, bytes]


def _submodules(room: ModuleType) -> list[ModuleType]:
    return [room, *(value for value in vars(room).values() if inspect.ismodule(value))]
