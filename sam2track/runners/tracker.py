"""Makes the tracker from settings, the same for ``track`` and ``benchmark``."""

from __future__ import annotations

from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig

from ..benchmark.trackers import Tracker
from ..track import Rendering


def make_tracker(config: DictConfig) -> Tracker:
    """The settings of the tracker that a configuration describes.

    Raises:
        ValueError: if the memory policy cannot be made.
    """
    if "_target_" not in (config.get("memory") or {}):
        raise ValueError("memory: its settings name no _target_, the class of the policy")
    try:
        memory = instantiate(config.memory, _convert_="all")
    except InstantiationException as error:
        raise ValueError(f"memory: {' '.join(str(error).split())}") from error
    return Tracker(
        kind=config.get("tracker", "session"),
        model=config.model,
        checkpoint=config.checkpoint,
        precision=config.precision,
        compile=config.compile,
        memory=memory,
        rendering=Rendering(
            fill_hole_area=config.fill_hole_area,
            remove_specks=config.remove_specks,
            sharpen=config.sharpen,
        ),
        zoom=config.zoom,
        stability_delta=config.stability_delta,
        stability_threshold=config.stability_threshold,
    )
