"""Makes the tracker from settings, the same for ``track`` and ``benchmark``."""

from __future__ import annotations

from omegaconf import DictConfig

from ..benchmark.trackers import Tracker
from ..memory import AutoSettings, MemoryFactory
from ..track import Rendering
from .compose import instantiated, plain


def make_tracker(config: DictConfig) -> Tracker:
    """The settings of the tracker that a configuration describes.

    Raises:
        ValueError: if the memory policy cannot be made.
    """
    return Tracker(
        kind=config.get("tracker", "session"),
        model=config.model,
        checkpoint=config.checkpoint,
        precision=config.precision,
        compile=config.compile,
        memory_pool=(config.get("memory") or {}).get("pool"),
        image_size=config.get("image_size"),
        memory=make_memory(config),
        rendering=Rendering(
            fill_hole_area=config.fill_hole_area,
            remove_specks=config.remove_specks,
            sharpen=config.sharpen,
        ),
        zoom=config.zoom,
        stability_delta=config.stability_delta,
        stability_threshold=config.stability_threshold,
    )


def make_memory(config: DictConfig) -> MemoryFactory | AutoSettings:
    """The memory policy that a configuration describes.

    ``memory.pool`` is the model's: it is the same for all policies.

    Raises:
        ValueError: if the policy cannot be made.
    """
    if "_target_" not in (config.get("memory") or {}):
        raise ValueError("memory: its settings name no _target_, the class of the policy")
    settings = plain(config.memory)
    settings.pop("pool", None)
    memory = instantiated("memory", settings)
    if settings.get("recent", 0) is None and not isinstance(memory, AutoSettings):
        raise ValueError("memory.recent=null: only memory=auto takes null; give a number")
    return memory
