"""Random changes to a training clip, the same for its frames and its masks.

The changes are drawn once for the whole clip, except small changes of colour from frame to frame.
The defaults are those of SAM 2 (2408.00714, appendix D.2.2, and its released training
configuration), with zoom added.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float

from .clip import Clip, keep_visible

OUTSIDE = (124, 116, 104)  # colour beyond the picture: the mean of ImageNet
LUMA = np.array([0.299, 0.587, 0.114])


@dataclass(frozen=True, slots=True)
class Jitter:
    """The largest change of each factor, which is drawn around 1."""

    brightness: float = 0.1
    contrast: float = 0.03
    saturation: float = 0.03


@dataclass(frozen=True, slots=True)
class Augment:
    """Draws random changes and applies them.

    Attributes:
        flip: probability of a horizontal flip.
        rotation: largest angle, degrees, in both directions.
        shear: largest horizontal shear, degrees, in both directions.
        zoom: largest logarithm of the scale, in both directions.
        grey: probability of a grey clip.
        mosaic: probability that the clip is shown four times in one picture and tracked in one
            quarter: the object differs from its three copies only by place and motion.
        clip: changes of colour of the whole clip.
        frame: further changes of colour of each frame.
    """

    flip: float = 0.5
    rotation: float = 25.0
    shear: float = 20.0
    zoom: float = 0.25
    grey: float = 0.05
    mosaic: float = 0.1
    clip: Jitter = Jitter()
    frame: Jitter = Jitter(0.1, 0.05, 0.05)

    def __call__(
        self, clip: Clip, rng: np.random.Generator, *, hardness: float = 1.0
    ) -> Clip | None:
        """A changed clip, its objects renumbered; None if none is well visible in frame 0.

        Args:
            clip: is not changed itself. A rotation uses the proportions of the video that it was
                resized from.
            rng: all random choices come from it.
            hardness: 0..1, the factor of rotation, shear, zoom and mosaics.
        """
        size = clip.masks.shape[1:]
        matrix = self._matrix(rng, size[0], clip.aspect, hardness)
        mosaic = rng.random() < self.mosaic * hardness
        place = rng.integers(2, size=2).tolist()  # of the quarter: row and column
        frames, masks = np.empty_like(clip.frames), np.empty_like(clip.masks)
        for index, colour in enumerate(self._colours(rng, clip)):
            frame = cv2.warpAffine(clip.frames[index], matrix, size, borderValue=OUTSIDE)
            frames[index] = cv2.transform(frame, colour)
            masks[index] = cv2.warpAffine(clip.masks[index], matrix, size, flags=cv2.INTER_NEAREST)
        changed = keep_visible(Clip(frames, masks, clip.aspect))
        if changed is None or not mosaic:
            return changed
        return keep_visible(_mosaic(changed, *place)) or changed

    def _matrix(
        self, rng: np.random.Generator, size: int, aspect: float, hardness: float
    ) -> Float[np.ndarray, "2 3"]:
        """The affine transform of pixel coordinates."""
        turn = np.deg2rad(self.rotation * hardness) * rng.uniform(-1, 1)
        slant = np.tan(np.deg2rad(self.shear * hardness) * rng.uniform(-1, 1))
        scale = np.exp(self.zoom * hardness * rng.uniform(-1, 1))
        mirror = -1.0 if rng.random() < self.flip else 1.0
        cos, sin = scale * np.cos(turn), scale * np.sin(turn)
        linear = np.array([[cos, -sin], [sin, cos]])
        linear = linear @ np.array([[1, slant], [0, 1]]) @ np.diag([mirror, 1.0])
        squash = np.diag([1 / aspect, 1.0])
        linear = squash @ linear @ np.linalg.inv(squash)
        centre = np.full(2, (size - 1) / 2)
        return np.column_stack([linear, centre - linear @ centre])

    def _colours(self, rng: np.random.Generator, clip: Clip) -> list[Float[np.ndarray, "3 4"]]:
        """For each frame the affine transform of its colours."""
        whole = _draw(self.clip, rng)
        if rng.random() < self.grey:
            whole[2] = 0.0
        found = []
        for frame in clip.frames:
            brightness, contrast, saturation = whole * _draw(self.frame, rng)
            middle = float(LUMA @ cv2.mean(frame)[:3])
            mix = saturation * np.eye(3) + (1 - saturation) * np.outer(np.ones(3), LUMA)
            offset = np.full(3, brightness * (1 - contrast) * middle)
            found.append(np.column_stack([brightness * contrast * mix, offset]))
        return found


USUAL = Augment()


def _draw(jitter: Jitter, rng: np.random.Generator) -> Float[np.ndarray, "3"]:
    reach = np.array([jitter.brightness, jitter.contrast, jitter.saturation])
    return 1 + reach * rng.uniform(-1, 1, 3)


def _mosaic(clip: Clip, row: int, column: int) -> Clip:
    """The clip four times, tracked in one quarter."""
    half = clip.masks.shape[-1] // 2
    side = clip.masks.shape[-1] - half  # of each; they may overlap
    frames, masks = np.empty_like(clip.frames), np.zeros_like(clip.masks)
    inside = np.s_[row * half : row * half + side, column * half : column * half + side]
    nearest = cv2.INTER_NEAREST_EXACT
    for index, frame in enumerate(clip.frames):
        small = cv2.resize(frame, (side, side), interpolation=cv2.INTER_AREA)
        for top in (0, half):
            for left in (0, half):
                frames[index, top : top + side, left : left + side] = small
        masks[index][inside] = cv2.resize(clip.masks[index], (side, side), interpolation=nearest)
    return Clip(frames, masks, clip.aspect)
