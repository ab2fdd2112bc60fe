"""Settings of the official configurations, ``hydra_overrides_extra``, and what forks ask for."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from ..memory import MemoryFactory, MotionMemory, MotionSelector, TreeSettings


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings under the names that the official configurations use, with their values there.

    Only ``add_all_frames_to_correct_as_cond`` has another one: a correction is an anchor here.
    """

    fill_hole_area: int = 0
    non_overlap_masks: bool = False
    clear_non_cond_mem_around_input: bool = False
    add_all_frames_to_correct_as_cond: bool = True
    binarize_mask_from_pts_for_mem_enc: bool = False
    compile_image_encoder: bool = False
    dynamic_multimask_via_stability: bool = False
    dynamic_multimask_stability_delta: float = 0.05
    dynamic_multimask_stability_thresh: float = 0.98

    def __post_init__(self) -> None:
        if self.clear_non_cond_mem_around_input:
            warnings.warn(
                "clear_non_cond_mem_around_input=True has no effect: memories are kept",
                stacklevel=4,
            )
        if not self.add_all_frames_to_correct_as_cond:
            warnings.warn(
                "add_all_frames_to_correct_as_cond=False has no effect: a correction is an anchor",
                stacklevel=4,
            )

    @property
    def stability(self) -> float:
        """Below this stability another mask replaces the one for a clear prompt; 0 = never."""
        chosen = self.dynamic_multimask_via_stability
        return self.dynamic_multimask_stability_thresh if chosen else 0.0


POSTPROCESSING = {
    "dynamic_multimask_via_stability": True,
    "binarize_mask_from_pts_for_mem_enc": True,
    "fill_hole_area": 8,
}


def read_settings(overrides: Sequence[str], *, apply_postprocessing: bool) -> Settings:
    """The settings that ``hydra_overrides_extra`` and ``apply_postprocessing`` give.

    As in the official builder, post-processing comes last.

    Args:
        overrides: such as ``++model.non_overlap_masks=true``.

    Raises:
        ValueError: for an override of something else; the message lists what there is.
    """
    known = {own.name for own in fields(Settings)}
    given: dict[str, Any] = {}
    for item in overrides:
        key, _, value = item.partition("=")
        name = key.rpartition(".")[2]
        if name not in known or not value:
            raise ValueError(
                f"hydra_overrides_extra: {item!r} cannot be chosen here; there are: "
                + ", ".join(f"++model.{own}=VALUE" for own in sorted(known))
            )
        try:
            given[name] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise ValueError(f"hydra_overrides_extra: the value of {item!r} is not YAML") from None
    return Settings(**{**given, **(POSTPROCESSING if apply_postprocessing else {})})


def policy_of_config(config_file: str) -> MemoryFactory | None:
    """The memory policy ``motion`` for a configuration in a folder ``samurai``, else None."""
    if "samurai" not in Path(config_file).parts:
        return None
    large = Path(config_file).stem.endswith(("_l", "_large"))
    return partial(MotionMemory, selector=partial(MotionSelector, weight=0.15 if large else 0.25))


def policy_of_state(state: Mapping[str, Any]) -> MemoryFactory | None:
    """The memory policy ``tree`` with the settings that SAM2Long's scripts write into the state.

    Results are decided at the end of the video, as in SAM2Long. None without such settings.
    """
    if "num_pathway" not in state:
        return None
    names = {"num_pathway": "pathways", "iou_thre": "min_score", "uncertainty": "sure"}
    given = {ours: state[theirs] for theirs, ours in names.items() if theirs in state}
    return TreeSettings(**given, lag=None)
