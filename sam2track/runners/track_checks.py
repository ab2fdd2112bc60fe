"""What ``sam2track track`` refuses before it begins, although each setting has the right type."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from omegaconf import DictConfig

from ..masks import check_palette_id
from ..prompts import PlacedPrompt
from ..video import SeekableSource, VideoSource
from .automatic import AUTO
from .compose import require


def check_settings(config: DictConfig) -> None:
    """Refuse values whose type is right."""
    require(config, "video", "sam2track track video=clip.mp4 click=[x,y]")
    if config.direction == 0 and config.frames is not None:
        raise ValueError(
            f"frames={config.frames}: direction=both tracks the whole video; for a part of it run "
            "direction=1 and direction=-1, each with its frames= and out="
        )
    given = [f"{key}=" for key in ("click", "labels", "box", "mask") if config[key] is not None]
    if config.prompts is None and not given:
        raise ValueError(
            "nothing to track: give click=[x,y], box=[x0,y0,x1,y1], mask=, prompts=FILE or "
            f"prompts=auto; sam2track serve video={config.video} opens a page to click on"
        )
    if config.prompts != AUTO:
        return
    if given:
        raise ValueError(f"prompts=auto follows everything: remove {' and '.join(given)}")
    if config.resume or config.direction == 0:
        what = "resume=true" if config.resume else "direction=both"
        raise ValueError(f"{what} is not possible with prompts=auto; leave one of them out")


def check_ids(config: DictConfig, placed: Sequence[PlacedPrompt]) -> None:
    """Refuse objects that a chosen sink cannot write."""
    if "png" in (config.sinks or {}):
        for item in placed:
            check_palette_id(item.object_id)


def note_boxes_outside(placed: Sequence[PlacedPrompt], size: tuple[int, int]) -> None:
    """Print a line for each box of which more than half lies outside a frame (height, width)."""
    for item in placed:
        box, inside = item.prompt.box, item.prompt.box_in(size)
        if box is None or inside is None or 2 * _area(inside) >= _area(box):
            continue
        cut = ",".join(f"{value:g}" for value in inside)
        print(
            f"note: {item.source}: more than half of the box is outside the frame, which is "
            f"{size[1]} wide and {size[0]} high; it is cut to [{cut}]",
            file=sys.stderr,
        )


def _area(box: Float[np.ndarray, "4"]) -> float:
    return float((box[2] - box[0]) * (box[3] - box[1]))


def check_reach(
    config: DictConfig, source: VideoSource, placed: Sequence[PlacedPrompt], start: int
) -> None:
    """Refuse prompts on frames that are left out, and orders that a live source cannot keep."""
    for item in placed:
        if config.frames is not None and abs(item.frame - start) >= config.frames:
            raise ValueError(
                f"{item.source}: frame {item.frame} is not among the frames={config.frames} "
                f"that are tracked from frame {start}"
            )
    if isinstance(source, SeekableSource):
        return
    if config.direction != 1:
        raise ValueError(
            f"direction={config.direction}: {source.name} is live and only runs forward"
        )
    if config.memory.get("lag", 0) is None:
        raise ValueError(
            f"memory.lag=null decides at the end and then reads the video again, but "
            f"{source.name} is live; give a number of frames, such as memory.lag=10"
        )
