"""Training clips: clips, sources of clips, and the dataset for the trainer.

Sources of clips are procedural scenes, annotated videos and still images, in modules of their own,
clips of these seen through windows, and a :class:`Mixture` of sources. Every source except the
mixture takes ``size=``, ``frames=`` and ``objects=`` from the trainer. A recipe gives the rest;
docs/datasets.md has examples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Protocol, runtime_checkable

import cv2
import numpy as np
import torch
from jaxtyping import Bool, UInt8
from torch import Tensor
from torch.utils.data import Dataset

SMALLEST = 0.003  # fraction of the picture that a tracked object must cover in frame 0


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """Frames and the masks of the tracked objects in them.

    Attributes:
        frames: RGB.
        masks: for each pixel the tracked object (1..K) that it shows, 0 = none of them. Each object
            is visible in frame 0 and may be absent from others.
        aspect: width over height of the video that the square frames were resized from.
    """

    frames: UInt8[np.ndarray, "T S S 3"]
    masks: UInt8[np.ndarray, "T S S"]
    aspect: float = 1.0


@runtime_checkable
class ClipSource(Protocol):
    """Draws clips of one size with one number of frames.

    The constructor raises ValueError if there are no data, or a number is below 1, and
    FileNotFoundError if the data is incomplete; the message says what is missing.
    """

    @property
    def objects(self) -> int:
        """Largest number of objects in a clip."""
        ...

    def clip(self, rng: np.random.Generator, *, hardness: float = 1.0) -> Clip:
        """One clip with at least one object that is well visible in its first frame.

        Args:
            rng: all random choices come from it.
            hardness: 0..1, how hard a clip may be.

        Raises:
            ValueError, FileNotFoundError: if the data is damaged (the message names the file), or
                no object is ever visible.
        """
        ...


class Mixture:
    """Draws from several sources in proportion to their weights.

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


@dataclass(eq=False, repr=False)
class ClipDataset(Dataset):
    """Clips as tensors.

    Clip ``index`` depends only on ``(seed, index)``, so that training resumes exactly.

    Attributes:
        source: draws the clips.
        length: number of clips.
        seed: another seed, other clips.
        ramp: number of clips over which hardness grows to 1; 0 = it is always 1.
        hardness: 0..1, the first hardness.
    """

    source: ClipSource
    _: KW_ONLY
    length: int
    seed: int = 0
    ramp: int = 0
    hardness: float = 0.0

    def __len__(self) -> int:
        return self.length

    def __getitem__(
        self, index: int
    ) -> dict[str, UInt8[Tensor, "T 3 S S"] | Bool[Tensor, "T K S S"] | Bool[Tensor, " K"]]:
        """``frames``, ``masks`` (K = the source's most objects) and ``valid``: which are masks."""
        if not 0 <= index < self.length:
            raise IndexError(f"clip {index} does not exist; there are {self.length}, from 0")
        cv2.setNumThreads(0)  # workers run at the same time as the training: one thread each
        progress = min(1.0, index / self.ramp) if self.ramp else 1.0
        hardness = self.hardness + (1 - self.hardness) * progress
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


def at_least_one(**numbers: int) -> None:
    """Raise ValueError if a setting is below 1."""
    for name, value in numbers.items():
        if value < 1:
            raise ValueError(f"{name}={value}: at least 1")
