"""Training clips: things that move, deform and hide one another over photographs.

What enters: a pack of pictures (:mod:`sam2track.data.scene_assets`) and a seed. What leaves: short
clips with the exact visible pixels of each tracked object. The same seed gives the same clip.

A clip is planned first (:mod:`sam2track.data.scene_plan`: a backdrop, a camera, layers from back to
front, the moments at which frames are taken), then drawn frame by frame by
:mod:`sam2track.video.layers`, then spoiled as cameras and codecs do. Frames are drawn at the aspect
of a video and squashed to the square that the tracker sees.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Bool, UInt8
from torch import Tensor
from torch.utils.data import Dataset

from sam2track.data.scene_assets import Assets
from sam2track.data.scene_plan import Plan

SMALLEST = 0.003  # share of the picture that a tracked object must cover in frame 0


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """Frames and what is where in them.

    Attributes:
        frames: RGB.
        masks: the tracked object (1..K) that each pixel shows, 0 = none of them.
    """

    frames: UInt8[np.ndarray, "T S S 3"]
    masks: UInt8[np.ndarray, "T S S"]


class SceneSampler:
    """Draws clips.

    Args:
        assets: the pictures.
        size: height and width of the frames, pixels.
        frames: frames a clip, at least 1.
        objects: most tracked objects in a clip.
        still: share of the clips made by moving regions of one photograph.
    """

    def __init__(
        self,
        assets: Assets,
        size: int = 224,
        *,
        frames: int = 8,
        objects: int = 3,
        still: float = 0.15,
    ) -> None:
        self.assets, self.size, self.frames = assets, size, frames
        self.objects, self.still = objects, still

    def clip(self, rng: np.random.Generator, *, hardness: float = 1.0) -> Clip:
        """One clip with at least one object that is well visible in its first frame.

        At ``hardness`` 0 that is one large thing that moves a little; smaller, hidden, leaving and
        look-alike things, faster motion and bad pictures come in up to 1.
        """
        while True:
            plan = Plan(
                self.assets,
                rng,
                size=self.size,
                frames=self.frames,
                count=self.objects,
                still=self.still,
                hardness=hardness,
            )
            clip = _keep_visible(self._draw(plan))
            if clip is not None:
                return clip

    def _draw(self, plan: Plan) -> Clip:
        frames = np.empty((self.frames, self.size, self.size, 3), np.uint8)
        masks = np.zeros((self.frames, self.size, self.size), np.uint8)
        camera, shutter = plan.camera, plan.moments.shutter
        for number, t in enumerate(plan.moments.times):
            now, open_, shut = (camera.matrix(t + s * shutter) for s in (0, -0.5, 0.5))
            frame = plan.backdrop.draw(now, t, blur=camera.travel(open_, shut))
            for layer in plan.layers:
                blur = layer.travel(open_, shut, t, shutter)
                layer.draw(frame, masks[number], now, t, blur=blur)
            frames[number] = plan.spoil(frame, t)
        return Clip(frames, masks)


def _keep_visible(clip: Clip) -> Clip | None:
    """The clip with the objects that can be seen in frame 0, renumbered; None if there is none."""
    counts = np.bincount(clip.masks[0].ravel(), minlength=256)
    kept = [k for k in range(1, 256) if counts[k] >= SMALLEST * clip.masks[0].size]
    if not kept:
        return None
    table = np.zeros(256, np.uint8)
    table[kept] = np.arange(1, len(kept) + 1)
    return Clip(clip.frames, table[clip.masks])


class SceneDataset(Dataset):
    """Clips as tensors; clip ``index`` depends on ``(seed, index)`` alone, so a resume is exact.

    Args:
        sampler: draws the clips.
        length: number of clips.
        seed: another seed, other clips.
        ramp: over the first so many clips, hardness grows from 0 to 1.
    """

    def __init__(self, sampler: SceneSampler, *, length: int, seed: int = 0, ramp: int = 0) -> None:
        self.sampler, self.length, self.seed, self.ramp = sampler, length, seed, ramp

    def __len__(self) -> int:
        return self.length

    def __getitem__(
        self, index: int
    ) -> dict[str, UInt8[Tensor, "T 3 S S"] | Bool[Tensor, "T K S S"] | Bool[Tensor, " K"]]:
        """``frames``, ``masks`` (K = the sampler's most objects) and ``valid``: which of them are.

        Raises:
            IndexError: if there is no such clip.
        """
        if not 0 <= index < self.length:
            raise IndexError(f"clip {index} does not exist; there are {self.length}, from 0")
        cv2.setNumThreads(0)  # workers run beside the training: one thread each
        hardness = min(1.0, index / self.ramp) if self.ramp else 1.0
        random = np.random.default_rng([self.seed, index])
        clip = self.sampler.clip(random, hardness=hardness)
        labels = torch.arange(1, self.sampler.objects + 1, dtype=torch.uint8)
        masks = torch.from_numpy(clip.masks)[:, None] == labels[:, None, None]
        frames = torch.from_numpy(clip.frames).permute(0, 3, 1, 2).contiguous()
        return {"frames": frames, "masks": masks, "valid": masks[0].any(-1).any(-1)}
