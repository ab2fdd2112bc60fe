"""A picture of a rollout for TensorBoard: prompts, predictions and true masks."""

from __future__ import annotations

import cv2
import numpy as np
import torch.nn.functional as F
from jaxtyping import UInt8
from torch import Tensor

from ..masks.drawing import draw_objects, draw_prompt
from .rollout import Rollout

TILE, ROWS = 160, 3  # side of a frame in the picture, in pixels; objects in the picture


def draw_rollout(rollout: Rollout) -> UInt8[np.ndarray, "H W 3"]:
    """Frames from left to right; for each object three strips: prompts, prediction, true mask."""
    strips = [
        np.hstack([np.vstack(_tiles(rollout, row, index)) for index in range(rollout.length)])
        for row in range(min(ROWS, len(rollout.rows)))
    ]
    return np.vstack(strips)


def _tiles(rollout: Rollout, row: int, index: int) -> list[UInt8[np.ndarray, "s s 3"]]:
    """One frame three times, with the prompts, the prediction and the true mask of one row."""
    frame = rollout.clips.frames[rollout.clip[row], index].permute(1, 2, 0).cpu().numpy()
    tiles = [cv2.resize(frame, (TILE, TILE), interpolation=cv2.INTER_AREA) for _ in range(3)]
    ids, prediction = [int(rollout.object[row]) + 1], rollout.predictions[index]
    truth = _mask(rollout.truth[row, index].float()[None, None] - 0.5)
    draw_objects(tiles[1], ids, _mask(prediction.logits[row : row + 1]))
    draw_objects(tiles[2], ids, truth)
    for rows, prompts in prediction.prompts:
        for place in (rows == row).nonzero()[:, 0].tolist():
            if prompts is None:
                draw_objects(tiles[0], ids, truth)
                continue
            points = prompts.coords[place].cpu().numpy() * (TILE / frame.shape[0])
            labels = prompts.labels[place].cpu().numpy()
            corners = labels > 1  # of a box
            box = points[corners].flatten() if corners.any() else None
            draw_prompt(tiles[0], ids[0], points[~corners], labels[~corners], box)
    return tiles


def _mask(logits: Tensor) -> np.ndarray:
    """``(1, 1, h, w)`` logits as a ``(1, s, s)`` mask at the size of a tile."""
    return (F.interpolate(logits.float(), (TILE, TILE), mode="bilinear")[0] > 0).cpu().numpy()
