"""Memory policies that the forks of ``sam2`` ask for in their own ways."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from ..memory import MemoryFactory, MotionMemory, MotionSelector, TreeSettings


def policy_of_config(config_file: str) -> MemoryFactory | None:
    """``motion`` for a configuration in a folder ``samurai``, else None."""
    if "samurai" not in Path(config_file).parts:
        return None
    large = Path(config_file).stem.endswith(("_l", "_large"))
    return partial(MotionMemory, selector=partial(MotionSelector, weight=0.15 if large else 0.25))


def policy_of_state(state: Mapping[str, Any]) -> MemoryFactory | None:
    """``tree`` with the settings that SAM2Long's scripts write into the state; None without them.

    Results are decided at the end of the video, as in SAM2Long.
    """
    if "num_pathway" not in state:
        return None
    names = {"num_pathway": "pathways", "iou_thre": "min_score", "uncertainty": "sure"}
    given = {ours: state[theirs] for theirs, ours in names.items() if theirs in state}
    return TreeSettings(**given, lag=None)
