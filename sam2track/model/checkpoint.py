"""The old place of :func:`sam2track.load_model`; importing from here warns."""

from ..moved import moved

__getattr__ = moved(
    __name__,
    {
        "load_model": "sam2track.model.load_model",
        "CheckpointError": "sam2track.model.CheckpointError",
    },
)
