"""Training clips, whatever they are cut from: what a clip is, what draws clips, and the dataset.

Room: DATA. Sources of clips enter, tensors for the trainer leave. Sources are

* :class:`sam2track.data.scenes.SceneSampler`: procedural scenes;
* :class:`sam2track.data.video_clips.VideoClips`: annotated videos, from any reader;
* :class:`sam2track.data.still_clips.StillClips`: annotated still images, set in motion;
* :class:`sam2track.data.windows.WindowClips`: clips of any of these, seen through windows;
* :class:`Mixture`: several of them, by weight.

Every source but the mixture takes ``size=``, ``frames=`` and ``objects=``, which the trainer gives;
a recipe names the rest, and ``instantiate(entry, size=.., frames=.., objects=..)`` makes it,
from entries such as::

    - _target_: sam2track.data.video_clips.VideoClips
      sequences: {_target_: sam2track.data.davis.davis, root: DAVIS, split: train}
    - _target_: sam2track.data.still_clips.StillClips
      stills: {_target_: sam2track.data.stills.SA1BStills, root: SA-1B}
    - _target_: sam2track.data.scenes.SceneSampler
      assets: {_target_: sam2track.data.scene_assets.Assets, folder: assets}
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import cv2
import numpy as np
import torch
from jaxtyping import Bool, UInt8
from torch import Tensor
from torch.utils.data import Dataset

SMALLEST = 0.003  # share of the picture that a tracked object must cover in frame 0


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """Frames and what is where in them.

    Attributes:
        frames: RGB.
        masks: the tracked object (1..K) that each pixel shows, 0 = none of them. Each shows in
            frame 0 and may be absent from others.
        aspect: width over height of the video that the square frames were squashed from.
    """

    frames: UInt8[np.ndarray, "T S S 3"]
    masks: UInt8[np.ndarray, "T S S"]
    aspect: float = 1.0


@runtime_checkable
class ClipSource(Protocol):
    """What draws clips, all of the same number of frames and the same size.

    Attributes:
        objects: most objects in a clip.
    """

    @property
    def objects(self) -> int: ...

    def clip(self, rng: np.random.Generator, *, hardness: float = 1.0) -> Clip:
        """One clip that depends on ``rng`` alone.

        Args:
            rng: decides everything.
            hardness: 0..1, how hard a clip may be.

        Raises:
            ValueError, FileNotFoundError: if the data is damaged; the message names the file.
        """
        ...


class Mixture:
    """Several sources, drawn from in proportion to their weights.

    Args:
        parts: sources and their weights, which need not sum to one.

    Raises:
        ValueError: if there is no source, or a weight is negative or not finite, or all are zero.
    """

    def __init__(self, parts: Sequence[tuple[ClipSource, float]]) -> None:
        self.sources = tuple(source for source, _ in parts)
        weights = np.array([weight for _, weight in parts], np.float64)
        if not len(weights):
            raise ValueError("a mixture of no sources: name at least one")
        if not np.isfinite(weights).all() or (weights < 0).any() or not weights.any():
            raise ValueError(f"weights {weights.tolist()}: give numbers above zero")
        self.chances = weights / weights.sum()
        self.objects = max(source.objects for source in self.sources)

    def clip(self, rng: np.random.Generator, *, hardness: float = 1.0) -> Clip:
        """A clip of a source drawn by weight."""
        source = self.sources[int(rng.choice(len(self.sources), p=self.chances))]
        return source.clip(rng, hardness=hardness)


class ClipDataset(Dataset):
    """Clips as tensors; clip ``index`` depends on ``(seed, index)`` alone, so a resume is exact.

    Nothing is kept between clips.

    Args:
        source: draws the clips.
        length: number of clips.
        seed: another seed, other clips.
        ramp: over the first so many clips, hardness grows from 0 to 1.
    """

    def __init__(self, source: ClipSource, *, length: int, seed: int = 0, ramp: int = 0) -> None:
        self.source, self.length, self.seed, self.ramp = source, length, seed, ramp

    def __len__(self) -> int:
        return self.length

    def __getitem__(
        self, index: int
    ) -> dict[str, UInt8[Tensor, "T 3 S S"] | Bool[Tensor, "T K S S"] | Bool[Tensor, " K"]]:
        """``frames``, ``masks`` (K = the source's most objects) and ``valid``: which of them are.

        Raises:
            IndexError: if there is no such clip.
        """
        if not 0 <= index < self.length:
            raise IndexError(f"clip {index} does not exist; there are {self.length}, from 0")
        cv2.setNumThreads(0)  # workers run beside the training: one thread each
        hardness = min(1.0, index / self.ramp) if self.ramp else 1.0
        random = np.random.default_rng([self.seed, index])
        clip = self.source.clip(random, hardness=hardness)
        labels = torch.arange(1, self.source.objects + 1, dtype=torch.uint8)
        masks = torch.from_numpy(clip.masks)[:, None] == labels[:, None, None]
        frames = torch.from_numpy(clip.frames).permute(0, 3, 1, 2).contiguous()
        return {"frames": frames, "masks": masks, "valid": masks[0].any(-1).any(-1)}


def keep_visible(clip: Clip, *, smallest: float = SMALLEST) -> Clip | None:
    """The clip with the objects that can be seen in frame 0, renumbered; None if there is none.

    ``smallest`` is the share of the picture that an object must cover there.
    """
    counts = np.bincount(clip.masks[0].ravel(), minlength=256)
    kept = [k for k in range(1, 256) if counts[k] >= smallest * clip.masks[0].size]
    if not kept:
        return None
    table = np.zeros(256, np.uint8)
    table[kept] = np.arange(1, len(kept) + 1)
    return Clip(clip.frames, table[clip.masks], clip.aspect)
