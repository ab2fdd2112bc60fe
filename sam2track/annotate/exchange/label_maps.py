"""One picture of ids for each frame: which object gets a pixel, and which masks lose some."""

from __future__ import annotations

import numpy as np
from jaxtyping import UInt16

from .clips import Clip
from .losses import Losses

COVERED = "masks that another one covers in part (a pixel belongs to the smallest object)"


def label_map(
    clip: Clip, index: int, values: dict[int, int], losses: Losses
) -> UInt16[np.ndarray, "H W"]:
    """The masks on a frame as one picture; 0 = background, else the value of a track by its id.

    As :func:`sam2track.masks.flatten`: the smallest object is visible, of two objects of the same
    size the one with the lower id. Masks that lose pixels are counted; tracks without a value are
    left out.
    """
    masks = {track.id: mask for track, mask in clip.masks(index) if track.id in values}
    areas = {k: int(mask.sum()) for k, mask in masks.items()}
    labels = np.zeros(clip.video.size, np.uint16)
    for k in sorted(masks, key=lambda k: (areas[k], k), reverse=True):
        labels[masks[k]] = values[k]
    if len(masks) > 1:
        shown = np.bincount(labels.ravel(), minlength=max(values.values()) + 1)
        for k, pixels in areas.items():
            if shown[values[k]] < pixels:
                losses.add(COVERED, f"frame {index} of track {k} in {clip.video.name}")
    return labels


def small_values(clip: Clip, most: int, losses: Losses) -> dict[int, int]:
    """A value 1..most for each track: its id where that fits, else a free one.

    Tracks that get another value, or none, are counted.
    """
    values = {track.id: track.id for track in clip.tracks if track.id <= most}
    free = (value for value in range(1, most + 1) if value not in values)
    for track in clip.tracks:
        if track.id > most:
            where, value = f"track {track.id} in {clip.video.name}", next(free, None)
            if value is None:
                losses.add(f"tracks beyond {most} of a video, left out", where)
            else:
                values[track.id] = value
                losses.add(f"ids above {most}, replaced by free ones", where)
    return values
