"""First masks from an image model: they become the prompts of the tracker (``image_model=``)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool
from omegaconf import DictConfig

from ..image import ImagePredictor
from ..model import load_image_model
from ..prompts import PlacedPrompt, Prompt
from ..prompts.tokens import merge_prompts
from ..video import SeekableSource, VideoSource


def with_first_masks(
    config: DictConfig, source: VideoSource, placed: Sequence[PlacedPrompt]
) -> list[PlacedPrompt]:
    """The prompts, with a mask in place of each object's first clicks and box.

    An object begins on its first frame with a prompt, backward (``direction=-1``) on its last.
    Masks, and later prompts, which correct what was tracked, stay as they are.

    Raises:
        ValueError: for a live source, or if the image model finds nothing; the message names the
            prompt.
    """
    begins: dict[int, int] = {}
    pick = max if config.direction == -1 else min
    for item in placed:
        begins[item.object_id] = pick(item.frame, begins.get(item.object_id, item.frame))
    first: dict[int, Prompt] = {}
    for item in placed:
        if item.frame == begins[item.object_id]:
            first[item.object_id] = merge_prompts(first.get(item.object_id), item.prompt)
    asked = {object_id: prompt for object_id, prompt in first.items() if prompt.mask is None}
    if not asked:
        return list(placed)
    if not isinstance(source, SeekableSource):
        raise ValueError(
            f"image_model={config.image_model}: {source.name} is live and its first frame cannot "
            "be read twice; leave image_model out"
        )
    masks = _segment(config, source, asked, begins)
    given: set[int] = set()
    result = []
    for item in placed:
        own = item.object_id
        if own not in asked or item.frame != begins[own]:
            result.append(item)
        elif own not in given:
            given.add(own)
            if not masks[own].any():
                advice = "give another click, or a box"
                raise ValueError(f"{item.source}: {config.image_model} finds nothing; {advice}")
            mask = Prompt.from_mask(masks[own])
            result.append(PlacedPrompt(own, item.frame, mask, item.source))
    return result


def _segment(
    config: DictConfig, source: SeekableSource, asked: dict[int, Prompt], begins: dict[int, int]
) -> dict[int, Bool[np.ndarray, "H W"]]:
    """The mask of each object on its frame, by its id."""
    predictor = ImagePredictor(
        load_image_model(
            config.image_model,
            config.image_checkpoint,
            device=config.device,
            precision=config.precision,
        )
    )
    frames: defaultdict[int, list[int]] = defaultdict(list)
    for object_id in asked:
        frames[begins[object_id]].append(object_id)
    masks = {}
    for index, ids in frames.items():
        encoded = predictor.encode(source[index].image)
        found = predictor.segment(encoded, [asked[object_id] for object_id in ids])
        masks |= dict(zip(ids, found.masks()[:, 0].cpu().numpy(), strict=True))
    return masks
