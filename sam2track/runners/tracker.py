"""Makes the tracker from settings, the same for ``track`` and ``benchmark``."""

from __future__ import annotations

from hydra.utils import instantiate
from omegaconf import DictConfig

from ..benchmark.trackers import Tracker
from ..track import Rendering


def make_tracker(config: DictConfig) -> Tracker:
    """The settings of the tracker that a configuration describes."""
    return Tracker(
        kind=config.get("tracker", "session"),
        model=config.model,
        checkpoint=config.checkpoint,
        precision=config.precision,
        compile=config.compile,
        memory=instantiate(config.memory, _convert_="all"),
        rendering=Rendering(
            fill_hole_area=config.fill_hole_area,
            remove_specks=config.remove_specks,
            sharpen=config.sharpen,
        ),
        stability_delta=config.stability_delta,
        stability_threshold=config.stability_threshold,
    )
